// SaslHandshake, API 17: agrees on a SASL mechanism. KIP-43, KIP-152.

import { array, int16, message, string, type Decoded } from '../schema.ts'

export const SaslHandshakeRequest = message('SaslHandshakeRequest', {
  apiKey: 17,
  versions: [0, 1],
  fields: {
    mechanism: string
  }
})
export type SaslHandshakeRequest = Decoded<typeof SaslHandshakeRequest>

export const SaslHandshakeResponse = message('SaslHandshakeResponse', {
  apiKey: 17,
  versions: [0, 1],
  fields: {
    errorCode: int16,
    mechanisms: array(string)
  }
})
export type SaslHandshakeResponse = Decoded<typeof SaslHandshakeResponse>
