// DescribeProducers, API 61: shows the producers that a partition remembers, with epoch, last sequence and open
// transaction. KIP-664.

import { array, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeProducersRequest = message('DescribeProducersRequest', {
  apiKey: 61,
  versions: [0, 0],
  flexible: 0,
  fields: {
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32)
      })
    )
  }
})
export type DescribeProducersRequest = Decoded<typeof DescribeProducersRequest>

export const DescribeProducersResponse = message('DescribeProducersResponse', {
  apiKey: 61,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: int32.orElse(-1),
                lastTimestamp: int64.orElse(-1n),
                coordinatorEpoch: int32,
                currentTxnStartOffset: int64.orElse(-1n)
              })
            )
          })
        )
      })
    )
  }
})
export type DescribeProducersResponse = Decoded<typeof DescribeProducersResponse>
