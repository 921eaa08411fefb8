// Owns the answers to JoinGroup and SyncGroup, as a group's state says them.

import type { ClassicGroup } from './classic_group.ts'
import type { ClassicMember, JoinResponse, SyncResponse } from './classic_member.ts'

export function joinRefused(memberId: string, code: number): JoinResponse {
  return { errorCode: code, generationId: -1, protocolName: null, leader: '', memberId, members: [] }
}

/** The generation; with the offers of all members where this one is to assign, or may look at them. */
export function joinResponse(group: ClassicGroup, member: ClassicMember, withMembers: boolean): JoinResponse {
  const isLeader = group.leaderId === member.id
  const members =
    isLeader && withMembers
      ? [...group.members.values()].map(({ id, instanceId, ...one }) => ({
          memberId: id,
          groupInstanceId: instanceId,
          metadata: metadataOf(one.protocols, group.protocolName)
        }))
      : []
  return {
    errorCode: 0,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    memberId: member.id,
    members
  }
}

function metadataOf(protocols: ClassicMember['protocols'], name: string | null): Uint8Array {
  return protocols.find((protocol) => protocol.name === name)?.metadata ?? new Uint8Array(0)
}

export function syncRefused(code: number): SyncResponse {
  return { errorCode: code, assignment: new Uint8Array(0) }
}

export function syncResponse(group: ClassicGroup, member: ClassicMember): SyncResponse {
  const { protocolType, protocolName } = group
  return { errorCode: 0, protocolType, protocolName, assignment: member.assignment }
}
