// A sink that a user writes over a system with transactions of its own: the verbs are Flink's
// TwoPhaseCommitSinkFunction. Each subtask has a transaction per checkpoint; all of a checkpoint are sealed together,
// kept in the checkpoint, and committed when it is durable.
import { BugError } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type {
  ParticipantContext,
  ParticipantDeclaration,
  SinkFunction,
  SinkWriter,
  StateValue,
  SubtaskContext
} from '../functions.ts'
import type {
  AbortOutcome,
  LedgerFinding,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction,
  TransactionParticipant
} from '../participant.ts'
import { TwoPhaseCommitParticipant } from './two_phase_commit_participant.ts'

/** What a transaction may be named after, so that no two ever share a name. */
export interface TransactionContext {
  readonly jobName: string
  /** Random for each run of the job. */
  readonly runId: string
  readonly checkpointId: number
  readonly operatorName: string
  readonly subtaskIndex: number
  readonly signal: AbortSignal
}

/** What `recoverAndCommit` found out: committed, now or earlier, or proven never to be. */
export type RecoveredTransaction =
  | { readonly kind: 'committed' }
  | { readonly kind: 'lost'; readonly evidence: string; readonly ageMs?: number }

/**
 * Base of a user's exactly-once sink. `Txn` is an open transaction; `Handle` names a sealed one so that a fresh process
 * can commit or abort it. Every method may be called again after a crash, so each must bear being repeated.
 */
export abstract class TwoPhaseCommitSinkFunction<In, Txn, Handle extends StateValue> implements SinkFunction<In> {
  readonly participant: ParticipantDeclaration
  /** Unique in the job and stable over restarts. */
  readonly name: string

  constructor(name: string) {
    this.name = name
    this.participant = { name, create: (context) => new SinkParticipant(context, this) }
  }

  /**
   * `durable`: a sealed transaction stays until it is told (a prepared transaction of a database, a staged file).
   * `losable`: it may vanish, for instance by a timeout; then it commits before all others and at most one such sink may
   * be in a job.
   */
  get kind(): 'durable' | 'losable' {
    return 'durable'
  }

  /** Refuses settings under which the promise cannot be kept. */
  checkStart?(context: ParticipantContext): void | Promise<void>
  /** The first record of a subtask for a checkpoint is there. */
  abstract beginTransaction(checkpointId: number, context: TransactionContext): Txn | Promise<Txn>
  abstract invoke(transaction: Txn, values: readonly In[]): void | Promise<void>
  /** Flushes and seals: nothing is written to it any more. Undefined where there is nothing to commit. */
  abstract preCommit(transaction: Txn): Handle | undefined | Promise<Handle | undefined>
  /** Makes a sealed transaction of this run visible. */
  abstract commit(handle: Handle): void | Promise<void>
  /** Ends an open transaction without effect. */
  abstract abort(transaction: Txn): void | Promise<void>
  /** Commits a sealed transaction of an earlier run; `committed` also where it had been committed before. */
  abstract recoverAndCommit(handle: Handle): RecoveredTransaction | Promise<RecoveredTransaction>
  /** Ends a sealed transaction of an earlier run that must not become visible; `committed` where it is visible already. */
  abstract recoverAndAbort(handle: Handle): AbortOutcome | Promise<AbortOutcome>
  /** Shuts out earlier runs and ends whatever they left that is in none of these checkpoints. */
  fence?(retained: readonly RetainedCheckpoint[], context: ParticipantContext): void | Promise<void>
  /** Compares what is visible with the chosen checkpoint. Without it, the store is believed. */
  verify?(chosen: RetainedCheckpoint | undefined, context: ParticipantContext): LedgerFinding | Promise<LedgerFinding>

  /** Called by the engine. */
  createWriter(context: SubtaskContext, participant: TransactionParticipant | undefined): SinkWriter<In> {
    if (!(participant instanceof SinkParticipant)) throw new BugError(`Sink ${this.name} got a participant not its own`)
    return createSinkWriter(context, participant)
  }
}

// The parts of a sink that its participant and writers use, whatever its type parameters are.
type AnySink = TwoPhaseCommitSinkFunction<unknown, unknown, StateValue>

/** The transaction of one subtask for one checkpoint. */
interface SubtaskTransaction {
  readonly opening: Promise<unknown>
  opened: { readonly transaction: unknown } | undefined
  /** Set when it is sealed. */
  handle: StateValue | undefined
}

/** The transactions of one checkpoint, by operator and subtask. */
interface CheckpointTransactions {
  readonly checkpointId: number
  readonly bySubtask: Map<string, SubtaskTransaction>
}

class SinkParticipant extends TwoPhaseCommitParticipant<CheckpointTransactions> {
  readonly sink: AnySink

  constructor(context: ParticipantContext, sink: object) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- handles and transactions go back where they came from
    const anySink = sink as AnySink
    super(context, anySink.name, anySink.kind)
    this.sink = anySink
  }

  get runId(): string {
    return this.context.runId
  }

  async checkStart(): Promise<void> {
    await this.sink.checkStart?.(this.context)
  }

  async recoverAndCommit(pending: PendingTransaction): Promise<SettledTransaction> {
    let lost: { readonly subtask: string; readonly evidence: string; readonly ageMs: number } | undefined
    let committed = 0
    for (const [subtask, handle] of this.#handlesOf(pending)) {
      const outcome = await this.sink.recoverAndCommit(handle)
      if (outcome.kind === 'committed') committed++
      else lost ??= { subtask, evidence: outcome.evidence, ageMs: outcome.ageMs ?? 0 }
    }
    if (lost === undefined) return { kind: 'committed' }
    const { checkpointId } = pending
    const { subtask, evidence, ageMs } = lost
    const none = { producerId: '', producerEpoch: -1, partitions: [] }
    const loss = { checkpointId, transactionalId: `${this.name} (${subtask})`, ...none, ageMs, evidence }
    return { kind: 'lost', loss, partlyCommitted: committed > 0 }
  }

  async recoverAndAbort(pending: PendingTransaction): Promise<AbortOutcome> {
    let outcome: AbortOutcome = 'aborted'
    for (const [, handle] of this.#handlesOf(pending)) {
      if ((await this.sink.recoverAndAbort(handle)) === 'committed') outcome = 'committed'
    }
    return outcome
  }

  async fence(retained: readonly RetainedCheckpoint[]): Promise<void> {
    await this.sink.fence?.(retained, this.context)
  }

  async verify(chosen: RetainedCheckpoint | undefined): Promise<LedgerFinding> {
    return (await this.sink.verify?.(chosen, this.context)) ?? { kind: 'consistent', checkpointIdMax: -1 }
  }

  protected openTransaction(checkpointId: number): Promise<CheckpointTransactions> {
    return Promise.resolve({ checkpointId, bySubtask: new Map() })
  }

  protected async sealTransaction({ bySubtask }: CheckpointTransactions): Promise<StateValue | null> {
    const handles: [string, StateValue][] = []
    for (const [subtask, transaction] of bySubtask) {
      transaction.handle = await this.sink.preCommit(await transaction.opening)
      if (transaction.handle !== undefined) handles.push([subtask, transaction.handle])
    }
    return handles.length === 0 ? null : Object.fromEntries(handles)
  }

  protected async commitTransaction(_transactions: CheckpointTransactions, handles: StateValue): Promise<void> {
    for (const [, handle] of entriesOf(handles)) await this.sink.commit(handle)
  }

  protected async abortTransaction({ bySubtask }: CheckpointTransactions): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    for (const { opening, handle } of bySubtask.values()) {
      try {
        if (handle === undefined) await this.sink.abort(await opening)
        else await this.sink.recoverAndAbort(handle) // another subtask's could not be sealed
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== undefined) throw failure.error
  }

  protected recorded(): StateValue {
    return null
  }

  protected transactionName(): string {
    return this.name
  }

  #handlesOf({ checkpointId, handle }: PendingTransaction): readonly (readonly [string, StateValue])[] {
    const entries = entriesOf(handle)
    if (entries.length > 0) return entries
    throw new JobError('CHECKPOINT_CORRUPT', `Checkpoint ${checkpointId}: the handle of ${this.name} makes no sense.`, {
      fatal: true
    })
  }
}

function entriesOf(handles: StateValue): readonly (readonly [string, StateValue])[] {
  if (typeof handles !== 'object' || handles === null || Array.isArray(handles)) return []
  return Object.entries(handles)
}

function createSinkWriter(context: SubtaskContext, participant: SinkParticipant): SinkWriter<unknown> {
  const { sink } = participant
  const place = participant.createTransactionWriter()
  const subtask = `${context.operatorName}/${context.subtaskIndex}`

  const begin = (transactions: CheckpointTransactions): SubtaskTransaction => {
    const { jobName, operatorName, subtaskIndex, signal } = context
    const { checkpointId } = transactions
    const named = { jobName, runId: participant.runId, checkpointId, operatorName, subtaskIndex, signal }
    const begun: SubtaskTransaction = {
      opening: (async () => sink.beginTransaction(checkpointId, named))(),
      opened: undefined,
      handle: undefined
    }
    transactions.bySubtask.set(subtask, begun)
    return begun
  }

  const invokeLater = async (values: readonly unknown[]): Promise<void> => {
    const transactions = await place.current()
    const begun = transactions.bySubtask.get(subtask) ?? begin(transactions)
    begun.opened ??= { transaction: await begun.opening }
    await sink.invoke(begun.opened.transaction, values)
  }

  let current: CheckpointTransactions | undefined
  return {
    open: () => Promise.resolve(),
    invoke(values) {
      const opened = current?.bySubtask.get(subtask)?.opened
      if (opened !== undefined) return sink.invoke(opened.transaction, values)
      const transactions = place.current()
      if (!(transactions instanceof Promise)) current = transactions
      return invokeLater(values)
    },
    passBarrier(checkpointId) {
      current = undefined
      place.passBarrier(checkpointId)
    },
    close: () => Promise.resolve()
  }
}
