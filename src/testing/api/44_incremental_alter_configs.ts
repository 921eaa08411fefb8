// IncrementalAlterConfigs, API 44: changes single settings of topics and brokers. Serves versions 0 and 1. KIP-339.
//
// Behaviour: all changes of a resource are made, or none. Settings of a broker are those of all brokers here.

import { changeSettings, settingTarget } from '../cluster/setting_changes.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

export const incrementalAlterConfigs = handler('IncrementalAlterConfigs', (request, { broker }) => ({
  throttleTimeMs: 0,
  responses: request.resources.map(({ resourceType, resourceName, configs }) => {
    const target = settingTarget(broker.cluster, resourceType, resourceName)
    const changes = configs.map(({ name, value, configOperation }) => ({ name, value, operation: configOperation }))
    const refused = target instanceof Refusal ? target : changeSettings(target, changes, request.validateOnly)
    return { errorCode: refused?.errorCode ?? 0, errorMessage: refused?.message ?? null, resourceType, resourceName }
  })
}))
