// CreatePartitions, API 37: grows topics. KIP-195, KIP-599.

import { array, bool, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const CreatePartitionsRequest = message('CreatePartitionsRequest', {
  apiKey: 37,
  versions: [0, 3],
  flexible: 2,
  fields: {
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: array(
          struct({
            brokerIds: array(int32)
          })
        ).nullable()
      })
    ),
    timeoutMs: int32,
    validateOnly: bool
  }
})
export type CreatePartitionsRequest = Decoded<typeof CreatePartitionsRequest>

export const CreatePartitionsResponse = message('CreatePartitionsResponse', {
  apiKey: 37,
  versions: [0, 3],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        name: string,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null)
      })
    )
  }
})
export type CreatePartitionsResponse = Decoded<typeof CreatePartitionsResponse>
