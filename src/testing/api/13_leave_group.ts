// LeaveGroup, API 13: members leave a group of the classic protocol, or one that was. Serves versions 0 to 5.
//
// Behaviour: the others are rebalanced once for all who leave. Static members may be named by their instance id alone.
//
// Versions: 3 several members in one request (KIP-345); 5 reasons, which are not kept.

import { errorCode } from '../../protocol/index.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

const firstVersionWithMembers = 3

export const leaveGroup = handler('LeaveGroup', (request, { broker, version }) => {
  const { groupId } = request
  const isBatched = version >= firstVersionWithMembers
  const leaving = isBatched ? request.members : [{ memberId: request.memberId, groupInstanceId: null }]
  if (groupId === '') return { errorCode: errorCode.INVALID_GROUP_ID, members: [] }
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return { errorCode: groups, members: [] }
  const group = groups.find(groupId)
  const codes =
    group === undefined
      ? leaving.map(() => errorCode.UNKNOWN_MEMBER_ID)
      : group.type === 'classic'
        ? groups.classicProtocol.leave(group, leaving)
        : groups.mixedProtocol.leave(group, leaving)
  if (!isBatched) return { errorCode: codes[0] ?? 0, members: [] }
  const members = leaving.map(({ memberId, groupInstanceId }, i) => {
    return { memberId, groupInstanceId, errorCode: codes[i] ?? 0 }
  })
  return { errorCode: 0, members }
})
