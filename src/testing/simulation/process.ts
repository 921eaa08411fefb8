// Owns the life of one simulated process. A paused process holds back everything that comes to it and everything that it
// is about to do, until it wakes; a dead one drops both, and whoever waits in it waits for ever. So whatever the program
// does after its last await before the pause or the death stays inside of it.

import type { ProcessIdentity } from '../../runtime/index.ts'
import type { Chance } from './chance.ts'
import type { EventOwner, EventQueue, QueuedEvent } from './event_queue.ts'

export type LifeState = 'running' | 'paused' | 'dead'

/** What a process had under way when it died, and what becomes of it. */
export interface UnderWay {
  onDeath(): void
}

export class VirtualProcess implements EventOwner {
  readonly number: number
  readonly name: string
  readonly identity: ProcessIdentity
  /** Added to the wall clock, milliseconds. */
  clockOffsetMs = 0
  /** How many calls it made through its Runtime. */
  calls = 0
  readonly underWay = new Set<UnderWay>()
  readonly #queue: EventQueue
  readonly #chance: Chance
  #state: LifeState = 'running'
  #held: QueuedEvent[] = []

  constructor(number: number, name: string, identity: ProcessIdentity, queue: EventQueue, chance: Chance) {
    this.number = number
    this.name = name
    this.identity = identity
    this.#queue = queue
    this.#chance = chance
  }

  get state(): LifeState {
    return this.#state
  }

  admits(event: QueuedEvent): boolean {
    if (this.#state === 'running') return true
    if (this.#state === 'paused') this.#held.push(event)
    return false
  }

  /** Does it now, or when the process wakes, or never. */
  whenRunning(action: () => void): void {
    if (this.#state === 'running') action()
    else if (this.#state === 'paused') this.#queue.after(0, 'io', this, action)
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** What waited comes in its order, or timers before the rest, or after it: all three were seen of Node. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    const first = this.#chance.pick(['timer', 'io', 'any'] as const)
    const isFirst = ({ kind }: QueuedEvent): boolean => first === 'any' || kind === first
    for (const event of [...held.filter(isFirst), ...held.filter((one) => !isFirst(one))]) {
      if (event.fire !== undefined) this.#queue.again(event)
    }
  }

  /** Ends it as SIGKILL does. */
  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    for (const one of this.underWay) one.onDeath()
    this.underWay.clear()
  }
}
