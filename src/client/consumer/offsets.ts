// Owns the questions about offsets that a consumer asks of partition leaders: which offset a start position means, and
// where a leader epoch ended. KIP-79 (timestamps), KIP-98 (last stable offset), KIP-320 (leader epochs).
// Source: org.apache.kafka.clients.consumer.internals.{OffsetFetcher,OffsetsForLeaderEpochUtils}.
import type { ResponseOf } from '../../protocol/index.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { partitionKey } from './assignment.ts'
import { askLeaders } from './leader_requests.ts'
import type { LedPartition, PartitionAnswer } from './leader_requests.ts'
import type { Position } from './partition_state.ts'

export type IsolationLevel = 'read_committed' | 'read_uncommitted'

/** The number of an isolation level on the wire. */
export function isolationLevelId(isolationLevel: IsolationLevel): 0 | 1 {
  return isolationLevel === 'read_committed' ? 1 : 0
}

// The first version with an isolation level.
const listOffsetsVersionMin = 2

/** Timestamps with a meaning of their own in ListOffsets. */
export const latestTimestamp = -1n
export const earliestTimestamp = -2n

export interface OffsetQuestion extends TopicPartition {
  /** Milliseconds since 1970, or one of the above. */
  readonly timestamp: bigint
}

export interface AskOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * The offset of the first record with at least that timestamp, in the order of the questions; -1n where there is none.
 * `latestTimestamp` answers the end of what the isolation level can see. Rejects as `askLeaders` does.
 */
export function listOffsets(
  cluster: Cluster,
  questions: readonly OffsetQuestion[],
  isolationLevel: IsolationLevel,
  { deadlineMs, signal }: AskOptions
): Promise<bigint[]> {
  return askLeaders<OffsetQuestion, bigint>(cluster, questions, {
    what: 'ListOffsets',
    deadlineMs,
    signal,
    ask: async (nodeId, partitions, options) => {
      const topics = groupByTopic(partitions).map(([name, group]) => ({
        name,
        partitions: group.map(({ question, leaderEpoch }) => ({
          partitionIndex: question.partition,
          currentLeaderEpoch: leaderEpoch,
          timestamp: question.timestamp
        }))
      }))
      const body = {
        replicaId: -1,
        isolationLevel: isolationLevelId(isolationLevel),
        topics,
        timeoutMs: options.timeoutMs
      }
      const reply = await cluster.request(
        { nodeId },
        'ListOffsets',
        body,
        requestOptions(options, listOffsetsVersionMin)
      )
      return listOffsetsAnswers(partitions, reply)
    }
  })
}

function listOffsetsAnswers(
  partitions: readonly LedPartition<OffsetQuestion>[],
  reply: ResponseOf<'ListOffsets'>
): PartitionAnswer<OffsetQuestion, bigint>[] {
  const byKey = byPartitionKey(partitions)
  const answers: PartitionAnswer<OffsetQuestion, bigint>[] = []
  for (const { name, partitions: group } of reply.topics) {
    for (const { partitionIndex, errorCode, offset } of group) {
      const question = byKey.get(partitionKey(name, partitionIndex))
      if (question === undefined) continue
      answers.push(errorCode === 0 ? { question, answer: offset } : { question, errorCode })
    }
  }
  return answers
}

export interface EpochQuestion extends TopicPartition {
  /** The epoch whose end is asked for. */
  readonly epoch: number
}

/**
 * For each question the largest epoch up to the asked one that the leader knows, and where it ended; an offset of -1n
 * where the leader knows none. Needs brokers of Kafka 2.3 or newer, on which a consumer may ask: see
 * `canAskEpochs`. Rejects as `askLeaders` does.
 */
export function epochEnds(
  cluster: Cluster,
  questions: readonly EpochQuestion[],
  { deadlineMs, signal }: AskOptions
): Promise<Position[]> {
  return askLeaders<EpochQuestion, Position>(cluster, questions, {
    what: 'OffsetForLeaderEpoch',
    deadlineMs,
    signal,
    ask: async (nodeId, partitions, options) => {
      const topics = groupByTopic(partitions).map(([topic, group]) => ({
        topic,
        partitions: group.map(({ question, leaderEpoch }) => ({
          partition: question.partition,
          currentLeaderEpoch: leaderEpoch,
          leaderEpoch: question.epoch
        }))
      }))
      const body = { replicaId: -1, topics }
      const settings = requestOptions(options, epochsVersionMin)
      const reply = await cluster.request({ nodeId }, 'OffsetForLeaderEpoch', body, settings)
      return epochAnswers(partitions, reply)
    }
  })
}

function epochAnswers(
  partitions: readonly LedPartition<EpochQuestion>[],
  reply: ResponseOf<'OffsetForLeaderEpoch'>
): PartitionAnswer<EpochQuestion, Position>[] {
  const byKey = byPartitionKey(partitions)
  const answers: PartitionAnswer<EpochQuestion, Position>[] = []
  for (const { topic, partitions: group } of reply.topics) {
    for (const { partition, errorCode, leaderEpoch, endOffset } of group) {
      const question = byKey.get(partitionKey(topic, partition))
      if (question === undefined) continue
      answers.push(errorCode === 0 ? { question, answer: { offset: endOffset, leaderEpoch } } : { question, errorCode })
    }
  }
  return answers
}

// Before version 3 the request needs a permission that only brokers have.
const epochsVersionMin = 3

/** Whether the cluster answers consumers about leader epochs (Kafka 2.3 and newer). */
export async function canAskEpochs(cluster: Cluster): Promise<boolean> {
  try {
    const version = await cluster.negotiatedVersion('any', 'OffsetForLeaderEpoch')
    return version !== undefined && version >= epochsVersionMin
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'BROKER_TOO_OLD') return false
    throw error
  }
}

function requestOptions(
  options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  min: number
) {
  const { timeoutMs, signal } = options
  return signal === undefined ? { timeoutMs, versionMin: min } : { timeoutMs, versionMin: min, signal }
}

function groupByTopic<Q extends TopicPartition>(
  partitions: readonly LedPartition<Q>[]
): [topic: string, partitions: LedPartition<Q>[]][] {
  const groups = new Map<string, LedPartition<Q>[]>()
  for (const one of partitions) {
    const group = groups.get(one.question.topic)
    if (group === undefined) groups.set(one.question.topic, [one])
    else group.push(one)
  }
  return [...groups]
}

function byPartitionKey<Q extends TopicPartition>(partitions: readonly LedPartition<Q>[]): Map<string, Q> {
  return new Map(partitions.map(({ question }) => [partitionKey(question.topic, question.partition), question]))
}
