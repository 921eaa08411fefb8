// What a job is made of: sources, functions and sinks as users write them, and what the engine promises to call and
// when. Names are Flink's (SourceFunction, SinkFunction, CheckpointedFunction, CheckpointListener, ListState). Types only.
import type { Logger } from '../client/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { TransactionParticipant } from './participant.ts'

/** What may stand in state: JSON and bigint. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | bigint
  | readonly StateValue[]
  | { readonly [name: string]: StateValue }

/** State that is a list; the engine redistributes its elements when the parallelism changes. */
export interface ListState<T extends StateValue> {
  get(): readonly T[]
  add(value: T): void
  update(values: readonly T[]): void
  clear(): void
}

export interface SubtaskContext {
  readonly jobName: string
  /** Name of the operator, unique in the job and stable over restarts: its state is kept under it. */
  readonly operatorName: string
  readonly subtaskIndex: number
  readonly parallelism: number
  readonly runtime: Runtime
  readonly logger: Logger
  /** Aborts when the job ends or restarts. */
  readonly signal: AbortSignal
  /** Reports something of interest to those who listen to the job's events. */
  report(event: SubtaskEvent): void
}

export interface SubtaskEvent {
  readonly kind: string
  readonly [name: string]: unknown
}

export interface FunctionInitializationContext {
  /** The checkpoint that state comes from; undefined at the very first start. */
  readonly restoredCheckpointId: number | undefined
  /** After a change of parallelism each subtask gets its share of the elements. */
  getListState<T extends StateValue>(name: string): ListState<T>
  /** Each subtask gets all elements of all subtasks. */
  getUnionListState<T extends StateValue>(name: string): ListState<T>
}

export interface FunctionSnapshotContext {
  readonly checkpointId: number
}

/** A function with state. The engine keeps what its ListStates hold when `snapshotState` returns. */
export interface CheckpointedFunction {
  initializeState(context: FunctionInitializationContext): void | Promise<void>
  snapshotState(context: FunctionSnapshotContext): void | Promise<void>
}

/** Told when a checkpoint is durable and its transactions are proven committed. A missed call is covered by the next. */
export interface CheckpointListener {
  notifyCheckpointComplete(checkpointId: number): void | Promise<void>
}

/** Reads for one subtask. Calls never overlap, except `wake` and `close`. */
export interface SourceReader<T> extends Partial<CheckpointedFunction>, Partial<CheckpointListener> {
  /** After initializeState. */
  open(): Promise<void>
  /**
   * The next elements; an empty array after `waitMs` without any, or soon after `wake`; 'end' when there will be none.
   * A snapshot that follows covers exactly the arrays returned so far.
   */
  poll(waitMs: number): Promise<readonly T[] | 'end'>
  /** Makes a waiting `poll` return. */
  wake(): void
  /** Comes once, also where `open` failed or never came. */
  close(): Promise<void>
  /** Records behind the end of what a reader of committed records can see, where known. */
  lag?(): bigint | undefined
}

export interface SourceFunction<T> {
  /** Why this source makes no sense in a job without checkpoints; absent where it does. */
  readonly needsCheckpoints?: string | undefined
  createReader(context: SubtaskContext): SourceReader<T>
}

/** Writes for one subtask. `invoke` takes arrays, so that nothing is awaited per record. */
export interface SinkWriter<T> extends Partial<CheckpointedFunction>, Partial<CheckpointListener> {
  open(): Promise<void>
  invoke(values: readonly T[]): void | Promise<void>
  /**
   * The barrier of a checkpoint has come: what was invoked before belongs to it, what comes later does not. Called
   * before snapshotState.
   */
  passBarrier?(checkpointId: number): void | Promise<void>
  /**
   * Comes once, also where `open` failed or never came. Unless the context's signal has aborted, what was invoked and
   * belongs to no transaction must have been written when this resolves: a job without checkpoints has no other flush.
   */
  close(): Promise<void>
}

export interface SinkFunction<T> {
  /** Sinks that name the same participant share it, and so share one transaction per checkpoint. */
  readonly participant?: ParticipantDeclaration
  /** `participant` is what `this.participant` created for this run of the job. */
  createWriter(context: SubtaskContext, participant: TransactionParticipant | undefined): SinkWriter<T>
}

export interface ParticipantDeclaration {
  /** Unique within the job and stable over restarts: pending transactions are kept under it. */
  readonly name: string
  create(context: ParticipantContext): TransactionParticipant
}

export interface ParticipantContext {
  readonly jobName: string
  /** Random for each run: tells its files and transactions from those of another run. */
  readonly runId: string
  /** The sinks that named this participant, in the order in which they were added to the job. */
  readonly sinks: readonly SinkFunction<never>[]
  /** How many subtasks of how many sinks write through this participant. */
  readonly writersCount: number
  readonly checkpointing: CheckpointingSettings
  /** How long one call during recovery may go on trying before it gives up with an error. */
  readonly recoveryDeadlineMs: number
  readonly runtime: Runtime
  readonly logger: Logger
  readonly signal: AbortSignal
  report(event: SubtaskEvent): void
  /** Ends this run: something failed outside of any call. */
  fail(error: unknown): void
}

export interface CheckpointingSettings {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly minPauseMs: number
  readonly concurrentMax: number
}

export type MapFunction<In, Out> = (value: In) => Out | Promise<Out>
export type FilterFunction<In> = (value: In) => boolean | Promise<boolean>
export type FlatMapFunction<In, Out> = (value: In, collect: (value: Out) => void) => void | Promise<void>
