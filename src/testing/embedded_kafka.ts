// The embedded Kafka as tests hold it: starts brokers in this process, tells where they listen, and lets tests break
// them. Owns the life of all its brokers; closing it leaves no timer and no socket behind.

import type { ApiName } from '../protocol/index.ts'
import type { ServerRuntime } from '../runtime/index.ts'
import { handlers } from './api/registry.ts'
import { Broker } from './cluster/broker.ts'
import type { BrokerParts } from './cluster/broker.ts'
import { ClusterClock } from './cluster/cluster_clock.ts'
import { Cluster } from './cluster/cluster.ts'
import type { ClusterNode } from './cluster/cluster.ts'
import { Controls } from './cluster/controls.ts'
import type { ControlHandler, ControlOptions, ControlRegistration } from './cluster/controls.ts'
import { DataFolder } from './cluster/data_folder.ts'
import { Features } from './cluster/features.ts'
import { Heartbeats } from './cluster/heartbeats.ts'
import { coordinatorPartition } from './cluster/java_hash.ts'
import { internalTopics } from './cluster/ports.ts'
import { Settings } from './cluster/settings.ts'
import { noLeader } from './cluster/topic.ts'
import type { Partition } from './cluster/topic.ts'
import { coordinators } from './coordinators.ts'
import { groupIdsIn, viewGroup } from './group/group_view.ts'
import type { GroupView } from './group/group_view.ts'
import type { TransactionControls } from './transaction/controls.ts'
import type { PartitionLog } from './log/partition_log.ts'
import { Refusal } from './log/refusal.ts'
import { visibleRecords } from './log/visible_records.ts'
import type { RecordIsolation, StoredRecord } from './log/visible_records.ts'
import { Credentials } from './sasl/credentials.ts'
import { addressText, checkedStartOptions } from './start_options.ts'
import type { Address, EmbeddedKafkaOptions, StartOptions } from './start_options.ts'

/** Clients may be slow to hear of a rebalance: those of kafkajs take ten seconds as they come. */
const stableTimeoutMs = 30_000
const stablePollMs = 2

/** An in-process Kafka cluster. */
export class EmbeddedKafka implements AsyncDisposable {
  readonly cluster: Cluster
  readonly #parts: BrokerParts
  readonly #host: string
  readonly #advertised: readonly Address[]
  readonly #runtime: ServerRuntime
  readonly #clock: ClusterClock
  readonly #heartbeats: Heartbeats
  readonly #data: DataFolder | undefined
  #closed: Promise<void> | undefined

  private constructor(options: StartOptions) {
    const { runtime, brokers: brokerCount, host, ports, dataFolder } = options
    this.#runtime = runtime
    this.#clock = new ClusterClock(runtime)
    const clusterId = Buffer.from(runtime.randomBytes(16)).toString('base64url')
    const settings = new Settings({ ...settingsFor(brokerCount), ...options.config })
    const features = new Features({ 'transaction.version': options.transactionVersion })
    const credentials = new Credentials(options.sasl, (length) => runtime.randomBytes(length))
    this.cluster = new Cluster({ runtime: this.#clock.runtime, clusterId, settings, features, credentials })
    this.cluster.replication.delayMs = options.replicationDelayMs
    this.#data = dataFolder === undefined ? undefined : new DataFolder(runtime, dataFolder)
    this.#heartbeats = new Heartbeats(this.cluster)
    this.#parts = { cluster: this.cluster, handlers, coordinators, controls: new Controls() }
    this.#host = host
    this.#advertised = options.advertised
    for (let i = 0; i < brokerCount; i++) {
      const port = ports[i] ?? 0
      const node = { id: i + 1, rack: null, host, port, listenPort: port, broker: undefined }
      this.cluster.nodes.set(node.id, { ...node, isFenced: true })
    }
  }

  /** Starts a cluster; resolves when all its brokers listen. */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const kafka = new EmbeddedKafka(checkedStartOptions(options))
    try {
      await kafka.#data?.open(kafka.cluster)
      await kafka.start()
    } catch (error) {
      await kafka.#end()
      await kafka.#data?.release()
      throw error
    }
    return kafka
  }

  /** Addresses for clients, as lists of brokers take them. */
  get addresses(): string[] {
    return [...this.cluster.nodes.values()].map(addressText)
  }

  /** Addresses for clients, as `bootstrap.servers` takes them. */
  get bootstrap(): string {
    return this.addresses.join(',')
  }

  /** Decides about the next request of an API, or with `keep` about all of them. */
  control<N extends ApiName>(api: N, handler: ControlHandler<N>, options?: ControlOptions): ControlRegistration {
    if (options?.brokerId !== undefined) this.#node(options.brokerId)
    return this.#parts.controls.add(api, handler, options)
  }

  /** What may be done to markers and transaction coordinators. */
  get transactions(): TransactionControls {
    return this.cluster.transactions
  }

  /** The ids of all brokers, whether they run or not. */
  get brokerIds(): number[] {
    return [...this.cluster.nodes.keys()]
  }

  /** Whether a broker runs at the moment. */
  isRunning(brokerId: number): boolean {
    return this.#node(brokerId).broker !== undefined
  }

  /**
   * Ends brokers as SIGKILL does: connections are cut, what they had in memory is gone. Others lead their partitions when
   * `broker.session.timeout.ms` have passed. Without an id: all brokers, as everywhere below.
   */
  async kill(brokerId?: number): Promise<void> {
    for (const node of this.#nodes(brokerId)) {
      const { broker } = node
      if (broker === undefined) continue
      const dead = broker.die()
      this.#heartbeats.lost(node)
      await dead
    }
  }

  /** Ends brokers in good order: others lead their partitions at once. */
  async stop(brokerId?: number): Promise<void> {
    for (const node of this.#nodes(brokerId)) {
      const { broker } = node
      if (broker === undefined) continue
      this.#heartbeats.left(node)
      await broker.die()
    }
  }

  /** Starts the brokers that do not run, on the same ports and with the same logs. */
  async start(brokerId?: number): Promise<void> {
    const brokers: Broker[] = []
    try {
      for (const node of this.#nodes(brokerId)) if (node.broker === undefined) brokers.push(await this.#startNode(node))
    } catch (error) {
      for (const broker of brokers) await broker.die()
      throw error
    }
    this.#heartbeats.registered(brokers)
    // Partitions without a leader have one with the next turn.
    await this.#turn()
  }

  /** Kills, and starts again at once. */
  async restart(brokerId?: number): Promise<void> {
    await this.kill(brokerId)
    await this.start(brokerId)
  }

  /** Lets brokers stand still as SIGSTOP does: connections stay, nothing is read or answered, timers fire late. */
  pause(brokerId?: number): void {
    for (const node of this.#nodes(brokerId)) {
      if (node.broker === undefined) continue
      node.broker.pause()
      this.#heartbeats.lost(node)
    }
  }

  /** Lets paused brokers go on. */
  resume(brokerId?: number): void {
    for (const node of this.#nodes(brokerId)) {
      node.broker?.resume(() => this.#heartbeats.heard(node))
    }
  }

  /** Lets another broker, one that is in sync, lead a partition. */
  moveLeader(topic: string, partition: number, brokerId: number): void {
    const refused = this.cluster.moveLeader(this.#partition(topic, partition), brokerId)
    if (refused !== undefined) throw new Error(`${topic}-${partition} cannot be moved: ${refused.message}`)
  }

  /** Lets another broker keep a group or a transactional id, with all others of the same internal partition. */
  moveCoordinator(type: 'group' | 'transaction', key: string, brokerId: number): void {
    const { topic, index } = this.#coordinatorPartition(type, key)
    this.moveLeader(topic.name, index, brokerId)
  }

  /** The broker that keeps a group or a transactional id; undefined where there is none at the moment. */
  coordinatorOf(type: 'group' | 'transaction', key: string): number | undefined {
    const { leader } = this.#coordinatorPartition(type, key)
    return leader === noLeader ? undefined : leader
  }

  /** The broker that leads a partition; undefined where there is none at the moment. */
  leaderOf(topic: string, partition: number): number | undefined {
    const { leader } = this.#partition(topic, partition)
    return leader === noLeader ? undefined : leader
  }

  /** The log of a partition, with what it knows of producers. */
  log(topic: string, partition: number): PartitionLog {
    return this.#partition(topic, partition).log
  }

  /** The ids of all groups, those that have nothing but offsets included. */
  groupIds(): string[] {
    const partitions = this.cluster.topics.get(internalTopics.groups)?.partitions ?? []
    return partitions.flatMap((partition) => groupIdsIn(this.cluster, partition))
  }

  /** A group with its members and offsets, as it is at this moment; undefined where there is none. */
  group(groupId: string): GroupView | undefined {
    const partitions = this.cluster.topics.get(internalTopics.groups)?.partitions ?? []
    const partition = partitions[coordinatorPartition(groupId, Math.max(1, partitions.length))]
    return partition && viewGroup(this.cluster, partition, groupId)
  }

  /**
   * Throws away the records of a partition from an offset on and gives it a new leader epoch, as an unclean election does
   * in a cluster that allows one.
   */
  loseRecords(topic: string, partition: number, offset: bigint): void {
    this.cluster.loseRecords(this.#partition(topic, partition), offset)
  }

  /**
   * The records of a topic, or of one of its partitions, as a reader would see them now: in order within each partition.
   * Default: only those that are committed.
   */
  async records(
    topic: string,
    options: { readonly partition?: number; readonly isolationLevel?: RecordIsolation } = {}
  ): Promise<StoredRecord[]> {
    const { partition, isolationLevel = 'read_committed' } = options
    const found = this.cluster.topics.get(topic)
    if (found === undefined) throw new Error(`There is no topic ${topic}`)
    const records: StoredRecord[] = []
    for (const { index, log } of partition === undefined ? found.partitions : [this.#partition(topic, partition)]) {
      records.push(...(await visibleRecords(log, index, isolationLevel, this.#runtime)))
    }
    return records
  }

  /**
   * Resolves when a group is stable: all its members have what they are to have. With `memberCount`, only when there are
   * so many; else one is enough. Rejects after `timeoutMs` (default 30 seconds) with what the group looks like.
   */
  async untilStable(
    groupId: string,
    options: { readonly memberCount?: number; readonly timeoutMs?: number } = {}
  ): Promise<GroupView> {
    const { memberCount, timeoutMs = stableTimeoutMs } = options
    const startedMs = this.#runtime.monotonicMs()
    for (;;) {
      const group = this.group(groupId)
      const count = group?.members.length ?? 0
      if (group?.state === 'Stable' && count === (memberCount ?? Math.max(1, count))) return group
      if (this.#runtime.monotonicMs() - startedMs >= timeoutMs) {
        const found = group === undefined ? 'is not there' : `is ${group.state} with ${count} members`
        const wanted = memberCount === undefined ? 'be stable' : `be stable with ${memberCount} members`
        throw new Error(`The group ${groupId} was to ${wanted} within ${timeoutMs} ms, but ${found}`)
      }
      await this.#runtime.sleep(stablePollMs)
    }
  }

  /**
   * Lets time pass for the brokers: their clock goes forward, and what is due by then happens, one after the other, as
   * sessions that run out and transactions that time out. Clients keep their own clocks. Resolves when it has happened.
   */
  advanceTime(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new Error(`advanceTime takes a number of milliseconds, not ${ms}`)
    return this.#clock.advance(ms)
  }

  /** Finalizes another `transaction.version` for the running cluster. */
  setTransactionVersion(version: 0 | 1 | 2): void {
    if (![0, 1, 2].includes(version)) throw new Error(`setTransactionVersion takes 0, 1 or 2, not ${String(version)}`)
    this.cluster.features.setLevel('transaction.version', version)
  }

  /** Writes everything to the data folder as it is now. `close` does so too; a process that is killed has not. */
  async save(): Promise<void> {
    if (this.#data === undefined) throw new Error('There is no data folder: give EmbeddedKafka.start a dataFolder')
    await this.#data.save(this.cluster)
  }

  /** Ends all brokers, and keeps what they had where there is a data folder. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #nodes(brokerId: number | undefined): readonly ClusterNode[] {
    return brokerId === undefined ? [...this.cluster.nodes.values()] : [this.#node(brokerId)]
  }

  #node(brokerId: number): ClusterNode {
    const node = this.cluster.nodes.get(brokerId)
    if (node === undefined) throw new Error(`There is no broker ${brokerId}: the ids are ${this.brokerIds.join(', ')}`)
    return node
  }

  #partition(topic: string, index: number): Partition {
    const partition = this.cluster.partition(topic, index)
    if (partition === undefined) throw new Error(`There is no partition ${topic}-${index}`)
    return partition
  }

  #coordinatorPartition(type: 'group' | 'transaction', key: string): Partition {
    const topic = this.cluster.internalTopic(type === 'group' ? internalTopics.groups : internalTopics.transactions)
    if (topic instanceof Refusal) throw new Error(`The internal topic cannot be created: ${topic.message}`)
    return this.#partition(topic.name, coordinatorPartition(key, topic.partitions.length))
  }

  async #closeAll(): Promise<void> {
    await this.#end()
    try {
      await this.#data?.save(this.cluster)
    } finally {
      await this.#data?.release()
    }
  }

  async #end(): Promise<void> {
    this.#heartbeats.close()
    const brokers = [...this.cluster.nodes.values()].flatMap(({ broker }) => broker ?? [])
    await Promise.all(brokers.map((broker) => broker.die()))
    // Node tells of sockets for two turns more; whoever looks for open handles would find them.
    await this.#turn()
    await this.#turn()
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.cluster.runtime.defer(resolve))
  }

  /** Lets a node listen; it leads nothing yet. */
  async #startNode(node: ClusterNode): Promise<Broker> {
    const broker = new Broker(node, this.#parts)
    node.listenPort = await broker.listen({ host: this.#host, port: node.listenPort })
    const advertised = this.#advertised[node.id - 1]
    node.host = advertised?.host ?? this.#host
    node.port = advertised?.port ?? node.listenPort
    return broker
  }
}

/** What differs from Kafka's defaults, as one would set it for a test cluster of that size. */
function settingsFor(brokerCount: number): Record<string, string> {
  const replicas = String(Math.min(brokerCount, 3))
  const inSyncMin = brokerCount < 3 ? '1' : '2'
  return {
    'default.replication.factor': replicas,
    'group.initial.rebalance.delay.ms': '0',
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin
  }
}
