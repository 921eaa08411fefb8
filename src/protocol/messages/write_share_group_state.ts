// WriteShareGroupState, API 85: writes the state of share partitions; for brokers. KIP-932, KIP-1226.

import { array, int16, int32, int64, int8, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const WriteShareGroupStateRequest = message('WriteShareGroupStateRequest', {
  apiKey: 85,
  versions: [0, 1],
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
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.from(1).orElse(-1).ignorable(),
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
export type WriteShareGroupStateRequest = Decoded<typeof WriteShareGroupStateRequest>

export const WriteShareGroupStateResponse = message('WriteShareGroupStateResponse', {
  apiKey: 85,
  versions: [0, 1],
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
export type WriteShareGroupStateResponse = Decoded<typeof WriteShareGroupStateResponse>
