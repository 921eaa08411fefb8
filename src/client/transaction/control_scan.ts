// Reads from the log itself how a transaction ended: from its first record in a partition on, the first control record
// of its producer is its end there. Owns the raw, read_uncommitted reading and the check that the first record is really
// of this producer; what several partitions together mean, judge.ts decides. KIP-98.
import { errorCode, ProtocolError, readControlBatch, splitRecordBatches, zeroUuid } from '../../protocol/index.ts'
import type { EncodableRequestOf, RecordBatch, ResponseOf } from '../../protocol/index.ts'
import { askLeaders, keyOfPartition, knownLeaderEpoch } from '../admin/partitions.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import type { CallLimits } from './coordinator_calls.ts'
import type { PreparedPartition } from './prepared.ts'

/** How the transaction ended in one partition. */
export type PartitionEnd =
  | { readonly kind: 'committed' | 'aborted'; readonly markerOffset: bigint }
  /** Its records are there and no marker follows up to the end of the log. */
  | { readonly kind: 'open' }
  /** Its first record cannot be found, so a marker would prove nothing. */
  | { readonly kind: 'unknown'; readonly reason: string }

export interface ScannedProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** The first version that names topics by id. */
const topicIdVersionMin = 13
const scanBytesFirst = 1024 * 1024
/** Bytes of one fetch, at most; a larger batch comes all the same, alone. */
const scanBytesMax = 16 * 1024 * 1024
/** An empty answer before the end of the log is asked for again after this time, milliseconds. */
const emptyBackoffMs = 20

/**
 * Scans one partition from the first record of the transaction on. Rejects with KafkaError DEADLINE_EXCEEDED, a broker's
 * error that is not retriable, or the signal's reason.
 */
export async function scanPartition(
  cluster: Cluster,
  producer: ScannedProducer,
  partition: PreparedPartition,
  limits: CallLimits
): Promise<PartitionEnd> {
  const { topic, partition: index } = partition
  const firstOffset = BigInt(partition.firstOffset)
  const where = keyOfPartition(topic, index)
  if (firstOffset < 0n) return unknown(`where its records begin in ${where} was not told`)
  const found = (await cluster.topics([topic], { refresh: true, ...signalOf(limits) })).get(topic)
  if (found === undefined) return unknown(`topic ${topic} is gone`)
  if (isOther(found.topicId, partition.topicId)) return unknown(`topic ${topic} was deleted and made anew`)
  const scan = new PartitionScan(producer, firstOffset, where)
  const deadlineMs = cluster.runtime.monotonicMs() + limits.deadlineMs
  let bytesMax = scanBytesFirst
  // A leader that stood still has the beginning of the log, which is true, and an end of its own.
  let newest = false
  for (;;) {
    const leftMs = Math.max(1, deadlineMs - cluster.runtime.monotonicMs())
    const target = { topic, topicId: found.topicId, partition: index, fetchOffset: scan.position, bytesMax }
    const fetched = await fetchRaw(cluster, target, { ...limits, deadlineMs: leftMs, newest })
    const isAtEnd = fetched.errorCode === errorCode.OFFSET_OUT_OF_RANGE || scan.position >= fetched.highWatermark
    if (isAtEnd && !newest) {
      newest = true
      continue
    }
    if (fetched.errorCode === errorCode.OFFSET_OUT_OF_RANGE) {
      return unknown(`offset ${scan.position} of ${where} is not in the log any more`)
    }
    const before = scan.position
    const end = scan.take(fetched.records)
    if (end !== undefined) return end
    if (scan.position > before) bytesMax = Math.min(bytesMax * 2, scanBytesMax)
    else if (scan.position >= fetched.highWatermark) return { kind: 'open' }
    else await cluster.runtime.sleep(emptyBackoffMs, limits.signal)
  }
}

/** The scan of one partition as a state machine over the batches that were read. Pure. */
export class PartitionScan {
  /** The next offset to read. */
  position: bigint
  private readonly producer: ScannedProducer
  private readonly firstOffset: bigint
  private readonly where: string
  private isVerified = false

  constructor(producer: ScannedProducer, firstOffset: bigint, where: string) {
    this.producer = producer
    this.firstOffset = firstOffset
    this.where = where
    this.position = firstOffset
  }

  /** Takes records that were read at `position`; answers the end of the transaction once it is known. */
  take(records: Uint8Array | null): PartitionEnd | undefined {
    try {
      for (const batch of splitRecordBatches(records)) {
        const end = this.takeBatch(batch)
        if (end !== undefined) return end
      }
      return undefined
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return unknown(`${this.where} cannot be read at offset ${this.position}: ${error.message}`)
    }
  }

  private takeBatch(batch: RecordBatch): PartitionEnd | undefined {
    if (batch.lastOffset < this.position) return undefined
    if (!this.isVerified) {
      if (!this.isFirst(batch)) {
        return unknown(`the record at offset ${this.firstOffset} of ${this.where} is not one of this transaction`)
      }
      this.isVerified = true
    }
    const { lastOffset } = batch
    this.position = lastOffset + 1n
    if (!batch.isControl || batch.producerId !== this.producer.producerId) return undefined
    const control = readControlBatch(batch)
    if (control === undefined)
      return unknown(`compaction has emptied the marker at offset ${lastOffset} of ${this.where}`)
    const { type } = control
    if (type === 'COMMIT') return { kind: 'committed', markerOffset: lastOffset }
    return type === 'ABORT' ? { kind: 'aborted', markerOffset: lastOffset } : undefined
  }

  private isFirst(batch: RecordBatch): boolean {
    const { producerId, producerEpoch } = this.producer
    return (
      batch.baseOffset <= this.firstOffset &&
      batch.producerId === producerId &&
      batch.producerEpoch === producerEpoch &&
      batch.isTransactional &&
      !batch.isControl
    )
  }
}

function unknown(reason: string): PartitionEnd {
  return { kind: 'unknown', reason }
}

function isOther(topicId: string, saved: string): boolean {
  return topicId !== zeroUuid && saved !== zeroUuid && topicId !== saved
}

function signalOf(limits: CallLimits): { readonly signal?: AbortSignal } {
  return limits.signal === undefined ? {} : { signal: limits.signal }
}

interface RawTarget {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly fetchOffset: bigint
  readonly bytesMax: number
}

type RawPartition = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

/** Reads whatever lies there, whether committed or not. An offset outside the log is answered as OFFSET_OUT_OF_RANGE. */
export async function fetchRaw(
  cluster: Cluster,
  target: RawTarget,
  limits: CallLimits & { readonly newest?: boolean }
): Promise<RawPartition> {
  const { topic, partition, topicId } = target
  const key = keyOfPartition(topic, partition)
  const versions = topicId === zeroUuid ? { versionMax: topicIdVersionMin - 1 } : {}
  const callOptions = { deadlineMs: limits.deadlineMs, newest: limits.newest === true, ...signalOf(limits) }
  const answers = await askLeaders(
    cluster,
    'Fetch',
    [{ topic, partition }],
    callOptions,
    async (nodeId, _, options) => {
      const leaderEpoch = knownLeaderEpoch(cluster, topic, partition)
      const body = (version: number) => fetchBody(target, leaderEpoch, version)
      const reply = await cluster.request({ nodeId }, 'Fetch', body, {
        ...options,
        ...versions
      })
      const own = reply.responses[0]?.partitions[0]
      if (own === undefined) {
        throw new KafkaError('PROTOCOL_VIOLATION', `Fetch of ${key} was not answered.`, {
          retriable: true,
          api: 'Fetch'
        })
      }
      const isOutOfRange = own.errorCode === errorCode.OFFSET_OUT_OF_RANGE
      return new Map([[key, { errorCode: isOutOfRange ? errorCode.NONE : own.errorCode, value: own }]])
    }
  )
  return answers.get(key)!
}

function fetchBody(target: RawTarget, currentLeaderEpoch: number, version: number): EncodableRequestOf<'Fetch'> {
  const { topic, topicId, partition, fetchOffset, bytesMax } = target
  const partitions = [{ partition, currentLeaderEpoch, fetchOffset, partitionMaxBytes: bytesMax }]
  const named = version >= topicIdVersionMin ? { topicId } : { topic }
  return { maxWaitMs: 0, minBytes: 0, maxBytes: bytesMax, topics: [{ ...named, partitions }] }
}
