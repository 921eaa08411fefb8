// DeleteShareGroupOffsets, API 92: forgets the start offsets of a share group. KIP-932.

import { array, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const DeleteShareGroupOffsetsRequest = message('DeleteShareGroupOffsetsRequest', {
  apiKey: 92,
  versions: [0, 0],
  flexible: 0,
  fields: {
    groupId: string,
    topics: array(
      struct({
        topicName: string
      })
    )
  }
})
export type DeleteShareGroupOffsetsRequest = Decoded<typeof DeleteShareGroupOffsetsRequest>

export const DeleteShareGroupOffsetsResponse = message('DeleteShareGroupOffsetsResponse', {
  apiKey: 92,
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
        errorCode: int16,
        errorMessage: string.nullable().orElse(null)
      })
    )
  }
})
export type DeleteShareGroupOffsetsResponse = Decoded<typeof DeleteShareGroupOffsetsResponse>
