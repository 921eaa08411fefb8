// RenewDelegationToken, API 39: prolongs a delegation token. KIP-48.

import { bytes, int16, int32, int64, message, type Decoded } from '../schema.ts'

export const RenewDelegationTokenRequest = message('RenewDelegationTokenRequest', {
  apiKey: 39,
  versions: [1, 2],
  flexible: 2,
  fields: {
    hmac: bytes,
    renewPeriodMs: int64
  }
})
export type RenewDelegationTokenRequest = Decoded<typeof RenewDelegationTokenRequest>

export const RenewDelegationTokenResponse = message('RenewDelegationTokenResponse', {
  apiKey: 39,
  versions: [1, 2],
  flexible: 2,
  fields: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32
  }
})
export type RenewDelegationTokenResponse = Decoded<typeof RenewDelegationTokenResponse>
