// Making, growing, deleting and measuring topics. Owns the requests to the controller and to the leaders; that a topic
// is already there, or no longer, is a value and not an error. KIP-4, KIP-107, KIP-195, KIP-464, KIP-734.
import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { ApiName, EncodableRequestOf, ResponseOf } from '../../protocol/index.ts'
import { retryCall, signalOf } from '../call.ts'
import type { AttemptOptions, CallOptions } from '../call.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import { askLeaders, keyOfPartition, knownLeaderEpoch, partitionsByTopic } from './partitions.ts'
import type { LeaderCallOptions } from './partitions.ts'

export interface NewTopic {
  readonly topic: string
  /** The broker's num.partitions where absent. */
  readonly partitionCount?: number
  /** The broker's default.replication.factor where absent. */
  readonly replicationFactor?: number
  /** Settings such as `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string>>
}

export interface CreatedTopic {
  readonly topic: string
  /** False where a topic of this name was there before; it may differ from what was asked for. */
  readonly isNew: boolean
}

export interface DeletedTopic {
  readonly topic: string
  /** False where there was no such topic. */
  readonly wasThere: boolean
}

// What the controller answers about one topic.
interface TopicAnswer {
  readonly name: string | null
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** Creates topics and waits until each of their partitions has a leader. */
export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  options: CallOptions
): Promise<readonly CreatedTopic[]> {
  const body = (names: ReadonlySet<string>, timeoutMs: number) => ({
    topics: topics
      .filter(({ topic }) => names.has(topic))
      .map(({ topic, partitionCount, replicationFactor, configs }) => ({
        name: topic,
        numPartitions: partitionCount ?? -1,
        replicationFactor: replicationFactor ?? -1,
        assignments: [],
        configs: Object.entries(configs ?? {}).map(([name, value]) => ({ name, value }))
      })),
    timeoutMs
  })
  const names = topics.map(({ topic }) => topic)
  const already = errorCode.TOPIC_ALREADY_EXISTS
  const codes = await askController(cluster, 'CreateTopics', names, already, options, body, ({ topics: all }) => all)
  await waitForLeaders(cluster, names, options)
  return names.map((topic) => ({ topic, isNew: codes.get(topic) !== already }))
}

/** Deletes topics. Brokers go on to know a deleted topic for a moment. */
export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions
): Promise<readonly DeletedTopic[]> {
  const unknown = errorCode.UNKNOWN_TOPIC_OR_PARTITION
  const codes = await askController(cluster, 'DeleteTopics', names, unknown, options, deletion, (all) => all.responses)
  for (const name of names) cluster.invalidateTopic(name)
  return names.map((topic) => ({ topic, wasThere: codes.get(topic) !== unknown }))
}

function deletion(names: ReadonlySet<string>, timeoutMs: number, version: number): EncodableRequestOf<'DeleteTopics'> {
  return version >= 6
    ? { topics: [...names].map((name) => ({ name, topicId: zeroUuid })), timeoutMs }
    : { topicNames: [...names], timeoutMs }
}

export interface MorePartitions {
  readonly topic: string
  /** How many there shall be altogether. */
  readonly partitionCount: number
}

/** Adds partitions to topics; a count that is not above the present one is refused with INVALID_PARTITIONS (37). */
export async function createPartitions(
  cluster: Cluster,
  topics: readonly MorePartitions[],
  options: CallOptions
): Promise<void> {
  const body = (names: ReadonlySet<string>, timeoutMs: number) => ({
    topics: topics
      .filter(({ topic }) => names.has(topic))
      .map(({ topic, partitionCount }) => ({ name: topic, count: partitionCount, assignments: null })),
    timeoutMs,
    validateOnly: false
  })
  const names = topics.map(({ topic }) => topic)
  await askController(cluster, 'CreatePartitions', names, undefined, options, body, (all) => all.results)
  await waitForLeaders(cluster, names, options, new Map(topics.map((one) => [one.topic, one.partitionCount])))
}

type ControllerApi = Extract<ApiName, 'CreateTopics' | 'DeleteTopics' | 'CreatePartitions'>

// Asks the controller about topics until it has answered about all of them; `expected` is a code that is no error.
async function askController<A extends ControllerApi>(
  cluster: Cluster,
  api: A,
  names: readonly string[],
  expected: number | undefined,
  options: CallOptions,
  body: (names: ReadonlySet<string>, timeoutMs: number, version: number) => EncodableRequestOf<A>,
  answersOf: (response: ResponseOf<A>) => readonly TopicAnswer[]
): Promise<ReadonlyMap<string, number>> {
  const codes = new Map<string, number>()
  const left = new Set(names)
  if (left.size === 0) return codes
  return retryCall(cluster, api, options, async (request, number) => {
    // Another broker may be the controller by now.
    if (number > 1) await cluster.brokers(request.signal)
    const timeoutMs = brokerTimeoutMs(request)
    const ask = (version: number): EncodableRequestOf<A> => body(left, timeoutMs, version)
    const response = await cluster.request('controller', api, ask, request)
    let failure: KafkaError | undefined
    for (const { name, errorCode: code, errorMessage } of answersOf(response)) {
      if (name === null || !left.has(name)) continue
      if (code === errorCode.NONE || code === expected) {
        codes.set(name, code)
        left.delete(name)
        continue
      }
      const error = brokerError(code, `${api} of ${name}${errorMessage ? ` (${errorMessage})` : ''}`, { api })
      if (!error.retriable) throw error
      failure = error
    }
    if (left.size === 0) return { done: codes }
    return { again: failure ?? unanswered(api, [...left]) }
  })
}

// The broker shall answer before this client gives up.
function brokerTimeoutMs(request: AttemptOptions): number {
  return Math.ceil(request.timeoutMs * 0.8)
}

function unanswered(api: ControllerApi, names: readonly string[]): KafkaError {
  return new KafkaError('PROTOCOL_VIOLATION', `${api}: the controller did not answer about ${names.join(', ')}.`, {
    retriable: true,
    api
  })
}

async function waitForLeaders(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions,
  counts: ReadonlyMap<string, number> = new Map()
): Promise<void> {
  const { runtime, logger, requestTimeoutMs, retryBackoffMsMax } = cluster
  const { deadlineMs = requestTimeoutMs, signal } = options
  const what = 'waiting for the leaders of topics'
  const limits = { deadlineMs, backoffMs: 10, backoffMsMax: retryBackoffMsMax, signal, what, logger }
  await retry(runtime, limits, async () => {
    const topics = await cluster.topics(names, { refresh: true, ...signalOf(options) })
    for (const name of names) {
      const partitions = topics.get(name)?.partitions ?? []
      const isReady = partitions.length > 0 && partitions.length >= (counts.get(name) ?? 0)
      if (isReady && partitions.every(({ leaderId }) => leaderId >= 0)) continue
      return { again: brokerError(errorCode.LEADER_NOT_AVAILABLE, `Metadata of the topic ${name}`) }
    }
    return { done: undefined }
  })
}

export type OffsetPosition = 'earliest' | 'latest' | 'maxTimestamp' | { readonly timestampMs: number }

export interface OffsetQuery extends TopicPartition {
  /**
   * `latest` is the end of the log, for read_committed the last stable offset; a timestamp stands for the first record
   * that is not older; `maxTimestamp` for the record with the latest timestamp (Kafka 3.0).
   */
  readonly position: OffsetPosition
}

export interface ListedOffset {
  /** -1 where no record is that young. */
  readonly offset: bigint
  /** Of the record, milliseconds since 1970; -1 for earliest and latest. */
  readonly timestampMs: number
  /** -1 where unknown. */
  readonly leaderEpoch: number
}

export type IsolationLevel = 'read_uncommitted' | 'read_committed'

const maxTimestampVersionMin = 7

/** Offsets by `topic:partition`, as the leaders tell them. One query per partition. */
export function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: LeaderCallOptions & { readonly isolationLevel?: IsolationLevel }
): Promise<ReadonlyMap<string, ListedOffset>> {
  const isolationLevel = options.isolationLevel === 'read_committed' ? 1 : 0
  const versionMin = queries.some(({ position }) => position === 'maxTimestamp') ? maxTimestampVersionMin : 1
  return askLeaders(cluster, 'ListOffsets', queries, options, async (nodeId, own, request) => {
    const topics = partitionsByTopic(own).map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, position }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: knownLeaderEpoch(cluster, name, partition),
        timestamp: timestampOf(position)
      }))
    }))
    const body = { replicaId: -1, isolationLevel, topics, timeoutMs: brokerTimeoutMs(request) }
    const response = await cluster.request({ nodeId }, 'ListOffsets', body, { ...request, versionMin })
    return new Map(
      response.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode: code, offset, timestamp, leaderEpoch }) => [
          keyOfPartition(name, partitionIndex),
          { errorCode: code, value: { offset, timestampMs: Number(timestamp), leaderEpoch } }
        ])
      )
    )
  })
}

// Source: org.apache.kafka.common.requests.ListOffsetsRequest.
function timestampOf(position: OffsetPosition): bigint {
  if (position === 'earliest') return -2n
  if (position === 'latest') return -1n
  if (position === 'maxTimestamp') return -3n
  return BigInt(Math.trunc(position.timestampMs))
}

export interface RecordsToDelete extends TopicPartition {
  /** The first offset that stays; `all` deletes up to the high watermark. */
  readonly before: bigint | 'all'
}

/** Deletes the oldest records of partitions; answers the first offset that is left, by `topic:partition`. */
export function deleteRecords(
  cluster: Cluster,
  deletions: readonly RecordsToDelete[],
  options: CallOptions
): Promise<ReadonlyMap<string, bigint>> {
  return askLeaders(cluster, 'DeleteRecords', deletions, options, async (nodeId, own, request) => {
    const topics = partitionsByTopic(own).map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, before }) => ({
        partitionIndex: partition,
        offset: before === 'all' ? -1n : before
      }))
    }))
    const body = { topics, timeoutMs: brokerTimeoutMs(request) }
    const response = await cluster.request({ nodeId }, 'DeleteRecords', body, request)
    return new Map(
      response.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode: code, lowWatermark }) => [
          keyOfPartition(name, partitionIndex),
          { errorCode: code, value: lowWatermark }
        ])
      )
    )
  })
}
