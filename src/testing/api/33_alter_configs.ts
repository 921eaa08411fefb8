// AlterConfigs, API 33: replaces all settings of topics and brokers. Serves versions 0 to 2. Superseded by
// IncrementalAlterConfigs.
//
// Behaviour: what is not named goes back to its default. Settings of a broker are those of all brokers here.

import { changeSettings, settingOperation, settingTarget } from '../cluster/setting_changes.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

export const alterConfigs = handler('AlterConfigs', (request, { broker }) => ({
  throttleTimeMs: 0,
  responses: request.resources.map(({ resourceType, resourceName, configs }) => {
    const target = settingTarget(broker.cluster, resourceType, resourceName)
    if (target instanceof Refusal) {
      return { errorCode: target.errorCode, errorMessage: target.message, resourceType, resourceName }
    }
    const kept = new Set(configs.map(({ name }) => name))
    const removed = target.settings.changedEntries().flatMap(([name]) => (kept.has(name) ? [] : name))
    const changes = [
      ...configs.map(({ name, value }) => ({ name, value, operation: settingOperation.set })),
      ...removed.map((name) => ({ name, value: null, operation: settingOperation.remove }))
    ]
    const refused = changeSettings(target, changes, request.validateOnly)
    return { errorCode: refused?.errorCode ?? 0, errorMessage: refused?.message ?? null, resourceType, resourceName }
  })
}))
