// Owns what a cluster keeps beyond the life of any broker: which nodes there are, topics with their logs, settings,
// features, and who leads which partition. It is the controller and the replicated storage in one; every broker sees a
// change at once. Elections follow Kafka's rules for replicas in sync. Source: ReplicationControlManager.

import { errorCode } from '../../protocol/index.ts'
import type { Uuid } from '../../protocol/index.ts'
import { PartitionLog } from '../log/partition_log.ts'
import { Refusal } from '../log/refusal.ts'
import type { Credentials } from '../sasl/credentials.ts'
import { TransactionControls } from '../transaction/controls.ts'
import type { Broker } from './broker.ts'
import type { ClusterRuntime } from './cluster_clock.ts'
import type { Features } from './features.ts'
import { internalTopics, isInternalName } from './ports.ts'
import { ProducerIdBlocks } from './producer_ids.ts'
import { Replication } from './replication.ts'
import { topicSettingFault } from './setting_view.ts'
import { Settings } from './settings.ts'
import { noLeader, Partition, Topic } from './topic.ts'
import { collides, topicNameFault } from './topic_names.ts'

/** A node as the cluster knows it, alive or not. */
export interface ClusterNode {
  readonly id: number
  readonly rack: string | null
  /** Where it listens; 0 until it did for the first time. */
  listenPort: number
  /** Where clients are sent to. */
  host: string
  port: number
  /** The life that runs at the moment. */
  broker: Broker | undefined
  /** Whether it may lead: Kafka fences a node that it has not heard of for broker.session.timeout.ms. */
  isFenced: boolean
}

export interface ClusterOptions {
  readonly runtime: ClusterRuntime
  readonly clusterId: string
  readonly settings: Settings
  readonly features: Features
  readonly credentials: Credentials
}

export interface NewTopic {
  readonly name: string
  /** -1 for the default. */
  readonly partitionCount: number
  /** -1 for the default. */
  readonly replicationFactor: number
  /** Brokers of each partition, the leader first; empty to have them chosen. */
  readonly assignments?: readonly (readonly number[])[]
  readonly settings?: Readonly<Record<string, string>>
}

/** More than this many are refused, so that a slip of a test does not take all memory. */
const partitionsMax = 100_000

export class Cluster {
  readonly runtime: ClusterRuntime
  /** Changes only before the first broker starts, when an earlier run is taken up. */
  clusterId: string
  readonly settings: Settings
  readonly features: Features
  /** Who may come in. */
  readonly credentials: Credentials
  readonly nodes = new Map<number, ClusterNode>()
  readonly topics = new Map<string, Topic>()
  readonly replication = new Replication(this)
  readonly producerIdBlocks = new ProducerIdBlocks()
  /** What tests do to markers and coordinators. */
  readonly transactions = new TransactionControls()
  readonly #topicsById = new Map<Uuid, Topic>()
  #placements = 0

  constructor(options: ClusterOptions) {
    this.runtime = options.runtime
    this.clusterId = options.clusterId
    this.settings = options.settings
    this.features = options.features
    this.credentials = options.credentials
  }

  /** The node that answers as controller: the first that is alive. */
  get controllerId(): number {
    for (const node of this.nodes.values()) if (!node.isFenced) return node.id
    return -1
  }

  liveNodes(): ClusterNode[] {
    return [...this.nodes.values()].filter((node) => !node.isFenced)
  }

  topicById(id: Uuid): Topic | undefined {
    return this.#topicsById.get(id)
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.topics.get(topic)?.partitions[index]
  }

  /** The running broker that leads a partition. */
  leaderOf(partition: Partition): Broker | undefined {
    return this.nodes.get(partition.leader)?.broker
  }

  /** Creates a topic, or says why not. `validateOnly` answers the topic as it would be, without keeping it. */
  createTopic(topic: NewTopic, validateOnly = false): Topic | Refusal {
    const { name } = topic
    if (this.topics.has(name)) return new Refusal(errorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    const fault = topicNameFault(name)
    if (fault !== undefined) {
      return new Refusal(errorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${fault}`)
    }
    const other = [...this.topics.keys()].find((known) => collides(known, name))
    if (other !== undefined) {
      return new Refusal(errorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${other}`)
    }
    for (const [setting, value] of Object.entries(topic.settings ?? {})) {
      const wrong = topicSettingFault(setting, value)
      if (wrong !== undefined) return new Refusal(errorCode.INVALID_CONFIG, wrong)
    }
    const assignments = this.#assignments(topic)
    if (assignments instanceof Refusal) return assignments
    const created = new Topic(name, this.newUuid(), isInternalName(name), new Settings(topic.settings, this.settings))
    if (validateOnly) created.settings.release()
    this.#addPartitions(created, assignments)
    if (validateOnly) return created
    this.adopt(created)
    for (const partition of created.partitions) this.#elect(partition)
    return created
  }

  /** Takes a topic as it is, its leaders included. */
  adopt(topic: Topic): void {
    this.topics.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
  }

  /** Deletes a topic with everything in it. */
  deleteTopic(topic: Topic): void {
    this.topics.delete(topic.name)
    this.#topicsById.delete(topic.id)
    topic.settings.release()
    for (const partition of topic.partitions) {
      const leader = this.leaderOf(partition)
      partition.leader = noLeader
      leader?.resigned(partition)
      partition.changed()
    }
    for (const { broker } of this.nodes.values()) broker?.groups?.onTopicDeleted(topic)
  }

  /** Adds partitions, up to `count`, or says why not. `assignments` are those of the new ones; null has them chosen. */
  addPartitions(
    topic: Topic,
    count: number,
    assignments: readonly (readonly number[])[] | null,
    validateOnly: boolean
  ): Refusal | undefined {
    const { name, partitions } = topic
    const more = count - partitions.length
    if (more === 0) {
      return new Refusal(errorCode.INVALID_PARTITIONS, `Topic already has ${partitions.length} partition(s).`)
    }
    if (more < 0 || count > partitionsMax) {
      const message = `The topic ${name} currently has ${partitions.length} partition(s); ${count} would not be an increase.`
      return new Refusal(errorCode.INVALID_PARTITIONS, message)
    }
    if (assignments !== null && assignments.length !== more) {
      const message = `Attempted to add ${more} additional partition(s), but only ${assignments.length} assignment(s) were specified.`
      return new Refusal(errorCode.INVALID_REPLICA_ASSIGNMENT, message)
    }
    const factor = partitions[0]?.replicas.length ?? 1
    const chosen = assignments === null ? this.place(more, factor) : this.#givenAssignments(assignments, factor)
    if (chosen instanceof Refusal) return chosen
    if (validateOnly) return undefined
    const first = partitions.length
    this.#addPartitions(topic, chosen)
    for (const partition of partitions.slice(first)) this.#elect(partition)
    return undefined
  }

  /** Elects the first replica in sync again, as it was meant to be. A Refusal where that is not needed or not possible. */
  electPreferred(partition: Partition): Refusal | undefined {
    const preferred = partition.replicas[0]
    if (partition.leader === preferred) {
      return new Refusal(errorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
    }
    const refused = preferred === undefined ? undefined : this.moveLeader(partition, preferred)
    return refused && new Refusal(errorCode.PREFERRED_LEADER_NOT_AVAILABLE, 'The preferred leader was not available.')
  }

  /** An internal topic, created when it is first needed. */
  internalTopic(name: string): Topic | Refusal {
    const known = this.topics.get(name)
    if (known !== undefined) return known
    const isGroups = name === internalTopics.groups
    const prefix = isGroups ? 'offsets.topic' : 'transaction.state.log'
    const inSyncMin = isGroups ? {} : { 'min.insync.replicas': this.settings.text(`${prefix}.min.isr`) }
    return this.createTopic({
      name,
      partitionCount: this.settings.number(`${prefix}.num.partitions`),
      replicationFactor: Math.min(this.settings.number(`${prefix}.replication.factor`), this.nodes.size),
      settings: { 'cleanup.policy': 'compact', ...inSyncMin }
    })
  }

  /**
   * A node may lead from now on. Partitions that had no leader get it a turn later than those of the transaction
   * coordinator, which finds them without one when it loads: the order in which a restarted 4.4.0 loses markers
   * (KAFKA-20734).
   */
  unfence(node: ClusterNode): void {
    node.isFenced = false
    const waiting: Partition[] = []
    for (const partition of this.#partitions()) {
      if (!partition.replicas.includes(node.id)) continue
      if (partition.leader === noLeader && !partition.inSync.includes(node.id)) continue
      if (!partition.inSync.includes(node.id)) {
        partition.inSync = partition.replicas.filter((id) => id === node.id || partition.inSync.includes(id))
      }
      if (partition.leader !== noLeader) continue
      if (partition.topic.name === internalTopics.transactions) this.#elect(partition)
      else waiting.push(partition)
    }
    this.followersChanged()
    if (waiting.length === 0) return
    this.runtime.defer(() => {
      for (const partition of waiting) if (partition.leader === noLeader) this.#elect(partition)
      this.followersChanged()
    })
  }

  /** A node may not lead any more: what it led is led by others in sync, or by nobody. */
  fence(node: ClusterNode): void {
    node.isFenced = true
    for (const partition of this.#partitions()) {
      if (!partition.inSync.includes(node.id)) continue
      if (partition.inSync.length > 1) partition.inSync = partition.inSync.filter((id) => id !== node.id)
      if (partition.leader === node.id) this.#elect(partition)
    }
    this.followersChanged()
  }

  /** Brokers began to fetch again, or are waited for no longer. */
  followersChanged(): void {
    for (const partition of this.#partitions()) partition.replicate()
  }

  /** Throws away the records from an offset on, as an unclean election does, and gives the partition a new epoch. */
  loseRecords(partition: Partition, offset: bigint): void {
    partition.log.truncate(offset)
    this.#lead(partition, partition.leader)
  }

  /** Lets another broker lead. A Refusal where it is no replica in sync. */
  moveLeader(partition: Partition, nodeId: number): Refusal | undefined {
    if (!partition.inSync.includes(nodeId) || this.nodes.get(nodeId)?.isFenced !== false) {
      return new Refusal(errorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE, `Broker ${nodeId} is no replica in sync`)
    }
    if (partition.leader !== nodeId) this.#lead(partition, nodeId)
    return undefined
  }

  /** A random id as Kafka makes them for topics and clusters. */
  newUuid(): Uuid {
    return Buffer.from(this.runtime.randomBytes(16)).toString('base64url')
  }

  *#partitions(): Iterable<Partition> {
    for (const topic of this.topics.values()) yield* topic.partitions
  }

  #assignments(topic: NewTopic): (readonly number[])[] | Refusal {
    if (topic.assignments !== undefined && topic.assignments.length > 0)
      return this.#givenAssignments(topic.assignments)
    const { settings } = this
    const count = topic.partitionCount === -1 ? settings.number('num.partitions') : topic.partitionCount
    const factor =
      topic.replicationFactor === -1 ? settings.number('default.replication.factor') : topic.replicationFactor
    if (factor <= 0) {
      const message = 'Replication factor must be larger than 0, or -1 to use the default value.'
      return new Refusal(errorCode.INVALID_REPLICATION_FACTOR, message)
    }
    if (count <= 0 || count > partitionsMax) {
      return new Refusal(errorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.')
    }
    return this.place(count, factor)
  }

  /** Chooses brokers for partitions, leaders in turn. */
  place(count: number, replicationFactor: number): (readonly number[])[] | Refusal {
    const ids = this.liveNodes().map(({ id }) => id)
    if (replicationFactor > ids.length) {
      const message = `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only ${ids.length} broker(s) are registered.`
      return new Refusal(errorCode.INVALID_REPLICATION_FACTOR, message)
    }
    const assignments: (readonly number[])[] = []
    for (let i = 0; i < count; i++) {
      const first = this.#placements++
      assignments.push(Array.from({ length: replicationFactor }, (_, r) => ids[(first + r) % ids.length]!))
    }
    return assignments
  }

  /** Checks what an administrator chose: known brokers, each once, as many for each partition. */
  #givenAssignments(
    assignments: readonly (readonly number[])[],
    replicationFactor = assignments[0]?.length ?? 0
  ): (readonly number[])[] | Refusal {
    for (const replicas of assignments) {
      const isSound = replicas.length > 0 && replicas.length === replicationFactor
      const isDistinct = new Set(replicas).size === replicas.length
      if (isSound && isDistinct && replicas.every((id) => this.nodes.has(id))) continue
      const message = `The manual partition assignment [${replicas.join(', ')}] is not valid.`
      return new Refusal(errorCode.INVALID_REPLICA_ASSIGNMENT, message)
    }
    return [...assignments]
  }

  #addPartitions(topic: Topic, assignments: readonly (readonly number[])[]): void {
    for (const replicas of assignments) {
      const log = new PartitionLog(topic.settings)
      topic.partitions.push(new Partition(topic, topic.partitions.length, log, replicas, this.replication))
    }
  }

  /** The first replica in sync that is alive leads. */
  #elect(partition: Partition): void {
    const isAlive = (id: number): boolean => this.nodes.get(id)?.isFenced === false
    const leader = partition.replicas.find((id) => partition.inSync.includes(id) && isAlive(id)) ?? noLeader
    this.#lead(partition, leader)
  }

  #lead(partition: Partition, leader: number): void {
    const before = this.leaderOf(partition)
    const former = { leader: partition.leader, leaderEpoch: partition.leaderEpoch }
    partition.leader = leader
    partition.leaderEpoch++
    for (const { broker } of this.nodes.values()) broker?.heardElection(partition, former)
    if (leader !== noLeader) {
      const { log } = partition
      // Others do not have what their old leader alone had appended.
      if (leader !== partition.lastLeader) log.truncate(log.highWatermark)
      partition.lastLeader = leader
      log.leaderEpochs.assign(partition.leaderEpoch, log.endOffset)
      // Followers that came back before there was a leader to follow.
      const isFollowing = (id: number): boolean => this.nodes.get(id)?.isFenced === false
      partition.inSync = partition.replicas.filter((id) => partition.inSync.includes(id) || isFollowing(id))
    }
    before?.resigned(partition)
    this.leaderOf(partition)?.elected(partition)
    partition.replicate()
    partition.changed()
  }
}
