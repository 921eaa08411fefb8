// Fetch, API 1: reads record batches from partitions, by sessions if wanted. KIP-227, KIP-320, KIP-392, KIP-516,
// KIP-951.

import { array, int16, int32, int64, int8, message, records, string, struct, uuid, type Decoded } from '../schema.ts'

export const FetchRequest = message('FetchRequest', {
  apiKey: 1,
  versions: [4, 18],
  flexible: 12,
  fields: {
    clusterId: string.from(12).nullable().orElse(null).tagged(0).ignorable(),
    replicaId: int32.until(14).orElse(-1),
    replicaState: struct({
      replicaId: int32.orElse(-1),
      replicaEpoch: int64.orElse(-1n)
    })
      .from(15)
      .tagged(1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.orElse(2147483647).ignorable(),
    isolationLevel: int8.orElse(0).ignorable(),
    sessionId: int32.from(7).orElse(0).ignorable(),
    sessionEpoch: int32.from(7).orElse(-1).ignorable(),
    topics: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.from(13).ignorable(),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.from(9).orElse(-1).ignorable(),
            fetchOffset: int64,
            lastFetchedEpoch: int32.from(12).orElse(-1),
            logStartOffset: int64.from(5).orElse(-1n).ignorable(),
            partitionMaxBytes: int32,
            replicaDirectoryId: uuid.from(17).tagged(0).ignorable(),
            highWatermark: int64.from(18).orElse(9223372036854775807n).tagged(1).ignorable()
          })
        )
      })
    ),
    forgottenTopicsData: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.from(13).ignorable(),
        partitions: array(int32)
      })
    ).from(7),
    rackId: string.from(11).orElse('').ignorable()
  }
})
export type FetchRequest = Decoded<typeof FetchRequest>

export const FetchResponse = message('FetchResponse', {
  apiKey: 1,
  versions: [4, 18],
  flexible: 12,
  fields: {
    throttleTimeMs: int32.ignorable(),
    errorCode: int16.from(7).ignorable(),
    sessionId: int32.from(7).orElse(0),
    responses: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.from(13).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64.orElse(-1n).ignorable(),
            logStartOffset: int64.from(5).orElse(-1n).ignorable(),
            divergingEpoch: struct({
              epoch: int32.orElse(-1),
              endOffset: int64.orElse(-1n)
            })
              .from(12)
              .tagged(0),
            currentLeader: struct({
              leaderId: int32.orElse(-1),
              leaderEpoch: int32.orElse(-1)
            })
              .from(12)
              .tagged(1),
            snapshotId: struct({
              endOffset: int64.orElse(-1n),
              epoch: int32.orElse(-1)
            })
              .from(12)
              .tagged(2),
            abortedTransactions: array(
              struct({
                producerId: int64,
                firstOffset: int64
              })
            )
              .nullable()
              .ignorable(),
            preferredReadReplica: int32.from(11).orElse(-1),
            records: records.nullable()
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
      .from(16)
      .tagged(0)
  }
})
export type FetchResponse = Decoded<typeof FetchResponse>
