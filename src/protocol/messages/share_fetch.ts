// ShareFetch, API 78: acquires and acknowledges records of share partitions. KIP-932, KIP-1206, KIP-1222.

import {
  array,
  bool,
  int16,
  int32,
  int64,
  int8,
  message,
  records,
  string,
  struct,
  uuid,
  type Decoded
} from '../schema.ts'

export const ShareFetchRequest = message('ShareFetchRequest', {
  apiKey: 78,
  versions: [1, 2],
  flexible: 1,
  fields: {
    groupId: string.nullable().orElse(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.orElse(2147483647),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: int8.from(2).orElse(0).ignorable(),
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
    ),
    forgottenTopicsData: array(
      struct({
        topicId: uuid,
        partitions: array(int32)
      })
    )
  }
})
export type ShareFetchRequest = Decoded<typeof ShareFetchRequest>

export const ShareFetchResponse = message('ShareFetchResponse', {
  apiKey: 78,
  versions: [1, 2],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    acquisitionLockTimeoutMs: int32,
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().orElse(null),
            acknowledgeErrorCode: int16,
            acknowledgeErrorMessage: string.nullable().orElse(null),
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32
            }),
            records,
            acquiredRecords: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryCount: int16
              })
            )
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
export type ShareFetchResponse = Decoded<typeof ShareFetchResponse>
