// DescribeGroups, API 15: shows state and members of classic groups. KIP-345, KIP-430, KIP-1043.

import { array, bool, bytes, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeGroupsRequest = message('DescribeGroupsRequest', {
  apiKey: 15,
  versions: [0, 6],
  flexible: 5,
  fields: {
    groups: array(string),
    includeAuthorizedOperations: bool.from(3)
  }
})
export type DescribeGroupsRequest = Decoded<typeof DescribeGroupsRequest>

export const DescribeGroupsResponse = message('DescribeGroupsResponse', {
  apiKey: 15,
  versions: [0, 6],
  flexible: 5,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.from(6).nullable().orElse(null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: string.from(4).nullable().orElse(null).ignorable(),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes
          })
        ),
        authorizedOperations: int32.from(3).orElse(-2147483648)
      })
    )
  }
})
export type DescribeGroupsResponse = Decoded<typeof DescribeGroupsResponse>
