// AddRaftVoter, API 80: adds a voter to a metadata quorum. KIP-853.

import { array, bool, int16, int32, message, string, struct, uint16, uuid, type Decoded } from '../schema.ts'

export const AddRaftVoterRequest = message('AddRaftVoterRequest', {
  apiKey: 80,
  versions: [0, 1],
  flexible: 0,
  fields: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array(
      struct({
        name: string,
        host: string,
        port: uint16
      })
    ),
    ackWhenCommitted: bool.from(1).orElse(true)
  }
})
export type AddRaftVoterRequest = Decoded<typeof AddRaftVoterRequest>

export const AddRaftVoterResponse = message('AddRaftVoterResponse', {
  apiKey: 80,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable()
  }
})
export type AddRaftVoterResponse = Decoded<typeof AddRaftVoterResponse>
