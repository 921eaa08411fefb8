// ListGroups, API 16: the groups whose coordinator this broker is. Serves versions 0 to 5.
//
// Versions: 4 states and a filter for them (KIP-518); 5 types and a filter for them (KIP-848). Filters look at no case.

import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

export const listGroups = handler('ListGroups', (request, { broker }) => {
  const states = request.statesFilter.map((state) => state.toLowerCase())
  const types = request.typesFilter.map((type) => type.toLowerCase())
  const all = groupCoordinatorOf(broker)
    .loaded()
    .flatMap((groups) => groups.all())
  const groups = all
    .filter(({ state }) => states.length === 0 || states.includes(state.toLowerCase()))
    .filter(({ type }) => types.length === 0 || types.includes(type))
    .map((group) => ({
      groupId: group.groupId,
      protocolType: group.type === 'consumer' ? 'consumer' : (group.protocolType ?? ''),
      groupState: group.state,
      groupType: group.type
    }))
  return { errorCode: 0, groups }
})
