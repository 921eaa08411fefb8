// ListGroups, API 16: names the groups that a broker coordinates. KIP-518, KIP-848.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const ListGroupsRequest = message('ListGroupsRequest', {
  apiKey: 16,
  versions: [0, 5],
  flexible: 3,
  fields: {
    statesFilter: array(string).from(4),
    typesFilter: array(string).from(5)
  }
})
export type ListGroupsRequest = Decoded<typeof ListGroupsRequest>

export const ListGroupsResponse = message('ListGroupsResponse', {
  apiKey: 16,
  versions: [0, 5],
  flexible: 3,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: string.from(4).ignorable(),
        groupType: string.from(5).ignorable()
      })
    )
  }
})
export type ListGroupsResponse = Decoded<typeof ListGroupsResponse>
