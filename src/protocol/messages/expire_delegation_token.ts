// ExpireDelegationToken, API 40: ends a delegation token. KIP-48.

import { bytes, int16, int32, int64, message, type Decoded } from '../schema.ts'

export const ExpireDelegationTokenRequest = message('ExpireDelegationTokenRequest', {
  apiKey: 40,
  versions: [1, 2],
  flexible: 2,
  fields: {
    hmac: bytes,
    expiryTimePeriodMs: int64
  }
})
export type ExpireDelegationTokenRequest = Decoded<typeof ExpireDelegationTokenRequest>

export const ExpireDelegationTokenResponse = message('ExpireDelegationTokenResponse', {
  apiKey: 40,
  versions: [1, 2],
  flexible: 2,
  fields: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32
  }
})
export type ExpireDelegationTokenResponse = Decoded<typeof ExpireDelegationTokenResponse>
