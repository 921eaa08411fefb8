// OffsetFetch, API 9: reads a group's stored positions. KIP-447 (requireStable), KIP-709 (many groups), KIP-848.

import { array, bool, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const OffsetFetchRequest = message('OffsetFetchRequest', {
  apiKey: 9,
  versions: [1, 10],
  flexible: 6,
  fields: {
    groupId: string.until(7),
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32)
      })
    )
      .until(7)
      .nullable(2),
    groups: array(
      struct({
        groupId: string,
        memberId: string.from(9).nullable().orElse(null).ignorable(),
        memberEpoch: int32.from(9).orElse(-1).ignorable(),
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.from(10).ignorable(),
            partitionIndexes: array(int32)
          })
        ).nullable()
      })
    ).from(8),
    requireStable: bool.from(7).orElse(false)
  }
})
export type OffsetFetchRequest = Decoded<typeof OffsetFetchRequest>

export const OffsetFetchResponse = message('OffsetFetchResponse', {
  apiKey: 9,
  versions: [1, 10],
  flexible: 6,
  fields: {
    throttleTimeMs: int32.from(3).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.from(5).orElse(-1).ignorable(),
            metadata: string.nullable(),
            errorCode: int16
          })
        )
      })
    ).until(7),
    errorCode: int16.from(2).until(7).orElse(0).ignorable(),
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.from(10).ignorable(),
            partitions: array(
              struct({
                partitionIndex: int32,
                committedOffset: int64,
                committedLeaderEpoch: int32.orElse(-1).ignorable(),
                metadata: string.nullable(),
                errorCode: int16
              })
            )
          })
        ),
        errorCode: int16.orElse(0)
      })
    ).from(8)
  }
})
export type OffsetFetchResponse = Decoded<typeof OffsetFetchResponse>
