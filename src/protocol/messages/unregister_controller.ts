// UnregisterController, API 94: takes a stopped controller out of the cluster.

import { int16, int32, message, string, type Decoded } from '../schema.ts'

export const UnregisterControllerRequest = message('UnregisterControllerRequest', {
  apiKey: 94,
  versions: [0, 0],
  flexible: 0,
  fields: {
    controllerId: int32
  }
})
export type UnregisterControllerRequest = Decoded<typeof UnregisterControllerRequest>

export const UnregisterControllerResponse = message('UnregisterControllerResponse', {
  apiKey: 94,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable()
  }
})
export type UnregisterControllerResponse = Decoded<typeof UnregisterControllerResponse>
