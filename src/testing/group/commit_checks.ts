// Owns who may commit offsets in a group's name. A group that is not there is made for a commit without a generation.
// Source: org.apache.kafka.coordinator.group.OffsetMetadataManager.validateOffsetCommit. KIP-447, KIP-848.

import { errorCode } from '../../protocol/index.ts'
import type { LoadedGroups } from './loaded_groups.ts'

export interface Committer {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationIdOrMemberEpoch: number
}

/** The versions from which on clients are told that there is no such group. */
const offsetCommitWithMissingGroups = 9
const txnOffsetCommitWithMissingGroups = 6

/** 0, or the code with which the commit is refused. */
export function commitRefusal(
  groups: LoadedGroups,
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }: Committer,
  isTransactional: boolean,
  version: number
): number {
  const known = groups.find(groupId)
  if (known === undefined && generationIdOrMemberEpoch >= 0) {
    const isTold = version >= (isTransactional ? txnOffsetCommitWithMissingGroups : offsetCommitWithMissingGroups)
    return isTold ? errorCode.GROUP_ID_NOT_FOUND : errorCode.ILLEGAL_GENERATION
  }
  const group = known ?? groups.classicGroup(groupId)
  return group.type === 'classic'
    ? group.commitError(memberId, groupInstanceId, generationIdOrMemberEpoch, isTransactional)
    : group.commitError(memberId, generationIdOrMemberEpoch, isTransactional, version)
}
