// DescribeUserScramCredentials, API 50: lists the SCRAM mechanisms of users. KIP-554.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeUserScramCredentialsRequest = message('DescribeUserScramCredentialsRequest', {
  apiKey: 50,
  versions: [0, 0],
  flexible: 0,
  fields: {
    users: array(
      struct({
        name: string
      })
    ).nullable()
  }
})
export type DescribeUserScramCredentialsRequest = Decoded<typeof DescribeUserScramCredentialsRequest>

export const DescribeUserScramCredentialsResponse = message('DescribeUserScramCredentialsResponse', {
  apiKey: 50,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
        credentialInfos: array(
          struct({
            mechanism: int8,
            iterations: int32
          })
        )
      })
    )
  }
})
export type DescribeUserScramCredentialsResponse = Decoded<typeof DescribeUserScramCredentialsResponse>
