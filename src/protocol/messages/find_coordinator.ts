// FindCoordinator, API 10: names the broker that keeps a group, a transactional id or a share partition. KIP-98,
// KIP-699, KIP-932.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const FindCoordinatorRequest = message('FindCoordinatorRequest', {
  apiKey: 10,
  versions: [0, 6],
  flexible: 3,
  fields: {
    key: string.until(3),
    keyType: int8.from(1).orElse(0),
    coordinatorKeys: array(string).from(4)
  }
})
export type FindCoordinatorRequest = Decoded<typeof FindCoordinatorRequest>

export const FindCoordinatorResponse = message('FindCoordinatorResponse', {
  apiKey: 10,
  versions: [0, 6],
  flexible: 3,
  fields: {
    throttleTimeMs: int32.from(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.from(1).until(3).nullable().ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: string.nullable().ignorable()
      })
    ).from(4)
  }
})
export type FindCoordinatorResponse = Decoded<typeof FindCoordinatorResponse>
