// DeleteAcls, API 31: removes access rules. KIP-140, KIP-290.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DeleteAclsRequest = message('DeleteAclsRequest', {
  apiKey: 31,
  versions: [1, 3],
  flexible: 2,
  fields: {
    filters: array(
      struct({
        resourceTypeFilter: int8,
        resourceNameFilter: string.nullable(),
        patternTypeFilter: int8.orElse(3),
        principalFilter: string.nullable(),
        hostFilter: string.nullable(),
        operation: int8,
        permissionType: int8
      })
    )
  }
})
export type DeleteAclsRequest = Decoded<typeof DeleteAclsRequest>

export const DeleteAclsResponse = message('DeleteAclsResponse', {
  apiKey: 31,
  versions: [1, 3],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    filterResults: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        matchingAcls: array(
          struct({
            errorCode: int16,
            errorMessage: string.nullable(),
            resourceType: int8,
            resourceName: string,
            patternType: int8.orElse(3),
            principal: string,
            host: string,
            operation: int8,
            permissionType: int8
          })
        )
      })
    )
  }
})
export type DeleteAclsResponse = Decoded<typeof DeleteAclsResponse>
