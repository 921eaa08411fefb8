// What a Kafka source knows of each partition, how that stands in a checkpoint, and which subtask reads it. Every
// subtask is given the state of all partitions and keeps what is its own, so a job may come back at another
// parallelism. Source of the idea: Flink's KafkaTopicPartitionState and KafkaTopicPartitionAssigner.
import { JobError } from '../errors.ts'
import type { StateValue } from '../functions.ts'

export interface KafkaTopicPartition {
  readonly topic: string
  readonly partition: number
}

/** One partition of a running source. */
export interface KafkaTopicPartitionState extends KafkaTopicPartition {
  /** Kafka's base64url form; tells a topic from another of the same name that was made after it was deleted. */
  readonly topicId: string
  /** Of the last batch that was emitted; -1 before the first. */
  leaderEpoch: number
  /** Last offset whose record, if it is one that readers see, was emitted; the start offset - 1 before the first. */
  offset: bigint
  /** Next offset to read as the group knows it, so `offset` + 1 of some checkpoint; undefined before the first commit. */
  committedOffset: bigint | undefined
  /** A bounded source reads up to here, exclusive. */
  readonly stopOffset: bigint | undefined
}

/** What a checkpoint keeps of a partition. */
export type RestoredPartition = Omit<KafkaTopicPartitionState, 'committedOffset'>

export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`
}

/**
 * The subtask that reads this partition: partitions of a topic go round, and topics begin at different subtasks. A
 * function of its arguments only, since it must answer the same in every subtask and after every restart.
 */
export function subtaskOf(topic: string, partition: number, parallelism: number): number {
  let hash = 0
  for (let i = 0; i < topic.length; i++) hash = (Math.imul(hash, 31) + topic.charCodeAt(i)) | 0
  return (((hash & 0x7fffffff) % parallelism) + partition) % parallelism
}

/** One element per topic, so that a name is not repeated for each partition. */
export function encodePartitions(partitions: Iterable<RestoredPartition>): StateValue[] {
  const byTopic = new Map<string, { topic: string; topicId: string; partitions: StateValue[] }>()
  for (const state of partitions) {
    let topic = byTopic.get(state.topic)
    if (topic === undefined) {
      topic = { topic: state.topic, topicId: state.topicId, partitions: [] }
      byTopic.set(state.topic, topic)
    }
    const fields = [state.partition, state.leaderEpoch, String(state.offset)]
    topic.partitions.push(state.stopOffset === undefined ? fields : [...fields, String(state.stopOffset)])
  }
  return [...byTopic.values()]
}

/** Reads back what `encodePartitions` wrote. The bytes come from a file, so everything is checked. */
export function decodePartitions(elements: readonly StateValue[]): RestoredPartition[] {
  const restored = new Map<string, RestoredPartition>()
  for (const element of elements) {
    const { topic, topicId, partitions } = record(element)
    if (typeof topic !== 'string' || typeof topicId !== 'string' || !Array.isArray(partitions)) throw notOurs(element)
    for (const fields of partitions) {
      const state = decodePartition(topic, topicId, fields)
      const key = partitionKey(topic, state.partition)
      if (restored.has(key)) throw corrupt(`partition ${topic}-${state.partition} is there twice`)
      restored.set(key, state)
    }
  }
  return [...restored.values()]
}

function decodePartition(topic: string, topicId: string, fields: unknown): RestoredPartition {
  if (!Array.isArray(fields) || fields.length < 3 || fields.length > 4) throw notOurs(fields)
  const [partition, leaderEpoch, offset, stopOffset] = fields as unknown[]
  if (!isPartition(partition) || !isLeaderEpoch(leaderEpoch)) throw notOurs(fields)
  return {
    topic,
    topicId,
    partition,
    leaderEpoch,
    offset: decimal(offset),
    stopOffset: fields.length === 4 ? decimal(stopOffset) : undefined
  }
}

function isPartition(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isLeaderEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= -1
}

function decimal(value: unknown): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) throw notOurs(value)
  return BigInt(value)
}

function record(element: StateValue): { readonly [name: string]: unknown } {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) throw notOurs(element)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- isArray does not exclude readonly arrays
  return element as { readonly [name: string]: StateValue }
}

function notOurs(value: unknown): JobError {
  const json = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? ''
  return corrupt(`${json.slice(0, 200)} is not the position of a partition`)
}

function corrupt(what: string): JobError {
  return new JobError('CHECKPOINT_CORRUPT', `State of a Kafka source: ${what}.`, { fatal: true })
}
