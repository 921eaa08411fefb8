// StreamsGroupTopologyDescriptionUpdate, API 93: stores a readable description of a streams group's topology. KIP-1331.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

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

const topologyDescriptionSubtopology = struct({
  subtopologyId: string,
  nodes: array(topologyDescriptionNode)
})

const topologyDescription = struct({
  subtopologies: array(topologyDescriptionSubtopology),
  globalStores: array(topologyDescriptionGlobalStore)
})

export const StreamsGroupTopologyDescriptionUpdateRequest = message('StreamsGroupTopologyDescriptionUpdateRequest', {
  apiKey: 93,
  versions: [0, 0],
  flexible: 0,
  fields: {
    groupId: string,
    memberId: string,
    topologyEpoch: int32,
    topologyDescription: topologyDescription
  }
})
export type StreamsGroupTopologyDescriptionUpdateRequest = Decoded<typeof StreamsGroupTopologyDescriptionUpdateRequest>

export const StreamsGroupTopologyDescriptionUpdateResponse = message('StreamsGroupTopologyDescriptionUpdateResponse', {
  apiKey: 93,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null)
  }
})
export type StreamsGroupTopologyDescriptionUpdateResponse = Decoded<
  typeof StreamsGroupTopologyDescriptionUpdateResponse
>
