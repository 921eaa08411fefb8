// ListTransactions, API 66: names the transactions that a broker coordinates. KIP-664, KIP-994, KIP-1152.

import { array, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const ListTransactionsRequest = message('ListTransactionsRequest', {
  apiKey: 66,
  versions: [0, 2],
  flexible: 0,
  fields: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.from(1).orElse(-1n),
    transactionalIdPattern: string.from(2).nullable().orElse(null)
  }
})
export type ListTransactionsRequest = Decoded<typeof ListTransactionsRequest>

export const ListTransactionsResponse = message('ListTransactionsResponse', {
  apiKey: 66,
  versions: [0, 2],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({
        transactionalId: string,
        producerId: int64,
        transactionState: string
      })
    )
  }
})
export type ListTransactionsResponse = Decoded<typeof ListTransactionsResponse>
