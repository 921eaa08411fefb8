// DescribeTransactions, API 65: shows state, producer and partitions of transactions. KIP-664.

import { array, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeTransactionsRequest = message('DescribeTransactionsRequest', {
  apiKey: 65,
  versions: [0, 0],
  flexible: 0,
  fields: {
    transactionalIds: array(string)
  }
})
export type DescribeTransactionsRequest = Decoded<typeof DescribeTransactionsRequest>

export const DescribeTransactionsResponse = message('DescribeTransactionsResponse', {
  apiKey: 65,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(
          struct({
            topic: string,
            partitions: array(int32)
          })
        )
      })
    )
  }
})
export type DescribeTransactionsResponse = Decoded<typeof DescribeTransactionsResponse>
