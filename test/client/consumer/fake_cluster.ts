// A cluster in memory for the tests of the consumer: logs made of real record batches, leaders that can be moved, logs
// that can be cut, and replies that a test can refuse or hold back. Answers only what a consumer asks.
import {
  assignBatchOffset,
  encodeMarkerBatch,
  errorCode,
  RecordBatch,
  RecordBatchBuilder,
  zeroUuid
} from 'kafka-once/protocol'
import type { ApiName, CompressionName, EncodableRequestOf, RequestOf, ResponseOf } from 'kafka-once/protocol'
import { handled, nodeRuntime } from 'kafka-once/runtime'
import type { Runtime } from 'kafka-once/runtime'
import type {
  Channel,
  Cluster,
  PartitionLeader,
  RequestOptions,
  Target,
  TopicMetadata
} from '../../../src/client/cluster.ts'
import { compressionTools } from '../../../src/client/compression_tools.ts'
import { KafkaError } from '../../../src/client/errors.ts'
import { silentLogger } from '../../../src/client/logger.ts'

export interface StoredBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly epoch: number
  readonly bytes: Uint8Array
}

export interface AppendOptions {
  readonly producerId?: bigint
  readonly isTransactional?: boolean
  readonly compression?: CompressionName
}

/** One partition: what is in it, who leads it, and what its leader shall answer next instead. */
export class FakeLog {
  leaderId = 1
  leaderEpoch = 0
  startOffset = 0n
  endOffset = 0n
  batches: StoredBatch[] = []
  /** Listed with every fetch, as a broker does that is too generous. */
  aborted: { producerId: bigint; firstOffset: bigint }[] = []
  /** Error codes for the next fetches, each once. */
  readonly refusals: number[] = []
  private readonly runtime: Runtime

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Appends one batch of records with these values; the keys are their offsets. */
  async append(values: readonly string[], options: AppendOptions = {}): Promise<void> {
    const builder = new RecordBatchBuilder()
    for (const [i, value] of values.entries()) {
      builder.append(Buffer.from(String(this.endOffset + BigInt(i))), Buffer.from(value), [['n', null]], 1_000 + i)
    }
    const bytes = await builder.finish({ ...options, ...compressionTools(this.runtime) })
    this.store(bytes, BigInt(values.length))
  }

  marker(type: 'ABORT' | 'COMMIT', producerId: bigint): void {
    const options = { producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0, baseOffset: 0n, partitionLeaderEpoch: 0 }
    this.store(encodeMarkerBatch({ type, producerId, ...options }), 1n)
  }

  /** Appends batches as another Kafka wrote them, with the offsets and the leader epoch that are in them. */
  storeAsIs(bytes: Uint8Array, lastOffset: bigint): void {
    this.leaderEpoch = Math.max(0, RecordBatch.parse(bytes).partitionLeaderEpoch)
    this.batches.push({ baseOffset: this.endOffset, lastOffset, epoch: this.leaderEpoch, bytes })
    this.endOffset = lastOffset + 1n
  }

  /** A new leader with a new epoch; what lies after `endOffset` is lost, where one is given. */
  elect(leaderId: number, endOffset = this.endOffset): void {
    this.leaderId = leaderId
    this.leaderEpoch++
    this.batches = this.batches.filter((batch) => batch.lastOffset < endOffset)
    this.endOffset = endOffset
  }

  /** Where an epoch ended, as OffsetForLeaderEpoch answers it. */
  epochEnd(epoch: number): { leaderEpoch: number; endOffset: bigint } {
    if (epoch > this.leaderEpoch) return { leaderEpoch: -1, endOffset: -1n }
    if (epoch === this.leaderEpoch) return { leaderEpoch: epoch, endOffset: this.endOffset }
    const next = this.batches.find((batch) => batch.epoch > epoch)
    const known = this.batches.filter((batch) => batch.epoch <= epoch).at(-1)
    return { leaderEpoch: known?.epoch ?? epoch, endOffset: next?.baseOffset ?? this.endOffset }
  }

  private store(bytes: Uint8Array, count: bigint): void {
    const batch = {
      baseOffset: this.endOffset,
      lastOffset: this.endOffset + count - 1n,
      epoch: this.leaderEpoch,
      bytes
    }
    assignBatchOffset(bytes, batch.baseOffset, batch.epoch)
    this.batches.push(batch)
    this.endOffset += count
  }
}

type FetchPartition = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

export interface SeenRequest {
  readonly nodeId: number
  readonly api: ApiName
  readonly body: unknown
}

export class FakeCluster implements Cluster {
  readonly connectionsLost = 0
  readonly runtime: Runtime
  readonly logger = { ...silentLogger }
  readonly clientId = 'fake'
  readonly requestTimeoutMs = 2_000
  readonly retryBackoffMs = 1
  readonly retryBackoffMsMax = 5
  readonly logs = new Map<string, FakeLog>()
  readonly topicIds = new Map<string, string>()
  readonly requests: SeenRequest[] = []
  readonly committed = new Map<string, { offset: bigint; leaderEpoch: number }>()
  readonly closedChannels: Channel[] = []
  fetchVersion = 17
  /** Called before each reply; may hold it back, or throw in its place. */
  beforeReply: (api: ApiName, nodeId: number) => void | Promise<void> = () => {}
  /** Called on the reply to a fetch, which it may change. */
  onFetched: (partition: FetchPartition) => FetchPartition = (partition) => partition
  private readonly cache = new Map<string, TopicMetadata>()

  constructor(runtime: Partial<Runtime> = {}) {
    this.runtime = { ...nodeRuntime(), ...runtime }
  }

  createTopic(name: string, partitions = 1, topicId = `id-of-${name}`.padEnd(22, '-').slice(0, 22)): FakeLog {
    this.topicIds.set(name, topicId)
    for (let partition = 0; partition < partitions; partition++) {
      this.logs.set(`${name}:${partition}`, new FakeLog(this.runtime))
    }
    return this.log(name)
  }

  deleteTopic(name: string): void {
    this.topicIds.delete(name)
    for (const key of this.logs.keys()) if (key.startsWith(`${name}:`)) this.logs.delete(key)
  }

  log(name: string, partition = 0): FakeLog {
    return this.logs.get(`${name}:${partition}`)!
  }

  count(api: ApiName): number {
    return this.requests.filter((request) => request.api === api).length
  }

  async request<A extends ApiName>(
    target: Target,
    api: A,
    body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
    options: RequestOptions = {}
  ): Promise<ResponseOf<A>> {
    const nodeId = typeof target === 'object' ? target.nodeId : 1
    const version = Math.min(api === 'Fetch' ? this.fetchVersion : 99, options.versionMax ?? 99)
    const full = typeof body === 'function' ? body(version) : body
    this.requests.push({ nodeId, api, body: full })
    const answer = handled(Promise.resolve(this.answer(nodeId, api, full, options.signal)))
    await this.beforeReply(api, nodeId)
    options.signal?.throwIfAborted()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the fields that a consumer reads are there
    return (await answer) as ResponseOf<A>
  }

  async negotiatedVersion(): Promise<number> {
    return 4
  }

  async transactionVersion(): Promise<2> {
    return 2
  }

  async clusterId(): Promise<string> {
    return 'fake'
  }

  async brokers(): Promise<[]> {
    return []
  }

  async topics(names: readonly string[], options: { refresh?: boolean } = {}): Promise<Map<string, TopicMetadata>> {
    const found = new Map<string, TopicMetadata>()
    for (const name of names) {
      if (options.refresh === true || !this.cache.has(name)) this.learn(name)
      const topic = this.cache.get(name)
      if (topic !== undefined) found.set(name, topic)
    }
    return found
  }

  newestTopics(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    return this.topics(names, { refresh: true })
  }

  async allTopics(): Promise<[]> {
    return []
  }

  cachedLeader(topic: string, partition: number): PartitionLeader | undefined {
    const found = this.cache.get(topic)?.partitions.find((one) => one.partition === partition)
    return found === undefined ? undefined : { nodeId: found.leaderId, leaderEpoch: found.leaderEpoch }
  }

  invalidateTopic(topic: string): void {
    this.cache.delete(topic)
  }

  async coordinator(): Promise<number> {
    return 1
  }

  invalidateCoordinator(): void {}

  closeChannel(channel: Channel): void {
    this.closedChannels.push(channel)
  }

  async close(): Promise<void> {}

  private learn(name: string): void {
    this.cache.delete(name)
    const topicId = this.topicIds.get(name)
    if (topicId === undefined) return
    const logs = [...this.logs].filter(([key]) => key.startsWith(`${name}:`))
    const partitions = logs.map(([, { leaderId, leaderEpoch }], partition) => ({ partition, leaderId, leaderEpoch }))
    this.cache.set(name, { name, topicId, partitions })
  }

  private answer(nodeId: number, api: ApiName, body: unknown, signal: AbortSignal | undefined): unknown {
    // oxlint-disable typescript/no-unsafe-type-assertion -- the name of the API says what the body is
    if (api === 'Fetch') return this.fetch(nodeId, body as EncodableRequestOf<'Fetch'>, signal)
    if (api === 'ListOffsets') return this.listOffsets(body as RequestOf<'ListOffsets'>)
    if (api === 'OffsetForLeaderEpoch') return this.epochs(body as RequestOf<'OffsetForLeaderEpoch'>)
    if (api === 'OffsetFetch') return this.offsetFetch(body as RequestOf<'OffsetFetch'>)
    // oxlint-enable typescript/no-unsafe-type-assertion
    throw new Error(`${api} is not answered here`)
  }

  private async fetch(
    nodeId: number,
    body: EncodableRequestOf<'Fetch'>,
    signal: AbortSignal | undefined
  ): Promise<unknown> {
    const untilMs = performance.now() + body.maxWaitMs
    for (;;) {
      let left = body.maxBytes ?? 0x7fffffff
      let isWorthIt = false
      const responses = body.topics.map(({ topic = '', topicId = zeroUuid, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map((asked) => {
          const name = topic === '' ? [...this.topicIds].find(([, id]) => id === topicId)?.[0] : topic
          const limit = Math.min(left, asked.partitionMaxBytes)
          const partition = this.onFetched(this.fetchOne(nodeId, name, asked, limit, !isWorthIt))
          const bytes = partition.records?.length ?? 0
          left = Math.max(0, left - bytes)
          isWorthIt ||= bytes > 0 || partition.errorCode !== 0 || partition.divergingEpoch.epoch >= 0
          return partition
        })
      }))
      if (isWorthIt || performance.now() >= untilMs) return { errorCode: 0, throttleTimeMs: 0, responses }
      await this.runtime.sleep(1, signal)
    }
  }

  private fetchOne(
    nodeId: number,
    topic: string | undefined,
    asked: EncodableRequestOf<'Fetch'>['topics'][number]['partitions'][number],
    bytesMax: number,
    isFirst: boolean
  ): FetchPartition {
    const log = this.logs.get(`${topic}:${asked.partition}`)
    if (topic === undefined || log === undefined) return fetched(asked.partition, errorCode.UNKNOWN_TOPIC_ID)
    const refusal = log.refusals.shift() ?? refusalOf(log, nodeId, asked)
    if (refusal !== 0) return fetched(asked.partition, refusal)
    const base = { ...fetched(asked.partition, 0), highWatermark: log.endOffset, lastStableOffset: log.endOffset }
    const { lastFetchedEpoch = -1, fetchOffset } = asked
    if (lastFetchedEpoch >= 0) {
      const end = log.epochEnd(lastFetchedEpoch)
      if (end.leaderEpoch < 0) return fetched(asked.partition, errorCode.OFFSET_OUT_OF_RANGE)
      if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
        return { ...base, divergingEpoch: { epoch: end.leaderEpoch, endOffset: end.endOffset } }
      }
    }
    if (fetchOffset < log.startOffset || fetchOffset > log.endOffset) {
      return fetched(asked.partition, errorCode.OFFSET_OUT_OF_RANGE)
    }
    const wanted = Buffer.concat(log.batches.filter((one) => one.lastOffset >= fetchOffset).map((one) => one.bytes))
    const firstBytes = log.batches.find((one) => one.lastOffset >= fetchOffset)?.bytes.length ?? 0
    const size = firstBytes > bytesMax ? (isFirst ? firstBytes : 0) : bytesMax
    return { ...base, abortedTransactions: log.aborted, records: Uint8Array.from(wanted.subarray(0, size)) }
  }

  private listOffsets({ topics }: RequestOf<'ListOffsets'>): unknown {
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const log = this.logs.get(`${name}:${partitionIndex}`)
          if (log === undefined) return { partitionIndex, errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION, offset: -1n }
          const offset = timestamp === -2n ? log.startOffset : timestamp === -1n ? log.endOffset : -1n
          return { partitionIndex, errorCode: 0, offset }
        })
      }))
    }
  }

  private epochs({ topics }: RequestOf<'OffsetForLeaderEpoch'>): unknown {
    return {
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, leaderEpoch }) => {
          return { partition, errorCode: 0, ...this.log(topic, partition).epochEnd(leaderEpoch) }
        })
      }))
    }
  }

  private offsetFetch({ groups }: RequestOf<'OffsetFetch'>): unknown {
    const { groupId, topics } = groups[0]!
    const found = (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const stored = this.committed.get(`${name}:${partitionIndex}`)
        return {
          partitionIndex,
          committedOffset: stored?.offset ?? -1n,
          committedLeaderEpoch: stored?.leaderEpoch ?? -1,
          metadata: '',
          errorCode: 0
        }
      })
    }))
    return { errorCode: 0, groups: [{ groupId, errorCode: 0, topics: found }] }
  }
}

function refusalOf(
  log: FakeLog,
  nodeId: number,
  { currentLeaderEpoch = -1 }: EncodableRequestOf<'Fetch'>['topics'][number]['partitions'][number]
): number {
  if (log.leaderId !== nodeId) return errorCode.NOT_LEADER_OR_FOLLOWER
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === log.leaderEpoch) return 0
  return currentLeaderEpoch < log.leaderEpoch ? errorCode.FENCED_LEADER_EPOCH : errorCode.UNKNOWN_LEADER_EPOCH
}

function fetched(partitionIndex: number, code: number): FetchPartition {
  return {
    partitionIndex,
    errorCode: code,
    highWatermark: -1n,
    lastStableOffset: -1n,
    logStartOffset: -1n,
    divergingEpoch: { epoch: -1, endOffset: -1n },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1n, epoch: -1 },
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: null
  }
}

/** The failure of a request whose connection broke. */
export function connectionLost(): KafkaError {
  return new KafkaError('CONNECTION_LOST', 'The connection broke.', { retriable: true })
}
