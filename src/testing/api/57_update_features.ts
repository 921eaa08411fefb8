// UpdateFeatures, API 57: finalizes other levels of features, such as transaction.version. Serves versions 0 to 2.
// KIP-584.
//
// Behaviour: all updates are made, or none. A lower level has to be asked for as a downgrade.
//
// Versions: 1 kinds of upgrades, and trying without doing; 2 one error for all of the request.

import { errorCode } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import type { Features } from '../cluster/features.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

type Update = RequestOf<'UpdateFeatures'>['featureUpdates'][number]

const upgrade = 1

export const updateFeatures = handler('UpdateFeatures', (request, { broker, version }) => {
  const { features } = broker.cluster
  const refusals = request.featureUpdates.map((update) => faultOf(update, features, version))
  const first = refusals.find((one) => one !== undefined)
  if (first === undefined && !request.validateOnly) {
    for (const { feature, maxVersionLevel } of request.featureUpdates) features.setLevel(feature, maxVersionLevel)
  }
  if (version > 1) return { throttleTimeMs: 0, errorCode: first?.errorCode ?? 0, errorMessage: first?.message ?? null }
  const results = request.featureUpdates.map(({ feature }, i) => {
    const refused = refusals[i] ?? (first && new Refusal(errorCode.FEATURE_UPDATE_FAILED))
    return { feature, errorCode: refused?.errorCode ?? 0, errorMessage: refused?.message ?? null }
  })
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, results }
})

function faultOf(update: Update, features: Features, version: number): Refusal | undefined {
  const { feature, maxVersionLevel: level } = update
  const range = features.range(feature)
  if (range === undefined || level < range.min || level > range.max) {
    const message = `Invalid update version ${level} for feature ${feature}.`
    return new Refusal(errorCode.INVALID_UPDATE_VERSION, message)
  }
  const mayDowngrade = version === 0 ? update.allowDowngrade : update.upgradeType !== upgrade
  if (level >= features.level(feature) || mayDowngrade) return undefined
  const message = `Invalid update version ${level} for feature ${feature}. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.`
  return new Refusal(errorCode.INVALID_UPDATE_VERSION, message)
}
