// DescribeConfigs, API 32: shows the settings of topics and brokers. Serves versions 1 to 4.
//
// Behaviour: a broker shows its own settings only; the empty name stands for what was changed for all brokers. Brokers
// share their settings here. Groups, client metrics and loggers have none: those resources are refused.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { shownBrokerSettings, shownDynamicSettings, shownTopicSettings } from '../cluster/setting_view.ts'
import type { ShownSetting } from '../cluster/setting_view.ts'
import { topicNameFault } from '../cluster/topic_names.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

type Resource = RequestOf<'DescribeConfigs'>['resources'][number]
type Result = EncodableResponseOf<'DescribeConfigs'>['results'][number]

/** Numbers of the kinds of resources. */
export const resourceTypes = Object.freeze({ topic: 2, broker: 4 })

export const describeConfigs = handler('DescribeConfigs', (request, { broker }) => ({
  throttleTimeMs: 0,
  results: request.resources.map((resource): Result => {
    const { resourceType, resourceName } = resource
    const shown = show(resource, broker)
    if (shown instanceof Refusal) {
      const { errorCode: code, message } = shown
      return { errorCode: code, errorMessage: message, resourceType, resourceName, configs: [] }
    }
    const configs = request.includeSynonyms ? shown : shown.map((one) => ({ ...one, synonyms: [] }))
    return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs }
  })
}))

function show(resource: Resource, broker: Broker): readonly ShownSetting[] | Refusal {
  const { resourceType, resourceName: name, configurationKeys: keys } = resource
  const { settings, topics } = broker.cluster
  if (resourceType === resourceTypes.topic) {
    const fault = topicNameFault(name)
    if (fault !== undefined) return new Refusal(errorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${fault}`)
    const topic = topics.get(name)
    if (topic === undefined) return new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION, '')
    return shownTopicSettings(topic.settings, settings, keys)
  }
  if (resourceType === resourceTypes.broker) {
    if (name === '') return shownDynamicSettings(settings, keys)
    if (name === String(broker.id)) return shownBrokerSettings(settings, keys)
    const message = /^-?\d+$/.test(name)
      ? `Unexpected broker id, expected ${broker.id} or empty string, but received ${name}`
      : `Broker id must be an integer, but it is: ${name}`
    return new Refusal(errorCode.INVALID_REQUEST, message)
  }
  return new Refusal(errorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`)
}
