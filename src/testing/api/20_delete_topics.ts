// DeleteTopics, API 20: deletes topics by name or id. Serves versions 1 to 6.
//
// Behaviour: a topic is gone when the answer leaves, with its records and what groups have committed for it. A topic that
// is named twice is refused, and answered once.
//
// Versions: 6 topic ids.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Topic } from '../cluster/topic.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

type TopicResponse = EncodableResponseOf<'DeleteTopics'>['responses'][number]

interface Named {
  readonly name: string | null
  readonly topicId: string
}

export const deleteTopics = handler('DeleteTopics', (request, { broker, version }) => {
  const { cluster } = broker
  const named: readonly Named[] =
    version < 6 ? request.topicNames.map((name) => ({ name, topicId: zeroUuid })) : request.topics
  const twice = new Set(namesOf(named).filter((name, i, all) => all.indexOf(name) !== i))
  const single = named.filter(({ name }) => name === null || !twice.has(name))
  const found = single.map((one) => find(one, cluster))
  const responses = single.map((one, i): TopicResponse => {
    const topic = found[i]!
    const refusal = topic instanceof Refusal ? topic : faultOf(topic, found, cluster)
    if (refusal !== undefined) {
      const { errorCode: code, message } = refusal
      return { ...one, errorCode: code, errorMessage: message }
    }
    return { ...asNamed(topic), errorCode: 0, errorMessage: null }
  })
  for (const response of responses) {
    const topic = response.errorCode === 0 ? cluster.topics.get(response.name ?? '') : undefined
    if (topic !== undefined) cluster.deleteTopic(topic)
  }
  const refused = Array.from(twice, (name): TopicResponse => {
    return { name, topicId: zeroUuid, errorCode: errorCode.INVALID_REQUEST, errorMessage: 'Duplicate topic name.' }
  })
  return { throttleTimeMs: 0, responses: [...responses, ...refused] }
})

function namesOf(named: readonly Named[]): string[] {
  return named.flatMap(({ name }) => name ?? [])
}

function asNamed(topic: Topic | Refusal): Named {
  return topic instanceof Refusal ? { name: null, topicId: zeroUuid } : { name: topic.name, topicId: topic.id }
}

function find({ name, topicId }: Named, cluster: Cluster): Topic | Refusal {
  if (name !== null && topicId !== zeroUuid) {
    return new Refusal(errorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.')
  }
  if (name === null && topicId === zeroUuid) {
    return new Refusal(errorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.')
  }
  if (name === null) return cluster.topicById(topicId) ?? new Refusal(errorCode.UNKNOWN_TOPIC_ID)
  return cluster.topics.get(name) ?? new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION)
}

function faultOf(topic: Topic, found: readonly (Topic | Refusal)[], cluster: Cluster): Refusal | undefined {
  if (found.indexOf(topic) !== found.lastIndexOf(topic)) {
    return new Refusal(errorCode.INVALID_REQUEST, 'Duplicate topic name.')
  }
  if (cluster.settings.boolean('delete.topic.enable')) return undefined
  return new Refusal(errorCode.TOPIC_DELETION_DISABLED)
}
