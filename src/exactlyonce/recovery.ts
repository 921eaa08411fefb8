// How a run finds out from where to go on, in an order that loses nothing and doubles nothing: settle the pending
// transactions of the newest checkpoint, shut out earlier runs, compare the ledger with what was chosen, and only then
// publish that this run has taken over. A procedure over participants and a store; holds no state of its own.
import type { Logger } from '../client/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { Checkpoint, CheckpointStore, RunRecord, StoreContents } from './checkpoint/storage.ts'
import { CommittedDataLostError, JobError, LedgerMismatchError } from './errors.ts'
import type { LostTransaction, PendingTransaction, RetainedCheckpoint, TransactionParticipant } from './participant.ts'

export interface RecoveryContext {
  readonly jobName: string
  readonly runId: string
  /** The highest incarnation under which a run of this process was published, or may have been; -1 where there is none. */
  readonly formerIncarnationMax: number
  readonly store: CheckpointStore
  /** The losable one first. */
  readonly participants: readonly TransactionParticipant[]
  readonly operatorNames: ReadonlySet<string>
  readonly concurrentMax: number
  readonly onLostTransaction: 'stop' | 'acceptLoss'
  readonly runtime: Runtime
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Called before the record of this run is published. */
  onPublishing(incarnation: number): void
  onTransactionLost(loss: LostTransaction, restoredCheckpointId: number | undefined): void
}

export interface Recovered {
  /** Undefined: the job begins anew. */
  readonly chosen: Checkpoint | undefined
  readonly incarnation: number
  readonly firstCheckpointId: number
  readonly settledTransactions: number
}

interface Settlement {
  readonly chosen: Checkpoint | undefined
  readonly settledTransactions: number
}

/** Another run may take over again and again while this one recovers; after so many rounds this one gives way. */
const roundsMax = 5
/** Where the record of the last run cannot be read, so many ids may have been in use. */
const concurrentMaxUnknown = 16

/**
 * Recovers, and begins the run with each participant. Rejects with JobError, among them CommittedDataLostError,
 * LedgerMismatchError, CHECKPOINT_CORRUPT and JOB_FENCED.
 */
export async function recover(context: RecoveryContext): Promise<Recovered> {
  const { store, participants } = context
  const told = new Set<string>()
  let contents = await store.load()
  refuseWhereTakenOver(context, contents)
  for (let round = 1; round <= roundsMax; round++) {
    await faultPoint(context, 'recovery.loaded')
    const newest = newestOf(context, contents)
    const settlement = await settleUnlessTakenOver(context, contents, newest, told, round)
    for (const participant of participants) await participant.fence(allRetained(contents, participant))
    await faultPoint(context, 'recovery.fenced')
    const verified = await verify(context, settlement.chosen, newest)
    if ('unexplained' in verified) {
      const reloaded = await store.load()
      if (isSame(reloaded.checkpoints.at(-1), newest)) throw new LedgerMismatchError(verified.unexplained)
      contents = reloaded // an earlier run has published one more meanwhile, and committed it
      continue
    }
    refuseLostOrigin(contents, settlement.chosen)
    await faultPoint(context, 'recovery.verified')
    const run = runRecordOf(context, contents, settlement.chosen, verified.checkpointIdMax)
    context.onPublishing(run.incarnation)
    if ((await store.publishRun(run, settlement.chosen)) === 'published') {
      await begin(context, settlement.chosen, run)
      const { incarnation, firstCheckpointId } = run
      return { ...settlement, incarnation, firstCheckpointId }
    }
    contents = await store.load()
  }
  throw new JobError('JOB_FENCED', `Other runs of ${context.jobName} took over ${roundsMax} times during recovery.`, {
    fatal: true,
    nextStep: 'Run one process of a job at a time.'
  })
}

// A run that failed and finds another one's record after its own has been taken over, however its failure looked: to
// recover here would take the job back, and so on for ever. Asked before anything is fenced only: a record that comes
// later is that of a run whose ids were fenced here, so that it will end, and giving way to it would leave nobody.
function refuseWhereTakenOver(context: RecoveryContext, { incarnationMax }: StoreContents): void {
  const { formerIncarnationMax } = context
  if (formerIncarnationMax < 0 || incarnationMax <= formerIncarnationMax) return
  throw takenOverBy(context, incarnationMax)
}

function takenOverBy({ jobName }: RecoveryContext, incarnation: number): JobError {
  return new JobError('JOB_FENCED', `Run ${incarnation} of ${jobName} has taken over.`, {
    fatal: true,
    nextStep: 'Run one process of a job at a time.'
  })
}

async function faultPoint({ runtime, signal }: RecoveryContext, name: string): Promise<void> {
  const wait = runtime.faultPoint(name)
  if (wait) await wait
  signal.throwIfAborted()
}

/** The checkpoint to go on from unless one of its transactions is lost. */
function newestOf(
  { participants, operatorNames, logger }: RecoveryContext,
  contents: StoreContents
): Checkpoint | undefined {
  const newest = contents.checkpoints.at(-1)
  const damaged = contents.corrupt.map(({ name, reason }) => `${name}: ${reason}`)
  if (newest === undefined) {
    if (damaged.length === 0) return undefined
    throw new JobError('CHECKPOINT_CORRUPT', `No checkpoint in the store can be read (${damaged.join('; ')}).`, {
      fatal: true,
      nextStep: 'Restore the files from a copy.'
    })
  }
  if (damaged.length > 0) {
    logger.warn('Damaged files in the checkpoint store are left out', { damaged, goingOnFrom: newest.checkpointId })
  }
  const names = new Set(participants.map(({ name }) => name))
  for (const [name, { pending }] of newest.participants) {
    if (!names.has(name)) throw orphan(newest, `sink transactions of '${name}' (${pending.length} pending)`)
  }
  for (const [name, state] of newest.operators) {
    const hasState = state.some((subtask) => [...subtask.values()].some((list) => list.elements.length > 0))
    if (hasState && !operatorNames.has(name)) throw orphan(newest, `state of operator '${name}'`)
  }
  return newest
}

function orphan({ checkpointId }: Checkpoint, what: string): JobError {
  return new JobError('INVALID_JOB', `Checkpoint ${checkpointId} holds ${what}, which this job does not have.`, {
    fatal: true,
    nextStep:
      'Keep names and transactional id prefixes of a running job; to begin anew, use another checkpoint directory.'
  })
}

// Whoever took over while this one settled has a transaction of its own in the way of the evidence, and goes on. Once ids
// were fenced here, in an earlier round, that one will end as well, and the truth is all there is to tell.
async function settleUnlessTakenOver(
  context: RecoveryContext,
  contents: StoreContents,
  newest: Checkpoint | undefined,
  told: Set<string>,
  round: number
): Promise<Settlement> {
  try {
    return await settle(context, contents, newest, told)
  } catch (error) {
    const isUndecided = error instanceof JobError && error.code === 'TRANSACTION_UNDECIDED'
    if (!isUndecided || round > 1) throw error
    const now = await context.store.load()
    if (now.incarnationMax > contents.incarnationMax) throw takenOverBy(context, now.incarnationMax)
    throw error
  }
}

/**
 * Commits what is pending in order of checkpoint id, at each the losable participant first. The first one that is lost
 * turns this around: the rest is ended, and the job goes on from the checkpoint before it.
 */
async function settle(
  context: RecoveryContext,
  contents: StoreContents,
  newest: Checkpoint | undefined,
  told: Set<string>
): Promise<Settlement> {
  if (newest === undefined) return { chosen: undefined, settledTransactions: 0 }
  const tell = (loss: LostTransaction, restored: number | undefined): void => {
    const name = `${loss.checkpointId} ${loss.transactionalId}`
    if (!told.has(name)) context.onTransactionLost(loss, restored)
    told.add(name)
  }
  const committedIds = new Set<number>()
  let replay: { readonly loss: LostTransaction; readonly from: Checkpoint } | undefined
  const pendings = pendingInOrder(context.participants, newest)
  for (const { participant, pending } of pendings) {
    if (replay !== undefined) {
      if ((await participant.recoverAndAbort(pending)) === 'aborted') continue
      const { loss } = replay
      acceptOrThrow(context, loss, `checkpoint ${pending.checkpointId} of ${participant.name} is visible already`)
      tell(loss, undefined)
      replay = undefined
      continue
    }
    const settled = await participant.recoverAndCommit(pending)
    await faultPoint(context, 'recovery.settled')
    if (settled.kind === 'committed') {
      committedIds.add(pending.checkpointId)
      continue
    }
    const from = checkpointBefore(contents, pending.checkpointId)
    const isPartlyVisible =
      settled.partlyCommitted === true ||
      committedIds.has(pending.checkpointId) ||
      isDecidedElsewhere(context, participant, pending, newest)
    if (from !== undefined && !isPartlyVisible) {
      replay = { loss: settled.loss, from }
      continue
    }
    acceptOrThrow(context, settled.loss, isPartlyVisible ? 'a part of its checkpoint is visible already' : undefined)
    tell(settled.loss, undefined)
  }
  if (replay !== undefined) tell(replay.loss, replay.from.checkpointId)
  return { chosen: replay?.from ?? newest, settledTransactions: pendings.length }
}

function acceptOrThrow({ onLostTransaction }: RecoveryContext, loss: LostTransaction, why: string | undefined): void {
  if (onLostTransaction === 'stop') throw new CommittedDataLostError(loss, why)
}

// Only the one right before it will do: from an older one, output that is visible already would be made again.
function checkpointBefore({ checkpoints }: StoreContents, checkpointId: number): Checkpoint | undefined {
  const previousId = checkpoints.find((checkpoint) => checkpoint.checkpointId === checkpointId)?.previousCheckpointId
  return checkpoints.find((checkpoint) => checkpoint.checkpointId === previousId)
}

// The losable participant commits before the durable ones. So when a durable one lost a checkpoint that is not the
// newest, the losable one may have proven it long ago, and it is no longer among what is pending.
function isDecidedElsewhere(
  { participants }: RecoveryContext,
  { kind }: TransactionParticipant,
  { checkpointId }: PendingTransaction,
  newest: Checkpoint
): boolean {
  return kind === 'durable' && participants.length > 1 && checkpointId < newest.checkpointId
}

interface ParticipantPending {
  readonly participant: TransactionParticipant
  readonly pending: PendingTransaction
}

function pendingInOrder(
  participants: readonly TransactionParticipant[],
  { participants: snapshots }: Checkpoint
): readonly ParticipantPending[] {
  const pendings = participants.flatMap((participant) => {
    return (snapshots.get(participant.name)?.pending ?? []).map((pending) => ({ participant, pending }))
  })
  return pendings.toSorted((left, right) => left.pending.checkpointId - right.pending.checkpointId) // stable
}

function retained(checkpoint: Checkpoint, { name }: TransactionParticipant): RetainedCheckpoint {
  return { checkpointId: checkpoint.checkpointId, snapshot: checkpoint.participants.get(name) }
}

function allRetained(contents: StoreContents, participant: TransactionParticipant): readonly RetainedCheckpoint[] {
  return [...contents.checkpoints, ...contents.abandoned]
    .toSorted((left, right) => left.checkpointId - right.checkpointId)
    .map((checkpoint) => retained(checkpoint, participant))
}

async function verify(
  { participants, store }: RecoveryContext,
  chosen: Checkpoint | undefined,
  newest: Checkpoint | undefined
): Promise<{ readonly unexplained: string } | { readonly checkpointIdMax: number }> {
  const isNewest = async (): Promise<boolean> => isSame((await store.load()).checkpoints.at(-1), newest)
  const unexplained: string[] = []
  let checkpointIdMax = -1
  for (const participant of participants) {
    const finding = await participant.verify(chosen && retained(chosen, participant), isNewest)
    if (finding.kind === 'unexplained') unexplained.push(`${participant.name}: ${finding.details}`)
    else checkpointIdMax = Math.max(checkpointIdMax, finding.checkpointIdMax)
  }
  return unexplained.length > 0 ? { unexplained: unexplained.join('; ') } : { checkpointIdMax }
}

// A run that goes on from a checkpoint publishes it again as its own.
function isSame(left: Checkpoint | undefined, right: Checkpoint | undefined): boolean {
  return left?.checkpointId === right?.checkpointId && left?.takenAtMs === right?.takenAtMs
}

// The ledger has nothing to say about this: a job whose sinks take no part in transactions has none.
function refuseLostOrigin({ latestRun }: StoreContents, chosen: Checkpoint | undefined): void {
  const origin = latestRun?.restoredCheckpointId
  if (chosen !== undefined || origin === undefined) return
  throw new JobError(
    'CHECKPOINT_CORRUPT',
    `The store has no checkpoint, although run ${latestRun?.incarnation} of the job went on from checkpoint ${origin}.`,
    { fatal: true, nextStep: 'Restore the files from a copy; to begin anew, use another checkpoint directory.' }
  )
}

function runRecordOf(
  { jobName, runId, concurrentMax, runtime }: RecoveryContext,
  contents: StoreContents,
  chosen: Checkpoint | undefined,
  ledgerIdMax: number
): RunRecord {
  return {
    jobName,
    incarnation: contents.incarnationMax + 1,
    runId,
    restoredCheckpointId: chosen?.checkpointId,
    firstCheckpointId: firstCheckpointIdOf(contents, ledgerIdMax),
    concurrentMax,
    startedAtMs: Math.round(runtime.nowMs())
  }
}

// Ids that the last run had in use when it ended left no trace; they are passed over, so that no id occurs twice.
function firstCheckpointIdOf({ checkpointIdMax, latestRun }: StoreContents, ledgerIdMax: number): number {
  const seen = Math.max(checkpointIdMax, ledgerIdMax)
  if (seen < 0) return 0
  const given = Math.max(seen, latestRun === undefined ? -1 : latestRun.firstCheckpointId - 1)
  return given + (latestRun?.concurrentMax ?? concurrentMaxUnknown) + 1
}

async function begin(context: RecoveryContext, chosen: Checkpoint | undefined, run: RunRecord): Promise<void> {
  for (const participant of context.participants) {
    await participant.begin(chosen && retained(chosen, participant), run.firstCheckpointId)
  }
  await faultPoint(context, 'recovery.began')
}
