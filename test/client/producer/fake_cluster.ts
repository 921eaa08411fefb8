// A cluster in memory that takes records as Kafka's leaders do, with the rules for producer epochs and sequences of
// ProducerAppendInfo, and with everything that goes wrong on the way: requests and replies that are lost, requests that
// arrive long after their connection was given up, leaders that move, brokers that ask for patience.
import { gunzipSync } from 'node:zlib'
import { decompressBatch, RecordBatch, zeroUuid } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import type { Runtime } from 'kafka-once/runtime'
import type { Cluster, PartitionLeader, RequestOptions, Target, TopicMetadata } from '../../../src/client/cluster.ts'
import { KafkaError } from '../../../src/client/errors.ts'
import { silentLogger } from '../../../src/client/logger.ts'

const cachedBatches = 5

interface ProducerEntry {
  producerEpoch: number
  /** The last batches, oldest first. */
  batches: { readonly base: number; readonly last: number; readonly offset: bigint }[]
}

/** One partition with what its leader remembers of producers. */
export class FakePartition {
  leaderId: number
  leaderEpoch = 0
  /** Values in the order in which they were stored. */
  readonly values: string[] = []
  /** Sizes of batches in records. */
  readonly batchSizes: number[] = []
  private readonly producers = new Map<bigint, ProducerEntry>()

  constructor(leaderId: number) {
    this.leaderId = leaderId
  }

  /** Forgets what is known of producers, as after their records were deleted. */
  forgetProducers(): void {
    this.producers.clear()
  }

  async append(bytes: Uint8Array): Promise<{ readonly code: number; readonly offset: bigint }> {
    const batch = RecordBatch.parse(bytes)
    await decompressBatch(batch, {
      gunzip: async (plain, bytesMax) => gunzipSync(plain, { maxOutputLength: bytesMax })
    })
    const base = batch.baseSequence
    const last = base + batch.recordCount - 1
    const known = this.producers.get(batch.producerId)
    const refused = this.check(known, batch.producerEpoch, base, last)
    if (refused !== undefined) return refused
    const entry = known?.producerEpoch === batch.producerEpoch ? known : { producerEpoch: 0, batches: [] }
    entry.producerEpoch = batch.producerEpoch
    const offset = BigInt(this.values.length)
    entry.batches = [...entry.batches, { base, last, offset }].slice(-cachedBatches)
    this.producers.set(batch.producerId, entry)
    const records = batch.records()
    for (let i = 0; i < records.count; i++) this.values.push(Buffer.from(records.value(i) ?? []).toString())
    this.batchSizes.push(records.count)
    return { code: 0, offset }
  }

  // ProducerAppendInfo.checkProducerEpoch and checkSequence, and the search for duplicates.
  private check(
    known: ProducerEntry | undefined,
    epoch: number,
    base: number,
    last: number
  ): { readonly code: number; readonly offset: bigint } | undefined {
    if (known === undefined) return undefined
    if (epoch < known.producerEpoch) return { code: 47, offset: -1n }
    if (epoch > known.producerEpoch) return base === 0 ? undefined : { code: 45, offset: -1n }
    const same = known.batches.find((one) => one.base === base && one.last === last)
    if (same !== undefined) return { code: 0, offset: same.offset }
    const next = (known.batches.at(-1)?.last ?? -1) + 1
    return base === next ? undefined : { code: 45, offset: -1n }
  }
}

/** What goes wrong with one request: all of it is decided before it is sent. */
export interface RequestFate {
  /**
   * `lostRequest`: the connection breaks before it arrives, and all that follows on it is lost too. `lostReply`: it is
   * stored, then the connection breaks. `lateRequest`: the client gives the connection up; the broker reads it, and
   * what follows on it, much later.
   */
  readonly kind: 'fine' | 'lostRequest' | 'lostReply' | 'lateRequest'
  readonly delayMs: number
  /** Refuses every batch with this code, before or after it is stored. */
  readonly code?: number
  readonly isStored?: boolean
}

/** One connection: requests arrive in the order in which they were sent, or not at all. */
interface Line {
  last: Promise<unknown>
  /** How the connection broke, for those who are still on it. */
  broken: 'lost' | 'late' | undefined
  readonly waiting: Set<(error: KafkaError) => void>
}

export const fine: RequestFate = Object.freeze({ kind: 'fine', delayMs: 1 })

type PartitionAnswer = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]

export class FakeCluster implements Cluster {
  readonly connectionsLost = 0
  readonly runtime: Runtime
  readonly logger = { ...silentLogger }
  readonly clientId = 'fake'
  readonly requestTimeoutMs = 1_000
  readonly retryBackoffMs = 5
  readonly retryBackoffMsMax = 50
  readonly partitions = new Map<string, FakePartition>()
  readonly topicIds = new Map<string, string>()
  readonly requests: { readonly nodeId: number; readonly batches: number; readonly version: number }[] = []
  produceVersion = 13
  /** Larger batches are refused with MESSAGE_TOO_LARGE, bytes. */
  batchBytesMax = 1_048_588
  fateOf: (nodeId: number) => RequestFate = () => fine
  /** Error codes for the next requests for a producer id. */
  readonly initCodes: number[] = []
  inFlight = 0
  inFlightMax = 0
  private producerIds = 100n
  private readonly cache = new Map<string, Map<number, PartitionLeader>>()
  private readonly lines = new Map<number, Line>()

  constructor(runtime: Runtime, topics: Readonly<Record<string, number>>, nodes = 2) {
    this.runtime = runtime
    for (const [topic, count] of Object.entries(topics)) {
      this.topicIds.set(topic, Buffer.from(topic.padEnd(16, '.')).toString('base64url').slice(0, 22))
      for (let i = 0; i < count; i++) this.partitions.set(`${topic}:${i}`, new FakePartition(1 + (i % nodes)))
    }
  }

  partition(topic: string, partition: number): FakePartition {
    return this.partitions.get(`${topic}:${partition}`)!
  }

  async request<A extends ApiName>(
    target: Target,
    api: A,
    body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
    options?: RequestOptions
  ): Promise<ResponseOf<A>> {
    const version = Math.min(this.produceVersion, options?.versionMax ?? Infinity)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a function of the version is no request
    const encodable: unknown = typeof body === 'function' ? (body as (version: number) => unknown)(version) : body
    const answer: unknown =
      api === 'Produce'
        ? // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API says
          await this.produce(target, encodable as EncodableRequestOf<'Produce'>, version)
        : this.answerInit(api)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API says
    return answer as ResponseOf<A>
  }

  private answerInit(api: ApiName): ResponseOf<'InitProducerId'> {
    if (api !== 'InitProducerId') throw new Error(`${api} is not expected here`)
    const errorCode = this.initCodes.shift() ?? 0
    const producerId = errorCode === 0 ? this.producerIds++ : -1n
    const rest = { ongoingTxnProducerId: -1n, ongoingTxnProducerEpoch: -1 }
    return { throttleTimeMs: 0, errorCode, producerId, producerEpoch: 0, ...rest }
  }

  private async produce(
    target: Target,
    body: EncodableRequestOf<'Produce'>,
    version: number
  ): Promise<ResponseOf<'Produce'>> {
    const nodeId = typeof target === 'object' ? target.nodeId : 1
    const batches = body.topicData.reduce((sum, { partitionData }) => sum + partitionData.length, 0)
    this.requests.push({ nodeId, batches, version })
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight)
    const fate = this.fateOf(nodeId)
    const line = this.lines.get(nodeId) ?? { last: Promise.resolve(), broken: undefined, waiting: new Set() }
    this.lines.set(nodeId, line)
    try {
      return await new Promise((resolve, reject) => {
        line.waiting.add(reject)
        line.last = line.last.then(async () => {
          const answer = await this.deliver(line, nodeId, fate, () => this.store(nodeId, body, version, fate))
          if (answer !== undefined) resolve(answer)
          line.waiting.delete(reject)
        })
      })
    } finally {
      this.inFlight--
    }
  }

  // The turn of one request on its connection has come.
  private async deliver<T>(
    line: Line,
    nodeId: number,
    fate: RequestFate,
    store: () => Promise<T>
  ): Promise<T | undefined> {
    await this.runtime.sleep(fate.delayMs)
    if (line.broken === undefined && fate.kind !== 'fine') {
      if (fate.kind === 'lostReply') await store()
      this.break(line, nodeId, fate.kind === 'lateRequest' ? 'late' : 'lost')
      if (fate.kind !== 'lateRequest') return undefined
      await this.runtime.sleep(fate.delayMs * 20)
    }
    if (line.broken === 'lost') return undefined
    return store()
  }

  private break(line: Line, nodeId: number, how: 'lost' | 'late'): void {
    line.broken = how
    this.lines.delete(nodeId)
    for (const refuse of line.waiting) {
      const details = { retriable: true, outcomeUnknown: true }
      refuse(new KafkaError('CONNECTION_LOST', 'The connection was lost.', details))
    }
  }

  private async store(
    nodeId: number,
    body: EncodableRequestOf<'Produce'>,
    version: number,
    fate: RequestFate
  ): Promise<ResponseOf<'Produce'>> {
    const responses: ResponseOf<'Produce'>['responses'][number][] = []
    for (const { name, topicId, partitionData } of body.topicData) {
      const topic = version >= 13 ? this.nameOf(topicId ?? zeroUuid) : name!
      const partitionResponses: PartitionAnswer[] = []
      for (const { index, records } of partitionData) {
        if (!(records instanceof Uint8Array)) throw new Error('Batches come in one piece')
        partitionResponses.push(await this.storeOne(nodeId, `${topic}:${index}`, index, records, fate))
      }
      responses.push({
        name: version >= 13 ? '' : topic,
        topicId: version >= 13 ? this.topicIds.get(topic)! : zeroUuid,
        partitionResponses
      })
    }
    return { responses, throttleTimeMs: 0, nodeEndpoints: [] }
  }

  private async storeOne(
    nodeId: number,
    key: string,
    index: number,
    bytes: Uint8Array,
    fate: RequestFate
  ): Promise<PartitionAnswer> {
    const answer = (errorCode: number, baseOffset = -1n): PartitionAnswer => ({
      index,
      errorCode,
      baseOffset,
      logAppendTimeMs: -1n,
      logStartOffset: 0n,
      recordErrors: [],
      errorMessage: null,
      currentLeader: { leaderId: -1, leaderEpoch: -1 }
    })
    const partition = this.partitions.get(key)
    if (partition === undefined) return answer(3)
    if (partition.leaderId !== nodeId) return answer(6)
    if (bytes.length > this.batchBytesMax) return answer(10)
    if (fate.code !== undefined && fate.isStored !== true) return answer(fate.code)
    const { code, offset } = await partition.append(bytes)
    return code === 0 && fate.code !== undefined ? answer(fate.code) : answer(code, offset)
  }

  private nameOf(topicId: string): string {
    for (const [name, own] of this.topicIds) if (own === topicId) return name
    return '?'
  }

  async topics(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    await this.runtime.sleep(1)
    const found = new Map<string, TopicMetadata>()
    for (const name of names) {
      const partitions = [...this.partitions].filter(([key]) => key.startsWith(`${name}:`)).map(([, own]) => own)
      if (partitions.length === 0) continue
      this.cache.set(
        name,
        new Map(partitions.map(({ leaderId, leaderEpoch }, i) => [i, { nodeId: leaderId, leaderEpoch }]))
      )
      found.set(name, {
        name,
        topicId: this.topicIds.get(name) ?? zeroUuid,
        partitions: partitions.map(({ leaderId, leaderEpoch }, partition) => ({ partition, leaderId, leaderEpoch }))
      })
    }
    return found
  }

  newestTopics(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    return this.topics(names)
  }

  cachedLeader(topic: string, partition: number): PartitionLeader | undefined {
    return this.cache.get(topic)?.get(partition)
  }

  invalidateTopic(topic: string): void {
    this.cache.delete(topic)
  }

  negotiatedVersion = (): Promise<number | undefined> => Promise.resolve(this.produceVersion)
  transactionVersion = (): Promise<0 | 1 | 2> => Promise.resolve(2)
  clusterId = (): Promise<string> => Promise.resolve('fake')
  brokers = () => Promise.resolve([])
  allTopics = () => Promise.resolve([])
  coordinator = (): Promise<number> => Promise.resolve(1)
  invalidateCoordinator(): void {}
  closeChannel(): void {}
  close = (): Promise<void> => Promise.resolve()
}
