// ConsumerGroupDescribe, API 69: groups of the consumer protocol with their members (KIP-848). Serves versions 0 and 1.
//
// Behaviour: a member has what it was given, and what it has not given up yet.
//
// Versions: 1 the protocol of each member.

import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import type { ConsumerGroup } from '../group/consumer_group.ts'
import { preferredAssignor } from '../group/consumer_member.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { topicPartitions, union } from '../group/partition_sets.ts'
import type { PartitionSets } from '../group/partition_sets.ts'
import { handler } from './handler.ts'

type GroupAnswer = EncodableResponseOf<'ConsumerGroupDescribe'>['groups'][number]

const memberTypes = { classic: 0, consumer: 1 }

export const consumerGroupDescribe = handler('ConsumerGroupDescribe', (request, { broker }) => {
  const groups = request.groupIds.map((groupId): GroupAnswer => {
    if (groupId === '') return nobody(groupId, errorCode.INVALID_GROUP_ID, null)
    const loaded = groupCoordinatorOf(broker).groupsOf(groupId)
    if (typeof loaded === 'number') return nobody(groupId, loaded, null)
    const group = loaded.find(groupId)
    if (group?.type === 'consumer') return described(broker, group)
    const what = group === undefined ? 'not found' : 'not a consumer group'
    return nobody(groupId, errorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is ${what}.`)
  })
  return { throttleTimeMs: 0, groups }
})

function nobody(groupId: string, code: number, errorMessage: string | null): GroupAnswer {
  const rest = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
  return { errorCode: code, errorMessage, groupId, ...rest }
}

function described(broker: Broker, group: ConsumerGroup): GroupAnswer {
  const named = (sets: PartitionSets) => ({
    topicPartitions: topicPartitions(sets).map(({ topicId, partitions }) => {
      return { topicId, topicName: broker.cluster.topicById(topicId)?.name ?? zeroUuid, partitions }
    })
  })
  return {
    errorCode: 0,
    groupId: group.groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignorName: preferredAssignor([...group.members.values()]),
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      rackId: member.rackId,
      memberEpoch: member.epoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.topicNames,
      subscribedTopicRegex: member.topicRegex ?? '',
      assignment: named(union(member.assigned, member.revoking)),
      targetAssignment: named(group.target(member.id)),
      memberType: member.classic === null ? memberTypes.consumer : memberTypes.classic
    }))
  }
}
