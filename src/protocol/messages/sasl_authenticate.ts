// SaslAuthenticate, API 36: carries one step of a SASL exchange. KIP-152, KIP-368 (session lifetime).

import { bytes, int16, int64, message, string, type Decoded } from '../schema.ts'

export const SaslAuthenticateRequest = message('SaslAuthenticateRequest', {
  apiKey: 36,
  versions: [0, 2],
  flexible: 2,
  fields: {
    authBytes: bytes
  }
})
export type SaslAuthenticateRequest = Decoded<typeof SaslAuthenticateRequest>

export const SaslAuthenticateResponse = message('SaslAuthenticateResponse', {
  apiKey: 36,
  versions: [0, 2],
  flexible: 2,
  fields: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.from(1).orElse(0n).ignorable()
  }
})
export type SaslAuthenticateResponse = Decoded<typeof SaslAuthenticateResponse>
