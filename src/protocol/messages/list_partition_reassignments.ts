// ListPartitionReassignments, API 46: lists moves of partitions under way. KIP-455.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const ListPartitionReassignmentsRequest = message('ListPartitionReassignmentsRequest', {
  apiKey: 46,
  versions: [0, 0],
  flexible: 0,
  fields: {
    timeoutMs: int32.orElse(60000),
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32)
      })
    )
      .nullable()
      .orElse(null)
  }
})
export type ListPartitionReassignmentsRequest = Decoded<typeof ListPartitionReassignmentsRequest>

export const ListPartitionReassignmentsResponse = message('ListPartitionReassignmentsResponse', {
  apiKey: 46,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32)
          })
        )
      })
    )
  }
})
export type ListPartitionReassignmentsResponse = Decoded<typeof ListPartitionReassignmentsResponse>
