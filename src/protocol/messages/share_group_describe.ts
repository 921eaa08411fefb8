// ShareGroupDescribe, API 77: shows state and members of share groups. KIP-932.

import { array, bool, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ShareGroupDescribeRequest = message('ShareGroupDescribeRequest', {
  apiKey: 77,
  versions: [1, 1],
  flexible: 1,
  fields: {
    groupIds: array(string),
    includeAuthorizedOperations: bool
  }
})
export type ShareGroupDescribeRequest = Decoded<typeof ShareGroupDescribeRequest>

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32)
})

const assignment = struct({
  topicPartitions: array(topicPartitions)
})

export const ShareGroupDescribeResponse = message('ShareGroupDescribeResponse', {
  apiKey: 77,
  versions: [1, 1],
  flexible: 1,
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
            rackId: string.nullable().orElse(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment: assignment
          })
        ),
        authorizedOperations: int32.orElse(-2147483648)
      })
    )
  }
})
export type ShareGroupDescribeResponse = Decoded<typeof ShareGroupDescribeResponse>
