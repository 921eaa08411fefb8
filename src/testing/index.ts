// The door of the test kit: an in-process Kafka for tests, and a simulation that runs programs under faults by a seed.
export type { ServerRuntime } from '../runtime/index.ts'
export { EmbeddedKafka } from './embedded_kafka.ts'
export type { EmbeddedKafkaOptions } from './start_options.ts'
export type {
  ControlHandler,
  ControlledRequest,
  ControlOptions,
  ControlPlan,
  ControlRegistration
} from './cluster/controls.ts'
export type { AssignedTopic, GroupView, MemberView, OffsetView, PendingOffsetView } from './group/group_view.ts'
export type { RecordIsolation, StoredRecord } from './log/visible_records.ts'
export type { PartitionLog } from './log/partition_log.ts'
export type { TransactionControls } from './transaction/controls.ts'
export type { Marker, MarkerControl, MarkerFate, MarkerRule } from './transaction/marker_control.ts'
export type { SaslMechanism, SaslOptions } from './sasl/credentials.ts'
export { transactionLog } from './transaction/transaction_log.ts'
export type { TransactionEntry } from './transaction/entry.ts'
export { Chance } from './simulation/chance.ts'
export type { DiskCall, DiskFault } from './simulation/disk.ts'
export { Injector } from './simulation/injector.ts'
export type { ApplyFault, Fault, FaultSite, Trigger } from './simulation/injector.ts'
export type { Exchange, FrameFate } from './simulation/link.ts'
export type { Latency } from './simulation/network.ts'
export type { LifeState, VirtualProcess } from './simulation/process.ts'
export { simulate, StuckError } from './simulation/simulate.ts'
export type { SimulateOptions, SimulationRun } from './simulation/simulate.ts'
export type { Spawned, World, WorldOptions, WorldWatcher } from './simulation/world.ts'
