// Sees to it that the transaction before has its markers before the next one of its producer writes: a broker that finds it
// open takes the new records into it, so that what was aborted is committed with them. That is so where a marker was left
// out, since a broker was gone (KAFKA-20734). Owns when there is nothing to be seen to, and the words for what cannot be
// mended. KIP-664.
import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import type { CallLimits } from './coordinator_calls.ts'
import type { HangingPartition, PreparedPartition, Proof } from './prepared.ts'
import { partitionOfGroup, prove, repair } from './proof.ts'
import type { ResumeTarget } from './resume_target.ts'

/** A transaction that has ended, as far as its producer knows. */
export interface EndedTransaction {
  readonly target: ResumeTarget
  /** Groups whose offsets it stored. */
  readonly groupIds: ReadonlySet<string>
  readonly decided: 'commit' | 'abort'
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
  const { target, decided } = ended
  try {
    const hanging = await findHanging(cluster, ended, limits)
    if (hanging.length === 0) return
    const where = hanging.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
    cluster.logger.warn(
      `The last transaction of ${target.transactionalId} lacks its ${decided} marker; it is written now`,
      {
        where
      }
    )
    await repair(cluster, target, { kind: 'hanging', partitions: hanging }, decided, limits).catch((error: unknown) => {
      throw mayNotRepair(error, ended, where)
    })
  } catch (error) {
    if (!(error instanceof KafkaError) || !maySkip(error)) throw error
    cluster.logger.warn(
      `Whether the last transaction of ${target.transactionalId} has all its markers cannot be seen`,
      {
        reason: error.message
      }
    )
  }
}

// What is open under a later epoch is a successor's.
async function findHanging(
  cluster: Cluster,
  { target, groupIds }: EndedTransaction,
  limits: CallLimits
): Promise<readonly HangingPartition[]> {
  const proofLimits = { ...limits, proofDeadlineMs: Math.min(markerPatienceMs, limits.deadlineMs) }
  const places = await offsetsPlaces(cluster, groupIds)
  let proof: Proof
  try {
    proof = await prove(cluster, { ...target, partitions: [...target.partitions, ...places] }, proofLimits)
  } catch (error) {
    // Few may look into the topic of the offsets.
    if (places.length === 0 || !(error instanceof KafkaError) || !maySkip(error)) throw error
    proof = await prove(cluster, target, proofLimits)
  }
  if (proof.kind === 'proven') return []
  return proof.partitions.filter(({ producerEpoch }) => producerEpoch <= target.producerEpoch)
}

async function offsetsPlaces(cluster: Cluster, groupIds: ReadonlySet<string>): Promise<readonly PreparedPartition[]> {
  if (groupIds.size === 0) return []
  const count = (await cluster.topics([offsetsTopic])).get(offsetsTopic)?.partitions.length ?? 0
  if (count === 0) return []
  const partitions = new Set([...groupIds].map((groupId) => partitionOfGroup(groupId, count)))
  const rest = { topic: offsetsTopic, topicId: zeroUuid, firstOffset: '-1' }
  return [...partitions].map((partition) => ({ ...rest, partition }))
}

function maySkip({ code, kafkaCode }: KafkaError): boolean {
  return code === 'BROKER_TOO_OLD' || kafkaCode === errorCode.TOPIC_AUTHORIZATION_FAILED
}

function mayNotRepair(cause: unknown, { target, decided }: EndedTransaction, where: string): unknown {
  if (!(cause instanceof KafkaError) || cause.retriable) return cause
  const what = `The last transaction of ${target.transactionalId} lacks its ${decided} marker in ${where}`
  return new KafkaError('BROKER_ERROR', `${what}, and it could not be written (${cause.reason}).`, {
    cause,
    kafkaCode: cause.kafkaCode,
    api: 'WriteTxnMarkers',
    nextStep: 'Grant this principal CLUSTER_ACTION, or end it with kafka-transactions.sh; nothing is written before.'
  })
}
