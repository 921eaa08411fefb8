// DescribeShareGroupOffsets, API 90: shows the start offsets of share groups. KIP-932, KIP-1226.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const DescribeShareGroupOffsetsRequest = message('DescribeShareGroupOffsetsRequest', {
  apiKey: 90,
  versions: [0, 1],
  flexible: 0,
  fields: {
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            partitions: array(int32)
          })
        ).nullable()
      })
    )
  }
})
export type DescribeShareGroupOffsetsRequest = Decoded<typeof DescribeShareGroupOffsetsRequest>

export const DescribeShareGroupOffsetsResponse = message('DescribeShareGroupOffsetsResponse', {
  apiKey: 90,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                startOffset: int64,
                leaderEpoch: int32,
                lag: int64.from(1).orElse(-1n).ignorable(),
                errorCode: int16,
                errorMessage: string.nullable().orElse(null)
              })
            )
          })
        ),
        errorCode: int16,
        errorMessage: string.nullable().orElse(null)
      })
    )
  }
})
export type DescribeShareGroupOffsetsResponse = Decoded<typeof DescribeShareGroupOffsetsResponse>
