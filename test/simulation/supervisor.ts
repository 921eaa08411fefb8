// Owns the simulated processes of a run: starts one whenever none is left, remembers what each has told, and lets the
// harness wait for what they tell. How a process came to its end decides what happens next.
import type { Runtime, ServerRuntime } from 'kafka-once/runtime'
import type { VirtualProcess, World } from 'kafka-once/testing'
import type { PipelineEvent } from '../faults/orders.ts'

/** A program that runs in a process. */
export interface RunningProgram {
  /** Resolves when it has ended by itself, well or not; it never rejects. */
  readonly done: Promise<void>
  /** Asks it for an orderly end. */
  stop(): void
}

export type Tell = (event: PipelineEvent) => void
export type Launch = (runtime: Runtime, tell: Tell) => RunningProgram

export interface Hand {
  readonly process: VirtualProcess
  readonly events: PipelineEvent[]
  program: RunningProgram | undefined
  isGone: boolean
}

export interface SupervisorOptions {
  readonly world: World
  readonly machine: string
  readonly launch: Launch
  /** Called before the program of a process runs. */
  readonly onStart: (process: VirtualProcess) => void
  readonly onTold: (hand: Hand, event: PipelineEvent) => void
  /** A process has ended by itself. */
  readonly onEnd: (hand: Hand) => void
}

/** After so many processes something goes round in circles. */
const processesMax = 60
export const startAgainMs = 50

export class Supervisor {
  readonly hands: Hand[] = []
  /** Everything that is not as it must be. */
  readonly faults: string[] = []
  readonly runtime: ServerRuntime
  readonly #options: SupervisorOptions
  #listeners: (() => void)[] = []
  #isStartPlanned = false
  #isOver = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.runtime = options.world.spawn('harness', 'harness').runtime
  }

  get running(): Hand[] {
    return this.hands.filter(({ isGone, process }) => !isGone && process.state === 'running')
  }

  get events(): PipelineEvent[] {
    return this.hands.flatMap(({ events }) => events)
  }

  /** No process is started any more. */
  end(): void {
    this.#isOver = true
  }

  start(): void {
    if (this.#isOver || this.faults.length > 0) return
    const number = this.hands.length + 1
    if (number > processesMax) return this.blame(`${processesMax} processes were not enough`)
    const { world, machine, launch, onStart } = this.#options
    const { process, runtime } = world.spawn(machine, `process ${number}`)
    onStart(process)
    const hand: Hand = { process, events: [], program: undefined, isGone: false }
    this.hands.push(hand)
    hand.program = launch(runtime, (event) => this.#told(hand, event))
    void hand.program.done.then(() => this.#ended(hand))
  }

  /** Starts a process after a while, unless one is there by then. */
  startLater(delayMs: number): void {
    if (this.#isStartPlanned) return
    this.#isStartPlanned = true
    this.runtime.setTimer(delayMs, () => {
      this.#isStartPlanned = false
      if (this.running.length === 0) this.start()
    })
  }

  kill(hand: Hand, hasPower: boolean): void {
    const { world, machine } = this.#options
    if (hasPower) world.kill(hand.process)
    else world.cutPower(machine)
    for (const one of this.hands) if (one.process.state === 'dead') one.isGone = true
    this.#wake()
  }

  blame(fault: string): void {
    this.#options.world.tell(`WRONG ${fault}`)
    this.faults.push(fault)
    this.#wake()
  }

  /** Resolves with what `look` answers once that is not undefined; with undefined after a while, or when all is lost. */
  async until<T>(timeoutMs: number, look: () => T | undefined): Promise<T | undefined> {
    let isLate = false
    const timer = this.runtime.setTimer(timeoutMs, () => {
      isLate = true
      this.#wake()
    })
    for (;;) {
      const found = look()
      if (found !== undefined || isLate || this.faults.length > 0) {
        timer.cancel()
        return found
      }
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
  }

  #told(hand: Hand, event: PipelineEvent): void {
    if (hand.process.state === 'dead') return
    hand.events.push(event)
    const { world, onTold } = this.#options
    if (world.trace.isKept) world.tell(`${hand.process.name} tells ${JSON.stringify(event)}`)
    onTold(hand, event)
    this.#wake()
  }

  #ended(hand: Hand): void {
    if (hand.process.state === 'dead') return
    const { world, onEnd } = this.#options
    world.kill(hand.process)
    hand.isGone = true
    onEnd(hand)
    this.#wake()
  }

  #wake(): void {
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }
}
