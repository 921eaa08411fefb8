// ListConfigResources, API 74: names the resources that have settings. KIP-714, KIP-1142.

import { array, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const ListConfigResourcesRequest = message('ListConfigResourcesRequest', {
  apiKey: 74,
  versions: [0, 1],
  flexible: 0,
  fields: {
    resourceTypes: array(int8).from(1)
  }
})
export type ListConfigResourcesRequest = Decoded<typeof ListConfigResourcesRequest>

export const ListConfigResourcesResponse = message('ListConfigResourcesResponse', {
  apiKey: 74,
  versions: [0, 1],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(
      struct({
        resourceName: string,
        resourceType: int8.from(1).orElse(16).ignorable()
      })
    )
  }
})
export type ListConfigResourcesResponse = Decoded<typeof ListConfigResourcesResponse>
