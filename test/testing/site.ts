// Where a table of answers is checked: a broker by its address, embedded or real, spoken to by raw requests. Topics get
// names of their own, so that cases do not meet.
import { RecordBatchBuilder } from 'kafka-once/protocol'
import type { FinishBatchOptions, ResponseOf } from 'kafka-once/protocol'
import { Wire } from '../broker/wire.ts'

export interface SiteTopic {
  readonly name: string
  readonly id: string
}

export interface TopicOptions {
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

export type PartitionProduced = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]
export type PartitionFetched = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

/** For topics whose records claim to be old, which a broker would throw away. */
export const keptForEver = { 'retention.ms': '-1' }

let topics = 0

export class Site implements Disposable {
  readonly address: string
  readonly wire: Wire

  private constructor(address: string, wire: Wire) {
    this.address = address
    this.wire = wire
  }

  static async open(address: string): Promise<Site> {
    return new Site(address, await Wire.open(address))
  }

  async topic(options: TopicOptions = {}): Promise<SiteTopic> {
    const name = `answers-${process.pid}-${++topics}`
    const configs = Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value }))
    const shape = { numPartitions: options.partitions ?? 1, replicationFactor: -1, assignments: [], configs }
    const { topics: created } = await this.wire.request('CreateTopics', 7, { topics: [{ name, ...shape }] })
    const [{ errorCode, errorMessage, topicId } = { errorCode: -1, errorMessage: null, topicId: '' }] = created
    if (errorCode !== 0) throw new Error(`${name} was not created: ${errorCode} ${errorMessage}`)
    await this.untilKnown(name)
    return { name, id: topicId }
  }

  /** A real broker learns of a topic a little later than its controller, and first tells of it, then leads it. */
  async untilKnown(name: string): Promise<void> {
    for (;;) {
      const request = { topics: [{ name }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
      const { brokers, topics: found } = await this.wire.request('Metadata', 12, request)
      const [topic] = found
      if (topic?.errorCode !== 0 || topic.partitions.some(({ errorCode }) => errorCode !== 0)) continue
      const own = brokers.find(({ host, port }) => `${host}:${port}` === this.address)?.nodeId
      const led = topic.partitions.filter(({ leaderId }) => brokers.length === 1 || leaderId === own)
      const partitions = led.map(({ partitionIndex }) => ({ partitionIndex, timestamp: -1n }))
      const listing = { replicaId: -1, topics: [{ name, partitions }] }
      const { topics: listed } = await this.wire.request('ListOffsets', 1, listing)
      if (listed.every((one) => one.partitions.every(({ errorCode }) => errorCode === 0))) return
    }
  }

  /** Produces to partition 0 and answers what is said about it. */
  async produce(
    topic: SiteTopic,
    records: Uint8Array | null,
    options: ProduceOptions = {}
  ): Promise<PartitionProduced> {
    const { version = 12, acks = -1, transactionalId = null, partition = 0, timeoutMs = 10_000 } = options
    const { responses } = await this.wire.request('Produce', version, {
      transactionalId,
      acks,
      timeoutMs,
      topicData: [{ name: topic.name, topicId: topic.id, partitionData: [{ index: partition, records }] }]
    })
    const answer = responses[0]?.partitionResponses[0]
    if (answer === undefined) throw new Error('Produce was answered without a partition')
    return answer
  }

  /** Fetches from partition 0, without a session, and answers what is said about it. */
  async fetch(topic: SiteTopic, options: FetchOptions = {}): Promise<PartitionFetched> {
    const { responses } = await this.wire.request('Fetch', options.version ?? 16, fetchRequest([topic], options))
    const answer = responses[0]?.partitions[0]
    if (answer === undefined) throw new Error('Fetch was answered without a partition')
    return answer
  }

  [Symbol.dispose](): void {
    this.wire[Symbol.dispose]()
  }
}

export interface ProduceOptions {
  readonly version?: number
  readonly acks?: number
  readonly transactionalId?: string | null
  readonly partition?: number
  readonly timeoutMs?: number
}

export interface FetchOptions {
  readonly version?: number
  readonly offset?: bigint
  readonly leaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
}

/** A fetch of partition 0 of each topic. */
export function fetchRequest(topicList: readonly SiteTopic[], options: FetchOptions = {}) {
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 50_000_000,
    isolationLevel: options.isolationLevel ?? 0,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    topics: topicList.map(({ name, id }) => ({
      topic: name,
      topicId: id,
      partitions: [
        {
          partition: 0,
          currentLeaderEpoch: options.leaderEpoch ?? -1,
          fetchOffset: options.offset ?? 0n,
          lastFetchedEpoch: options.lastFetchedEpoch ?? -1,
          partitionMaxBytes: options.partitionMaxBytes ?? 1_000_000
        }
      ]
    })),
    forgottenTopicsData: []
  }
}

export interface BatchShape extends FinishBatchOptions {
  /** One record each. */
  readonly values?: readonly string[]
  readonly key?: string | null
  readonly timestamp?: number
}

/** A batch as a producer writes it. */
export function batch(shape: BatchShape = {}): Uint8Array {
  const { values = ['v'], key = 'k', timestamp = Date.now(), ...finish } = shape
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append(key === null ? null : Buffer.from(key), Buffer.from(value), [], timestamp)
  return builder.finishPlain(finish)
}

/** A batch of an idempotent producer, with `count` records. */
export function idempotent(producerId: bigint, producerEpoch: number, baseSequence: number, count = 1): Uint8Array {
  return batch({ producerId, producerEpoch, baseSequence, values: Array.from({ length: count }, (_, i) => `v${i}`) })
}
