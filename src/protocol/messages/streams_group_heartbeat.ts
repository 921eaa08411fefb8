// StreamsGroupHeartbeat, API 88: joins, keeps and leaves a streams group. KIP-1071, KIP-1331.

import { array, bool, int16, int32, int64, int8, message, string, struct, uint16, type Decoded } from '../schema.ts'

const keyValue = struct({
  key: string,
  value: string
})

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue)
})

const endpoint = struct({
  host: string,
  port: uint16
})

const taskOffset = struct({
  subtopologyId: string,
  partition: int32,
  offset: int64
})

const taskIds = struct({
  subtopologyId: string,
  partitions: array(int32)
})

export const StreamsGroupHeartbeatRequest = message('StreamsGroupHeartbeatRequest', {
  apiKey: 88,
  versions: [0, 1],
  flexible: 0,
  fields: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: string.nullable().orElse(null),
    rackId: string.nullable().orElse(null),
    rebalanceTimeoutMs: int32.orElse(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array(
        struct({
          subtopologyId: string,
          sourceTopics: array(string),
          sourceTopicRegex: array(string),
          stateChangelogTopics: array(topicInfo),
          repartitionSinkTopics: array(string),
          repartitionSourceTopics: array(topicInfo),
          copartitionGroups: array(
            struct({
              sourceTopics: array(int16),
              sourceTopicRegex: array(int16),
              repartitionSourceTopics: array(int16)
            })
          )
        })
      )
    })
      .nullable()
      .orElse(null),
    activeTasks: array(taskIds).nullable().orElse(null),
    standbyTasks: array(taskIds).nullable().orElse(null),
    warmupTasks: array(taskIds).nullable().orElse(null),
    processId: string.nullable().orElse(null),
    userEndpoint: endpoint.nullable().orElse(null),
    clientTags: array(keyValue).nullable().orElse(null),
    taskOffsets: array(taskOffset).nullable().orElse(null),
    taskEndOffsets: array(taskOffset).nullable().orElse(null),
    shutdownApplication: bool.orElse(false)
  }
})
export type StreamsGroupHeartbeatRequest = Decoded<typeof StreamsGroupHeartbeatRequest>

const status = struct({
  statusCode: int8,
  statusDetail: string
})

const topicPartition = struct({
  topic: string,
  partitions: array(int32)
})

export const StreamsGroupHeartbeatResponse = message('StreamsGroupHeartbeatResponse', {
  apiKey: 88,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLagLegacy: int32.until(0),
    taskOffsetIntervalMs: int32,
    acceptableRecoveryLag: int64.from(1).orElse(-1n).ignorable(),
    status: array(status).nullable(),
    activeTasks: array(taskIds).nullable().orElse(null),
    standbyTasks: array(taskIds).nullable().orElse(null),
    warmupTasks: array(taskIds).nullable().orElse(null),
    topologyDescriptionRequired: bool.from(1).orElse(false),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array(
      struct({
        userEndpoint: endpoint,
        activePartitions: array(topicPartition),
        standbyPartitions: array(topicPartition)
      })
    )
      .nullable()
      .orElse(null)
  }
})
export type StreamsGroupHeartbeatResponse = Decoded<typeof StreamsGroupHeartbeatResponse>
