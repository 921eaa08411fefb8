// OffsetFetch, API 9: the committed positions of groups. Serves versions 1 to 10.
//
// Behaviour: a partition without a position, and a group that is not there, are answered with offset -1. With
// requireStable, a partition for which an open transaction has written a position is answered UNSTABLE_OFFSET_COMMIT.
// All positions of a group leave out those that only an open transaction has written.
//
// Versions: 2 all partitions, and a code for the group; 7 requireStable (KIP-447); 8 several groups (KIP-709); 9 member
// epochs (KIP-848); 10 topic ids.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { RequestOf, Uuid } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import type { LoadedGroups } from '../group/loaded_groups.ts'
import { handler } from './handler.ts'

interface Wanted {
  readonly name: string
  readonly topicId: Uuid
  readonly partitionIndexes: readonly number[]
}

interface PartitionAnswer {
  readonly partitionIndex: number
  readonly committedOffset: bigint
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

interface GroupAnswer {
  readonly groupId: string
  readonly errorCode: number
  readonly topics: readonly { readonly name: string; readonly topicId: Uuid; readonly partitions: PartitionAnswer[] }[]
}

type GroupRequest = RequestOf<'OffsetFetch'>['groups'][number]

const firstVersionWithGroups = 8
const firstVersionWithGroupCode = 2
const firstVersionWithIds = 10

export const offsetFetch = handler('OffsetFetch', (request, { broker, version }) => {
  const { requireStable } = request
  if (version >= firstVersionWithGroups) {
    return { topics: [], groups: request.groups.map((group) => answerGroup(broker, group, requireStable, version)) }
  }
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: zeroUuid })) ?? null
  const group = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics }
  const answer = answerGroup(broker, group, requireStable, version)
  if (version >= firstVersionWithGroupCode || answer.errorCode === 0) return { ...answer, groups: [] }
  const refused = (topics ?? []).map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((index) => nothing(index, answer.errorCode))
  }))
  return { topics: refused, errorCode: 0, groups: [] }
})

function answerGroup(broker: Broker, group: GroupRequest, requireStable: boolean, version: number): GroupAnswer {
  const { groupId, memberId, memberEpoch, topics } = group
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return { groupId, errorCode: groups, topics: [] }
  const known = groups.find(groupId)
  const refused = known?.type === 'consumer' ? known.fetchError(memberId, memberEpoch) : 0
  if (refused !== 0) return { groupId, errorCode: refused, topics: [] }
  const wanted = topics ?? allOf(broker, groups, groupId)
  const answers = wanted.map(({ name, topicId, partitionIndexes }) => {
    const topic = version >= firstVersionWithIds ? broker.cluster.topicById(topicId)?.name : name
    const partitions = partitionIndexes.map((index) =>
      topic === undefined
        ? nothing(index, errorCode.UNKNOWN_TOPIC_ID)
        : answerPartition(groups, groupId, topic, index, requireStable)
    )
    return { name, topicId, partitions }
  })
  return { groupId, errorCode: 0, topics: answers }
}

function answerPartition(
  groups: LoadedGroups,
  groupId: string,
  topic: string,
  index: number,
  requireStable: boolean
): PartitionAnswer {
  const { offsets } = groups
  if (requireStable && offsets.isPending(groupId, topic, index)) return nothing(index, errorCode.UNSTABLE_OFFSET_COMMIT)
  const found = offsets.find(groupId, topic, index)
  if (found === undefined) return nothing(index, 0)
  const { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata } = found
  return { partitionIndex: index, committedOffset, committedLeaderEpoch, metadata, errorCode: 0 }
}

function nothing(partitionIndex: number, code: number): PartitionAnswer {
  return { partitionIndex, committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode: code }
}

/** Everything that is committed, topic by topic. */
function allOf(broker: Broker, groups: LoadedGroups, groupId: string): Wanted[] {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of groups.offsets.all(groupId)) {
    const known = byTopic.get(topic)
    if (known === undefined) byTopic.set(topic, [partition])
    else known.push(partition)
  }
  return [...byTopic].map(([name, partitionIndexes]) => {
    return { name, topicId: broker.cluster.topics.get(name)?.id ?? zeroUuid, partitionIndexes }
  })
}
