// DescribeDelegationToken, API 41: lists delegation tokens. KIP-48, KIP-373.

import { array, bytes, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeDelegationTokenRequest = message('DescribeDelegationTokenRequest', {
  apiKey: 41,
  versions: [1, 3],
  flexible: 2,
  fields: {
    owners: array(
      struct({
        principalType: string,
        principalName: string
      })
    ).nullable()
  }
})
export type DescribeDelegationTokenRequest = Decoded<typeof DescribeDelegationTokenRequest>

export const DescribeDelegationTokenResponse = message('DescribeDelegationTokenResponse', {
  apiKey: 41,
  versions: [1, 3],
  flexible: 2,
  fields: {
    errorCode: int16,
    tokens: array(
      struct({
        principalType: string,
        principalName: string,
        tokenRequesterPrincipalType: string.from(3),
        tokenRequesterPrincipalName: string.from(3),
        issueTimestamp: int64,
        expiryTimestamp: int64,
        maxTimestamp: int64,
        tokenId: string,
        hmac: bytes,
        renewers: array(
          struct({
            principalType: string,
            principalName: string
          })
        )
      })
    ),
    throttleTimeMs: int32
  }
})
export type DescribeDelegationTokenResponse = Decoded<typeof DescribeDelegationTokenResponse>
