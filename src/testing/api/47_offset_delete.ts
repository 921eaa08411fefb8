// OffsetDelete, API 47: deletes positions of a group that nobody reads at. Serves version 0. KIP-496.
//
// Behaviour: a classic group must be empty, save that consumers may go on reading other topics. What they read is what they
// said when the last generation was agreed on; a group of consumers that did not say it refuses all topics.

import { errorCode } from '../../protocol/index.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import type { Group } from '../group/loaded_groups.ts'
import { handler } from './handler.ts'

export const offsetDelete = handler('OffsetDelete', (request, { broker }) => {
  const { groupId } = request
  if (groupId === '') return refused(errorCode.INVALID_GROUP_ID)
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return refused(groups)
  const group = groups.find(groupId)
  if (group === undefined) return refused(errorCode.GROUP_ID_NOT_FOUND)
  if (group.type === 'classic' && group.state !== 'Empty' && group.protocolType !== 'consumer') {
    return refused(errorCode.NON_EMPTY_GROUP)
  }
  if (groups.isSuperseded) return groups.unloaded().then(() => refused(errorCode.NOT_COORDINATOR))
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      if (broker.cluster.partition(name, partitionIndex) === undefined) {
        return { partitionIndex, errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION }
      }
      if (isRead(group, name)) return { partitionIndex, errorCode: errorCode.GROUP_SUBSCRIBED_TO_TOPIC }
      groups.offsets.delete(groupId, name, partitionIndex)
      return { partitionIndex, errorCode: 0 }
    })
  }))
  return { errorCode: 0, throttleTimeMs: 0, topics }
})

function refused(code: number) {
  return { errorCode: code, throttleTimeMs: 0, topics: [] }
}

function isRead(group: Group, topic: string): boolean {
  if (group.type === 'classic') return group.mayRead(topic)
  return [...group.members.values()].some(({ topicNames }) => topicNames.includes(topic))
}
