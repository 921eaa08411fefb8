// ShareGroupHeartbeat, API 76: joins, keeps and leaves a share group. KIP-932.

import { array, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ShareGroupHeartbeatRequest = message('ShareGroupHeartbeatRequest', {
  apiKey: 76,
  versions: [1, 1],
  flexible: 1,
  fields: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable().orElse(null),
    subscribedTopicNames: array(string).nullable().orElse(null)
  }
})
export type ShareGroupHeartbeatRequest = Decoded<typeof ShareGroupHeartbeatRequest>

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32)
})

export const ShareGroupHeartbeatResponse = message('ShareGroupHeartbeatResponse', {
  apiKey: 76,
  versions: [1, 1],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    memberId: string.nullable().orElse(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array(topicPartitions)
    })
      .nullable()
      .orElse(null)
  }
})
export type ShareGroupHeartbeatResponse = Decoded<typeof ShareGroupHeartbeatResponse>
