// Turns a startup mode into numbers: the first offset to read of each partition, before anything is read, so that the
// checkpoint before the first record already holds them and a restart begins where the first start did.
import { fetchGroupOffsets, brokerError, listOffsets } from '../../client/index.ts'
import type { Cluster, OffsetPosition } from '../../client/index.ts'
import type { StartupMode } from './kafka_source_options.ts'
import type { KafkaTopicPartition } from './partition_state.ts'
import { partitionKey } from './partition_state.ts'

export interface StartOffsetsOptions {
  readonly isolationLevel: 'read_committed' | 'read_uncommitted'
  readonly groupId: string | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** First offset to read, by `partitionKey`. Rejects with KafkaError where the cluster does not answer in time. */
export async function resolveStartOffsets(
  cluster: Cluster,
  mode: StartupMode,
  partitions: readonly KafkaTopicPartition[],
  options: StartOffsetsOptions
): Promise<Map<string, bigint>> {
  if (partitions.length === 0) return new Map()
  if (mode === 'EARLIEST') return offsetsAt(cluster, partitions, 'earliest', options)
  if (mode === 'LATEST') return offsetsAt(cluster, partitions, 'latest', options)
  if (mode === 'GROUP_OFFSETS') return groupOffsets(cluster, partitions, options)
  if ('timestampMs' in mode) {
    const atTime = await offsetsAt(cluster, partitions, { timestampMs: mode.timestampMs }, options)
    // No record is as young as that: what comes next is.
    const younger = partitions.filter((one) => atTime.get(partitionKey(one.topic, one.partition))! < 0n)
    return merge(atTime, await offsetsAt(cluster, younger, 'latest', options))
  }
  const given = new Map<string, bigint>()
  for (const { topic, partition } of partitions) {
    const offset = mode.specificOffsets[topic]?.[partition]
    if (offset !== undefined) given.set(partitionKey(topic, partition), offset)
  }
  const others = partitions.filter((one) => !given.has(partitionKey(one.topic, one.partition)))
  return merge(given, await groupOffsets(cluster, others, options))
}

/** A partition whose offset is given and that is not there; undefined where there is none. */
export function missingPartition(
  mode: StartupMode,
  owns: (partition: KafkaTopicPartition) => boolean,
  found: readonly KafkaTopicPartition[]
): KafkaTopicPartition | undefined {
  if (typeof mode === 'string' || 'timestampMs' in mode) return undefined
  const present = new Set(found.map(({ topic, partition }) => partitionKey(topic, partition)))
  return Object.entries(mode.specificOffsets)
    .flatMap(([topic, offsets]) => Object.keys(offsets).map((partition) => ({ topic, partition: Number(partition) })))
    .find((one) => owns(one) && !present.has(partitionKey(one.topic, one.partition)))
}

/** A start offset that its partition does not hold. */
export interface OffsetOutside extends KafkaTopicPartition {
  readonly offset: bigint
  /** What the partition holds; the end is exclusive. */
  readonly startOffset: bigint
  readonly endOffset: bigint
}

/**
 * The first start offset that lies outside of its log; undefined where there is none. Only a given offset and one that a
 * group has committed can: the others were just asked for.
 */
export async function offsetOutside(
  cluster: Cluster,
  mode: StartupMode,
  partitions: readonly KafkaTopicPartition[],
  starts: ReadonlyMap<string, bigint>,
  options: StartOffsetsOptions
): Promise<OffsetOutside | undefined> {
  const mayBeOutside = mode === 'GROUP_OFFSETS' || (typeof mode === 'object' && 'specificOffsets' in mode)
  if (!mayBeOutside || partitions.length === 0) return undefined
  const all = { ...options, isolationLevel: 'read_uncommitted', newest: true } as const
  const first = await offsetsAt(cluster, partitions, 'earliest', all)
  const last = await offsetsAt(cluster, partitions, 'latest', all)
  for (const { topic, partition } of partitions) {
    const key = partitionKey(topic, partition)
    const [offset, startOffset, endOffset] = [starts.get(key)!, first.get(key)!, last.get(key)!]
    if (offset < startOffset || offset > endOffset) return { topic, partition, offset, startOffset, endOffset }
  }
  return undefined
}

/** Where a partition ends for readers of this isolation level now, by `partitionKey`. */
export function resolveEndOffsets(
  cluster: Cluster,
  partitions: readonly KafkaTopicPartition[],
  options: StartOffsetsOptions
): Promise<Map<string, bigint>> {
  // Of an old end, what came since would be left out.
  return offsetsAt(cluster, partitions, 'latest', { ...options, newest: true })
}

async function offsetsAt(
  cluster: Cluster,
  partitions: readonly KafkaTopicPartition[],
  position: OffsetPosition,
  { isolationLevel, deadlineMs, signal, newest = false }: StartOffsetsOptions & { readonly newest?: boolean }
): Promise<Map<string, bigint>> {
  const queries = partitions.map(({ topic, partition }) => ({ topic, partition, position }))
  const listed = await listOffsets(cluster, queries, { isolationLevel, deadlineMs, signal, newest })
  return new Map([...listed].map(([key, { offset }]) => [key, offset]))
}

async function groupOffsets(
  cluster: Cluster,
  partitions: readonly KafkaTopicPartition[],
  options: StartOffsetsOptions
): Promise<Map<string, bigint>> {
  const { groupId } = options
  if (groupId === undefined || partitions.length === 0) return offsetsAt(cluster, partitions, 'earliest', options)
  const { deadlineMs, signal } = options
  const what = `The committed offsets of group ${groupId}`
  const reply = await fetchGroupOffsets(cluster, {
    groupId,
    partitions: partitions.map(({ topic, partition }) => ({ topic, partition })),
    requireStable: 'whereSupported',
    retryUnstable: true,
    deadlineMs,
    signal
  })
  if (reply.errorCode !== 0) throw brokerError(reply.errorCode, what)
  const committed = new Map<string, bigint>()
  for (const [key, { offset, errorCode }] of reply.offsets) {
    if (errorCode !== 0) throw brokerError(errorCode, `${what} for ${key}`)
    if (offset >= 0n) committed.set(key, offset)
  }
  const missing = partitions.filter((one) => !committed.has(partitionKey(one.topic, one.partition)))
  return merge(committed, await offsetsAt(cluster, missing, 'earliest', options))
}

function merge(first: Map<string, bigint>, second: Map<string, bigint>): Map<string, bigint> {
  return new Map([...first, ...second])
}
