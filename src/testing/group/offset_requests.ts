// Owns what commits of offsets have in common, transactional or not: which topics and partitions a request means, what is
// refused one by one, and what is to be written. Source: kafka.server.KafkaApis.handleOffsetCommitRequest,
// org.apache.kafka.coordinator.group.OffsetMetadataManager.

import { errorCode } from '../../protocol/index.ts'
import type { Uuid } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import type { CommittedOffset } from './offset_store.ts'

export interface OffsetTopicRequest {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly committedMetadata: string | null
  }[]
}

export interface OffsetTopicResponse {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** Every partition of the request under one code. */
export function sameForAll(topics: readonly OffsetTopicRequest[], code: number): OffsetTopicResponse[] {
  return topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code }))
  }))
}

export interface TakenOffsets {
  readonly offsets: readonly CommittedOffset[]
  /** Where they belong. */
  readonly partitions: readonly { readonly topicId: Uuid; readonly partition: number }[]
  readonly topics: readonly OffsetTopicResponse[]
}

export interface TakeOptions {
  /** Topics are named by their ids alone. */
  readonly isById: boolean
  readonly retentionMs?: bigint
}

/** What can be written of a request, and the answer for each of its partitions. */
export function takeOffsets(
  broker: Broker,
  topics: readonly OffsetTopicRequest[],
  { isById, retentionMs = -1n }: TakeOptions
): TakenOffsets {
  const { cluster } = broker
  const offsets: CommittedOffset[] = []
  const places: { topicId: Uuid; partition: number }[] = []
  const metadataMax = cluster.settings.number('offset.metadata.max.bytes')
  const nowMs = broker.nowMs()
  const expiresAtMs = retentionMs < 0n ? undefined : nowMs + Number(retentionMs)
  const answers = topics.map(({ name, topicId, partitions }) => {
    const topic = isById ? cluster.topicById(topicId) : cluster.topics.get(name)
    const missing = isById ? errorCode.UNKNOWN_TOPIC_ID : errorCode.UNKNOWN_TOPIC_OR_PARTITION
    const codes = partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
      if (topic === undefined) return missing
      if (topic.partitions[partitionIndex] === undefined) return errorCode.UNKNOWN_TOPIC_OR_PARTITION
      const metadata = committedMetadata ?? ''
      if (metadata.length > metadataMax) return errorCode.OFFSET_METADATA_TOO_LARGE
      const where = { topic: topic.name, partition: partitionIndex }
      const value = { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata }
      places.push({ topicId: topic.id, partition: partitionIndex })
      offsets.push({ ...where, ...value, committedAtMs: nowMs, expiresAtMs })
      return 0
    })
    const results = partitions.map(({ partitionIndex }, i) => ({ partitionIndex, errorCode: codes[i] ?? 0 }))
    return { name, topicId, partitions: results }
  })
  return { offsets, partitions: places, topics: answers }
}
