// CreateTopics, API 19: creates topics. Serves versions 2 to 7.
//
// Behaviour: names, counts, assignments and settings are checked as Kafka's controller checks them; a name that comes
// twice in one request is refused. Any broker accepts the request. The topic is there when the answer leaves.
//
// Versions: 4 -1 for the defaults of the cluster (KIP-464); 5 settings in the answer (KIP-525); 7 topic ids.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { shownTopicSettings } from '../cluster/setting_view.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

type NewTopicRequest = RequestOf<'CreateTopics'>['topics'][number]
type TopicResponse = EncodableResponseOf<'CreateTopics'>['topics'][number]

export const createTopics = handler('CreateTopics', (request, { broker }) => {
  const names = request.topics.map(({ name }) => name)
  const seen = new Set<string>()
  const topics: TopicResponse[] = []
  for (const topic of request.topics) {
    if (seen.has(topic.name)) continue
    seen.add(topic.name)
    const isRepeated = names.indexOf(topic.name) !== names.lastIndexOf(topic.name)
    topics.push(isRepeated ? repeated(topic.name) : create(topic, broker.cluster, request.validateOnly))
  }
  return { throttleTimeMs: 0, topics }
})

function create(topic: NewTopicRequest, cluster: Cluster, validateOnly: boolean): TopicResponse {
  const { name, assignments, numPartitions, replicationFactor } = topic
  if (assignments.length > 0 && (numPartitions !== -1 || replicationFactor !== -1)) {
    return refused(
      name,
      new Refusal(errorCode.INVALID_REQUEST, 'Both assignments and a count of partitions were given.')
    )
  }
  const ordered = assignments.toSorted((left, right) => left.partitionIndex - right.partitionIndex)
  if (ordered.some(({ partitionIndex }, i) => partitionIndex !== i)) {
    const message = 'partitions should be a consecutive 0-based integer sequence'
    return refused(name, new Refusal(errorCode.INVALID_REPLICA_ASSIGNMENT, message))
  }
  const settings: Record<string, string> = {}
  for (const { name: setting, value } of topic.configs) {
    if (value === null) return refused(name, new Refusal(errorCode.INVALID_CONFIG, `Null value for ${setting}`))
    settings[setting] = value
  }
  const created = cluster.createTopic(
    {
      name,
      partitionCount: numPartitions,
      replicationFactor,
      assignments: ordered.map((one) => one.brokerIds),
      settings
    },
    validateOnly
  )
  if (created instanceof Refusal) return refused(name, created)
  return {
    name,
    topicId: validateOnly ? zeroUuid : created.id,
    errorCode: 0,
    errorMessage: null,
    numPartitions: created.partitions.length,
    replicationFactor: created.partitions[0]?.replicas.length ?? -1,
    configs: shownTopicSettings(created.settings, cluster.settings, null)
  }
}

function repeated(name: string): TopicResponse {
  return refused(name, new Refusal(errorCode.INVALID_REQUEST, 'Duplicate topic name.'))
}

function refused(name: string, { errorCode: code, message }: Refusal): TopicResponse {
  return { name, errorCode: code, errorMessage: message, configs: [] }
}
