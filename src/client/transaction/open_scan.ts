// Finds in the log itself which transactions a partition holds open, for brokers that cannot be asked (before Kafka 2.8):
// those between the last stable offset and the end that no control record ends. What they mean, the caller decides. KIP-98.
import { errorCode, splitRecordBatches, zeroUuid } from '../../protocol/index.ts'
import type { RecordBatch } from '../../protocol/index.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import { listOffsets } from '../admin/topics.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { fetchRaw } from './control_scan.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { Clock } from './clock.ts'

export interface OpenInLog {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly startOffset: bigint
}

const scanBytes = 4 * 1024 * 1024
/** An empty answer before the end of the log is asked for again after this time, milliseconds. */
const emptyBackoffMs = 20

/** Rejects with KafkaError, DEADLINE_EXCEEDED among them, or the signal's reason. */
export async function scanOpen(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  limits: CallLimits
): Promise<OpenInLog[]> {
  const clock = new Clock(cluster, limits)
  const endMs = cluster.runtime.monotonicMs() + limits.deadlineMs
  const [stable, end] = await Promise.all([
    endOf(cluster, { topic, partition }, 'read_committed', clock),
    endOf(cluster, { topic, partition }, 'read_uncommitted', clock)
  ])
  const topicId = (await cluster.topics([topic])).get(topic)?.topicId ?? zeroUuid
  const open = new Map<bigint, OpenInLog>()
  let position = stable
  while (position < end) {
    if (cluster.runtime.monotonicMs() >= endMs) throw tooLate(keyOfPartition(topic, partition), limits.deadlineMs)
    const target = { topic, topicId, partition, fetchOffset: position, bytesMax: scanBytes }
    const fetched = await fetchRaw(cluster, target, clock.left())
    // Removed from the log meanwhile: what was open there is gone with it.
    if (fetched.errorCode === errorCode.OFFSET_OUT_OF_RANGE) return []
    const before = position
    for (const batch of splitRecordBatches(fetched.records)) {
      if (batch.lastOffset < position) continue
      note(open, batch)
      position = batch.lastOffset + 1n
    }
    if (position === before) await cluster.runtime.sleep(emptyBackoffMs, limits.signal)
  }
  return [...open.values()]
}

function tooLate(where: string, deadlineMs: number): KafkaError {
  const message = `The open transactions of ${where} could not be read within ${Math.round(deadlineMs)} ms.`
  return new KafkaError('DEADLINE_EXCEEDED', message, { retriable: true })
}

function note(open: Map<bigint, OpenInLog>, batch: RecordBatch): void {
  const { producerId, producerEpoch, baseOffset } = batch
  if (batch.isControl) open.delete(producerId)
  else if (batch.isTransactional && !open.has(producerId)) {
    open.set(producerId, { producerId, producerEpoch, startOffset: baseOffset })
  }
}

async function endOf(
  cluster: Cluster,
  place: TopicPartition,
  isolationLevel: 'read_committed' | 'read_uncommitted',
  clock: Clock
): Promise<bigint> {
  const { deadlineMs, signal } = clock.left()
  const options = { isolationLevel, newest: true, deadlineMs, ...(signal === undefined ? {} : { signal }) }
  const listed = await listOffsets(cluster, [{ ...place, position: 'latest' }], options)
  return listed.get(keyOfPartition(place.topic, place.partition))?.offset ?? 0n
}
