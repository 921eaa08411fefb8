// The door of the exactly-once engine: jobs made of sources, functions and sinks, with checkpoints and recovery.
export { fileCheckpointStorage } from './checkpoint/file_storage.ts'
export { memoryCheckpointStorage } from './checkpoint/memory_storage.ts'
export type { MemoryCheckpointStorage } from './checkpoint/memory_storage.ts'
export type {
  Checkpoint,
  CheckpointStorage,
  CheckpointStore,
  CorruptCheckpoint,
  RunRecord,
  StorageContext,
  StoreContents
} from './checkpoint/storage.ts'
export { DataStream, StreamExecutionEnvironment } from './environment.ts'
export { CommittedDataLostError, HangingTransactionError, JobError, LedgerMismatchError } from './errors.ts'
export type { JobErrorCode, JobErrorDetails } from './errors.ts'
export type { JobEventListener, JobEventName, JobEvents, JobOutcome } from './events.ts'
export type {
  CheckpointedFunction,
  CheckpointingSettings,
  CheckpointListener,
  FilterFunction,
  FlatMapFunction,
  FunctionInitializationContext,
  FunctionSnapshotContext,
  ListState,
  MapFunction,
  ParticipantContext,
  ParticipantDeclaration,
  SinkFunction,
  SinkWriter,
  SourceFunction,
  SourceReader,
  StateValue,
  SubtaskContext,
  SubtaskEvent
} from './functions.ts'
export type { JobHandle, JobMetrics, JobResult, JobState } from './job.ts'
export { perSubtask, PerSubtask } from './operator.ts'
export type {
  FilterDefinition,
  FilterOperator,
  FlatMapDefinition,
  FlatMapOperator,
  MapDefinition,
  MapOperator,
  StatefulFunction
} from './operator.ts'
export type {
  CheckpointingOptions,
  EnvironmentOptions,
  ExecuteOptions,
  FileStorageOptions,
  OperatorOptions,
  RestartOptions
} from './options.ts'
export type {
  AbortOutcome,
  LedgerFinding,
  LostTransaction,
  ParticipantSnapshot,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction,
  TransactionParticipant,
  TransactionStatus
} from './participant.ts'
export type { JsonValue, OperatorState, SubtaskState } from './state.ts'
export { JsonSchema, RawBytesSchema, SimpleStringSchema } from './schemas.ts'
export type { BadRecord, DeserializationSchema, OnBadRecord, RecordHeaders, SerializationSchema } from './schemas.ts'
export { KafkaSink } from './sink/kafka_sink.ts'
export type { KafkaSinkOptions, Semantic } from './sink/kafka_sink_options.ts'
export { pendingKafkaTransactions } from './sink/pending_transactions.ts'
export { TwoPhaseCommitParticipant } from './sink/two_phase_commit_participant.ts'
export type { TransactionWriter } from './sink/two_phase_commit_participant.ts'
export { TwoPhaseCommitSinkFunction } from './sink/two_phase_commit_sink.ts'
export type { RecoveredTransaction, TransactionContext } from './sink/two_phase_commit_sink.ts'
export { KafkaSource } from './source/kafka_source.ts'
export type {
  KafkaSourceOptions,
  OffsetCommitMode,
  OffsetsByPartition,
  StartupMode
} from './source/kafka_source_options.ts'
export type { KafkaTopicPartition, KafkaTopicPartitionState } from './source/partition_state.ts'
