// UnregisterBroker, API 64: takes a stopped broker out of the cluster. KIP-631.

import { int16, int32, message, string, type Decoded } from '../schema.ts'

export const UnregisterBrokerRequest = message('UnregisterBrokerRequest', {
  apiKey: 64,
  versions: [0, 0],
  flexible: 0,
  fields: {
    brokerId: int32
  }
})
export type UnregisterBrokerRequest = Decoded<typeof UnregisterBrokerRequest>

export const UnregisterBrokerResponse = message('UnregisterBrokerResponse', {
  apiKey: 64,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable()
  }
})
export type UnregisterBrokerResponse = Decoded<typeof UnregisterBrokerResponse>
