// DescribeGroups, API 15: classic groups with their members. Serves versions 0 to 6.
//
// Behaviour: a group that is not there, or is one of the consumer protocol, is described as dead. Only a stable group
// shows what its members offered and got.
//
// Versions: 6 GROUP_ID_NOT_FOUND for a group that is not there.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { ClassicGroup } from '../group/classic_group.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { handler } from './handler.ts'

type GroupAnswer = EncodableResponseOf<'DescribeGroups'>['groups'][number]

const firstVersionWithMissingGroups = 6

export const describeGroups = handler('DescribeGroups', (request, { broker, version }) => {
  const groups = request.groups.map((groupId): GroupAnswer => {
    const loaded = groupCoordinatorOf(broker).groupsOf(groupId)
    if (typeof loaded === 'number') return { ...nobody, groupId, errorCode: loaded }
    const group = loaded.find(groupId)
    if (group?.type === 'classic') return described(group)
    if (version < firstVersionWithMissingGroups) return { ...nobody, groupId, groupState: 'Dead' }
    const errorMessage = `Group ${groupId} not found.`
    return { ...nobody, groupId, groupState: 'Dead', errorCode: errorCode.GROUP_ID_NOT_FOUND, errorMessage }
  })
  return { groups }
})

const nobody = { errorCode: 0, groupState: '', protocolType: '', protocolData: '', members: [] }

function described(group: ClassicGroup): GroupAnswer {
  const isStable = group.state === 'Stable'
  const none = new Uint8Array(0)
  return {
    errorCode: 0,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.client.clientId,
      clientHost: member.client.clientHost,
      memberMetadata: isStable ? member.metadata(group.protocolName) : none,
      memberAssignment: isStable ? member.assignment : none
    }))
  }
}
