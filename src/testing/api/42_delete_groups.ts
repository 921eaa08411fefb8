// DeleteGroups, API 42: deletes groups without members, with their positions. Serves versions 0 to 3.
//
// Versions: 3 a message for each error.

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

export const deleteGroups = handler('DeleteGroups', (request, { broker }) => ({
  throttleTimeMs: 0,
  results: [...new Set(request.groupsNames)].map((groupId) => ({ groupId, errorCode: deleteGroup(broker, groupId) }))
}))

function deleteGroup(broker: Broker, groupId: string): number {
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return groups
  const group = groups.find(groupId)
  if (group === undefined) return errorCode.GROUP_ID_NOT_FOUND
  if (group.members.size > 0) return errorCode.NON_EMPTY_GROUP
  groups.delete(group)
  return 0
}
