// What earlier producers of this job still hold open in partitions although their ids were initialized since:
// transactions whose marker the coordinator left out because the partition had no leader at that moment (KAFKA-20734).
// Owns finding them, in topics and where the ledger is kept, and ending them before anything new is written there.
import {
  describeProducers,
  keyOfPartition,
  KafkaError,
  ledgerGroupOf,
  partitionOfGroup,
  retry,
  scanOpen,
  writeTxnMarkers
} from '../../client/index.ts'
import type { Attempt, Cluster, TopicPartition } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { ReadOptions } from './ledger.ts'

export interface OpenTransaction extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly startOffset: bigint
  /** The time of its producer's last record there, milliseconds since 1970; undefined where brokers do not tell. */
  readonly lastWrittenAtMs: number | undefined
}

/** A marker that is not there after this time was left out, milliseconds. */
const markerPatienceMs = 3_000

/** All partitions of a topic; none where the cluster does not know it. */
export async function partitionsOfTopic(
  cluster: Cluster,
  topic: string,
  signal: AbortSignal
): Promise<readonly TopicPartition[]> {
  const topics = await cluster.topics([topic], { signal })
  return topics.get(topic)?.partitions.map(({ partition }) => ({ topic, partition })) ?? []
}

/** Where groups keep their offsets, and so where a ledger is. */
const offsetsTopic = '__consumer_offsets'

/** The partitions in which the ledgers of these ids are kept. Empty where that topic does not exist yet. */
export async function partitionsOfLedgers(
  cluster: Cluster,
  transactionalIds: readonly string[],
  signal: AbortSignal
): Promise<readonly TopicPartition[]> {
  const all = await partitionsOfTopic(cluster, offsetsTopic, signal)
  if (all.length === 0) return []
  const own = new Set(transactionalIds.map((id) => partitionOfGroup(ledgerGroupOf(id), all.length)))
  return [...own].map((partition) => ({ topic: offsetsTopic, partition }))
}

/**
 * Open transactions in these partitions that do not go away by themselves, of these producer ids below the given epochs.
 * Throws JobError JOB_FENCED for one of a later epoch: another run has begun.
 */
export async function findOpenTransactions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  producers: ReadonlyMap<bigint, number>,
  options: ReadOptions
): Promise<readonly OpenTransaction[]> {
  if (partitions.length === 0 || producers.size === 0) return []
  const { runtime, logger } = cluster
  const startMs = runtime.monotonicMs()
  const { deadlineMs, signal } = options
  const what = `Looking for open transactions in ${[...new Set(partitions.map(({ topic }) => topic))].join(', ')}`
  const retryOptions = { what, deadlineMs, backoffMs: 5, backoffMsMax: 200, signal, logger }
  return retry(runtime, retryOptions, async (leftMs): Promise<Attempt<readonly OpenTransaction[]>> => {
    // What was so before the end of the patience proves nothing, however late the answer is seen.
    const askedMs = runtime.monotonicMs()
    const open = await openTransactionsNow(cluster, partitions, producers, { deadlineMs: leftMs, signal })
    if (open.length === 0 || askedMs - startMs >= markerPatienceMs) return { done: open }
    return { again: new KafkaError('INVALID_STATE', `${what}: ${open.length} found.`, { retriable: true }) }
  })
}

/** As findOpenTransactions, but also those that may go away in a moment. */
export async function openTransactionsNow(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  producers: ReadonlyMap<bigint, number>,
  options: ReadOptions
): Promise<readonly OpenTransaction[]> {
  if (partitions.length === 0 || producers.size === 0) return []
  const open = (await allOpen(cluster, partitions, options)).filter(({ producerId }) => producers.has(producerId))
  const later = open.find(({ producerId, producerEpoch }) => producerEpoch >= (producers.get(producerId) ?? Infinity))
  if (later !== undefined) throw takenOver(later.producerId, later.producerEpoch)
  return open
}

async function allOpen(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: ReadOptions
): Promise<OpenTransaction[]> {
  try {
    // A replica that lags has nothing open either.
    const described = await describeProducers(cluster, partitions, { ...options, newest: true })
    return partitions.flatMap(({ topic, partition }) => {
      const producers = described.get(keyOfPartition(topic, partition)) ?? []
      const open = producers.filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
      return open.map(({ producerId, producerEpoch, coordinatorEpoch, currentTxnStartOffset, lastTimestampMs }) => {
        const numbers = { producerId, producerEpoch, coordinatorEpoch, startOffset: currentTxnStartOffset }
        return { topic, partition, ...numbers, lastWrittenAtMs: lastTimestampMs < 0 ? undefined : lastTimestampMs }
      })
    })
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'BROKER_TOO_OLD') throw error
  }
  // Kafka before 2.8 cannot tell of producers; the log does, but not of coordinators.
  const open: OpenTransaction[] = []
  for (const { topic, partition } of partitions) {
    const scanned = await scanOpen(cluster, { topic, partition }, options)
    open.push(...scanned.map((one) => ({ topic, partition, coordinatorEpoch: -1, lastWrittenAtMs: undefined, ...one })))
  }
  return open
}

/** Writes the abort markers that are missing. Throws JobError HANGING_TRANSACTION where it may not. */
export async function abortHanging(
  cluster: Cluster,
  open: readonly OpenTransaction[],
  options: ReadOptions
): Promise<void> {
  for (const { topic, partition, producerId, producerEpoch, coordinatorEpoch, startOffset } of open) {
    const where = `${topic}-${partition} from offset ${startOffset} on`
    cluster.logger.warn(`An aborted transaction lacks its marker in ${where}; it is written now`, {
      producerId: String(producerId),
      producerEpoch
    })
    const markers = {
      producerId,
      producerEpoch,
      coordinatorEpoch: Math.max(coordinatorEpoch, 0),
      result: 'abort' as const
    }
    try {
      await writeTxnMarkers(cluster, { ...markers, partitions: [{ topic, partition }] }, options)
    } catch (error) {
      if (error instanceof KafkaError && error.retriable) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw mayNotRepair(
        `The transaction of producerId ${producerId} is aborted, but ${where} lacks its marker, which could not be ` +
          `written (${reason}).`,
        error
      )
    }
  }
}

function mayNotRepair(message: string, cause: unknown): JobError {
  const isTooOld = cause instanceof KafkaError && cause.code === 'BROKER_TOO_OLD'
  const nextStep = isTooOld
    ? 'End it with the abort command of kafka-transactions.sh of Kafka 3, and start again.'
    : 'Grant this principal CLUSTER_ACTION and start again, so that the marker can be written.'
  return new JobError('HANGING_TRANSACTION', message, { fatal: true, nextStep, cause })
}

function takenOver(producerId: bigint, producerEpoch: number): JobError {
  const message = `Another run writes as producerId ${producerId}, epoch ${producerEpoch}: it has taken over this job.`
  return new JobError('JOB_FENCED', message, { fatal: true, nextStep: 'Run one process of a job at a time.' })
}
