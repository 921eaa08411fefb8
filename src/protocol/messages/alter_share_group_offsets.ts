// AlterShareGroupOffsets, API 91: moves the start offsets of a share group. KIP-932.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const AlterShareGroupOffsetsRequest = message('AlterShareGroupOffsetsRequest', {
  apiKey: 91,
  versions: [0, 0],
  flexible: 0,
  fields: {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            startOffset: int64
          })
        )
      })
    )
  }
})
export type AlterShareGroupOffsetsRequest = Decoded<typeof AlterShareGroupOffsetsRequest>

export const AlterShareGroupOffsetsResponse = message('AlterShareGroupOffsetsResponse', {
  apiKey: 91,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null)
          })
        )
      })
    )
  }
})
export type AlterShareGroupOffsetsResponse = Decoded<typeof AlterShareGroupOffsetsResponse>
