// The options of jobs, checked when they are given, with their defaults and limits.
import { checkOptions, integer, oneOf, options, silentLogger, string, value, withMethods } from '../client/index.ts'
import type { Checked, Kafka, Logger } from '../client/index.ts'
import { nodeRuntime } from '../runtime/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { CheckpointStorage } from './checkpoint/storage.ts'
import type { CheckpointingSettings, SinkFunction, SourceFunction } from './functions.ts'

/** What to do when the job fails other than for good. */
export interface RestartOptions {
  /** Failures in a row, without a completed checkpoint between them, after which the job gives up. Default 3; 0: never restart. */
  readonly attemptsMax?: number | undefined
  /** Pause before the first restart, milliseconds; doubled for each further one in a row up to 30 s. Default 1000. */
  readonly delayMs?: number | undefined
}

export interface EnvironmentOptions {
  /** Subtasks of each operator, 1 to 128. Default 1. */
  readonly parallelism?: number | undefined
  /** Default: silence. */
  readonly logger?: Logger | undefined
  /** Default: the real one. */
  readonly runtime?: Runtime | undefined
  readonly restart?: RestartOptions | undefined
  /**
   * What to do when a transaction is proven lost and the checkpoint before it is gone. `stop` (default): end with
   * CommittedDataLostError. `acceptLoss`: go on without its records.
   */
  readonly onLostTransaction?: 'stop' | 'acceptLoss' | undefined
  /** How long one step of recovery may go on trying, milliseconds. Default 120000. */
  readonly recoveryDeadlineMs?: number | undefined
}

export interface CheckpointingOptions {
  /** Where checkpoints are kept, such as `fileCheckpointStorage('./checkpoints')`. */
  readonly storage: CheckpointStorage
  /** From the first barrier until the checkpoint is durable, milliseconds; then the job restarts. Default 60000. */
  readonly timeoutMs?: number | undefined
  /** At least this long between the end of one checkpoint and the beginning of the next, milliseconds. Default 0. */
  readonly minPauseMs?: number | undefined
  /** Checkpoints that may be under way at once, 1 to 16. Default 1. */
  readonly concurrentMax?: number | undefined
}

export interface CheckedCheckpointing extends CheckpointingSettings {
  readonly storage: CheckpointStorage
}

export const parallelismMax = 128
const dayMs = 86_400_000

const restartTable = {
  attemptsMax: integer({ min: 0, max: 1_000_000, default: 3 }),
  delayMs: integer({ min: 0, max: dayMs, default: 1000 })
}

const environmentTable = {
  parallelism: integer({ min: 1, max: parallelismMax, default: 1 }),
  logger: withMethods<Logger, { default: Logger }>('a logger', ['debug', 'info', 'warn', 'error'], {
    default: silentLogger
  }),
  runtime: withMethods<Runtime, { optional: true }>('a Runtime', ['nowMs', 'setTimer', 'faultPoint'], {
    optional: true
  }),
  restart: options(restartTable, { optional: true }),
  onLostTransaction: oneOf(['stop', 'acceptLoss'], { default: 'stop' }),
  recoveryDeadlineMs: integer({ min: 1, max: dayMs, default: 120_000 })
}

export interface CheckedEnvironment {
  readonly parallelism: number
  readonly logger: Logger
  readonly runtime: Runtime
  readonly restart: Checked<typeof restartTable>
  readonly onLostTransaction: 'stop' | 'acceptLoss'
  readonly recoveryDeadlineMs: number
}

export function checkEnvironmentOptions(given: EnvironmentOptions | undefined): CheckedEnvironment {
  const checked = checkOptions('StreamExecutionEnvironment', given, environmentTable)
  return Object.freeze({
    ...checked,
    runtime: checked.runtime ?? nodeRuntime(),
    restart: checkOptions('restart', checked.restart, restartTable)
  })
}

const intervalTable = { intervalMs: integer({ min: 1, max: dayMs }) }
const checkpointingTable = {
  storage: withMethods<CheckpointStorage, object>('a checkpoint storage, such as fileCheckpointStorage(folder)', [
    'open'
  ]),
  timeoutMs: integer({ min: 1, max: dayMs, default: 60_000 }),
  minPauseMs: integer({ min: 0, max: dayMs, default: 0 }),
  concurrentMax: integer({ min: 1, max: 16, default: 1 })
}

export function checkCheckpointingOptions(intervalMs: number, given: CheckpointingOptions): CheckedCheckpointing {
  const interval = checkOptions('enableCheckpointing', { intervalMs }, intervalTable)
  return Object.freeze({ ...checkOptions('enableCheckpointing', given, checkpointingTable), ...interval })
}

/** The name of an operator, and nothing else so far. */
export interface OperatorOptions {
  /** Unique in the job. Name operators with state: the name is what finds it again. Default: kind and number. */
  readonly name?: string | undefined
}

const operatorTable = { name: string({ lengthMax: 200, optional: true }) }

export function checkOperatorOptions(what: string, given: OperatorOptions | undefined): string | undefined {
  return checkOptions(what, given, operatorTable).name
}

const sourceTable = {
  source: withMethods<SourceFunction<unknown>, object>('a source, such as new KafkaSource(...)', ['createReader'])
}
const sinkTable = {
  sink: withMethods<SinkFunction<unknown>, object>('a sink, such as new KafkaSink(...)', ['createWriter'])
}

export function checkSource(source: SourceFunction<unknown>): void {
  checkOptions('addSource', { source }, sourceTable)
}

export function checkSink(sink: SinkFunction<never>): void {
  checkOptions('addSink', { sink }, sinkTable)
}

/** What sources and sinks take as `kafka`. */
export const kafkaRule = value(
  'a Kafka object',
  (given): given is Kafka =>
    typeof given === 'object' &&
    given !== null &&
    typeof Reflect.get(given, 'cluster') === 'object' &&
    Reflect.get(given, 'cluster') !== null
)

export interface ExecuteOptions {
  /** Cancels the job when it aborts. */
  readonly signal?: AbortSignal | undefined
}

const jobNameTable = { jobName: string({ lengthMax: 200 }) }
const executeTable = {
  signal: value('an AbortSignal', (given): given is AbortSignal => given instanceof AbortSignal, { optional: true })
}

export function checkExecuteOptions(jobName: string, given: ExecuteOptions | undefined): Checked<typeof executeTable> {
  checkOptions('execute', { jobName }, jobNameTable)
  return checkOptions('execute', given, executeTable)
}

const directoryTable = { directory: string() }
const fileStorageTable = {
  lock: oneOf(['pid', 'none'], { default: 'pid' }),
  retainedMax: integer({ min: 1, max: 1000, default: 1 }),
  checkpointBytesMax: integer({ min: 1024, max: 0x7fffffff, default: 256 * 1024 * 1024 })
}

export interface FileStorageOptions {
  /**
   * `pid` (default): one living process at a time. `none`: no lock; two runs at once are then told apart only by the
   * fencing in Kafka and in the store.
   */
  readonly lock?: 'pid' | 'none' | undefined
  /** Completed checkpoints that are kept, 1 to 1000. Default 1; what recovery needs is kept besides. */
  readonly retainedMax?: number | undefined
  /** A larger checkpoint is refused, going in and coming out. Default 256 MiB. */
  readonly checkpointBytesMax?: number | undefined
}

export function checkFileStorageOptions(
  directory: string,
  given: FileStorageOptions | undefined
): Checked<typeof fileStorageTable> & Checked<typeof directoryTable> {
  const where = checkOptions('fileCheckpointStorage', { directory }, directoryTable)
  return Object.freeze({ ...checkOptions('fileCheckpointStorage', given, fileStorageTable), ...where })
}
