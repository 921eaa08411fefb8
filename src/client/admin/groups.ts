// Deleting groups at their coordinators. Owns that a group that is not there is a value and not an error. KIP-229.
import { errorCode } from '../../protocol/index.ts'
import type { CallOptions } from '../call.ts'
import type { Cluster } from '../cluster.ts'
import { coordinatorRequest } from '../coordinator_request.ts'
import { brokerError } from '../errors.ts'

export interface DeletedGroup {
  readonly groupId: string
  /** False where there was no such group. */
  readonly wasThere: boolean
}

/** Deletes groups with all their positions; one that has members is refused with NON_EMPTY_GROUP (68). */
export function deleteGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: CallOptions
): Promise<readonly DeletedGroup[]> {
  return Promise.all(groupIds.map((groupId) => deleteGroup(cluster, groupId, options)))
}

async function deleteGroup(cluster: Cluster, groupId: string, options: CallOptions): Promise<DeletedGroup> {
  const what = `DeleteGroups of ${groupId}`
  const { deadlineMs, signal } = options
  const response = await coordinatorRequest(
    cluster,
    'group',
    groupId,
    'DeleteGroups',
    { groupsNames: [groupId] },
    {
      what,
      errorCodeOf: ({ results }) => results[0]?.errorCode ?? errorCode.NONE,
      signal,
      deadlineMs
    }
  )
  const code = response.results[0]?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR
  if (code === errorCode.NONE) return { groupId, wasThere: true }
  if (code === errorCode.GROUP_ID_NOT_FOUND) return { groupId, wasThere: false }
  throw brokerError(code, what, { api: 'DeleteGroups' })
}
