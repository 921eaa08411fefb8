// ConsumerGroupHeartbeat, API 68: joins, keeps up and leaves a group of the consumer protocol (KIP-848). Serves versions 0
// and 1.
//
// Behaviour: a classic group becomes one of the consumer protocol when a member joins, and its members go on in it, as far
// as they are consumers and `group.consumer.migration.policy` allows it.
//
// Versions: 1 patterns, and ids that members make for themselves.

import { errorCode } from '../../protocol/index.ts'
import { heartbeatRefused, refusedBy } from '../group/consumer_protocol.ts'
import { heartbeatFault } from '../group/heartbeat_checks.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { Refusal } from '../log/refusal.ts'
import { clientOf, handler } from './handler.ts'

export const consumerGroupHeartbeat = handler('ConsumerGroupHeartbeat', (request, context) => {
  const { broker, version } = context
  const { groupId, memberId, instanceId, memberEpoch } = request
  const fault = heartbeatFault(request, version)
  if (fault !== undefined) return refusedBy(fault)
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return heartbeatRefused(groups, null)
  const known = groups.find(groupId)
  const group = memberEpoch === 0 ? groups.consumerGroup(groupId, memberId, instanceId) : known
  if (group instanceof Refusal) return refusedBy(group)
  if (group?.type !== 'consumer') {
    const what = known === undefined ? 'not found' : 'not a consumer group'
    return heartbeatRefused(errorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is ${what}.`)
  }
  return groups.consumerProtocol.heartbeat(group, request, clientOf(context))
})
