// AlterPartitionReassignments, API 45: starts or cancels moves of partitions. KIP-455.

import { array, bool, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const AlterPartitionReassignmentsRequest = message('AlterPartitionReassignmentsRequest', {
  apiKey: 45,
  versions: [0, 1],
  flexible: 0,
  fields: {
    timeoutMs: int32.orElse(60000),
    allowReplicationFactorChange: bool.from(1).orElse(true),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32).nullable().orElse(null)
          })
        )
      })
    )
  }
})
export type AlterPartitionReassignmentsRequest = Decoded<typeof AlterPartitionReassignmentsRequest>

export const AlterPartitionReassignmentsResponse = message('AlterPartitionReassignmentsResponse', {
  apiKey: 45,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    allowReplicationFactorChange: bool.from(1).orElse(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable()
          })
        )
      })
    )
  }
})
export type AlterPartitionReassignmentsResponse = Decoded<typeof AlterPartitionReassignmentsResponse>
