// TxnOffsetCommit, API 28: stores a group's positions inside a transaction. KIP-98, KIP-447, KIP-890, KIP-1319.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const TxnOffsetCommitRequest = message('TxnOffsetCommitRequest', {
  apiKey: 28,
  versions: [0, 6],
  flexible: 3,
  fields: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.from(3).orElse(-1),
    memberId: string.from(3).orElse(''),
    groupInstanceId: string.from(3).nullable().orElse(null),
    topics: array(
      struct({
        name: string.until(5).ignorable(),
        topicId: uuid.from(6).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.from(2).orElse(-1).ignorable(),
            committedMetadata: string.nullable()
          })
        )
      })
    )
  }
})
export type TxnOffsetCommitRequest = Decoded<typeof TxnOffsetCommitRequest>

export const TxnOffsetCommitResponse = message('TxnOffsetCommitResponse', {
  apiKey: 28,
  versions: [0, 6],
  flexible: 3,
  fields: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string.until(5).ignorable(),
        topicId: uuid.from(6).ignorable(),
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
export type TxnOffsetCommitResponse = Decoded<typeof TxnOffsetCommitResponse>
