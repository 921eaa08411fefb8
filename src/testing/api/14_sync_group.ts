// SyncGroup, API 14: the leader of a classic group's generation brings the assignment, the others wait for it. In a
// group of the consumer protocol the broker has it ready (KIP-848). Serves versions 0 to 5.
//
// Versions: 3 static members (KIP-345); 5 protocol type and name, which must be the group's (KIP-559).

import { errorCode } from '../../protocol/index.ts'
import { syncRefused } from '../group/classic_responses.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

/** The first version in which the request names type and protocol of the group, and must. */
const firstVersionWithProtocol = 5

export const syncGroup = handler('SyncGroup', (request, { broker, version }) => {
  const { protocolType, protocolName } = request
  if (version >= firstVersionWithProtocol && (protocolType === null || protocolName === null)) {
    return syncRefused(errorCode.INCONSISTENT_GROUP_PROTOCOL)
  }
  if (request.groupId === '') return syncRefused(errorCode.INVALID_GROUP_ID)
  const groups = groupCoordinatorOf(broker).groupsOf(request.groupId)
  if (typeof groups === 'number') return syncRefused(groups)
  const group = groups.find(request.groupId)
  if (group === undefined) return syncRefused(errorCode.UNKNOWN_MEMBER_ID)
  return group.type === 'classic'
    ? groups.classicProtocol.sync(group, request)
    : groups.mixedProtocol.sync(group, request)
})
