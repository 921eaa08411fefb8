// Owns the questions about offsets that a consumer asks of partition leaders: which offset a start position means, and
// where a leader epoch ended. KIP-79 (timestamps), KIP-98 (last stable offset), KIP-320 (leader epochs).
// Source: org.apache.kafka.clients.consumer.internals.{OffsetFetcher,OffsetsForLeaderEpochUtils}.
import { askLeaders, keyOfPartition, partitionsByTopic } from '../admin/partitions.ts'
import type { CallOptions, PartitionAnswer } from '../admin/partitions.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
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

/** Time for all attempts of one question together, and a way to give up. */
export type AskOptions = Required<CallOptions>

/**
 * The offset of the first record with at least that timestamp, by `topic:partition`; -1n where there is none.
 * `latestTimestamp` answers the end of what the isolation level can see. Rejects as `askLeaders` does.
 */
export function listOffsets(
  cluster: Cluster,
  questions: readonly OffsetQuestion[],
  isolationLevel: IsolationLevel,
  ask: AskOptions
): Promise<Map<string, bigint>> {
  return askLeaders(cluster, 'ListOffsets', questions, ask, async (nodeId, partitions, options) => {
    const body = {
      replicaId: -1,
      isolationLevel: isolationLevelId(isolationLevel),
      topics: partitionsByTopic(partitions).map(([name, group]) => ({
        name,
        partitions: group.map(({ topic, partition, timestamp }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: leaderEpoch(cluster, topic, partition),
          timestamp
        }))
      })),
      timeoutMs: Math.ceil(options.timeoutMs)
    }
    const settings = { ...options, versionMin: listOffsetsVersionMin }
    const reply = await cluster.request({ nodeId }, 'ListOffsets', body, settings)
    const answers = new Map<string, PartitionAnswer<bigint>>()
    for (const { name, partitions: group } of reply.topics) {
      for (const { partitionIndex, errorCode, offset } of group) {
        answers.set(keyOfPartition(name, partitionIndex), { errorCode, value: offset })
      }
    }
    return answers
  })
}

export interface EpochQuestion extends TopicPartition {
  /** The epoch whose end is asked for. */
  readonly epoch: number
}

/**
 * The largest epoch up to the asked one that the leader knows, and where it ended, by `topic:partition`; -1 for both
 * where the leader knows none. Needs brokers of Kafka 2.3 or newer, on which a consumer may ask: see `canAskEpochs`.
 * Rejects as `askLeaders` does.
 */
export function epochEnds(
  cluster: Cluster,
  questions: readonly EpochQuestion[],
  ask: AskOptions
): Promise<Map<string, Position>> {
  return askLeaders(cluster, 'OffsetForLeaderEpoch', questions, ask, async (nodeId, partitions, options) => {
    const body = {
      replicaId: -1,
      topics: partitionsByTopic(partitions).map(([topic, group]) => ({
        topic,
        partitions: group.map(({ partition, epoch }) => ({
          partition,
          currentLeaderEpoch: leaderEpoch(cluster, topic, partition),
          leaderEpoch: epoch
        }))
      }))
    }
    const settings = { ...options, versionMin: epochsVersionMin }
    const reply = await cluster.request({ nodeId }, 'OffsetForLeaderEpoch', body, settings)
    const answers = new Map<string, PartitionAnswer<Position>>()
    for (const { topic, partitions: group } of reply.topics) {
      for (const { partition, errorCode, leaderEpoch: epoch, endOffset } of group) {
        const value = { offset: endOffset, leaderEpoch: epoch }
        answers.set(keyOfPartition(topic, partition), { errorCode, value })
      }
    }
    return answers
  })
}

// Before version 3 the request needs a permission that only brokers have.
const epochsVersionMin = 3

/** Whether the cluster answers consumers about leader epochs (Kafka 2.3 and newer). */
export async function canAskEpochs(cluster: Cluster): Promise<boolean> {
  const version = await cluster.negotiatedVersion('any', 'OffsetForLeaderEpoch')
  return version !== undefined && version >= epochsVersionMin
}

// By it the broker tells whose metadata is outdated, its own or ours.
function leaderEpoch(cluster: Cluster, topic: string, partition: number): number {
  return cluster.cachedLeader(topic, partition)?.leaderEpoch ?? -1
}
