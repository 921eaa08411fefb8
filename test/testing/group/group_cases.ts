// Owns scripts of raw requests about groups and offsets, whose answers a real Kafka 4.4.0 and the embedded one must agree
// on. Ids that are random are named by the order in which they come. Answers of the real one are recorded in
// group_answers.json; nothing here knows what is right.
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { apis, errorCode } from 'kafka-once/protocol'
import { coordinatorPartition } from '../../../src/testing/cluster/java_hash.ts'
import { Wire } from '../../broker/wire.ts'
import { uncoordinated, untilSettled } from '../raw_cluster.ts'

/** What a script can do. Requests go to the one broker. */
export class Stage {
  readonly #address: string
  readonly #wires: Wire[]
  /** Unique to the run, so that scripts do not meet on a shared broker. */
  readonly #suffix: string
  readonly #ids = new Map<string, string>()
  readonly #topicIds = new Map<string, string>()
  readonly #partitionCounts = new Map<string, number>()
  readonly #groupIds: string[] = []
  readonly log: unknown[] = []

  private constructor(address: string, wires: Wire[], suffix: string) {
    this.#address = address
    this.#wires = wires
    this.#suffix = suffix
  }

  static async open(address: string, name: string): Promise<Stage> {
    const suffix = `${name.replaceAll(/\W/g, '-')}-${Math.random().toString(36).slice(2, 8)}`
    return new Stage(address, [await Wire.open(address)], suffix)
  }

  close(): void {
    for (const wire of this.#wires) wire[Symbol.dispose]()
  }

  name(part: string): string {
    return `${part}.${this.#suffix}`
  }

  topicId(topic: string): string {
    const id = this.#topicIds.get(topic)
    if (id === undefined) throw new Error(`No topic ${topic} was made`)
    return id
  }

  /** Sends on a connection of its own, so that an answer that waits holds nobody up. */
  async ask<N extends ApiName>(api: N, body: EncodableRequestOf<N>, version?: number): Promise<ResponseOf<N>> {
    const askOnce = async (): Promise<ResponseOf<N>> => {
      const wire = await Wire.open(this.#address)
      this.#wires.push(wire)
      return wire.request(api, version ?? apis[api].latestStableVersion, body)
    }
    if (api !== 'TxnOffsetCommit') return askOnce()
    // Its coordinator asks that of the transaction, which may be slow or away.
    return untilSettled(uncoordinated, askOnce, commitCode)
  }

  /** As `ask`, and keeps the answer for comparison. */
  async tell<N extends ApiName>(api: N, body: EncodableRequestOf<N>, version?: number): Promise<ResponseOf<N>> {
    const answer = await this.ask(api, body, version)
    this.note(api, answer)
    return answer
  }

  note(what: string, answer: unknown): void {
    this.log.push([what, this.#plain(answer)])
  }

  /** The leaders know it, and so do the coordinators of the groups that were waited for. */
  async makeTopic(part: string, partitionCount: number): Promise<string> {
    const name = this.name(part)
    const topics = [{ name, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs: [] }]
    const made = await this.ask('CreateTopics', { topics, timeoutMs: 20_000 })
    const id = made.topics[0]?.topicId
    if (id === undefined || made.topics[0]?.errorCode !== 0) throw new Error(`${name} could not be made`)
    this.#topicIds.set(name, id)
    this.#ids.set(id, `id of ${part}`)
    await this.#untilReady(name, partitionCount)
    this.#partitionCounts.set(name, partitionCount)
    for (const groupId of this.#groupIds) await this.#untilKnown(name, groupId)
    return name
  }

  /** The coordinator is there and has loaded; that of a group knows the topics that were made. */
  async untilCoordinated(key: string, keyType: 0 | 1 = 0): Promise<void> {
    await until(`a coordinator for ${key}`, async () => {
      const { coordinators } = await this.ask('FindCoordinator', { key: '', keyType, coordinatorKeys: [key] })
      if (coordinators[0]?.errorCode !== errorCode.NONE) return false
      if (keyType === 1) return true
      const groups = [{ groupId: key, topics: [] }]
      const { groups: answers } = await this.ask('OffsetFetch', { groupId: '', topics: [], groups })
      return answers[0]?.errorCode === errorCode.NONE
    })
    if (keyType === 1) return
    this.#groupIds.push(key)
    for (const topic of this.#partitionCounts.keys()) await this.#untilKnown(topic, key)
  }

  async #untilReady(name: string, partitionCount: number): Promise<void> {
    await until(`leaders of ${name}`, async () => {
      const { topics } = await this.ask('Metadata', { topics: [{ topicId: this.topicId(name), name }] })
      const ready = topics[0]?.partitions.filter((one) => one.leaderId >= 0 && one.errorCode === errorCode.NONE)
      return ready?.length === partitionCount
    })
  }

  /**
   * Each partition of __consumer_offsets has a view of the topics of its own, which a real Kafka brings up to date after
   * its metadata. A member of another group there is given the partitions as soon as they are known.
   */
  async #untilKnown(topic: string, groupId: string): Promise<void> {
    const scout = await this.#neighbourOf(groupId)
    const first = { rebalanceTimeoutMs: 20_000, subscribedTopicNames: [topic], topicPartitions: [] }
    await until(`${topic} to be known to the coordinator of ${groupId}`, async () => {
      const { assignment } = await this.ask('ConsumerGroupHeartbeat', { ...scout, memberEpoch: 0, ...first })
      return assignment?.topicPartitions[0]?.partitions.length === this.#partitionCounts.get(topic)
    })
    await this.ask('ConsumerGroupHeartbeat', { ...scout, memberEpoch: -1 })
  }

  /** A member of a group that lives in the same partition of __consumer_offsets, and that no script speaks of. */
  async #neighbourOf(groupId: string): Promise<{ readonly groupId: string; readonly memberId: string }> {
    const { topics } = await this.ask('Metadata', { topics: [{ name: '__consumer_offsets' }] })
    const partitionCount = topics[0]?.partitions.length ?? 0
    if (partitionCount === 0) throw new Error('There is no __consumer_offsets')
    for (let i = 0; ; i++) {
      const neighbour = this.name(`scout-${i}`)
      const isNear = coordinatorPartition(neighbour, partitionCount) === coordinatorPartition(groupId, partitionCount)
      if (isNear) return { groupId: neighbour, memberId: 'BQAAAAAAAAAAAAAAAAAAAQ' }
    }
  }

  /** Random ids by the order in which they came, without texts that only people read. */
  #plain(value: unknown): unknown {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'string') return this.#nameOf(value)
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
    if (Array.isArray(value)) return inOrder(value.map((one) => this.#plain(one)))
    if (typeof value !== 'object' || value === null) return value
    const fields = Object.entries(value).filter(([name]) => !ignoredFields.has(name))
    return Object.fromEntries(fields.map(([name, one]) => [name, this.#plain(one)]))
  }

  #nameOf(text: string): string {
    const plain = text.replaceAll(`.${this.#suffix}`, '')
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    if (!/^(.*-)?[\w-]{8}-[\w-]{4}-[\w-]{4}-[\w-]{4}-[\w-]{12}$|^(.*-)?[\w-]{22}$/.test(plain)) return plain
    const name = `member ${this.#ids.size}`
    this.#ids.set(text, name)
    return name
  }
}

/** Of an answer to TxnOffsetCommit; a coordinator that is slow or away gives the same code to all partitions. */
function commitCode(answer: unknown): number {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this API answers
  const { topics } = answer as ResponseOf<'TxnOffsetCommit'>
  return topics[0]?.partitions[0]?.errorCode ?? 0
}

const patienceMs = 30_000

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`Waited for ${what} for ${patienceMs} ms in vain`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** What Kafka keeps in hash maps comes in no order that means anything. */
function inOrder(values: unknown[]): unknown[] {
  const texts = new Map(values.map((value) => [value, JSON.stringify(value)]))
  const isList = values.some((value) => typeof value === 'object' && value !== null)
  return isList ? values.toSorted((a, b) => ((texts.get(a) ?? '') < (texts.get(b) ?? '') ? -1 : 1)) : values
}

const ignoredFields = new Set([
  'throttleTimeMs',
  'errorMessage',
  'clientHost',
  'authorizedOperations',
  'nodeId',
  'port'
])

export interface GroupCase {
  readonly name: string
  readonly play: (stage: Stage) => Promise<void>
}

export function offsetTopics(name: string, offsets: Readonly<Record<number, bigint>>, topicId?: string) {
  const partitions = Object.entries(offsets).map(([partition, offset]) => ({
    partitionIndex: Number(partition),
    committedOffset: offset,
    committedMetadata: `at ${offset}`
  }))
  return [{ name, ...(topicId === undefined ? {} : { topicId }), partitions }]
}

export async function fetchOffsets(stage: Stage, groupId: string, topic: string, requireStable = false): Promise<void> {
  const topics = [{ topicId: stage.topicId(topic), partitionIndexes: [0, 1] }]
  await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [{ groupId, topics }], requireStable })
}
