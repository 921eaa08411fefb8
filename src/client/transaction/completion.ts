// Sees to it that the transaction before has its markers before the next one of its producer writes: a broker that finds it
// open takes the new records into it, so that what was aborted is committed with them. That is so where a marker was left
// out, since a broker was gone (KAFKA-20734). Owns when there is nothing to be seen to, and the words for what cannot be
// mended. KIP-664.
import { errorCode } from '../../protocol/index.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import type { CallLimits } from './coordinator_calls.ts'
import type { Described } from './coordinator_view.ts'
import { readDecision } from './coordinator_log.ts'
import type { Decision } from './coordinator_log.ts'
import type { HangingPartition, PreparedPartition, Proof } from './prepared.ts'
import { partitionOfGroup, prove, repair } from './proof.ts'
import { placeOnly, targetWithoutHandle } from './resume_target.ts'
import type { ResumeTarget } from './resume_target.ts'

/** A transaction that has ended, as far as its producer knows. */
export interface EndedTransaction {
  readonly target: ResumeTarget
  /** Groups whose offsets it stored. */
  readonly groupIds: ReadonlySet<string>
  /** Unknown where somebody else may have committed it. */
  readonly decided: Decision | 'unknown'
}

/**
 * What a coordinator held open, or was ending, when another producer took the id: that ends it, unless its own producer
 * was faster. Undefined where nothing was.
 */
export function leftOpen(described: Described, transactionVersion: 0 | 1 | 2): EndedTransaction | undefined {
  if (typeof described !== 'object' || described.partitions.length === 0) return undefined
  const { state, partitions, startTimeMs } = described
  const target = targetWithoutHandle(described, transactionVersion, partitions, startTimeMs)
  const decided = state === 'PrepareCommit' ? 'commit' : state === 'PrepareAbort' ? 'abort' : 'unknown'
  return { target, groupIds: new Set(), decided }
}

/** A marker that is not there after this time was left out, milliseconds. */
const markerPatienceMs = 3_000
const offsetsTopic = '__consumer_offsets'

/**
 * Waits for the markers of the transaction, and writes those that were left out. Does without where this principal may
 * not look. Rejects with KafkaError: DEADLINE_EXCEEDED, or BROKER_ERROR where a marker is missing and may not be written.
 */
export async function completeTransaction(
  cluster: Cluster,
  ended: EndedTransaction,
  limits: CallLimits
): Promise<void> {
  const { runtime, logger, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = cluster
  const what = `Completing the last transaction of ${ended.target.transactionalId}`
  const options = { what, logger, backoffMs, backoffMsMax, deadlineMs: limits.deadlineMs, signal: limits.signal }
  await retry(runtime, options, async (leftMs) => {
    await completeOnce(cluster, ended, { deadlineMs: leftMs, signal: limits.signal })
    return { done: undefined }
  })
}

async function completeOnce(cluster: Cluster, ended: EndedTransaction, limits: CallLimits): Promise<void> {
  const { target } = ended
  const hanging = await findHanging(cluster, ended, limits)
  if (hanging.length === 0) return
  const decided = await decisionOf(cluster, ended, limits)
  const where = hanging.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
  const what = `The last transaction of ${target.transactionalId} lacks its ${decided} marker`
  cluster.logger.warn(`${what}; it is written now`, { where })
  await repair(cluster, target, { kind: 'hanging', partitions: hanging }, decided, limits).catch((error: unknown) => {
    throw mayNotRepair(error, `${what} in ${where}`)
  })
}

async function decisionOf(cluster: Cluster, ended: EndedTransaction, limits: CallLimits): Promise<Decision> {
  const { target, decided } = ended
  if (decided !== 'unknown') return decided
  const evidence: string[] = []
  // Whoever had it open may have spoken an older version; nothing of that epoch has come after it.
  const decision = await readDecision(cluster, { ...target, isAloneInEpoch: false }, limits, evidence)
  if (decision !== undefined) return decision
  const { transactionalId } = target
  const message = `The last transaction of ${transactionalId} lacks a marker, and how it ended is not known (${evidence.join('; ')}).`
  throw new KafkaError('INVALID_STATE', message, {
    nextStep:
      'Grant this principal READ on __transaction_state, or resume it by its handle and repair what its proof finds, ' +
      'before the id is used again.'
  })
}

// What is open under a later epoch is a successor's. Few may look into the topic of the offsets, and not everybody into
// that of the records: where that is so, nothing is known to hang.
async function findHanging(
  cluster: Cluster,
  { target, groupIds }: EndedTransaction,
  limits: CallLimits
): Promise<readonly HangingPartition[]> {
  const partitions = target.partitions.filter(({ topic }) => topic !== offsetsTopic)
  const all = [...target.partitions, ...(await offsetsPlaces(cluster, groupIds))]
  const proof =
    (await proveWhereAllowed(cluster, { ...target, partitions: all }, limits)) ??
    (all.length === partitions.length ? undefined : await proveWhereAllowed(cluster, { ...target, partitions }, limits))
  if (proof === undefined) {
    const what = `Whether the last transaction of ${target.transactionalId} has all its markers cannot be seen`
    cluster.logger.warn(what, { nextStep: 'Grant this principal READ on the topics that it writes to.' })
  }
  if (proof?.kind !== 'hanging') return []
  return proof.partitions.filter(({ producerEpoch }) => producerEpoch <= target.producerEpoch)
}

async function proveWhereAllowed(
  cluster: Cluster,
  target: ResumeTarget,
  limits: CallLimits
): Promise<Proof | undefined> {
  try {
    return await prove(cluster, target, { ...limits, proofDeadlineMs: Math.min(markerPatienceMs, limits.deadlineMs) })
  } catch (error) {
    const isRefused =
      error instanceof KafkaError &&
      (error.code === 'BROKER_TOO_OLD' || error.kafkaCode === errorCode.TOPIC_AUTHORIZATION_FAILED)
    if (!isRefused) throw error
    return undefined
  }
}

async function offsetsPlaces(cluster: Cluster, groupIds: ReadonlySet<string>): Promise<readonly PreparedPartition[]> {
  if (groupIds.size === 0) return []
  const count = (await cluster.topics([offsetsTopic])).get(offsetsTopic)?.partitions.length ?? 0
  if (count === 0) return []
  const partitions = new Set([...groupIds].map((groupId) => partitionOfGroup(groupId, count)))
  return Array.from(partitions, (partition) => placeOnly({ topic: offsetsTopic, partition }))
}

function mayNotRepair(cause: unknown, what: string): unknown {
  if (!(cause instanceof KafkaError) || cause.retriable) return cause
  return new KafkaError('BROKER_ERROR', `${what}, and it could not be written (${cause.reason}).`, {
    cause,
    kafkaCode: cause.kafkaCode,
    api: 'WriteTxnMarkers',
    nextStep: 'Grant this principal CLUSTER_ACTION, or end it with kafka-transactions.sh; nothing is written before.'
  })
}
