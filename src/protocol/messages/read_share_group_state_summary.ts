// ReadShareGroupStateSummary, API 87: reads the start offsets of share partitions; for brokers. KIP-932, KIP-1226.

import { array, int16, int32, int64, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ReadShareGroupStateSummaryRequest = message('ReadShareGroupStateSummaryRequest', {
  apiKey: 87,
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
            leaderEpoch: int32
          })
        )
      })
    )
  }
})
export type ReadShareGroupStateSummaryRequest = Decoded<typeof ReadShareGroupStateSummaryRequest>

export const ReadShareGroupStateSummaryResponse = message('ReadShareGroupStateSummaryResponse', {
  apiKey: 87,
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
            errorMessage: string.nullable().orElse(null),
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.from(1).orElse(-1).ignorable()
          })
        )
      })
    )
  }
})
export type ReadShareGroupStateSummaryResponse = Decoded<typeof ReadShareGroupStateSummaryResponse>
