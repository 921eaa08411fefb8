// JoinGroup, API 11: a member joins a group of the classic protocol, or says in a rebalance that it is still there. The
// answer waits for the other members. Serves versions 0 to 9.
//
// Behaviour: a group of the consumer protocol that has members is joined as it is, without waiting for anybody (KIP-848).
// Sessions shorter or longer than the broker allows are refused.
//
// Versions: 4 an id before joining (KIP-394); 5 static members (KIP-345); 9 a static leader may skip the assignment.

import { errorCode } from '../../protocol/index.ts'
import { joinRefused } from '../group/classic_responses.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { clientOf, handler } from './handler.ts'
import type { RequestContext } from './handler.ts'
import type { JoinResponse } from '../group/classic_member.ts'
import type { RequestOf } from '../../protocol/index.ts'

/** Before this version, no protocol is an empty name. */
const firstVersionWithNull = 7

export const joinGroup = handler('JoinGroup', (request, context) => {
  const answer = join(request, context)
  if (context.version >= firstVersionWithNull) return answer
  return answer instanceof Promise ? answer.then(withName) : withName(answer)
})

function withName(response: JoinResponse): JoinResponse {
  return { ...response, protocolName: response.protocolName ?? '' }
}

function join(request: RequestOf<'JoinGroup'>, context: RequestContext): JoinResponse | Promise<JoinResponse> {
  const { broker, version } = context
  const { groupId, memberId, sessionTimeoutMs } = request
  const { settings } = broker.cluster
  if (groupId === '') return joinRefused(memberId, errorCode.INVALID_GROUP_ID)
  const leastMs = settings.number('group.min.session.timeout.ms')
  const mostMs = settings.number('group.max.session.timeout.ms')
  if (sessionTimeoutMs < leastMs || sessionTimeoutMs > mostMs) {
    return joinRefused(memberId, errorCode.INVALID_SESSION_TIMEOUT)
  }
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return joinRefused(memberId, groups)
  const known = groups.find(groupId)
  if (memberId !== '' && known === undefined) return joinRefused(memberId, errorCode.UNKNOWN_MEMBER_ID)
  if (known?.type === 'consumer' && known.members.size > 0) {
    return groups.mixedProtocol.join(known, request, version, clientOf(context))
  }
  return groups.classicProtocol.join(groups.classicGroup(groupId), request, version, clientOf(context))
}
