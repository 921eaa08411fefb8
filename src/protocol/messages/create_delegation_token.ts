// CreateDelegationToken, API 38: issues a delegation token. KIP-48, KIP-373.

import { array, bytes, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const CreateDelegationTokenRequest = message('CreateDelegationTokenRequest', {
  apiKey: 38,
  versions: [1, 3],
  flexible: 2,
  fields: {
    ownerPrincipalType: string.from(3).nullable(),
    ownerPrincipalName: string.from(3).nullable(),
    renewers: array(
      struct({
        principalType: string,
        principalName: string
      })
    ),
    maxLifetimeMs: int64
  }
})
export type CreateDelegationTokenRequest = Decoded<typeof CreateDelegationTokenRequest>

export const CreateDelegationTokenResponse = message('CreateDelegationTokenResponse', {
  apiKey: 38,
  versions: [1, 3],
  flexible: 2,
  fields: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.from(3),
    tokenRequesterPrincipalName: string.from(3),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32
  }
})
export type CreateDelegationTokenResponse = Decoded<typeof CreateDelegationTokenResponse>
