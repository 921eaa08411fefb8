// ElectLeaders, API 43: lets the first replica of partitions lead again. Serves versions 0 to 2. KIP-183, KIP-460.
//
// Behaviour: only preferred elections. An unclean one is answered ELECTION_NOT_NEEDED where there is a leader, else
// ELIGIBLE_LEADERS_NOT_AVAILABLE: all replicas share one log here, so it could bring nothing.

import { errorCode } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { noLeader } from '../cluster/topic.ts'
import type { Partition } from '../cluster/topic.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

const preferred = 0

export const electLeaders = handler('ElectLeaders', (request, { broker }) => {
  const { cluster } = broker
  const isAll = request.topicPartitions === null
  const results = wanted(request, cluster).map(({ topic, partitions }) => {
    const partitionResult = partitions.flatMap((partitionId) => {
      const partition = cluster.partition(topic, partitionId)
      const refused = partition === undefined ? unknown() : elect(cluster, partition, request.electionType)
      // Of all partitions, only those are told of where something was to be done.
      if (isAll && refused?.errorCode === errorCode.ELECTION_NOT_NEEDED) return []
      return { partitionId, errorCode: refused?.errorCode ?? 0, errorMessage: refused?.message ?? null }
    })
    return { topic, partitionResult }
  })
  const replicaElectionResults = results.filter(({ partitionResult }) => partitionResult.length > 0)
  return { throttleTimeMs: 0, errorCode: 0, replicaElectionResults }
})

interface Wanted {
  readonly topic: string
  readonly partitions: readonly number[]
}

function wanted(request: RequestOf<'ElectLeaders'>, cluster: Cluster): readonly Wanted[] {
  if (request.topicPartitions !== null) return request.topicPartitions
  return [...cluster.topics.values()].map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ index }) => index)
  }))
}

function elect(cluster: Cluster, partition: Partition, electionType: number): Refusal | undefined {
  if (electionType === preferred) return cluster.electPreferred(partition)
  return partition.leader === noLeader
    ? new Refusal(errorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE)
    : new Refusal(errorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
}

function unknown(): Refusal {
  return new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION, 'No such topic or partition.')
}
