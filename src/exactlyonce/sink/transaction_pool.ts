// The transactional ids of one task: which are free, which hold what, and the witness that the ledger showed last for
// each. Hands out free ids in turn and makes the next transaction wait while there is none: that is the sink's
// back-pressure when commits fall behind. Asks no broker.
import { assert } from '../../client/index.ts'
import type { TransactionalProducer } from '../../client/index.ts'
import { slotTransitions } from './slot_states.ts'
import type { SlotState } from './slot_states.ts'
import type { Runtime } from '../../runtime/index.ts'
import { formatTransactionName } from './transaction_names.ts'

/** One transactional id with its producer. */
export interface Slot {
  readonly slot: number
  readonly transactionalId: string
  readonly producer: TransactionalProducer
  state: SlotState
}

export interface TransactionPoolOptions {
  readonly prefix: string
  readonly task: number
  readonly size: number
  readonly runtime: Pick<Runtime, 'setTimer'>
  readonly createProducer: (transactionalId: string) => TransactionalProducer
}

/** What could be ended in order has been ended before: more than this is not waited for, milliseconds. */
const closePatienceMs = 1_000

interface Waiter {
  readonly take: (slot: Slot) => void
  readonly giveUp: (reason: unknown) => void
}

export class TransactionPool {
  readonly slots: readonly Slot[]
  private readonly free: Slot[]
  private readonly runtime: Pick<Runtime, 'setTimer'>
  /** One per checkpoint that is not sealed, so never more than the coordinator has under way. */
  private readonly waiters = new Set<Waiter>()

  constructor({ prefix, task, size, runtime, createProducer }: TransactionPoolOptions) {
    this.runtime = runtime
    this.slots = Array.from({ length: size }, (_, slot) => {
      const transactionalId = formatTransactionName({ prefix, task, slot })
      return { slot, transactionalId, producer: createProducer(transactionalId), state: 'idle' as const }
    })
    this.free = [...this.slots]
  }

  /** A free id, now open. Waits until there is one; rejects with the signal's reason. */
  async open(signal: AbortSignal): Promise<Slot> {
    const slot = this.free.shift() ?? (await this.nextFree(signal))
    this.move(slot, 'open')
    return slot
  }

  private async nextFree(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted()
    let waiter: Waiter | undefined
    const onAbort = (): void => waiter?.giveUp(signal.reason)
    try {
      return await new Promise<Slot>((take, giveUp) => {
        waiter = { take, giveUp }
        this.waiters.add(waiter)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (waiter !== undefined) this.waiters.delete(waiter)
    }
  }

  /** Takes a slot to its next state; one that becomes idle goes to whoever waits. */
  move(slot: Slot, to: SlotState): void {
    const { state, transactionalId } = slot
    assert(slotTransitions[state].includes(to), `${transactionalId} cannot go from ${state} to ${to}`)
    slot.state = to
    if (to !== 'idle') return
    const [first] = this.waiters
    if (first === undefined) {
      this.free.push(slot)
      return
    }
    this.waiters.delete(first)
    first.take(slot)
  }

  /** Closes every producer. Sealed transactions stay as they are; an open one that cannot be aborted is left. */
  async close(): Promise<void> {
    const late = new AbortController()
    const timer = this.runtime.setTimer(closePatienceMs, () => late.abort())
    await Promise.all(this.slots.map(({ producer }) => producer.close({ signal: late.signal })))
    timer.cancel()
  }
}
