// IncrementalAlterConfigs, API 44: sets, removes or extends single settings of resources. KIP-339.

import { array, bool, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const IncrementalAlterConfigsRequest = message('IncrementalAlterConfigsRequest', {
  apiKey: 44,
  versions: [0, 1],
  flexible: 1,
  fields: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            configOperation: int8,
            value: string.nullable()
          })
        )
      })
    ),
    validateOnly: bool
  }
})
export type IncrementalAlterConfigsRequest = Decoded<typeof IncrementalAlterConfigsRequest>

export const IncrementalAlterConfigsResponse = message('IncrementalAlterConfigsResponse', {
  apiKey: 44,
  versions: [0, 1],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    responses: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string
      })
    )
  }
})
export type IncrementalAlterConfigsResponse = Decoded<typeof IncrementalAlterConfigsResponse>
