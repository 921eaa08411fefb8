// ElectLeaders, API 43: starts an election of partition leaders. KIP-183, KIP-460.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const ElectLeadersRequest = message('ElectLeadersRequest', {
  apiKey: 43,
  versions: [0, 2],
  flexible: 2,
  fields: {
    electionType: int8.from(1),
    topicPartitions: array(
      struct({
        topic: string,
        partitions: array(int32)
      })
    ).nullable(),
    timeoutMs: int32.orElse(60000)
  }
})
export type ElectLeadersRequest = Decoded<typeof ElectLeadersRequest>

export const ElectLeadersResponse = message('ElectLeadersResponse', {
  apiKey: 43,
  versions: [0, 2],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.from(1),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(
          struct({
            partitionId: int32,
            errorCode: int16,
            errorMessage: string.nullable()
          })
        )
      })
    )
  }
})
export type ElectLeadersResponse = Decoded<typeof ElectLeadersResponse>
