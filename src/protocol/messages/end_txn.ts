// EndTxn, API 26: commits or aborts a transaction; from version 5 on the answer carries the next epoch. KIP-98,
// KIP-890.

import { bool, int16, int32, int64, message, string, type Decoded } from '../schema.ts'

export const EndTxnRequest = message('EndTxnRequest', {
  apiKey: 26,
  versions: [0, 5],
  flexible: 3,
  fields: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool
  }
})
export type EndTxnRequest = Decoded<typeof EndTxnRequest>

export const EndTxnResponse = message('EndTxnResponse', {
  apiKey: 26,
  versions: [0, 5],
  flexible: 3,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.from(5).orElse(-1n).ignorable(),
    producerEpoch: int16.from(5).orElse(-1).ignorable()
  }
})
export type EndTxnResponse = Decoded<typeof EndTxnResponse>
