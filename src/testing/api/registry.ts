// Owns the list of APIs that the embedded broker serves. A new API is one file beside this one and one line here.

import { fetchRecords } from './01_fetch.ts'
import { listOffsets } from './02_list_offsets.ts'
import { metadata } from './03_metadata.ts'
import { produce } from './00_produce.ts'
import { findCoordinator } from './10_find_coordinator.ts'
import { saslHandshake } from './17_sasl_handshake.ts'
import { apiVersions } from './18_api_versions.ts'
import { createTopics } from './19_create_topics.ts'
import { deleteTopics } from './20_delete_topics.ts'
import { deleteRecords } from './21_delete_records.ts'
import { initProducerId } from './22_init_producer_id.ts'
import { offsetForLeaderEpoch } from './23_offset_for_leader_epoch.ts'
import { addPartitionsToTxn } from './24_add_partitions_to_txn.ts'
import { addOffsetsToTxn } from './25_add_offsets_to_txn.ts'
import { endTxn } from './26_end_txn.ts'
import { writeTxnMarkers } from './27_write_txn_markers.ts'
import { describeAcls } from './29_describe_acls.ts'
import { createAcls } from './30_create_acls.ts'
import { deleteAcls } from './31_delete_acls.ts'
import { describeConfigs } from './32_describe_configs.ts'
import { alterConfigs } from './33_alter_configs.ts'
import { describeLogDirs } from './35_describe_log_dirs.ts'
import { createPartitions } from './37_create_partitions.ts'
import { saslAuthenticate } from './36_sasl_authenticate.ts'
import { electLeaders } from './43_elect_leaders.ts'
import { incrementalAlterConfigs } from './44_incremental_alter_configs.ts'
import { describeUserScramCredentials } from './50_describe_user_scram_credentials.ts'
import { alterUserScramCredentials } from './51_alter_user_scram_credentials.ts'
import { updateFeatures } from './57_update_features.ts'
import { describeCluster } from './60_describe_cluster.ts'
import { describeProducers } from './61_describe_producers.ts'
import { describeTransactions } from './65_describe_transactions.ts'
import { listTransactions } from './66_list_transactions.ts'
import { listConfigResources } from './74_list_config_resources.ts'
import { describeTopicPartitions } from './75_describe_topic_partitions.ts'
import { groupApis } from './group_apis.ts'
import type { ApiHandler } from './handler.ts'

const all: readonly ApiHandler[] = [
  produce,
  fetchRecords,
  listOffsets,
  metadata,
  findCoordinator,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  electLeaders,
  incrementalAlterConfigs,
  describeUserScramCredentials,
  alterUserScramCredentials,
  updateFeatures,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
  listConfigResources,
  describeTopicPartitions,
  ...groupApis
]

/** Handlers by API key, in the order above. */
export const handlers: ReadonlyMap<number, ApiHandler> = new Map(all.map((one) => [one.key, one]))
