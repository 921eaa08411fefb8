// ConsumerGroupDescribe, API 69: shows state and members of consumer groups. KIP-848, KIP-1099.

import { array, bool, int16, int32, int8, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ConsumerGroupDescribeRequest = message('ConsumerGroupDescribeRequest', {
  apiKey: 69,
  versions: [0, 1],
  flexible: 0,
  fields: {
    groupIds: array(string),
    includeAuthorizedOperations: bool
  }
})
export type ConsumerGroupDescribeRequest = Decoded<typeof ConsumerGroupDescribeRequest>

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32)
})

const assignment = struct({
  topicPartitions: array(topicPartitions)
})

export const ConsumerGroupDescribeResponse = message('ConsumerGroupDescribeResponse', {
  apiKey: 69,
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
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            instanceId: string.nullable().orElse(null),
            rackId: string.nullable().orElse(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: string.nullable().orElse(null),
            assignment: assignment,
            targetAssignment: assignment,
            memberType: int8.from(1).orElse(-1).ignorable()
          })
        ),
        authorizedOperations: int32.orElse(-2147483648)
      })
    )
  }
})
export type ConsumerGroupDescribeResponse = Decoded<typeof ConsumerGroupDescribeResponse>
