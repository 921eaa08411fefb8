// DeleteGroups, API 42: deletes groups without members, with their positions. Serves versions 0 to 3.
//
// Versions: 3 a message for each error.

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

export const deleteGroups = handler('DeleteGroups', (request, { broker }) => {
  const results = [...new Set(request.groupsNames)].map(async (groupId) => {
    return { groupId, errorCode: await deleteGroup(broker, groupId) }
  })
  return Promise.all(results).then((all) => ({ throttleTimeMs: 0, results: all }))
})

function deleteGroup(broker: Broker, groupId: string): number | Promise<number> {
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return groups
  const group = groups.find(groupId)
  if (group === undefined) return errorCode.GROUP_ID_NOT_FOUND
  if (group.members.size > 0) return errorCode.NON_EMPTY_GROUP
  if (groups.isSuperseded) return groups.unloaded().then(() => errorCode.NOT_COORDINATOR)
  groups.delete(group)
  return 0
}
