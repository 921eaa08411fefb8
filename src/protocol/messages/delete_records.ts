// DeleteRecords, API 21: moves the start of partitions forward. KIP-107.

import { array, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const DeleteRecordsRequest = message('DeleteRecordsRequest', {
  apiKey: 21,
  versions: [0, 2],
  flexible: 2,
  fields: {
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            offset: int64
          })
        )
      })
    ),
    timeoutMs: int32
  }
})
export type DeleteRecordsRequest = Decoded<typeof DeleteRecordsRequest>

export const DeleteRecordsResponse = message('DeleteRecordsResponse', {
  apiKey: 21,
  versions: [0, 2],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            lowWatermark: int64,
            errorCode: int16
          })
        )
      })
    )
  }
})
export type DeleteRecordsResponse = Decoded<typeof DeleteRecordsResponse>
