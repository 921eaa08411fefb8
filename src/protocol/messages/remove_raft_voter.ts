// RemoveRaftVoter, API 81: removes a voter from a metadata quorum. KIP-853.

import { int16, int32, message, string, uuid, type Decoded } from '../schema.ts'

export const RemoveRaftVoterRequest = message('RemoveRaftVoterRequest', {
  apiKey: 81,
  versions: [0, 0],
  flexible: 0,
  fields: {
    clusterId: string.nullable(),
    voterId: int32,
    voterDirectoryId: uuid
  }
})
export type RemoveRaftVoterRequest = Decoded<typeof RemoveRaftVoterRequest>

export const RemoveRaftVoterResponse = message('RemoveRaftVoterResponse', {
  apiKey: 81,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().ignorable()
  }
})
export type RemoveRaftVoterResponse = Decoded<typeof RemoveRaftVoterResponse>
