// OffsetCommit, API 8: stores a group's positions. KIP-211, KIP-345, KIP-848.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const OffsetCommitRequest = message('OffsetCommitRequest', {
  apiKey: 8,
  versions: [2, 10],
  flexible: 8,
  fields: {
    groupId: string,
    generationIdOrMemberEpoch: int32.orElse(-1).ignorable(),
    memberId: string.ignorable(),
    groupInstanceId: string.from(7).nullable().orElse(null),
    retentionTimeMs: int64.until(4).orElse(-1n).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.from(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.from(6).orElse(-1).ignorable(),
            committedMetadata: string.nullable()
          })
        )
      })
    )
  }
})
export type OffsetCommitRequest = Decoded<typeof OffsetCommitRequest>

export const OffsetCommitResponse = message('OffsetCommitResponse', {
  apiKey: 8,
  versions: [2, 10],
  flexible: 8,
  fields: {
    throttleTimeMs: int32.from(3).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.from(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16
          })
        )
      })
    )
  }
})
export type OffsetCommitResponse = Decoded<typeof OffsetCommitResponse>
