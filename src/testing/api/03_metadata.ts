// Metadata, API 3: tells the brokers that are alive and who leads the partitions of topics. Serves versions 0 to 13.
//
// Behaviour: an unknown topic is created where the request and `auto.create.topics.enable` allow it; as in Kafka the
// first answer then says UNKNOWN_TOPIC_OR_PARTITION, and the next one knows the topic. There is one view of the cluster:
// every broker knows of every change at once, save that one which stood still tells for a moment the leaders that it knew.
//
// Versions: 1 null asks for all topics, where 0 has an empty list; 4 automatic creation; 10 topic ids; 12 topics by id.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import { clusterOperations, operationsNotAsked, topicOperations } from '../cluster/authorized_operations.ts'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { isInternalName } from '../cluster/ports.ts'
import { noLeader } from '../cluster/topic.ts'
import type { Partition, Topic } from '../cluster/topic.ts'
import { topicNameFault } from '../cluster/topic_names.ts'
import { handler } from './handler.ts'
import type { RequestContext } from './handler.ts'

type TopicResponse = EncodableResponseOf<'Metadata'>['topics'][number]

export const metadata = handler('Metadata', (request, context) => {
  const { cluster } = context.broker
  const topicAuthorized = request.includeTopicAuthorizedOperations ? topicOperations : operationsNotAsked
  const brokers = cluster.liveNodes().map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack }))
  return {
    brokers,
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    topics: topicsOf(request, context).map((topic) => ({ ...topic, topicAuthorizedOperations: topicAuthorized })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked
  }
})

function topicsOf(request: RequestOf<'Metadata'>, context: RequestContext): TopicResponse[] {
  const { cluster } = context.broker
  const { topics } = request
  if (topics === null || (context.version === 0 && topics.length === 0)) {
    return [...cluster.topics.values()].map((topic) => known(topic, context.broker))
  }
  const mayCreate = request.allowAutoTopicCreation && cluster.settings.boolean('auto.create.topics.enable')
  return topics.map(({ name, topicId }) => {
    if (topicId !== zeroUuid) {
      const topic = cluster.topicById(topicId)
      return topic === undefined ? unknown(name, topicId, errorCode.UNKNOWN_TOPIC_ID) : known(topic, context.broker)
    }
    if (name === null) return unknown(name, topicId, errorCode.UNKNOWN_TOPIC_ID)
    const topic = cluster.topics.get(name)
    if (topic !== undefined) return known(topic, context.broker)
    return unknown(name, zeroUuid, mayCreate ? createdLater(name, cluster) : codeOfUnknown(name))
  })
}

function known(topic: Topic, broker: Broker): TopicResponse {
  const { name, id: topicId, isInternal } = topic
  return {
    errorCode: 0,
    name,
    topicId,
    isInternal,
    partitions: topic.partitions.map((partition) => partitionOf(partition, broker))
  }
}

function partitionOf(partition: Partition, broker: Broker): TopicResponse['partitions'][number] {
  const { index, replicas, inSync } = partition
  const { leader, leaderEpoch } = broker.knownLeader(partition)
  return {
    errorCode: leader === noLeader ? errorCode.LEADER_NOT_AVAILABLE : 0,
    partitionIndex: index,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: inSync,
    offlineReplicas: replicas.filter((id) => broker.cluster.nodes.get(id)?.isFenced !== false)
  }
}

function unknown(name: string | null, topicId: string, code: number): TopicResponse {
  return { errorCode: code, name, topicId, isInternal: false, partitions: [] }
}

function codeOfUnknown(name: string): number {
  return topicNameFault(name) === undefined ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.INVALID_TOPIC_EXCEPTION
}

function createdLater(name: string, cluster: Cluster): number {
  if (topicNameFault(name) !== undefined) return errorCode.INVALID_TOPIC_EXCEPTION
  if (isInternalName(name)) cluster.internalTopic(name)
  else cluster.createTopic({ name, partitionCount: -1, replicationFactor: -1 })
  return errorCode.UNKNOWN_TOPIC_OR_PARTITION
}
