// OffsetForLeaderEpoch, API 23: finds where a leader epoch ended, to notice truncated logs. KIP-101, KIP-320.

import { array, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const OffsetForLeaderEpochRequest = message('OffsetForLeaderEpochRequest', {
  apiKey: 23,
  versions: [2, 4],
  flexible: 4,
  fields: {
    replicaId: int32.from(3).orElse(-2).ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.orElse(-1).ignorable(),
            leaderEpoch: int32
          })
        )
      })
    )
  }
})
export type OffsetForLeaderEpochRequest = Decoded<typeof OffsetForLeaderEpochRequest>

export const OffsetForLeaderEpochResponse = message('OffsetForLeaderEpochResponse', {
  apiKey: 23,
  versions: [2, 4],
  flexible: 4,
  fields: {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: int32.orElse(-1).ignorable(),
            endOffset: int64.orElse(-1n)
          })
        )
      })
    )
  }
})
export type OffsetForLeaderEpochResponse = Decoded<typeof OffsetForLeaderEpochResponse>
