// AlterConfigs, API 33: replaces all settings of resources; superseded by IncrementalAlterConfigs. KIP-133.

import { array, bool, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const AlterConfigsRequest = message('AlterConfigsRequest', {
  apiKey: 33,
  versions: [0, 2],
  flexible: 2,
  fields: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable()
          })
        )
      })
    ),
    validateOnly: bool
  }
})
export type AlterConfigsRequest = Decoded<typeof AlterConfigsRequest>

export const AlterConfigsResponse = message('AlterConfigsResponse', {
  apiKey: 33,
  versions: [0, 2],
  flexible: 2,
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
export type AlterConfigsResponse = Decoded<typeof AlterConfigsResponse>
