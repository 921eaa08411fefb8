// Owns the table of the APIs of a broker (Kafka 4.4.0) and the types that follow from it.

import { ProduceRequest, ProduceResponse } from './messages/produce.ts'
import { FetchRequest, FetchResponse } from './messages/fetch.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from './messages/list_offsets.ts'
import { MetadataRequest, MetadataResponse } from './messages/metadata.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from './messages/offset_commit.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from './messages/offset_fetch.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from './messages/find_coordinator.ts'
import { JoinGroupRequest, JoinGroupResponse } from './messages/join_group.ts'
import { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from './messages/leave_group.ts'
import { SyncGroupRequest, SyncGroupResponse } from './messages/sync_group.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from './messages/describe_groups.ts'
import { ListGroupsRequest, ListGroupsResponse } from './messages/list_groups.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from './messages/sasl_handshake.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api_versions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from './messages/create_topics.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from './messages/delete_topics.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from './messages/delete_records.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from './messages/init_producer_id.ts'
import { OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from './messages/offset_for_leader_epoch.ts'
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from './messages/add_partitions_to_txn.ts'
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './messages/add_offsets_to_txn.ts'
import { EndTxnRequest, EndTxnResponse } from './messages/end_txn.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './messages/write_txn_markers.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './messages/txn_offset_commit.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from './messages/describe_acls.ts'
import { CreateAclsRequest, CreateAclsResponse } from './messages/create_acls.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from './messages/delete_acls.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from './messages/describe_configs.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from './messages/alter_configs.ts'
import { AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse } from './messages/alter_replica_log_dirs.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from './messages/describe_log_dirs.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from './messages/sasl_authenticate.ts'
import { CreatePartitionsRequest, CreatePartitionsResponse } from './messages/create_partitions.ts'
import { CreateDelegationTokenRequest, CreateDelegationTokenResponse } from './messages/create_delegation_token.ts'
import { RenewDelegationTokenRequest, RenewDelegationTokenResponse } from './messages/renew_delegation_token.ts'
import { ExpireDelegationTokenRequest, ExpireDelegationTokenResponse } from './messages/expire_delegation_token.ts'
import {
  DescribeDelegationTokenRequest,
  DescribeDelegationTokenResponse
} from './messages/describe_delegation_token.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from './messages/delete_groups.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from './messages/elect_leaders.ts'
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse
} from './messages/incremental_alter_configs.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse
} from './messages/alter_partition_reassignments.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse
} from './messages/list_partition_reassignments.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from './messages/offset_delete.ts'
import { DescribeClientQuotasRequest, DescribeClientQuotasResponse } from './messages/describe_client_quotas.ts'
import { AlterClientQuotasRequest, AlterClientQuotasResponse } from './messages/alter_client_quotas.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse
} from './messages/describe_user_scram_credentials.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse
} from './messages/alter_user_scram_credentials.ts'
import { DescribeQuorumRequest, DescribeQuorumResponse } from './messages/describe_quorum.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from './messages/update_features.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from './messages/describe_cluster.ts'
import { DescribeProducersRequest, DescribeProducersResponse } from './messages/describe_producers.ts'
import { UnregisterBrokerRequest, UnregisterBrokerResponse } from './messages/unregister_broker.ts'
import { DescribeTransactionsRequest, DescribeTransactionsResponse } from './messages/describe_transactions.ts'
import { ListTransactionsRequest, ListTransactionsResponse } from './messages/list_transactions.ts'
import { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from './messages/consumer_group_heartbeat.ts'
import { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse } from './messages/consumer_group_describe.ts'
import {
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponse
} from './messages/get_telemetry_subscriptions.ts'
import { PushTelemetryRequest, PushTelemetryResponse } from './messages/push_telemetry.ts'
import { ListConfigResourcesRequest, ListConfigResourcesResponse } from './messages/list_config_resources.ts'
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse
} from './messages/describe_topic_partitions.ts'
import { ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse } from './messages/share_group_heartbeat.ts'
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from './messages/share_group_describe.ts'
import { ShareFetchRequest, ShareFetchResponse } from './messages/share_fetch.ts'
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './messages/share_acknowledge.ts'
import { AddRaftVoterRequest, AddRaftVoterResponse } from './messages/add_raft_voter.ts'
import { RemoveRaftVoterRequest, RemoveRaftVoterResponse } from './messages/remove_raft_voter.ts'
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse
} from './messages/initialize_share_group_state.ts'
import { ReadShareGroupStateRequest, ReadShareGroupStateResponse } from './messages/read_share_group_state.ts'
import { WriteShareGroupStateRequest, WriteShareGroupStateResponse } from './messages/write_share_group_state.ts'
import { DeleteShareGroupStateRequest, DeleteShareGroupStateResponse } from './messages/delete_share_group_state.ts'
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse
} from './messages/read_share_group_state_summary.ts'
import { StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse } from './messages/streams_group_heartbeat.ts'
import { StreamsGroupDescribeRequest, StreamsGroupDescribeResponse } from './messages/streams_group_describe.ts'
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse
} from './messages/describe_share_group_offsets.ts'
import { AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse } from './messages/alter_share_group_offsets.ts'
import {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse
} from './messages/delete_share_group_offsets.ts'
import {
  StreamsGroupTopologyDescriptionUpdateRequest,
  StreamsGroupTopologyDescriptionUpdateResponse
} from './messages/streams_group_topology_description_update.ts'
import { UnregisterControllerRequest, UnregisterControllerResponse } from './messages/unregister_controller.ts'
import { ProtocolError } from './protocol_error.ts'
import type { Decoded, Encodable, Message } from './schema.ts'

/** One API: its name, key, versions and messages. */
export interface Api<N extends string, Q extends Message, S extends Message> {
  readonly name: N
  readonly key: number
  /** First and last version that are declared. */
  readonly versions: readonly [first: number, last: number]
  /** Last version that brokers offer without being told to offer unstable ones. */
  readonly latestStableVersion: number
  readonly request: Q
  readonly response: S
}

function api<const N extends string, Q extends Message, S extends Message>(
  name: N,
  request: Q,
  response: S
): Api<N, Q, S> {
  const { apiKey, versions, latestVersionUnstable } = request
  if (apiKey === undefined || apiKey !== response.apiKey) throw new Error(`${name} needs one API key`)
  const latestStableVersion = latestVersionUnstable ? versions[1] - 1 : versions[1]
  return Object.freeze({ name, key: apiKey, versions, latestStableVersion, request, response })
}

/** Every API that a broker listens to, by name. */
export const apis = Object.freeze({
  Produce: api('Produce', ProduceRequest, ProduceResponse),
  Fetch: api('Fetch', FetchRequest, FetchResponse),
  ListOffsets: api('ListOffsets', ListOffsetsRequest, ListOffsetsResponse),
  Metadata: api('Metadata', MetadataRequest, MetadataResponse),
  OffsetCommit: api('OffsetCommit', OffsetCommitRequest, OffsetCommitResponse),
  OffsetFetch: api('OffsetFetch', OffsetFetchRequest, OffsetFetchResponse),
  FindCoordinator: api('FindCoordinator', FindCoordinatorRequest, FindCoordinatorResponse),
  JoinGroup: api('JoinGroup', JoinGroupRequest, JoinGroupResponse),
  Heartbeat: api('Heartbeat', HeartbeatRequest, HeartbeatResponse),
  LeaveGroup: api('LeaveGroup', LeaveGroupRequest, LeaveGroupResponse),
  SyncGroup: api('SyncGroup', SyncGroupRequest, SyncGroupResponse),
  DescribeGroups: api('DescribeGroups', DescribeGroupsRequest, DescribeGroupsResponse),
  ListGroups: api('ListGroups', ListGroupsRequest, ListGroupsResponse),
  SaslHandshake: api('SaslHandshake', SaslHandshakeRequest, SaslHandshakeResponse),
  ApiVersions: api('ApiVersions', ApiVersionsRequest, ApiVersionsResponse),
  CreateTopics: api('CreateTopics', CreateTopicsRequest, CreateTopicsResponse),
  DeleteTopics: api('DeleteTopics', DeleteTopicsRequest, DeleteTopicsResponse),
  DeleteRecords: api('DeleteRecords', DeleteRecordsRequest, DeleteRecordsResponse),
  InitProducerId: api('InitProducerId', InitProducerIdRequest, InitProducerIdResponse),
  OffsetForLeaderEpoch: api('OffsetForLeaderEpoch', OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
  AddPartitionsToTxn: api('AddPartitionsToTxn', AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
  AddOffsetsToTxn: api('AddOffsetsToTxn', AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
  EndTxn: api('EndTxn', EndTxnRequest, EndTxnResponse),
  WriteTxnMarkers: api('WriteTxnMarkers', WriteTxnMarkersRequest, WriteTxnMarkersResponse),
  TxnOffsetCommit: api('TxnOffsetCommit', TxnOffsetCommitRequest, TxnOffsetCommitResponse),
  DescribeAcls: api('DescribeAcls', DescribeAclsRequest, DescribeAclsResponse),
  CreateAcls: api('CreateAcls', CreateAclsRequest, CreateAclsResponse),
  DeleteAcls: api('DeleteAcls', DeleteAclsRequest, DeleteAclsResponse),
  DescribeConfigs: api('DescribeConfigs', DescribeConfigsRequest, DescribeConfigsResponse),
  AlterConfigs: api('AlterConfigs', AlterConfigsRequest, AlterConfigsResponse),
  AlterReplicaLogDirs: api('AlterReplicaLogDirs', AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse),
  DescribeLogDirs: api('DescribeLogDirs', DescribeLogDirsRequest, DescribeLogDirsResponse),
  SaslAuthenticate: api('SaslAuthenticate', SaslAuthenticateRequest, SaslAuthenticateResponse),
  CreatePartitions: api('CreatePartitions', CreatePartitionsRequest, CreatePartitionsResponse),
  CreateDelegationToken: api('CreateDelegationToken', CreateDelegationTokenRequest, CreateDelegationTokenResponse),
  RenewDelegationToken: api('RenewDelegationToken', RenewDelegationTokenRequest, RenewDelegationTokenResponse),
  ExpireDelegationToken: api('ExpireDelegationToken', ExpireDelegationTokenRequest, ExpireDelegationTokenResponse),
  DescribeDelegationToken: api(
    'DescribeDelegationToken',
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse
  ),
  DeleteGroups: api('DeleteGroups', DeleteGroupsRequest, DeleteGroupsResponse),
  ElectLeaders: api('ElectLeaders', ElectLeadersRequest, ElectLeadersResponse),
  IncrementalAlterConfigs: api(
    'IncrementalAlterConfigs',
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse
  ),
  AlterPartitionReassignments: api(
    'AlterPartitionReassignments',
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse
  ),
  ListPartitionReassignments: api(
    'ListPartitionReassignments',
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse
  ),
  OffsetDelete: api('OffsetDelete', OffsetDeleteRequest, OffsetDeleteResponse),
  DescribeClientQuotas: api('DescribeClientQuotas', DescribeClientQuotasRequest, DescribeClientQuotasResponse),
  AlterClientQuotas: api('AlterClientQuotas', AlterClientQuotasRequest, AlterClientQuotasResponse),
  DescribeUserScramCredentials: api(
    'DescribeUserScramCredentials',
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse
  ),
  AlterUserScramCredentials: api(
    'AlterUserScramCredentials',
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse
  ),
  DescribeQuorum: api('DescribeQuorum', DescribeQuorumRequest, DescribeQuorumResponse),
  UpdateFeatures: api('UpdateFeatures', UpdateFeaturesRequest, UpdateFeaturesResponse),
  DescribeCluster: api('DescribeCluster', DescribeClusterRequest, DescribeClusterResponse),
  DescribeProducers: api('DescribeProducers', DescribeProducersRequest, DescribeProducersResponse),
  UnregisterBroker: api('UnregisterBroker', UnregisterBrokerRequest, UnregisterBrokerResponse),
  DescribeTransactions: api('DescribeTransactions', DescribeTransactionsRequest, DescribeTransactionsResponse),
  ListTransactions: api('ListTransactions', ListTransactionsRequest, ListTransactionsResponse),
  ConsumerGroupHeartbeat: api('ConsumerGroupHeartbeat', ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
  ConsumerGroupDescribe: api('ConsumerGroupDescribe', ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
  GetTelemetrySubscriptions: api(
    'GetTelemetrySubscriptions',
    GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse
  ),
  PushTelemetry: api('PushTelemetry', PushTelemetryRequest, PushTelemetryResponse),
  ListConfigResources: api('ListConfigResources', ListConfigResourcesRequest, ListConfigResourcesResponse),
  DescribeTopicPartitions: api(
    'DescribeTopicPartitions',
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse
  ),
  ShareGroupHeartbeat: api('ShareGroupHeartbeat', ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse),
  ShareGroupDescribe: api('ShareGroupDescribe', ShareGroupDescribeRequest, ShareGroupDescribeResponse),
  ShareFetch: api('ShareFetch', ShareFetchRequest, ShareFetchResponse),
  ShareAcknowledge: api('ShareAcknowledge', ShareAcknowledgeRequest, ShareAcknowledgeResponse),
  AddRaftVoter: api('AddRaftVoter', AddRaftVoterRequest, AddRaftVoterResponse),
  RemoveRaftVoter: api('RemoveRaftVoter', RemoveRaftVoterRequest, RemoveRaftVoterResponse),
  InitializeShareGroupState: api(
    'InitializeShareGroupState',
    InitializeShareGroupStateRequest,
    InitializeShareGroupStateResponse
  ),
  ReadShareGroupState: api('ReadShareGroupState', ReadShareGroupStateRequest, ReadShareGroupStateResponse),
  WriteShareGroupState: api('WriteShareGroupState', WriteShareGroupStateRequest, WriteShareGroupStateResponse),
  DeleteShareGroupState: api('DeleteShareGroupState', DeleteShareGroupStateRequest, DeleteShareGroupStateResponse),
  ReadShareGroupStateSummary: api(
    'ReadShareGroupStateSummary',
    ReadShareGroupStateSummaryRequest,
    ReadShareGroupStateSummaryResponse
  ),
  StreamsGroupHeartbeat: api('StreamsGroupHeartbeat', StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse),
  StreamsGroupDescribe: api('StreamsGroupDescribe', StreamsGroupDescribeRequest, StreamsGroupDescribeResponse),
  DescribeShareGroupOffsets: api(
    'DescribeShareGroupOffsets',
    DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsResponse
  ),
  AlterShareGroupOffsets: api('AlterShareGroupOffsets', AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse),
  DeleteShareGroupOffsets: api(
    'DeleteShareGroupOffsets',
    DeleteShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsResponse
  ),
  StreamsGroupTopologyDescriptionUpdate: api(
    'StreamsGroupTopologyDescriptionUpdate',
    StreamsGroupTopologyDescriptionUpdateRequest,
    StreamsGroupTopologyDescriptionUpdateResponse
  ),
  UnregisterController: api('UnregisterController', UnregisterControllerRequest, UnregisterControllerResponse)
})

type Apis = typeof apis

/** Name of an API, such as `Produce`. */
export type ApiName = keyof Apis

/** What a decoded request of an API is. */
export type RequestOf<N extends ApiName> = Decoded<Apis[N]['request']>

/** What a request of an API is encoded from. */
export type EncodableRequestOf<N extends ApiName> = Encodable<Apis[N]['request']>

/** What a decoded response of an API is. */
export type ResponseOf<N extends ApiName> = Decoded<Apis[N]['response']>

/** What a response of an API is encoded from. */
export type EncodableResponseOf<N extends ApiName> = Encodable<Apis[N]['response']>

/** Any entry of the table. */
export type AnyApi = Api<ApiName, Message, Message>

/** A table of this size is asked in a fifth of the time that an object of so many names takes. */
const byName: ReadonlyMap<string, unknown> = new Map(Object.entries(apis))

/** The API of a name. Throws a ProtocolError `INVALID_VALUE` for another name, which types do not keep away everywhere. */
export function apiByName<N extends ApiName>(name: N): Apis[N] {
  const found = byName.get(name)
  if (found === undefined) throw new ProtocolError('INVALID_VALUE', `Kafka has no API by the name ${name}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the table has under that name
  return found as Apis[N]
}

const byKey: ReadonlyMap<number, AnyApi> = new Map(Object.values(apis).map((one: AnyApi) => [one.key, one]))

/** The API of a key, or undefined where no broker has it. */
export function apiByKey(key: number): AnyApi | undefined {
  return byKey.get(key)
}
