// AddOffsetsToTxn, API 25: adds a group's offsets to a transaction. KIP-98, KIP-890.

import { int16, int32, int64, message, string, type Decoded } from '../schema.ts'

export const AddOffsetsToTxnRequest = message('AddOffsetsToTxnRequest', {
  apiKey: 25,
  versions: [0, 4],
  flexible: 3,
  fields: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string
  }
})
export type AddOffsetsToTxnRequest = Decoded<typeof AddOffsetsToTxnRequest>

export const AddOffsetsToTxnResponse = message('AddOffsetsToTxnResponse', {
  apiKey: 25,
  versions: [0, 4],
  flexible: 3,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16
  }
})
export type AddOffsetsToTxnResponse = Decoded<typeof AddOffsetsToTxnResponse>
