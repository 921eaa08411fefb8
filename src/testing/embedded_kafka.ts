// The embedded Kafka as tests hold it: starts brokers in this process, tells where they listen, and lets tests break
// them. Owns the life of all its brokers; closing it leaves no timer and no socket behind.

import { nodeRuntime } from '../runtime/index.ts'
import type { ServerRuntime } from '../runtime/index.ts'
import type { ApiName } from '../protocol/index.ts'
import { handlers } from './api/registry.ts'
import { Broker } from './cluster/broker.ts'
import type { BrokerParts } from './cluster/broker.ts'
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
import { Credentials } from './sasl/credentials.ts'
import type { SaslOptions } from './sasl/credentials.ts'

export interface EmbeddedKafkaOptions {
  /** How many brokers; their ids are 1, 2, and so on. Default 1. */
  readonly brokers?: number
  /** Clock, chance and network. Default: this process's. */
  readonly runtime?: ServerRuntime
  /** Where brokers listen. Default 127.0.0.1. */
  readonly host?: string
  /** One per broker; 0 or absent for any that is free. */
  readonly ports?: readonly number[]
  /** `host:port` per broker that clients are sent to in its stead, as to a proxy. */
  readonly advertised?: readonly string[]
  /** The finalized level of `transaction.version`. Default 2, as a new cluster of Kafka 4.4.0 has it. */
  readonly transactionVersion?: 0 | 1 | 2
  /**
   * How long followers take to fetch what a leader has appended; what they do not have is lost when the leader dies.
   * Default 0: they have it at once.
   */
  readonly replicationDelayMs?: number
  /**
   * A folder in which topics, records, transactions, groups and settings are kept from one run to the next. They are
   * written when the cluster is closed, and by `save`. Default: nothing is kept.
   */
  readonly dataFolder?: string
  /**
   * Users, who then have to log in by SASL (SASL_PLAINTEXT) before anything else is answered. Default: everybody may do
   * everything.
   */
  readonly sasl?: SaslOptions
  /** Settings of brokers by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
}

/** An in-process Kafka cluster. */
export class EmbeddedKafka implements AsyncDisposable {
  readonly cluster: Cluster
  readonly #parts: BrokerParts
  readonly #host: string
  readonly #advertised: readonly string[]
  readonly #heartbeats: Heartbeats
  readonly #data: DataFolder | undefined
  #closed: Promise<void> | undefined

  private constructor(options: EmbeddedKafkaOptions) {
    const runtime = options.runtime ?? nodeRuntime()
    const brokerCount = options.brokers ?? 1
    const clusterId = Buffer.from(runtime.randomBytes(16)).toString('base64url')
    const settings = new Settings({ ...settingsFor(brokerCount), ...options.config })
    const features = new Features({ 'transaction.version': options.transactionVersion ?? 2 })
    const credentials = new Credentials(options.sasl, (length) => runtime.randomBytes(length))
    this.cluster = new Cluster({ runtime, clusterId, settings, features, credentials })
    this.cluster.replication.delayMs = options.replicationDelayMs ?? 0
    const { dataFolder } = options
    this.#data = dataFolder === undefined ? undefined : new DataFolder(runtime.files, dataFolder)
    this.#heartbeats = new Heartbeats(this.cluster)
    this.#parts = { cluster: this.cluster, handlers, coordinators, controls: new Controls() }
    this.#host = options.host ?? '127.0.0.1'
    this.#advertised = options.advertised ?? []
    for (let i = 0; i < brokerCount; i++) {
      const port = options.ports?.[i] ?? 0
      const node = { id: i + 1, rack: null, host: this.#host, port, listenPort: port, broker: undefined }
      this.cluster.nodes.set(node.id, { ...node, isFenced: true })
    }
  }

  /** Starts a cluster; resolves when all its brokers listen. */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const kafka = new EmbeddedKafka(options)
    try {
      await kafka.#data?.load(kafka.cluster)
      await kafka.start()
    } catch (error) {
      await kafka.#end()
      throw error
    }
    return kafka
  }

  /** Addresses for clients, as lists of brokers take them. */
  get addresses(): string[] {
    return [...this.cluster.nodes.values()].map(({ host, port }) => `${host}:${port}`)
  }

  /** Addresses for clients, as `bootstrap.servers` takes them. */
  get bootstrap(): string {
    return this.addresses.join(',')
  }

  /** Decides about the next request of an API, or with `keep` about all of them. */
  control<N extends ApiName>(api: N, handler: ControlHandler<N>, options?: ControlOptions): ControlRegistration {
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
    await new Promise<void>((resolve) => this.cluster.runtime.defer(resolve))
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
      if (node.broker?.isPaused !== true) continue
      node.broker.resume()
      this.#heartbeats.heard(node)
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

  /** Finalizes another `transaction.version` for the running cluster. */
  setTransactionVersion(version: 0 | 1 | 2): void {
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
    await this.#data?.save(this.cluster)
  }

  async #end(): Promise<void> {
    this.#heartbeats.close()
    const brokers = [...this.cluster.nodes.values()].flatMap(({ broker }) => broker ?? [])
    await Promise.all(brokers.map((broker) => broker.die()))
  }

  /** Lets a node listen; it leads nothing yet. */
  async #startNode(node: ClusterNode): Promise<Broker> {
    const broker = new Broker(node, this.#parts)
    node.listenPort = await broker.listen({ host: this.#host, port: node.listenPort })
    const advertised = this.#advertised[node.id - 1]
    node.host = advertised?.slice(0, advertised.lastIndexOf(':')) ?? this.#host
    node.port = advertised === undefined ? node.listenPort : Number(advertised.slice(advertised.lastIndexOf(':') + 1))
    return broker
  }
}

/** What differs by the number of brokers, as one would set it for a test cluster of that size. */
function settingsFor(brokerCount: number): Record<string, string> {
  const replicas = String(Math.min(brokerCount, 3))
  const inSyncMin = brokerCount < 3 ? '1' : '2'
  return {
    'default.replication.factor': replicas,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin
  }
}
