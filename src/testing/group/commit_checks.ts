// Owns who may commit offsets in a group's name. A group that is not there is made for a commit without a generation.
// Source: org.apache.kafka.coordinator.group.OffsetMetadataManager.validateOffsetCommit. KIP-447, KIP-848, KIP-1251.

import { errorCode } from '../../protocol/index.ts'
import type { LoadedGroups } from './loaded_groups.ts'
import type { TakenOffsets } from './offset_requests.ts'

export interface Committer {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationIdOrMemberEpoch: number
}

export interface CommitKind {
  readonly isTransactional: boolean
  /** Of the request. */
  readonly version: number
}

/** The versions from which on clients are told that there is no such group. */
const offsetCommitWithMissingGroups = 9
const txnOffsetCommitWithMissingGroups = 6

/** 0, or the code with which the commit is refused. */
export function commitRefusal(
  groups: LoadedGroups,
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }: Committer,
  { partitions }: TakenOffsets,
  { isTransactional, version }: CommitKind
): number {
  const known = groups.find(groupId)
  if (known === undefined && generationIdOrMemberEpoch >= 0) {
    const isTold = version >= (isTransactional ? txnOffsetCommitWithMissingGroups : offsetCommitWithMissingGroups)
    return isTold ? errorCode.GROUP_ID_NOT_FOUND : errorCode.ILLEGAL_GENERATION
  }
  const group = known ?? groups.classicGroup(groupId)
  if (group.type === 'classic') {
    return group.commitError(memberId, groupInstanceId, generationIdOrMemberEpoch, isTransactional)
  }
  const committer = { memberId, groupInstanceId, memberEpoch: generationIdOrMemberEpoch, partitions }
  return group.commitError(committer, isTransactional, version)
}
