// The simulated Kafka of one run, and what faults do to it. Owns nothing of the programs.
import { Kafka, silentLogger } from 'kafka-once'
import { EmbeddedKafka, transactionLog } from 'kafka-once/testing'
import type { PartitionLog, ServerRuntime, World } from 'kafka-once/testing'
import { RecordBatch, RecordBatchBuilder } from 'kafka-once/protocol'
import { GroupMember } from '../broker/group_member.ts'
import { committedRecords, scanBatches } from '../broker/log_scan.ts'
import type { PartitionScan } from '../broker/log_scan.ts'
import { committedBefore, committedCount } from './committed_count.ts'
import { inputTopic, sourceGroup } from './plan.ts'
import type { Action, Shape } from './plan.ts'

/** The transactional ids of the job, as many as it may ever use. */
const ids = Array.from({ length: 4 }, (_, slot) => `id.0.${slot}`)
const ledgers = ids.map((id) => `${id}.ledger`)
const firstUsedProducerId = 700_000n
const endings = ['PrepareCommit', 'PrepareAbort', 'Ongoing']

export class ClusterSite {
  readonly kafka: EmbeddedKafka
  readonly #world: World
  readonly #runtime: ServerRuntime
  readonly #rules = new Set<Disposable>()
  #starting: Promise<void> = Promise.resolve()
  #versionMax: number

  private constructor(world: World, runtime: ServerRuntime, kafka: EmbeddedKafka, transactionVersion: number) {
    this.#versionMax = transactionVersion
    this.#world = world
    this.#runtime = runtime
    this.kafka = kafka
  }

  static async start(world: World, shape: Shape, topics: readonly string[]): Promise<ClusterSite> {
    const { runtime } = world.spawn('brokers', 'brokers')
    const kafka = await EmbeddedKafka.start({
      brokers: shape.brokers,
      runtime,
      transactionVersion: shape.transactionVersion,
      config: {
        'offsets.topic.num.partitions': String(shape.internalPartitions),
        'transaction.state.log.num.partitions': String(shape.internalPartitions),
        'offsets.retention.minutes': String(shape.offsetsRetentionMinutes),
        'offsets.retention.check.interval.ms': '5000',
        'group.initial.rebalance.delay.ms': '20',
        'broker.session.timeout.ms': '100',
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500'
      }
    })
    kafka.cluster.transactions.loadMs = shape.loadMs
    kafka.cluster.replication.delayMs = shape.replicaMs
    for (const name of topics) {
      kafka.cluster.createTopic({ name, partitionCount: shape.partitions, replicationFactor: shape.brokers })
    }
    if (shape.firstEpoch > 0) await startAtEpoch(kafka, shape)
    const site = new ClusterSite(world, runtime, kafka, shape.transactionVersion)
    if (shape.markerMs > 0) site.#delayMarkers(shape.markerMs)
    return site
  }

  /**
   * Appends records to a partition where a broker leads it. They may be lost again with that broker, like those of a
   * producer that got no answer: what counts is what the log holds in the end.
   */
  feed(topic: string, partition: number, texts: readonly string[]): void {
    const found = this.kafka.cluster.partition(topic, partition)
    const leader = found === undefined ? undefined : this.kafka.cluster.leaderOf(found)
    if (found === undefined || leader === undefined || leader.isPaused) return
    const builder = new RecordBatchBuilder()
    const nowMs = this.#runtime.nowMs()
    for (const text of texts) builder.append(null, Buffer.from(text), [], nowMs)
    found.append(builder.finishPlain(), { origin: 'client', nowMs })
  }

  /** How many committed records a partition has for a reader. */
  countOf(topic: string, partition: number): number {
    return committedRecords(scanLog(topic, partition, this.kafka.log(topic, partition))).length
  }

  /** How many records before an offset, or of all, are committed by now. */
  committedBy(topic: string, partition: number, beforeOffset?: bigint): number {
    const log = this.kafka.log(topic, partition)
    return beforeOffset === undefined ? committedCount(log) : committedBefore(log, beforeOffset)
  }

  partitionsOf(topic: string): number {
    return this.kafka.cluster.topics.get(topic)?.partitions.length ?? 0
  }

  /** Whole partitions as they lie in the log. */
  scan(topic: string): PartitionScan[] {
    const scans: PartitionScan[] = []
    for (let partition = 0; partition < this.partitionsOf(topic); partition++) {
      scans.push(scanLog(topic, partition, this.kafka.log(topic, partition)))
    }
    return scans
  }

  /** What is not at its end, by the coordinators' logs and by the partitions. */
  leftovers(): string[] {
    const found: string[] = []
    for (const topic of this.kafka.cluster.topics.values()) {
      for (const partition of topic.partitions) {
        const where = `${topic.name}-${partition.index}`
        const first = partition.log.producers.firstOpenOffset
        if (first !== undefined) found.push(`a transaction is open in ${where} from offset ${first} on`)
        if (topic.name !== '__transaction_state') continue
        for (const { transactionalId, state } of partition.durable(transactionLog).values()) {
          if (endings.includes(state)) found.push(`${transactionalId} is left ${state}`)
        }
      }
    }
    return found
  }

  /** Does to the cluster what a plan says; false where the action is none of its. */
  apply(action: Action): boolean {
    switch (action.do) {
      case 'killBroker':
        void this.#killBroker(this.#brokerId(action.broker), action.downMs)
        return true
      case 'pauseBroker':
        this.#pauseBroker(this.#brokerId(action.broker), action.forMs)
        return true
      case 'resumeBrokers':
        this.#later(action.afterMs, () => this.kafka.resume())
        return true
      case 'pauseLedger':
        this.#pauseBroker(this.kafka.coordinatorOf('group', ledgers[0]!) ?? 1, action.forMs)
        return true
      case 'moveLeaders':
        this.#move(action.broker, () => true)
        return true
      case 'moveCoordinator':
        this.#move(action.broker, (name) => {
          return name === (action.of === 'group' ? '__consumer_offsets' : '__transaction_state')
        })
        return true
      case 'markers':
        this.#spoilMarkers(action.fate, action.forMs, action.nth)
        return true
      case 'setVersion':
        this.#setVersion(action.version)
        return true
      case 'addPartitions':
        this.#addPartitions()
        return true
      case 'deleteLedgers':
        void this.#deleteLedgers()
        return true
      case 'joinGroups':
        void this.#joinGroups(action)
        return true
      default:
        return false
    }
  }

  /** Everything runs again, and no marker is held back. */
  async heal(): Promise<void> {
    for (const rule of this.#rules) rule[Symbol.dispose]()
    this.#rules.clear()
    this.kafka.resume()
    await this.#start()
  }

  /** What programs are told of it. */
  addressesFor({ knowsOne }: Shape): string[] {
    const all = this.kafka.bootstrap.split(',')
    return knowsOne ? all.slice(0, 1) : all
  }

  portOf(index: number): number {
    return this.kafka.cluster.nodes.get(this.#brokerId(index))?.port ?? 0
  }

  #brokerId(index: number): number {
    const ids = this.kafka.brokerIds
    return ids[index % ids.length] ?? 1
  }

  #later(delayMs: number, action: () => void): void {
    this.#runtime.setTimer(delayMs, action)
  }

  async #killBroker(id: number, downMs: number): Promise<void> {
    if (!this.kafka.isRunning(id)) return
    this.#world.tell(`broker ${id} is killed`)
    await this.kafka.kill(id)
    this.#later(downMs, () => void this.#start(id))
  }

  // One after the other: two starts of one broker at once would want the same port.
  #start(id?: number): Promise<void> {
    this.#starting = this.#starting.then(() => this.kafka.start(id))
    return this.#starting
  }

  #pauseBroker(id: number, forMs: number): void {
    if (!this.kafka.isRunning(id)) return
    this.#world.tell(`broker ${id} is paused`)
    this.kafka.pause(id)
    this.#later(forMs, () => {
      this.#world.tell(`broker ${id} goes on`)
      this.kafka.resume(id)
    })
  }

  #move(index: number, isMeant: (topic: string) => boolean): void {
    const { cluster } = this.kafka
    const id = this.#brokerId(index)
    for (const topic of cluster.topics.values()) {
      if (!isMeant(topic.name)) continue
      for (const partition of topic.partitions) cluster.moveLeader(partition, id)
    }
  }

  /** Not from 2 down to 0: the log of 0 cannot hold ids that spoke 2, and Kafka leaves them busy until it is reloaded. */
  #setVersion(version: 0 | 1 | 2): void {
    this.#versionMax = Math.max(this.#versionMax, version)
    this.kafka.setTransactionVersion(version === 0 && this.#versionMax === 2 ? 1 : version)
  }

  /** One more for every topic of the job, the outputs first: whoever finds new input must find room for its output. */
  #addPartitions(): void {
    const { cluster } = this.kafka
    const topics = [...cluster.topics.values()].filter(({ isInternal }) => !isInternal)
    for (const topic of topics.toReversed()) cluster.addPartitions(topic, topic.partitions.length + 1, [], false)
  }

  async #deleteLedgers(): Promise<void> {
    await this.#asSomebody(async (kafka) => {
      await kafka.admin().deleteGroups(ledgers)
    })
  }

  async #joinGroups({ of, protocol, forMs }: Extract<Action, { do: 'joinGroups' }>): Promise<void> {
    const groups = of === 'source' ? [sourceGroup] : ledgers
    await this.#asSomebody(async ({ cluster }) => {
      const joined = groups.map((groupId) => GroupMember.join(cluster, groupId, protocol, inputTopic))
      const members = (await Promise.allSettled(joined)).flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
      this.#world.tell(`somebody has joined ${members.length} of ${groups.join(', ')}`)
      await cluster.runtime.sleep(forMs)
      await Promise.allSettled(members.map((member) => member.leave()))
    })
  }

  /** With a client that is nobody's of the job. */
  async #asSomebody(act: (kafka: Kafka) => Promise<void>): Promise<void> {
    const { runtime } = this.#world.spawn('elsewhere', 'somebody')
    const kafka = new Kafka({ brokers: this.kafka.bootstrap.split(','), logger: silentLogger, runtime })
    try {
      await act(kafka)
    } catch {
      // There may be nobody to ask.
    } finally {
      await kafka.close()
    }
  }

  #delayMarkers(afterMs: number): void {
    this.kafka.cluster.transactions.markers.add(({ partition }) => ({ afterMs: afterMs * (1 + (partition % 2)) }))
  }

  #spoilMarkers(fate: 'skip' | 'hold', forMs: number, nth: number): void {
    let count = 0
    const { cluster } = this.kafka
    const rule = cluster.transactions.markers.add(({ topic, partition, producerId }) => {
      if (++count % nth !== 0) return undefined
      // Kafka leaves out what has no leader: whoever led last will not append what it was still having verified.
      if (fate === 'skip') cluster.partition(topic, partition)?.log.producers.forgetVerification(producerId)
      return fate
    })
    this.#rules.add(rule)
    this.#later(forMs, () => {
      if (this.#rules.delete(rule)) rule[Symbol.dispose]()
    })
  }
}

/** Lets coordinators find ids that have been used for so long. */
async function startAtEpoch(kafka: EmbeddedKafka, { firstEpoch, transactionTimeoutMs }: Shape): Promise<void> {
  kafka.coordinatorOf('transaction', 'any')
  const nowMs = kafka.cluster.runtime.nowMs()
  for (const { partitions } of kafka.cluster.topics.values()) {
    for (const partition of partitions) {
      if (partition.topic.name !== '__transaction_state') continue
      ids.forEach((transactionalId, slot) => {
        partition.durable(transactionLog).set(transactionalId, {
          transactionalId,
          producerId: firstUsedProducerId + BigInt(slot),
          previousProducerId: -1n,
          nextProducerId: -1n,
          producerEpoch: firstEpoch - slot,
          lastProducerEpoch: -1,
          timeoutMs: transactionTimeoutMs,
          state: 'Empty',
          partitions: new Map(),
          startedAtMs: -1,
          updatedAtMs: nowMs,
          clientVersion: 0
        })
      })
    }
  }
  await kafka.restart()
}

function scanLog(topic: string, partition: number, log: PartitionLog): PartitionScan {
  const { startOffset: logStartOffset, endOffset, lastStableOffset } = log
  const place = { topic, partition, logStartOffset, endOffset, lastStableOffset }
  return scanBatches(
    place,
    log.batches.map(({ bytes }) => RecordBatch.parse(bytes))
  )
}
