// What a Kafka source can be told, with its defaults. Words follow Flink's StartupMode and OffsetCommitMode.
import { checkOptions, integer, list, oneOf, string, value, withMethods } from '../../client/index.ts'
import type { Checked, Contradiction, Kafka } from '../../client/index.ts'
import { kafkaRule } from '../options.ts'
import type { DeserializationSchema, OnBadRecord } from '../schemas.ts'

/** Offsets by topic and partition. */
export type OffsetsByPartition = Readonly<Record<string, Readonly<Record<number, bigint>>>>

/**
 * Where the very first start begins: the group's committed offsets (`EARLIEST` for a partition that has none), the
 * first record, after the last one, the first record at or after a time (after the last one where there is none), or
 * given offsets (a partition that is not named begins as with `GROUP_OFFSETS`, without a group at `EARLIEST`). A
 * restored job goes on from its checkpoint, whatever stands here.
 */
export type StartupMode =
  | 'GROUP_OFFSETS'
  | 'EARLIEST'
  | 'LATEST'
  | { readonly timestampMs: number }
  | { readonly specificOffsets: OffsetsByPartition }

/**
 * When offsets are committed to the group, which is for monitoring only: never, with each completed checkpoint, or by
 * the clock whether there are checkpoints or not.
 */
export type OffsetCommitMode = 'DISABLED' | 'ON_CHECKPOINTS' | 'KAFKA_PERIODIC'

export interface KafkaSourceOptions<T> {
  readonly kafka: Kafka
  /** Names of the topics; or else `topicPattern`. */
  readonly topics?: readonly string[] | undefined
  /** All topics whose whole name matches, also those that are created later. */
  readonly topicPattern?: RegExp | undefined
  readonly groupId?: string | undefined
  readonly schema: DeserializationSchema<T>
  /** Default `GROUP_OFFSETS` where there is a `groupId`, else `EARLIEST`. */
  readonly startupMode?: StartupMode | undefined
  /** Default `ON_CHECKPOINTS` where there is a `groupId`, which commits nothing in a job without checkpoints; else `DISABLED`. */
  readonly offsetCommitMode?: OffsetCommitMode | undefined
  /** For `KAFKA_PERIODIC`, milliseconds. Default 5000. */
  readonly offsetCommitIntervalMs?: number | undefined
  /** How often new topics and partitions are looked for, milliseconds; 0: never. Default 30000. */
  readonly discoveryIntervalMs?: number | undefined
  /** Default `read_committed`. */
  readonly isolationLevel?: 'read_committed' | 'read_uncommitted' | undefined
  /** Default `fail`. */
  readonly onBadRecord?: OnBadRecord<T> | undefined
  /** Ends after the records that are there at the first start. Default false. */
  readonly bounded?: boolean | undefined
  /** Records that one array holds, where batches are not larger. Default 10000. */
  readonly recordsPerPollMax?: number | undefined
  /** Bytes of one fetch reply, of one partition in it, and that may wait to be handed out; see ConsumerOptions. */
  readonly fetchBytesMax?: number | undefined
  readonly partitionFetchBytesMax?: number | undefined
  readonly bufferedBytesMax?: number | undefined
}

const startupModes = ['GROUP_OFFSETS', 'EARLIEST', 'LATEST']

function isStartupMode(given: unknown): given is StartupMode {
  if (typeof given === 'string') return startupModes.includes(given)
  if (typeof given !== 'object' || given === null || Object.keys(given).length !== 1) return false
  if ('timestampMs' in given) return Number.isSafeInteger(given.timestampMs) && Number(given.timestampMs) >= 0
  return 'specificOffsets' in given && isOffsets(given.specificOffsets)
}

function isOffsets(given: unknown): given is OffsetsByPartition {
  if (typeof given !== 'object' || given === null) return false
  return Object.values(given).every(
    (byPartition: unknown) =>
      typeof byPartition === 'object' &&
      byPartition !== null &&
      Object.entries(byPartition).every(
        ([partition, offset]: [string, unknown]) =>
          /^\d+$/.test(partition) && typeof offset === 'bigint' && offset >= 0n
      )
  )
}

function namedTopics(mode: StartupMode | undefined): readonly string[] {
  return typeof mode === 'object' && 'specificOffsets' in mode ? Object.keys(mode.specificOffsets) : []
}

/** The pattern for whole names. A flag such as g would make it remember where it stopped. */
export function wholeName(pattern: RegExp): RegExp {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replaceAll(/[gy]/g, ''))
}

function isOnBadRecord(given: unknown): given is OnBadRecord<unknown> {
  return given === 'fail' || given === 'skip' || typeof given === 'function'
}

const rules = {
  kafka: kafkaRule,
  topics: list(string({ lengthMax: 249 }), { optional: true, lengthMin: 1 }),
  topicPattern: value('a regular expression', (given): given is RegExp => given instanceof RegExp, { optional: true }),
  groupId: string({ optional: true }),
  schema: withMethods<DeserializationSchema<unknown>, object>('a deserialization schema', ['deserialize']),
  startupMode: value(
    `'GROUP_OFFSETS', 'EARLIEST', 'LATEST', { timestampMs } or { specificOffsets: { topic: { 0: 42n } } }`,
    isStartupMode,
    { optional: true }
  ),
  offsetCommitMode: oneOf(['DISABLED', 'ON_CHECKPOINTS', 'KAFKA_PERIODIC'], { optional: true }),
  offsetCommitIntervalMs: integer({ min: 100, optional: true }),
  discoveryIntervalMs: integer({ min: 0, default: 30_000 }),
  isolationLevel: oneOf(['read_committed', 'read_uncommitted'], { default: 'read_committed' }),
  onBadRecord: value(`'fail', 'skip' or a function`, isOnBadRecord, { default: 'fail' }),
  bounded: value('true or false', (given): given is boolean => typeof given === 'boolean', { default: false }),
  recordsPerPollMax: integer({ min: 1, max: 1_000_000, default: 10_000 }),
  fetchBytesMax: integer({ min: 1, max: 0x7fffffff, optional: true }),
  partitionFetchBytesMax: integer({ min: 1, max: 0x7fffffff, optional: true }),
  bufferedBytesMax: integer({ min: 1, optional: true })
}

const contradictions: readonly Contradiction<typeof rules>[] = [
  ({ topics, topicPattern }) =>
    (topics === undefined) === (topicPattern === undefined)
      ? `either topics or topicPattern must be given, and ${topics === undefined ? 'neither' : 'both'} is.`
      : undefined,
  ({ topics }) =>
    topics !== undefined && new Set(topics).size < topics.length ? 'topics names a topic twice.' : undefined,
  ({ startupMode, topics, topicPattern }) => {
    const strange = namedTopics(startupMode).find((name) => {
      return topics?.includes(name) === false || (topicPattern !== undefined && !wholeName(topicPattern).test(name))
    })
    return strange === undefined
      ? undefined
      : `startupMode gives offsets of topic ${strange}, which the source does not read.`
  },
  ({ startupMode, groupId }) =>
    startupMode === 'GROUP_OFFSETS' && groupId === undefined
      ? `startupMode GROUP_OFFSETS reads the offsets of a group, and groupId is missing. Give a groupId, or start at 'EARLIEST' or 'LATEST'.`
      : undefined,
  ({ offsetCommitMode, groupId }) =>
    groupId === undefined && offsetCommitMode !== undefined && offsetCommitMode !== 'DISABLED'
      ? `offsetCommitMode ${offsetCommitMode} commits to a group, and groupId is missing.`
      : undefined,
  ({ offsetCommitMode, offsetCommitIntervalMs }) =>
    offsetCommitIntervalMs !== undefined && offsetCommitMode !== 'KAFKA_PERIODIC'
      ? `offsetCommitIntervalMs is for offsetCommitMode KAFKA_PERIODIC, and the mode is ${offsetCommitMode ?? 'another'}.`
      : undefined
]

/** Options after the check, with every default filled in. */
export type CheckedKafkaSourceOptions<T> = Omit<
  Checked<typeof rules>,
  'schema' | 'onBadRecord' | 'offsetCommitMode' | 'offsetCommitIntervalMs'
> & {
  readonly schema: DeserializationSchema<T>
  readonly onBadRecord: OnBadRecord<T>
  readonly startupMode: StartupMode
  readonly offsetCommitMode: OffsetCommitMode
  readonly offsetCommitIntervalMs: number
}

const offsetCommitIntervalMsDefault = 5000

/** Throws KafkaError INVALID_OPTION. */
export function checkKafkaSourceOptions<T>(given: KafkaSourceOptions<T>): CheckedKafkaSourceOptions<T> {
  const checked = checkOptions('KafkaSource', given, rules, contradictions)
  const hasGroup = checked.groupId !== undefined
  return Object.freeze({
    ...checked,
    schema: given.schema,
    onBadRecord: given.onBadRecord ?? 'fail',
    startupMode: checked.startupMode ?? (hasGroup ? 'GROUP_OFFSETS' : 'EARLIEST'),
    offsetCommitMode: checked.offsetCommitMode ?? (hasGroup ? 'ON_CHECKPOINTS' : 'DISABLED'),
    offsetCommitIntervalMs: checked.offsetCommitIntervalMs ?? offsetCommitIntervalMsDefault
  })
}
