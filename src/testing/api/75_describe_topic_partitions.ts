// DescribeTopicPartitions, API 75: tells the partitions of topics page by page. Serves version 0. KIP-966.
//
// Behaviour: a request with an empty name, or with a cursor that is not among its topics, is refused as a whole. Topics come in the order of their names, all of them where none is named; a page holds at most
// `responsePartitionLimit` partitions (2,000), and says where the next one begins. There are no eligible leader replicas
// beside those in sync.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import { topicOperations } from '../cluster/authorized_operations.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { noLeader } from '../cluster/topic.ts'
import type { Partition } from '../cluster/topic.ts'
import { topicNameFault } from '../cluster/topic_names.ts'
import { handler } from './handler.ts'

type Response = EncodableResponseOf<'DescribeTopicPartitions'>
type TopicResponse = Response['topics'][number]

const pageMax = 2_000

export const describeTopicPartitions = handler('DescribeTopicPartitions', (request, { broker }) => {
  const { cluster } = broker
  const { cursor } = request
  const named = request.topics.map(({ name }) => name)
  const names = (named.length === 0 ? [...cluster.topics.keys()] : [...new Set(named)]).toSorted()
  const code = faultOf(named, cursor)
  if (code !== 0) return { throttleTimeMs: 0, topics: names.map((name) => refused(name, code)), nextCursor: null }
  let left = Math.max(1, Math.min(request.responsePartitionLimit, pageMax))
  const topics: TopicResponse[] = []
  for (const name of names) {
    if (cursor !== null && name < cursor.topicName) continue
    const first = cursor?.topicName === name ? cursor.partitionIndex : 0
    const topic = cluster.topics.get(name)
    if (topic === undefined) {
      if (named.length > 0) topics.push(unknown(name))
      continue
    }
    if (left === 0) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: first } }
    const page = topic.partitions.slice(first, first + left)
    left -= page.length
    const partitions = page.map((partition) => partitionOf(partition, cluster))
    const { id: topicId, isInternal } = topic
    topics.push({ errorCode: 0, name, topicId, isInternal, partitions, topicAuthorizedOperations: topicOperations })
    const next = first + page.length
    if (next >= topic.partitions.length) continue
    return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: next } }
  }
  return { throttleTimeMs: 0, topics, nextCursor: null }
})

/** 0, or why the whole request is refused. */
function faultOf(named: readonly string[], cursor: RequestOf<'DescribeTopicPartitions'>['cursor']): number {
  // Kafka does not expect it, and fails.
  if (named.includes('')) return errorCode.UNKNOWN_SERVER_ERROR
  if (cursor === null) return 0
  const isOutside = named.length > 0 && !named.includes(cursor.topicName)
  return cursor.partitionIndex < 0 || isOutside ? errorCode.INVALID_REQUEST : 0
}

function unknown(name: string): TopicResponse {
  const isLegal = topicNameFault(name) === undefined
  return refused(name, isLegal ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.INVALID_TOPIC_EXCEPTION)
}

function refused(name: string, code: number): TopicResponse {
  return { errorCode: code, name, topicId: zeroUuid, isInternal: false, partitions: [] }
}

function partitionOf(partition: Partition, cluster: Cluster): TopicResponse['partitions'][number] {
  const { index, leader, leaderEpoch, replicas, inSync } = partition
  return {
    errorCode: leader === noLeader ? errorCode.LEADER_NOT_AVAILABLE : 0,
    partitionIndex: index,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: inSync,
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: replicas.filter((id) => cluster.nodes.get(id)?.isFenced !== false)
  }
}
