// WriteTxnMarkers, API 27: writes the markers that end a transaction; for brokers and repairs. KIP-98, KIP-1228.

import { array, bool, int16, int32, int64, int8, message, string, struct, type Decoded } from '../schema.ts'

export const WriteTxnMarkersRequest = message('WriteTxnMarkersRequest', {
  apiKey: 27,
  versions: [1, 2],
  flexible: 1,
  fields: {
    markers: array(
      struct({
        producerId: int64,
        producerEpoch: int16,
        transactionResult: bool,
        topics: array(
          struct({
            name: string,
            partitionIndexes: array(int32)
          })
        ),
        coordinatorEpoch: int32,
        transactionVersion: int8.from(2).orElse(0).ignorable()
      })
    )
  }
})
export type WriteTxnMarkersRequest = Decoded<typeof WriteTxnMarkersRequest>

export const WriteTxnMarkersResponse = message('WriteTxnMarkersResponse', {
  apiKey: 27,
  versions: [1, 2],
  flexible: 1,
  fields: {
    markers: array(
      struct({
        producerId: int64,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                errorCode: int16
              })
            )
          })
        )
      })
    )
  }
})
export type WriteTxnMarkersResponse = Decoded<typeof WriteTxnMarkersResponse>
