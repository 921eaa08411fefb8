// AlterUserScramCredentials, API 51: sets and removes SCRAM credentials. KIP-554.

import { array, bytes, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const AlterUserScramCredentialsRequest = message('AlterUserScramCredentialsRequest', {
  apiKey: 51,
  versions: [0, 0],
  flexible: 0,
  fields: {
    deletions: array(
      struct({
        name: string,
        mechanism: int8
      })
    ),
    upsertions: array(
      struct({
        name: string,
        mechanism: int8,
        iterations: int32,
        salt: bytes,
        saltedPassword: bytes
      })
    )
  }
})
export type AlterUserScramCredentialsRequest = Decoded<typeof AlterUserScramCredentialsRequest>

export const AlterUserScramCredentialsResponse = message('AlterUserScramCredentialsResponse', {
  apiKey: 51,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable()
      })
    )
  }
})
export type AlterUserScramCredentialsResponse = Decoded<typeof AlterUserScramCredentialsResponse>
