// Owns the reading of the partitions that a fetch asks for, within its limits: bytes per partition and per response, what
// the reader may see, and the checks of leader epochs. Source: ReplicaManager.readFromLog, kafka.cluster.Partition.

import { errorCode } from '../../protocol/index.ts'
import type { Uuid } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { findPartition } from '../cluster/lookup.ts'
import type { Partition } from '../cluster/topic.ts'
import type { Isolation, PartitionLog } from '../log/partition_log.ts'
import type { CompletedTransaction } from '../log/producer_state.ts'
import { Refusal } from '../log/refusal.ts'

/** What a fetch asks of one partition. */
export interface FetchItem {
  /** Empty where the id is unknown. */
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  readonly fetchOffset: bigint
  readonly bytesMax: number
  /** -1 for none. */
  readonly leaderEpoch: number
  /** The epoch of the last record that the reader has; -1 for none. */
  readonly lastFetchedEpoch: number
}

/** What a fetch asks of all of them. */
export interface FetchParams {
  readonly isolation: Isolation
  readonly bytesMin: number
  readonly bytesMax: number
  readonly maxWaitMs: number
  /** Whether a replica in sync may answer, and not the leader only. */
  readonly allowFollower: boolean
  readonly version: number
}

/** An end of the log that the reader does not share. */
export interface DivergingEpoch {
  readonly epoch: number
  readonly endOffset: bigint
}

/** What was read from one partition. */
export interface Fetched {
  readonly item: FetchItem
  readonly errorCode: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  readonly diverging: DivergingEpoch | undefined
  readonly aborted: readonly CompletedTransaction[] | null
  readonly pieces: readonly Uint8Array[]
  readonly sizeInBytes: number
}

const noPieces: readonly Uint8Array[] = Object.freeze([])

/** Reads all items in their order. */
export function readItems(broker: Broker, items: readonly FetchItem[], params: FetchParams): Fetched[] {
  let left = params.bytesMax
  let wholeFirstBatch = true
  return items.map((item) => {
    const fetched = readItem(broker, item, params, Math.min(item.bytesMax, left), wholeFirstBatch)
    if (fetched.sizeInBytes > 0) wholeFirstBatch = false
    left = Math.max(0, left - fetched.sizeInBytes)
    return fetched
  })
}

/** The partition of an item, or the error code for it. */
export function partitionOf(broker: Broker, item: FetchItem, params: FetchParams): Partition | number {
  const { topic, topicId, index, leaderEpoch } = item
  if (topic === '') return errorCode.UNKNOWN_TOPIC_ID
  const found = findPartition(broker, topic, index, { leaderEpoch, allowFollower: params.allowFollower })
  if (typeof found === 'number' || params.version < 13 || found.topic.id === topicId) return found
  return errorCode.INCONSISTENT_TOPIC_ID
}

function readItem(
  broker: Broker,
  item: FetchItem,
  params: FetchParams,
  bytesMax: number,
  wholeFirstBatch: boolean
): Fetched {
  const partition = partitionOf(broker, item, params)
  if (typeof partition === 'number') return failed(item, partition)
  const log = broker.logOf(partition)
  const { highWatermark, lastStableOffset, startOffset: logStartOffset } = log
  const offsets = { highWatermark, lastStableOffset, logStartOffset }
  const diverging = item.lastFetchedEpoch < 0 ? undefined : divergence(item, log)
  if (diverging instanceof Refusal) return failed(item, diverging.errorCode)
  if (diverging !== undefined) {
    return { item, errorCode: 0, ...offsets, diverging, aborted: null, pieces: noPieces, sizeInBytes: 0 }
  }
  const read = log.read(item.fetchOffset, { isolation: params.isolation, bytesMax, wholeFirstBatch })
  if (read instanceof Refusal) return failed(item, read.errorCode)
  const { pieces, sizeInBytes, aborted } = read
  return { item, errorCode: 0, ...offsets, diverging, aborted: aborted ?? null, pieces, sizeInBytes }
}

/** Whether the reader has records that this log does not have. KIP-595. */
function divergence(item: FetchItem, log: PartitionLog): DivergingEpoch | Refusal | undefined {
  const { lastFetchedEpoch, fetchOffset } = item
  const end = log.leaderEpochs.endOf(lastFetchedEpoch, log.endOffset)
  if (end.epoch === -1 || end.endOffset === -1n || fetchOffset < log.startOffset) {
    return new Refusal(errorCode.OFFSET_OUT_OF_RANGE)
  }
  return end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset ? end : undefined
}

function failed(item: FetchItem, code: number): Fetched {
  return {
    item,
    errorCode: code,
    highWatermark: -1n,
    lastStableOffset: -1n,
    logStartOffset: -1n,
    diverging: undefined,
    aborted: null,
    pieces: noPieces,
    sizeInBytes: 0
  }
}
