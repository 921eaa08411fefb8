// The two regular looks at all transactions of a coordinator: for those that ran out of time, and for ids that nobody has
// used for long. They come at the moments at which Kafka looks, counted from the broker's start, but a timer is set only
// where there is something to find; an idle broker has none.
// Source: TransactionStateManager.timedOutTransactions and removeExpiredTransactionalIds of Kafka 4.4.0.
import type { Timer } from '../../runtime/index.ts'
import type { CoordinatorState, Found } from './coordinator_state.ts'
import { timeoutNever } from './entry.ts'
import type { TransactionEntry } from './entry.ts'
import type { TransactionPorts } from './ports.ts'
import { mayExpire } from './states.ts'

export interface SweepActions {
  timedOut(found: Found): void
  expired(found: Found): void
}

/** A timer farther away is set in steps, since Node's timers end at 24.8 days. */
const timerMsMax = 86_400_000

interface Due {
  readonly intervalMs: number
  /** Wall clock, milliseconds; Infinity where nothing will ever be due. */
  readonly dueMs: number
}

export class Sweeps {
  readonly #timeouts: Sweep
  readonly #expirations: Sweep

  constructor(ports: TransactionPorts, state: CoordinatorState, actions: SweepActions) {
    const timeoutOf = (entry: TransactionEntry): Due => ({
      intervalMs: ports.settings.abortTimedOutIntervalMs,
      dueMs: timeoutDueMs(entry)
    })
    const expirationOf = (entry: TransactionEntry): Due => {
      const { removeExpiredIntervalMs, transactionalIdExpirationMs } = ports.settings
      const dueMs = mayExpire(entry.state) ? entry.updatedAtMs + transactionalIdExpirationMs : Infinity
      return { intervalMs: removeExpiredIntervalMs, dueMs }
    }
    this.#timeouts = new Sweep(ports, state, timeoutOf, (found) => actions.timedOut(found))
    this.#expirations = new Sweep(ports, state, expirationOf, (found) => actions.expired(found))
  }

  /** Call with every value that a transaction takes. */
  watch(entry: TransactionEntry): void {
    this.#timeouts.watch(entry)
    this.#expirations.watch(entry)
  }

  close(): void {
    this.#timeouts.close()
    this.#expirations.close()
  }
}

/** A transaction is late only when the moment lies behind, hence the millisecond. */
function timeoutDueMs(entry: TransactionEntry): number {
  if (entry.state !== 'Ongoing' || entry.timeoutMs === timeoutNever) return Infinity
  return entry.startedAtMs + entry.timeoutMs + 1
}

class Sweep {
  readonly #ports: TransactionPorts
  readonly #state: CoordinatorState
  readonly #dueOf: (entry: TransactionEntry) => Due
  readonly #act: (found: Found) => void
  readonly #startMs: number
  #timer: Timer | undefined
  /** Of the next look, on the monotonic clock, milliseconds. */
  #lookMs = Infinity

  constructor(
    ports: TransactionPorts,
    state: CoordinatorState,
    dueOf: (entry: TransactionEntry) => Due,
    act: (found: Found) => void
  ) {
    this.#ports = ports
    this.#state = state
    this.#dueOf = dueOf
    this.#act = act
    this.#startMs = ports.runtime.monotonicMs()
  }

  watch(entry: TransactionEntry): void {
    const { dueMs, intervalMs } = this.#dueOf(entry)
    if (dueMs === Infinity) return
    const { runtime } = this.#ports
    const sinceStartMs = runtime.monotonicMs() - this.#startMs
    const dueInMs = dueMs - runtime.nowMs()
    const looks = Math.max(Math.floor(sinceStartMs / intervalMs) + 1, Math.ceil((sinceStartMs + dueInMs) / intervalMs))
    const lookMs = this.#startMs + looks * intervalMs
    if (lookMs >= this.#lookMs) return
    this.#lookMs = lookMs
    this.#setTimer()
  }

  close(): void {
    this.#timer?.cancel()
    this.#lookMs = -Infinity
  }

  #setTimer(): void {
    this.#timer?.cancel()
    const { runtime } = this.#ports
    const delayMs = Math.max(0, this.#lookMs - runtime.monotonicMs())
    this.#timer = runtime.setTimer(Math.min(delayMs, timerMsMax), () => {
      // Node's timers may fire a part of a millisecond early.
      if (runtime.monotonicMs() + 1 < this.#lookMs) this.#setTimer()
      else this.#look()
    })
  }

  #look(): void {
    this.#lookMs = Infinity
    const nowMs = this.#ports.runtime.nowMs()
    const due = [...this.#state.all()].filter(
      ({ transaction }) => transaction.pending === undefined && this.#dueOf(transaction.entry).dueMs <= nowMs
    )
    for (const found of due) this.#act(found)
    for (const { transaction } of this.#state.all()) this.watch(transaction.entry)
  }
}
