// Heartbeat, API 12: keeps a member of a classic group alive and learns of rebalances. KIP-345.

import { int16, int32, message, string, type Decoded } from '../schema.ts'

export const HeartbeatRequest = message('HeartbeatRequest', {
  apiKey: 12,
  versions: [0, 4],
  flexible: 4,
  fields: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.from(3).nullable().orElse(null)
  }
})
export type HeartbeatRequest = Decoded<typeof HeartbeatRequest>

export const HeartbeatResponse = message('HeartbeatResponse', {
  apiKey: 12,
  versions: [0, 4],
  flexible: 4,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    errorCode: int16
  }
})
export type HeartbeatResponse = Decoded<typeof HeartbeatResponse>
