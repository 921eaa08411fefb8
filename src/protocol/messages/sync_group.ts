// SyncGroup, API 14: hands the leader's assignment to the members of a classic group. KIP-345, KIP-559.

import { array, bytes, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const SyncGroupRequest = message('SyncGroupRequest', {
  apiKey: 14,
  versions: [0, 5],
  flexible: 4,
  fields: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.from(3).nullable().orElse(null),
    protocolType: string.from(5).nullable().orElse(null).ignorable(),
    protocolName: string.from(5).nullable().orElse(null).ignorable(),
    assignments: array(
      struct({
        memberId: string,
        assignment: bytes
      })
    )
  }
})
export type SyncGroupRequest = Decoded<typeof SyncGroupRequest>

export const SyncGroupResponse = message('SyncGroupResponse', {
  apiKey: 14,
  versions: [0, 5],
  flexible: 4,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    errorCode: int16,
    protocolType: string.from(5).nullable().orElse(null).ignorable(),
    protocolName: string.from(5).nullable().orElse(null).ignorable(),
    assignment: bytes
  }
})
export type SyncGroupResponse = Decoded<typeof SyncGroupResponse>
