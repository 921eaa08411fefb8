// LeaveGroup, API 13: takes members out of a classic group. KIP-345, KIP-800.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const LeaveGroupRequest = message('LeaveGroupRequest', {
  apiKey: 13,
  versions: [0, 5],
  flexible: 4,
  fields: {
    groupId: string,
    memberId: string.until(2),
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().orElse(null),
        reason: string.from(5).nullable().orElse(null).ignorable()
      })
    ).from(3)
  }
})
export type LeaveGroupRequest = Decoded<typeof LeaveGroupRequest>

export const LeaveGroupResponse = message('LeaveGroupResponse', {
  apiKey: 13,
  versions: [0, 5],
  flexible: 4,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    errorCode: int16,
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable(),
        errorCode: int16
      })
    ).from(3)
  }
})
export type LeaveGroupResponse = Decoded<typeof LeaveGroupResponse>
