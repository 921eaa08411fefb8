// DescribeAcls, API 29: lists access rules. KIP-140, KIP-290.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeAclsRequest = message('DescribeAclsRequest', {
  apiKey: 29,
  versions: [1, 3],
  flexible: 2,
  fields: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.orElse(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8
  }
})
export type DescribeAclsRequest = Decoded<typeof DescribeAclsRequest>

export const DescribeAclsResponse = message('DescribeAclsResponse', {
  apiKey: 29,
  versions: [1, 3],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        patternType: int8.orElse(3),
        acls: array(
          struct({
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
export type DescribeAclsResponse = Decoded<typeof DescribeAclsResponse>
