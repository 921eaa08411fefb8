// DescribeTopicPartitions, API 75: tells partitions page by page, with eligible leader replicas. KIP-966.

import { array, bool, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const DescribeTopicPartitionsRequest = message('DescribeTopicPartitionsRequest', {
  apiKey: 75,
  versions: [0, 0],
  flexible: 0,
  fields: {
    topics: array(
      struct({
        name: string
      })
    ),
    responsePartitionLimit: int32.orElse(2000),
    cursor: struct({
      topicName: string,
      partitionIndex: int32
    })
      .nullable()
      .orElse(null)
  }
})
export type DescribeTopicPartitionsRequest = Decoded<typeof DescribeTopicPartitionsRequest>

export const DescribeTopicPartitionsResponse = message('DescribeTopicPartitionsResponse', {
  apiKey: 75,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(),
        topicId: uuid.ignorable(),
        isInternal: bool.orElse(false).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.orElse(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            eligibleLeaderReplicas: array(int32).nullable().orElse(null),
            lastKnownElr: array(int32).nullable().orElse(null),
            offlineReplicas: array(int32).ignorable()
          })
        ),
        topicAuthorizedOperations: int32.orElse(-2147483648)
      })
    ),
    nextCursor: struct({
      topicName: string,
      partitionIndex: int32
    })
      .nullable()
      .orElse(null)
  }
})
export type DescribeTopicPartitionsResponse = Decoded<typeof DescribeTopicPartitionsResponse>
