// DeleteShareGroupState, API 86: deletes the state of share partitions; for brokers. KIP-932.

import { array, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const DeleteShareGroupStateRequest = message('DeleteShareGroupStateRequest', {
  apiKey: 86,
  versions: [0, 0],
  flexible: 0,
  fields: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32
          })
        )
      })
    )
  }
})
export type DeleteShareGroupStateRequest = Decoded<typeof DeleteShareGroupStateRequest>

export const DeleteShareGroupStateResponse = message('DeleteShareGroupStateResponse', {
  apiKey: 86,
  versions: [0, 0],
  flexible: 0,
  fields: {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null)
          })
        )
      })
    )
  }
})
export type DeleteShareGroupStateResponse = Decoded<typeof DeleteShareGroupStateResponse>
