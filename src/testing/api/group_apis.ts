// Owns the list of APIs of groups, of both protocols.

import { offsetCommit } from './08_offset_commit.ts'
import { offsetFetch } from './09_offset_fetch.ts'
import { joinGroup } from './11_join_group.ts'
import { heartbeat } from './12_heartbeat.ts'
import { leaveGroup } from './13_leave_group.ts'
import { syncGroup } from './14_sync_group.ts'
import { describeGroups } from './15_describe_groups.ts'
import { listGroups } from './16_list_groups.ts'
import { txnOffsetCommit } from './28_txn_offset_commit.ts'
import { deleteGroups } from './42_delete_groups.ts'
import { offsetDelete } from './47_offset_delete.ts'
import { consumerGroupHeartbeat } from './68_consumer_group_heartbeat.ts'
import { consumerGroupDescribe } from './69_consumer_group_describe.ts'
import type { ApiHandler } from './handler.ts'

export const groupApis: readonly ApiHandler[] = [
  offsetCommit,
  offsetFetch,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  txnOffsetCommit,
  deleteGroups,
  offsetDelete,
  consumerGroupHeartbeat,
  consumerGroupDescribe
]
