// Heartbeat, API 12: a member that uses the classic protocol is alive. Serves versions 0 to 4.
//
// Behaviour: during a rebalance the member is told REBALANCE_IN_PROGRESS, and its session goes on. In a group of the
// consumer protocol it is told so when it should have something else than it has (KIP-848).
//
// Versions: 3 static members (KIP-345).

import { errorCode } from '../../protocol/index.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

export const heartbeat = handler('Heartbeat', (request, { broker }) => {
  if (request.groupId === '') return { errorCode: errorCode.INVALID_GROUP_ID }
  const groups = groupCoordinatorOf(broker).groupsOf(request.groupId)
  if (typeof groups === 'number') return { errorCode: groups }
  const group = groups.find(request.groupId)
  if (group === undefined) return { errorCode: errorCode.UNKNOWN_MEMBER_ID }
  const isClassic = group.type === 'classic'
  const code = isClassic
    ? groups.classicProtocol.heartbeat(group, request)
    : groups.mixedProtocol.heartbeat(group, request)
  return { errorCode: code }
})
