// ConsumerGroupHeartbeat, API 68: joins, keeps and leaves a consumer group whose broker assigns the partitions.
// KIP-848, KIP-1082.

import { array, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ConsumerGroupHeartbeatRequest = message('ConsumerGroupHeartbeatRequest', {
  apiKey: 68,
  versions: [0, 1],
  flexible: 0,
  fields: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().orElse(null),
    rackId: string.nullable().orElse(null),
    rebalanceTimeoutMs: int32.orElse(-1),
    subscribedTopicNames: array(string).nullable().orElse(null),
    subscribedTopicRegex: string.from(1).nullable().orElse(null),
    serverAssignor: string.nullable().orElse(null),
    topicPartitions: array(
      struct({
        topicId: uuid,
        partitions: array(int32)
      })
    )
      .nullable()
      .orElse(null)
  }
})
export type ConsumerGroupHeartbeatRequest = Decoded<typeof ConsumerGroupHeartbeatRequest>

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32)
})

export const ConsumerGroupHeartbeatResponse = message('ConsumerGroupHeartbeatResponse', {
  apiKey: 68,
  versions: [0, 1],
  flexible: 0,
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
export type ConsumerGroupHeartbeatResponse = Decoded<typeof ConsumerGroupHeartbeatResponse>
