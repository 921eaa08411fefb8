// ShareAcknowledge, API 79: acknowledges records of share partitions. KIP-932, KIP-1222.

import { array, bool, int16, int32, int64, int8, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const ShareAcknowledgeRequest = message('ShareAcknowledgeRequest', {
  apiKey: 79,
  versions: [1, 2],
  flexible: 1,
  fields: {
    groupId: string.nullable().orElse(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: bool.from(2).orElse(false),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            acknowledgementBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                acknowledgeTypes: array(int8)
              })
            )
          })
        )
      })
    )
  }
})
export type ShareAcknowledgeRequest = Decoded<typeof ShareAcknowledgeRequest>

export const ShareAcknowledgeResponse = message('ShareAcknowledgeResponse', {
  apiKey: 79,
  versions: [1, 2],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    acquisitionLockTimeoutMs: int32.from(2).ignorable(),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32
            })
          })
        )
      })
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null)
      })
    )
  }
})
export type ShareAcknowledgeResponse = Decoded<typeof ShareAcknowledgeResponse>
