// ApiVersions, API 18: tells which versions of which APIs and which features the other side has. KIP-35, KIP-511,
// KIP-584, KIP-1242.

import { array, bool, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const ApiVersionsRequest = message('ApiVersionsRequest', {
  apiKey: 18,
  versions: [0, 5],
  flexible: 3,
  fields: {
    clientSoftwareName: string.from(3).ignorable(),
    clientSoftwareVersion: string.from(3).ignorable(),
    clusterId: string.from(5).nullable().orElse(null).ignorable(),
    nodeId: int32.from(5).orElse(-1).ignorable()
  }
})
export type ApiVersionsRequest = Decoded<typeof ApiVersionsRequest>

export const ApiVersionsResponse = message('ApiVersionsResponse', {
  apiKey: 18,
  versions: [0, 5],
  flexible: 3,
  fields: {
    errorCode: int16,
    apiKeys: array(
      struct({
        apiKey: int16,
        minVersion: int16,
        maxVersion: int16
      })
    ),
    throttleTimeMs: int32.from(1).ignorable(),
    supportedFeatures: array(
      struct({
        name: string,
        minVersion: int16,
        maxVersion: int16
      })
    )
      .from(3)
      .tagged(0)
      .ignorable(),
    finalizedFeaturesEpoch: int64.from(3).orElse(-1n).tagged(1).ignorable(),
    finalizedFeatures: array(
      struct({
        name: string,
        maxVersionLevel: int16,
        minVersionLevel: int16
      })
    )
      .from(3)
      .tagged(2)
      .ignorable(),
    zkMigrationReady: bool.from(3).orElse(false).tagged(3).ignorable()
  }
})
export type ApiVersionsResponse = Decoded<typeof ApiVersionsResponse>
