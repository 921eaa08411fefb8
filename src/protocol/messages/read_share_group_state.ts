// ReadShareGroupState, API 84: reads the state of share partitions; for brokers. KIP-932.

import { array, int16, int32, int64, int8, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ReadShareGroupStateRequest = message('ReadShareGroupStateRequest', {
  apiKey: 84,
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
            leaderEpoch: int32
          })
        )
      })
    )
  }
})
export type ReadShareGroupStateRequest = Decoded<typeof ReadShareGroupStateRequest>

export const ReadShareGroupStateResponse = message('ReadShareGroupStateResponse', {
  apiKey: 84,
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
            errorMessage: string.nullable().orElse(null),
            stateEpoch: int32,
            startOffset: int64,
            stateBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryState: int8,
                deliveryCount: int16
              })
            )
          })
        )
      })
    )
  }
})
export type ReadShareGroupStateResponse = Decoded<typeof ReadShareGroupStateResponse>
