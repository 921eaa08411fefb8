// OffsetDelete, API 47: forgets a group's stored positions. KIP-496.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const OffsetDeleteRequest = message('OffsetDeleteRequest', {
  apiKey: 47,
  versions: [0, 0],
  fields: {
    groupId: string,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32
          })
        )
      })
    )
  }
})
export type OffsetDeleteRequest = Decoded<typeof OffsetDeleteRequest>

export const OffsetDeleteResponse = message('OffsetDeleteResponse', {
  apiKey: 47,
  versions: [0, 0],
  fields: {
    errorCode: int16,
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16
          })
        )
      })
    )
  }
})
export type OffsetDeleteResponse = Decoded<typeof OffsetDeleteResponse>
