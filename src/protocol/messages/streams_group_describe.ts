// StreamsGroupDescribe, API 89: shows topology, tasks and members of streams groups. KIP-1071, KIP-1331.

import { array, bool, int16, int32, int64, int8, message, string, struct, uint16, type Decoded } from '../schema.ts'

export const StreamsGroupDescribeRequest = message('StreamsGroupDescribeRequest', {
  apiKey: 89,
  versions: [0, 1],
  flexible: 0,
  fields: {
    groupIds: array(string),
    includeAuthorizedOperations: bool,
    includeTopologyDescription: bool.from(1).orElse(false)
  }
})
export type StreamsGroupDescribeRequest = Decoded<typeof StreamsGroupDescribeRequest>

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

const topologyDescriptionNode = struct({
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: string.nullable().orElse(null),
  stores: array(string),
  successors: array(string)
})

const topologyDescriptionGlobalStore = struct({
  source: topologyDescriptionNode,
  processor: topologyDescriptionNode
})

const assignment = struct({
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds)
})

const topologyDescriptionSubtopology = struct({
  subtopologyId: string,
  nodes: array(topologyDescriptionNode)
})

const topologyDescription = struct({
  subtopologies: array(topologyDescriptionSubtopology),
  globalStores: array(topologyDescriptionGlobalStore)
})

export const StreamsGroupDescribeResponse = message('StreamsGroupDescribeResponse', {
  apiKey: 89,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        topology: struct({
          epoch: int32,
          subtopologies: array(
            struct({
              subtopologyId: string,
              sourceTopics: array(string),
              repartitionSinkTopics: array(string),
              stateChangelogTopics: array(topicInfo),
              repartitionSourceTopics: array(topicInfo)
            })
          )
            .nullable()
            .orElse(null)
        })
          .nullable()
          .orElse(null),
        members: array(
          struct({
            memberId: string,
            memberEpoch: int32,
            instanceId: string.nullable().orElse(null),
            rackId: string.nullable().orElse(null),
            clientId: string,
            clientHost: string,
            topologyEpoch: int32,
            processId: string,
            userEndpoint: endpoint.nullable().orElse(null),
            clientTags: array(keyValue),
            taskOffsets: array(taskOffset),
            taskEndOffsets: array(taskOffset),
            assignment: assignment,
            targetAssignment: assignment,
            isClassic: bool
          })
        ),
        authorizedOperations: int32.orElse(-2147483648),
        topologyDescription: topologyDescription.from(1).nullable().orElse(null),
        topologyDescriptionStatus: int8.from(1).orElse(0),
        assignorName: string.from(1).nullable().orElse(null).ignorable()
      })
    )
  }
})
export type StreamsGroupDescribeResponse = Decoded<typeof StreamsGroupDescribeResponse>
