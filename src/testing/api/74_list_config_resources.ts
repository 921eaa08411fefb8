// ListConfigResources, API 74: names what has settings. Serves versions 0 and 1. KIP-714, KIP-1142.
//
// Behaviour: topics and brokers. Client metrics, groups and loggers have no settings here.
//
// Versions: 0 client metrics only; 1 all kinds, or those that are named.

import { handler } from './handler.ts'
import { resourceTypes } from './32_describe_configs.ts'

export const listConfigResources = handler('ListConfigResources', (request, { broker, version }) => {
  const { cluster } = broker
  const wanted = request.resourceTypes
  const isWanted = (type: number): boolean => version > 0 && (wanted.length === 0 || wanted.includes(type))
  const brokers = isWanted(resourceTypes.broker) ? [...cluster.nodes.keys()] : []
  const topics = isWanted(resourceTypes.topic) ? [...cluster.topics.keys()] : []
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    configResources: [
      ...brokers.map((id) => ({ resourceName: String(id), resourceType: resourceTypes.broker })),
      ...topics.map((name) => ({ resourceName: name, resourceType: resourceTypes.topic }))
    ]
  }
})
