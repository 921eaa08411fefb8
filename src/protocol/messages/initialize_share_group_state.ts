// InitializeShareGroupState, API 83: prepares the state of share partitions; for brokers. KIP-932.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const InitializeShareGroupStateRequest = message('InitializeShareGroupStateRequest', {
  apiKey: 83,
  versions: [0, 0],
  flexible: 0,
  fields: {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            startOffset: int64
          })
        )
      })
    )
  }
})
export type InitializeShareGroupStateRequest = Decoded<typeof InitializeShareGroupStateRequest>

export const InitializeShareGroupStateResponse = message('InitializeShareGroupStateResponse', {
  apiKey: 83,
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
export type InitializeShareGroupStateResponse = Decoded<typeof InitializeShareGroupStateResponse>
