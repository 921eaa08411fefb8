// OffsetCommit, API 8: commits positions of a group, outside of any transaction. Serves versions 2 to 10.
//
// Behaviour: the group must be this broker's. Without a generation the group may have no members; with one it must be the
// member's, or one since which the member has the partitions (KIP-1251). Partitions that do not exist are refused one by one.
//
// Versions: 2-4 a retention of their own; 7 static members; 9 member epochs (KIP-848); 10 topic ids.

import { errorCode } from '../../protocol/index.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import { commitRefusal } from '../group/commit_checks.ts'
import { sameForAll, takeOffsets } from '../group/offset_requests.ts'
import { handler } from './handler.ts'

const firstVersionWithTopicIds = 10

export const offsetCommit = handler('OffsetCommit', (request, { broker, version }) => {
  const groups = groupCoordinatorOf(broker).groupsOf(request.groupId)
  if (typeof groups === 'number') return { topics: sameForAll(request.topics, groups) }
  const refuse = (code: number) => ({ topics: sameForAll(request.topics, code) })
  if (groups.isSuperseded) return groups.unloaded().then(() => refuse(errorCode.NOT_COORDINATOR))
  const isById = version >= firstVersionWithTopicIds
  const taken = takeOffsets(broker, request.topics, { isById, retentionMs: request.retentionTimeMs })
  const refused = commitRefusal(groups, request, taken, { isTransactional: false, version })
  if (refused !== 0) return refuse(refused)
  groups.offsets.commit(request.groupId, taken.offsets)
  return { topics: taken.topics }
})
