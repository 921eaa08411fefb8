// InitProducerId, API 22: gives a producer its id and epoch and fences its predecessors. KIP-98, KIP-360, KIP-890,
// KIP-939.

import { bool, int16, int32, int64, message, string, type Decoded } from '../schema.ts'

export const InitProducerIdRequest = message('InitProducerIdRequest', {
  apiKey: 22,
  versions: [0, 6],
  flexible: 2,
  latestVersionUnstable: true,
  fields: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.from(3).orElse(-1n),
    producerEpoch: int16.from(3).orElse(-1),
    enable2Pc: bool.from(6).orElse(false),
    keepPreparedTxn: bool.from(6).orElse(false)
  }
})
export type InitProducerIdRequest = Decoded<typeof InitProducerIdRequest>

export const InitProducerIdResponse = message('InitProducerIdResponse', {
  apiKey: 22,
  versions: [0, 6],
  flexible: 2,
  fields: {
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    producerId: int64.orElse(-1n),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.from(6).orElse(-1n),
    ongoingTxnProducerEpoch: int16.from(6).orElse(-1)
  }
})
export type InitProducerIdResponse = Decoded<typeof InitProducerIdResponse>
