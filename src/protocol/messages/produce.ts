// Produce, API 0: appends record batches to partitions. KIP-98 (transactions), KIP-890, KIP-951 (new leader in the
// answer), KIP-516.

import { array, int16, int32, int64, message, records, string, struct, uuid, type Decoded } from '../schema.ts'

export const ProduceRequest = message('ProduceRequest', {
  apiKey: 0,
  versions: [3, 13],
  flexible: 9,
  fields: {
    transactionalId: string.nullable().orElse(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.from(13).ignorable(),
        partitionData: array(
          struct({
            index: int32,
            records: records.nullable()
          })
        )
      })
    )
  }
})
export type ProduceRequest = Decoded<typeof ProduceRequest>

export const ProduceResponse = message('ProduceResponse', {
  apiKey: 0,
  versions: [3, 13],
  flexible: 9,
  fields: {
    responses: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.from(13).ignorable(),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: int64.orElse(-1n).ignorable(),
            logStartOffset: int64.from(5).orElse(-1n).ignorable(),
            recordErrors: array(
              struct({
                batchIndex: int32,
                batchIndexErrorMessage: string.nullable().orElse(null)
              })
            )
              .from(8)
              .ignorable(),
            errorMessage: string.from(8).nullable().orElse(null).ignorable(),
            currentLeader: struct({
              leaderId: int32.orElse(-1),
              leaderEpoch: int32.orElse(-1)
            })
              .from(10)
              .tagged(0)
          })
        )
      })
    ),
    throttleTimeMs: int32.orElse(0).ignorable(),
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null)
      })
    )
      .from(10)
      .tagged(0)
  }
})
export type ProduceResponse = Decoded<typeof ProduceResponse>
