// DeleteGroups, API 42: deletes groups without members. KIP-229.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const DeleteGroupsRequest = message('DeleteGroupsRequest', {
  apiKey: 42,
  versions: [0, 3],
  flexible: 2,
  fields: {
    groupsNames: array(string)
  }
})
export type DeleteGroupsRequest = Decoded<typeof DeleteGroupsRequest>

export const DeleteGroupsResponse = message('DeleteGroupsResponse', {
  apiKey: 42,
  versions: [0, 3],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        groupId: string,
        errorCode: int16,
        errorMessage: string.from(3).nullable().orElse(null).ignorable()
      })
    )
  }
})
export type DeleteGroupsResponse = Decoded<typeof DeleteGroupsResponse>
