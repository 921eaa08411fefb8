// The mechanics that every two-phase-commit participant shares: which transaction a writer's records belong to while
// subtasks pass a barrier at different times, sealing it when the last one has passed, and the pending transactions by
// checkpoint id. Owns no transaction itself: a subclass opens, seals, commits and recovers them.
import { assert } from '../../client/index.ts'
import type { ParticipantContext, StateValue } from '../functions.ts'
import type {
  AbortOutcome,
  LedgerFinding,
  ParticipantSnapshot,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction,
  TransactionParticipant,
  TransactionStatus
} from '../participant.ts'

/** The transaction of one checkpoint until it is sealed. */
interface CheckpointTransaction<Txn> {
  readonly checkpointId: number
  /** Set by the first write that belongs to it; settles with the transaction. */
  opening: Promise<Txn> | undefined
  /** Set when `opening` has resolved. */
  opened: { readonly txn: Txn; readonly openedAtMs: number } | undefined
  writersPassed: number
}

/** A sealed transaction that is not proven yet. */
interface PendingCommit<Txn> {
  readonly txn: Txn
  readonly handle: StateValue
  readonly openedAtMs: number
}

/**
 * One writer's place among the checkpoints. A sink's subtask asks it for the transaction to write into and tells it of
 * barriers.
 */
export interface TransactionWriter<Txn> {
  /**
   * The transaction that records written now belong to. A promise only while it is being opened; the transaction is
   * the writer's until its next barrier.
   */
  current(): Txn | Promise<Txn>
  /** What was written before belongs to this checkpoint; every write must have been handed over to its transaction. */
  passBarrier(checkpointId: number): void
}

/**
 * Base of participants. `Txn` is what writers write into; it is sealed once, when the last of the writers has passed
 * the barrier, and later writes go to the next one. A transaction is opened by the first write that belongs to it, so a
 * checkpoint without records has none.
 */
export abstract class TwoPhaseCommitParticipant<Txn> implements TransactionParticipant {
  readonly name: string
  readonly kind: 'losable' | 'durable'
  protected readonly context: ParticipantContext
  readonly #unsealed = new Map<number, CheckpointTransaction<Txn>>()
  /** Flink's pendingCommitTransactions: in order of checkpoint id. */
  readonly #pendingCommitTransactions = new Map<number, PendingCommit<Txn>>()
  #firstCheckpointId = -1
  #lastSealedCheckpointId = -1
  #writersCount = 0
  #isClosed = false

  constructor(context: ParticipantContext, name: string, kind: 'losable' | 'durable') {
    this.context = context
    this.name = name
    this.kind = kind
  }

  // What a subclass does.

  /** Begins the transaction that checkpoint `checkpointId` will commit. Rejects when `context.signal` aborts. */
  protected abstract openTransaction(checkpointId: number): Promise<Txn>
  /**
   * Flushes and seals: afterwards no write can reach the transaction. Null where nothing was written: the transaction
   * is then over and nothing of it is kept. When this rejects, the transaction is aborted by `close`.
   */
  protected abstract sealTransaction(txn: Txn, checkpointId: number): Promise<StateValue | null>
  /** Commits a sealed transaction of this run and works to the proof. */
  protected abstract commitTransaction(txn: Txn, handle: StateValue, checkpointId: number): Promise<void>
  /** Ends an open transaction of this run without effect. Never called after `sealTransaction` gave a handle. */
  protected abstract abortTransaction(txn: Txn): Promise<void>
  /** What every checkpoint keeps besides pending transactions; asked right after sealing. */
  protected abstract recorded(): StateValue
  /** What the transaction is called outside, for metrics. */
  protected abstract transactionName(txn: Txn): string

  abstract checkStart(): Promise<void>
  abstract recoverAndCommit(pending: PendingTransaction): Promise<SettledTransaction>
  abstract recoverAndAbort(pending: PendingTransaction): Promise<AbortOutcome>
  abstract fence(retained: readonly RetainedCheckpoint[]): Promise<void>
  abstract verify(chosen: RetainedCheckpoint | undefined, isNewest: () => Promise<boolean>): Promise<LedgerFinding>
  /** Hook of `begin`: recovery is over. */
  protected beginRun(_chosen: RetainedCheckpoint | undefined): Promise<void> {
    return Promise.resolve()
  }
  /** Hook of `close`: open transactions have been aborted. */
  protected closeRun(): Promise<void> {
    return Promise.resolve()
  }

  // What writers and the coordinator call.

  /** One call per subtask of each sink, after `begin` and before the first barrier. */
  createTransactionWriter(): TransactionWriter<Txn> {
    assert(this.#firstCheckpointId >= 0, `${this.name}: a writer was created before the run began`)
    this.#writersCount++
    assert(this.#writersCount <= this.context.writersCount, `${this.name}: more writers than were declared`)
    let checkpointId = this.#firstCheckpointId
    return {
      current: () => this.#transactionOf(checkpointId),
      passBarrier: (passedId) => {
        assert(passedId === checkpointId, `${this.name}: barrier ${passedId} where ${checkpointId} comes next`)
        this.#checkpointTransaction(checkpointId).writersPassed++
        checkpointId++
      }
    }
  }

  async begin(chosen: RetainedCheckpoint | undefined, firstCheckpointId: number): Promise<void> {
    assert(this.#firstCheckpointId < 0, `${this.name}: begin was called twice`)
    this.#firstCheckpointId = firstCheckpointId
    this.#lastSealedCheckpointId = firstCheckpointId - 1
    await this.beginRun(chosen)
  }

  async preCommit(checkpointId: number): Promise<ParticipantSnapshot> {
    assert(checkpointId === this.#lastSealedCheckpointId + 1, `${this.name}: preCommit ${checkpointId} is out of order`)
    const transaction = this.#checkpointTransaction(checkpointId)
    const missing = this.context.writersCount - transaction.writersPassed
    assert(missing === 0, `${this.name}: ${missing} writers have not passed barrier ${checkpointId}`)
    if (transaction.opening !== undefined) {
      const txn = await transaction.opening
      const openedAtMs = transaction.opened?.openedAtMs ?? this.context.runtime.nowMs()
      const handle = await this.sealTransaction(txn, checkpointId)
      if (handle !== null) this.#pendingCommitTransactions.set(checkpointId, { txn, handle, openedAtMs })
    }
    this.#unsealed.delete(checkpointId)
    this.#lastSealedCheckpointId = checkpointId
    return { pending: this.#pending(), recorded: this.recorded() }
  }

  async commit(checkpointId: number): Promise<void> {
    const pending = this.#pendingCommitTransactions.get(checkpointId)
    if (pending === undefined) return
    const [lowestId] = this.#pendingCommitTransactions.keys()
    assert(checkpointId === lowestId, `${this.name}: commit of ${checkpointId} before that of ${lowestId}`)
    await this.commitTransaction(pending.txn, pending.handle, checkpointId)
    this.#pendingCommitTransactions.delete(checkpointId)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { opening } of this.#unsealed.values()) {
      if (opening !== undefined) await this.#abort(opening)
    }
    this.#unsealed.clear()
    await this.closeRun()
  }

  transactions(): readonly TransactionStatus[] {
    const statuses: TransactionStatus[] = []
    for (const [checkpointId, { txn, openedAtMs }] of this.#pendingCommitTransactions) {
      statuses.push({ id: this.transactionName(txn), checkpointId, state: 'sealed', openedAtMs })
    }
    for (const { checkpointId, opened } of this.#unsealed.values()) {
      if (opened === undefined) continue
      const { txn, openedAtMs } = opened
      statuses.push({ id: this.transactionName(txn), checkpointId, state: 'open', openedAtMs })
    }
    return statuses
  }

  #pending(): readonly PendingTransaction[] {
    return Array.from(this.#pendingCommitTransactions, ([checkpointId, { handle }]) => ({ checkpointId, handle }))
  }

  #checkpointTransaction(checkpointId: number): CheckpointTransaction<Txn> {
    let transaction = this.#unsealed.get(checkpointId)
    if (transaction === undefined) {
      transaction = { checkpointId, opening: undefined, opened: undefined, writersPassed: 0 }
      this.#unsealed.set(checkpointId, transaction)
    }
    return transaction
  }

  #transactionOf(checkpointId: number): Txn | Promise<Txn> {
    const transaction = this.#checkpointTransaction(checkpointId)
    if (transaction.opened !== undefined) return transaction.opened.txn
    if (transaction.opening === undefined) {
      assert(!this.#isClosed, `${this.name}: a write came after close`)
      transaction.opening = this.openTransaction(checkpointId).then((txn) => {
        transaction.opened = { txn, openedAtMs: this.context.runtime.nowMs() }
        return txn
      })
      transaction.opening.catch(() => undefined) // told to whoever writes and to preCommit; nobody may be listening
    }
    return transaction.opening
  }

  // What cannot be aborted now is ended by the next run's fence, or by its timeout.
  async #abort(opening: Promise<Txn>): Promise<void> {
    let txn: Txn
    try {
      txn = await opening
    } catch {
      return // whoever wanted to write has been told
    }
    try {
      await this.abortTransaction(txn)
    } catch (error) {
      this.context.logger.debug('An open transaction could not be aborted', { participant: this.name, error })
    }
  }
}
