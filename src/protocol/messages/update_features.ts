// UpdateFeatures, API 57: changes finalized feature levels. KIP-584.

import { array, bool, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const UpdateFeaturesRequest = message('UpdateFeaturesRequest', {
  apiKey: 57,
  versions: [0, 2],
  flexible: 0,
  fields: {
    timeoutMs: int32.orElse(60000),
    featureUpdates: array(
      struct({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: bool.until(0),
        upgradeType: int8.from(1).orElse(1)
      })
    ),
    validateOnly: bool.from(1).orElse(false)
  }
})
export type UpdateFeaturesRequest = Decoded<typeof UpdateFeaturesRequest>

export const UpdateFeaturesResponse = message('UpdateFeaturesResponse', {
  apiKey: 57,
  versions: [0, 2],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        feature: string,
        errorCode: int16,
        errorMessage: string.nullable()
      })
    )
      .until(1)
      .ignorable()
  }
})
export type UpdateFeaturesResponse = Decoded<typeof UpdateFeaturesResponse>
