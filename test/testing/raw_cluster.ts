// Raw requests for suites that compare an embedded broker with a real one: the protocol layer's codecs, one connection per
// broker, and nothing of the client. Finds leaders and coordinators itself; a connection that failed is opened again.
import { errorByCode, errorCode, RecordBatchBuilder, splitRecordBatches } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf, RecordBatch, ResponseOf } from 'kafka-once/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import { Wire } from '../broker/wire.ts'

/** A cluster under test, real or embedded. */
export interface AnsweringCluster {
  /** `host:port`, with commas. */
  readonly bootstrap: string
  readonly nodes: readonly { readonly id: number; readonly address: string }[]
  /** SIGKILL, or its like; all nodes without an id. */
  kill(node?: number): Promise<void>
  /** Starts what is not running, on the same ports and data. */
  start(node?: number): Promise<void>
  /** Lets time pass, where that can be done. */
  advanceTime?(ms: number): Promise<void>
}

const patienceMs = 30_000
const backoffMs = 20

/** Codes that ask for patience: the coordinator is loading, moving, or busy with the transaction before. */
const temporary: readonly number[] = [
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.COORDINATOR_NOT_AVAILABLE,
  errorCode.NOT_COORDINATOR,
  errorCode.CONCURRENT_TRANSACTIONS,
  errorCode.LEADER_NOT_AVAILABLE,
  errorCode.NOT_LEADER_OR_FOLLOWER,
  errorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorCode.NOT_ENOUGH_REPLICAS
]

export function isTemporary(code: number): boolean {
  return temporary.includes(code)
}

/** What a leader says that could not have a batch verified, as when the coordinator is slow. */
export const unverified: readonly number[] = [errorCode.NOT_ENOUGH_REPLICAS]

/** What is said while a coordinator is slow, loading or moving. */
export const uncoordinated: readonly number[] = [
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.COORDINATOR_NOT_AVAILABLE,
  errorCode.NOT_COORDINATOR
]

/** Asks again while the answer has one of these codes, and nothing has come of the request. */
export async function untilSettled<T>(
  codes: readonly number[],
  ask: () => Promise<T>,
  codeOf: (answer: T) => number
): Promise<T> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (!codes.includes(codeOf(answer)) || performance.now() > deadlineMs) return answer
    await sleep(backoffMs)
  }
}

export const coordinatorKinds = Object.freeze({ group: 0, transaction: 1 } as const)

export class RawCluster implements Disposable {
  readonly cluster: AnsweringCluster
  readonly #wires = new Map<string, Promise<Wire>>()

  constructor(cluster: AnsweringCluster) {
    this.cluster = cluster
  }

  [Symbol.dispose](): void {
    for (const wire of this.#wires.values()) wire.then((open) => open[Symbol.dispose]()).catch(() => {})
    this.#wires.clear()
  }

  /** Asks one broker. A connection that fails is forgotten, and the failure is the caller's. */
  async ask<N extends ApiName>(
    address: string,
    api: N,
    version: number,
    body: EncodableRequestOf<N>
  ): Promise<ResponseOf<N>> {
    const known = this.#wires.get(address) ?? Wire.open(address)
    this.#wires.set(address, known)
    try {
      const wire = await known
      return await wire.request(api, version, body)
    } catch (error) {
      if (this.#wires.get(address) === known) this.#wires.delete(address)
      throw error
    }
  }

  /** Asks the first broker that answers. */
  async askAny<N extends ApiName>(api: N, version: number, body: EncodableRequestOf<N>): Promise<ResponseOf<N>> {
    let failure: unknown
    for (const { address } of this.cluster.nodes) {
      try {
        return await this.ask(address, api, version, body)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const { topics } = await this.askAny('CreateTopics', 5, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: -1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value }))
        }
      ],
      timeoutMs: patienceMs,
      validateOnly: false
    })
    const code = topics[0]?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR
    if (code !== 0) throw new Error(`${name} cannot be created: ${errorByCode(code).name}`)
    for (let i = 0; i < partitions; i++) await this.untilLed(name, i)
  }

  /** A leader may be named before it knows that it leads. */
  async untilLed(topic: string, partition: number): Promise<void> {
    await patiently(`${topic}-${partition} to be led`, async () => {
      const { topics } = await this.askLeader(topic, partition, 'ListOffsets', 1, {
        replicaId: -1,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1n }] }]
      })
      return topics[0]?.partitions[0]?.errorCode === 0 ? true : undefined
    })
  }

  /** The batches that a reader of committed data gets of a partition from its start. */
  async fetchCommitted(topic: string, partition: number): Promise<RecordBatch[]> {
    const { responses } = await this.askLeader(topic, partition, 'Fetch', 11, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 24,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: 0n, partitionMaxBytes: 1 << 24 }] }],
      forgottenTopicsData: []
    })
    const fetched = responses[0]?.partitions[0]
    if (fetched?.errorCode !== 0) throw new Error(`${topic}-${partition} cannot be fetched`)
    return fetched.records === null ? [] : [...splitRecordBatches(fetched.records)]
  }

  /** The address of a partition's leader, waited for. */
  leaderOf(topic: string, partition: number): Promise<string> {
    return patiently(`a leader of ${topic}-${partition}`, async () => {
      const { brokers, topics } = await this.askAny('Metadata', 1, { topics: [{ name: topic }] })
      const leaderId = topics[0]?.partitions.find((one) => one.partitionIndex === partition)?.leaderId
      const broker = brokers.find(({ nodeId }) => nodeId === leaderId)
      return broker && `${broker.host}:${broker.port}`
    })
  }

  /** The address of the coordinator of a group or a transactional id, waited for. */
  coordinatorOf(kind: keyof typeof coordinatorKinds, key: string): Promise<string> {
    return patiently(`the coordinator of ${key}`, async () => {
      const found = await this.askAny('FindCoordinator', 1, { key, keyType: coordinatorKinds[kind] })
      return found.errorCode === 0 ? `${found.host}:${found.port}` : undefined
    })
  }

  /** Asks a coordinator once, wherever it is. */
  async askCoordinator<N extends ApiName>(
    kind: keyof typeof coordinatorKinds,
    key: string,
    api: N,
    version: number,
    body: EncodableRequestOf<N>
  ): Promise<ResponseOf<N>> {
    return this.ask(await this.coordinatorOf(kind, key), api, version, body)
  }

  /** Asks the leader of a partition once. */
  async askLeader<N extends ApiName>(
    topic: string,
    partition: number,
    api: N,
    version: number,
    body: EncodableRequestOf<N>
  ): Promise<ResponseOf<N>> {
    return this.ask(await this.leaderOf(topic, partition), api, version, body)
  }

  /** What the coordinator holds of a transactional id. */
  async describe(transactionalId: string) {
    const { transactionStates } = await this.askCoordinator('transaction', transactionalId, 'DescribeTransactions', 0, {
      transactionalIds: [transactionalId]
    })
    const state = transactionStates[0]
    if (state === undefined) throw new Error(`${transactionalId} was not described`)
    return state
  }

  /** Waits until the coordinator holds the id in a state. */
  async untilState(transactionalId: string, state: string): Promise<void> {
    await patiently(`${transactionalId} to be ${state}`, async () => {
      const described = await this.describe(transactionalId)
      return described.transactionState === state ? true : undefined
    })
  }

  /** The producers that the leader of a partition remembers. */
  async producersOf(topic: string, partition: number) {
    const { topics } = await this.askLeader(topic, partition, 'DescribeProducers', 0, {
      topics: [{ name: topic, partitionIndexes: [partition] }]
    })
    const answer = topics[0]?.partitions[0]
    if (answer?.errorCode !== 0) throw new Error(`the producers of ${topic}-${partition} cannot be told`)
    return answer.activeProducers
  }

  /** A group's offset of a partition. */
  async offsetOf(groupId: string, topic: string, partition: number, requireStable: boolean) {
    const { groups } = await this.askCoordinator('group', groupId, 'OffsetFetch', 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
      requireStable
    })
    const answer = groups[0]?.topics[0]?.partitions[0]
    if (answer === undefined) throw new Error(`${groupId} was not told`)
    return { ...answer, groupErrorCode: groups[0]?.errorCode ?? 0 }
  }
}

/** Repeats until there is a value. Failures of the network count as none. */
export async function patiently<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + patienceMs
  let failure: unknown
  while (performance.now() < deadlineMs) {
    try {
      const value = await attempt()
      if (value !== undefined) return value
    } catch (error) {
      failure = error
    }
    await sleep(backoffMs)
  }
  throw new Error(`${what}: waited for ${patienceMs} ms in vain`, { cause: failure })
}

/** A record batch of a producer, uncompressed. */
export function batchOf(options: {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  readonly values: readonly string[]
}): Uint8Array {
  const { values, ...producer } = options
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append(null, new TextEncoder().encode(value), [], Date.now())
  return builder.finishPlain(producer)
}
