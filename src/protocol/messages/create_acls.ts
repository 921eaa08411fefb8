// CreateAcls, API 30: adds access rules. KIP-140, KIP-290.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const CreateAclsRequest = message('CreateAclsRequest', {
  apiKey: 30,
  versions: [1, 3],
  flexible: 2,
  fields: {
    creations: array(
      struct({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8.orElse(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8
      })
    )
  }
})
export type CreateAclsRequest = Decoded<typeof CreateAclsRequest>

export const CreateAclsResponse = message('CreateAclsResponse', {
  apiKey: 30,
  versions: [1, 3],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable()
      })
    )
  }
})
export type CreateAclsResponse = Decoded<typeof CreateAclsResponse>
