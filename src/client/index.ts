// The door of the client: what users of the package see, and what the exactly-once engine builds on. Whatever is not
// named here is the client's own business.

// The client and its parts.
export { Kafka } from './kafka.ts'
export type { KafkaOptions } from './kafka_options.ts'
export { Producer } from './producer/index.ts'
export { checkProducerOptions, toBytes, toHeaders } from './producer/options.ts'
export type { Partitioner, ProducerMessage, ProducerOptions, RecordMetadata } from './producer/index.ts'
export { TransactionalProducer } from './transaction/transactional_producer.ts'
export { Transaction } from './transaction/transaction.ts'
export type { BeginTransactionOptions, DecideOptions } from './transaction/transaction.ts'
export type { Ledger, TransactionalProducerOptions } from './transaction/options.ts'
export type { OffsetsToCommit } from './transaction/coordinator_calls.ts'
export type { TransactionState } from './transaction/states.ts'
export { Consumer } from './consumer/consumer.ts'
export type { CommittedOffset, PartitionEnd } from './consumer/consumer.ts'
export type { ConsumerOptions } from './consumer/options.ts'
export type { Assignment, StartPosition } from './consumer/assignment.ts'
export type { ConsumedBatch, ConsumedRecord } from './consumer/consumed_batch.ts'
export { Admin } from './admin/admin.ts'
export type { CommitOffsetsOptions, FetchOffsetsOptions, StoredOffset } from './admin/admin.ts'
export type { CallOptions, WaitOptions } from './call.ts'

// Prepared transactions and what became of them.
export { ResumedTransaction } from './transaction/resume.ts'
export type { ProveOptions, SettleOptions } from './transaction/resume.ts'
export { parsePrepared, sealPrepared } from './transaction/prepared_codec.ts'
export type {
  ForeignTransaction,
  HangingPartition,
  PreparedPartition,
  PreparedTransaction,
  Proof,
  Verdict,
  Witness
} from './transaction/prepared.ts'
export { readDecision } from './transaction/coordinator_log.ts'
export type { Decision, SoughtTransaction } from './transaction/coordinator_log.ts'
export { scanOpen } from './transaction/open_scan.ts'
export type { OpenInLog } from './transaction/open_scan.ts'
export { partitionOfGroup } from './transaction/proof.ts'
export { isSameEntry, ledgerGroupOf, readLedger, readSettledLedger } from './transaction/witness.ts'
export type { LedgerEntry, ReadLedgerOptions } from './transaction/witness.ts'

// Errors and logging.
export { assert, brokerError, BugError, KafkaError } from './errors.ts'
export type { ClientErrorCode, KafkaErrorDetails } from './errors.ts'
export { silentLogger } from './logger.ts'
export type { Logger } from './logger.ts'

// The cluster, for those who send requests of their own.
export { NetworkCluster } from './network_cluster.ts'
export { clusterSettings } from './kafka_options.ts'
export type {
  BrokerAddress,
  Cluster,
  CoordinatorType,
  PartitionLeader,
  PartitionMetadata,
  RequestOptions,
  Target,
  TopicMetadata,
  TopicPartition
} from './cluster.ts'
export { coordinatorRequest, coordinatorVersion } from './coordinator_request.ts'
export type { CoordinatorRequestOptions } from './coordinator_request.ts'
export { backoffDelayMs, retry } from './retry.ts'
export type { Attempt, RetryOptions } from './retry.ts'
export { retryCall } from './call.ts'
export type { AttemptOptions } from './call.ts'
export { crc32c, zeroUuid } from '../protocol/index.ts'

// Administrative calls as functions over a cluster.
export { describeCluster, describeConfigs } from './admin/cluster_view.ts'
export type { ClusterBroker, ClusterDescription, ConfigEntry, ConfigResource } from './admin/cluster_view.ts'
export { commitGroupOffsets, fetchGroupOffsets, supportsRequireStable } from './admin/group_offsets.ts'
export type {
  CommitGroupOffsetsOptions,
  FetchGroupOffsetsOptions,
  GroupMember,
  GroupOffset,
  GroupOffsets,
  OffsetToCommit
} from './admin/group_offsets.ts'
export { deleteGroups } from './admin/groups.ts'
export type { DeletedGroup } from './admin/groups.ts'
export { askLeaders, keyOfPartition, partitionsByTopic } from './admin/partitions.ts'
export type { AskLeader, PartitionAnswer } from './admin/partitions.ts'
export { createPartitions, createTopics, deleteRecords, deleteTopics, listOffsets } from './admin/topics.ts'
export type {
  CreatedTopic,
  DeletedTopic,
  IsolationLevel,
  ListedOffset,
  MorePartitions,
  NewTopic,
  OffsetPosition,
  OffsetQuery,
  RecordsToDelete
} from './admin/topics.ts'
export { describeProducers, describeTransactions, listTransactions, writeTxnMarkers } from './admin/transactions.ts'
export type {
  BrokerTransactionState,
  ListedTransaction,
  ProducerState,
  TransactionDescription,
  TransactionFilter,
  TransactionMarkers
} from './admin/transactions.ts'

// The checker of options, for those who build on the client.
export {
  abortSignal,
  bigint,
  boolean,
  checkOptions,
  integer,
  list,
  number,
  oneOf,
  options,
  show,
  string,
  value,
  withMethods
} from './options.ts'
export type { Checked, Contradiction, Rule, RuleTable } from './options.ts'
