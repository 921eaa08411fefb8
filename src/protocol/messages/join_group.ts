// JoinGroup, API 11: enters a rebalance of a classic group. KIP-345 (static members), KIP-394, KIP-800.

import { array, bool, bytes, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const JoinGroupRequest = message('JoinGroupRequest', {
  apiKey: 11,
  versions: [0, 9],
  flexible: 6,
  fields: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.from(1).orElse(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.from(5).nullable().orElse(null),
    protocolType: string,
    protocols: array(
      struct({
        name: string,
        metadata: bytes
      })
    ),
    reason: string.from(8).nullable().orElse(null).ignorable()
  }
})
export type JoinGroupRequest = Decoded<typeof JoinGroupRequest>

export const JoinGroupResponse = message('JoinGroupResponse', {
  apiKey: 11,
  versions: [0, 9],
  flexible: 6,
  fields: {
    throttleTimeMs: int32.from(2).ignorable(),
    errorCode: int16,
    generationId: int32.orElse(-1),
    protocolType: string.from(7).nullable().orElse(null).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: bool.from(9).orElse(false),
    memberId: string,
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.from(5).nullable().orElse(null).ignorable(),
        metadata: bytes
      })
    )
  }
})
export type JoinGroupResponse = Decoded<typeof JoinGroupResponse>
