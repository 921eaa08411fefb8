// ListOffsets, API 2: finds the offset of a timestamp, or the first, last and other named offsets. KIP-79, KIP-734,
// KIP-1005.

import { array, int16, int32, int64, int8, message, string, struct, type Decoded } from '../schema.ts'

export const ListOffsetsRequest = message('ListOffsetsRequest', {
  apiKey: 2,
  versions: [1, 11],
  flexible: 6,
  fields: {
    replicaId: int32,
    isolationLevel: int8.from(2),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            currentLeaderEpoch: int32.from(4).orElse(-1).ignorable(),
            timestamp: int64
          })
        )
      })
    ),
    timeoutMs: int32.from(10).ignorable()
  }
})
export type ListOffsetsRequest = Decoded<typeof ListOffsetsRequest>

export const ListOffsetsResponse = message('ListOffsetsResponse', {
  apiKey: 2,
  versions: [1, 11],
  flexible: 6,
  fields: {
    throttleTimeMs: int32.from(2).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: int64.orElse(-1n),
            offset: int64.orElse(-1n),
            leaderEpoch: int32.from(4).orElse(-1)
          })
        )
      })
    )
  }
})
export type ListOffsetsResponse = Decoded<typeof ListOffsetsResponse>
