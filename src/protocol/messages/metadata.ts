// Metadata, API 3: tells the brokers of a cluster and the leader of each partition. KIP-516 (topic ids), KIP-700.

import { array, bool, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const MetadataRequest = message('MetadataRequest', {
  apiKey: 3,
  versions: [0, 13],
  flexible: 9,
  fields: {
    topics: array(
      struct({
        topicId: uuid.from(10).ignorable(),
        name: string.nullable(10)
      })
    ).nullable(1),
    allowAutoTopicCreation: bool.from(4).orElse(true),
    includeClusterAuthorizedOperations: bool.from(8).until(10),
    includeTopicAuthorizedOperations: bool.from(8)
  }
})
export type MetadataRequest = Decoded<typeof MetadataRequest>

export const MetadataResponse = message('MetadataResponse', {
  apiKey: 3,
  versions: [0, 13],
  flexible: 9,
  fields: {
    throttleTimeMs: int32.from(3).ignorable(),
    brokers: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.from(1).nullable().orElse(null).ignorable()
      })
    ),
    clusterId: string.from(2).nullable().orElse(null).ignorable(),
    controllerId: int32.from(1).orElse(-1).ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(12),
        topicId: uuid.from(10).ignorable(),
        isInternal: bool.from(1).orElse(false).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.from(7).orElse(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: array(int32).from(5).ignorable()
          })
        ),
        topicAuthorizedOperations: int32.from(8).orElse(-2147483648)
      })
    ),
    clusterAuthorizedOperations: int32.from(8).until(10).orElse(-2147483648),
    errorCode: int16.from(13).ignorable()
  }
})
export type MetadataResponse = Decoded<typeof MetadataResponse>
