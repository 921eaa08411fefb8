// Owns one life of a broker: its listener and connections, its coordinators, its timers and waiting requests. Everything
// here dies with it; what must survive is in the cluster. A paused broker reads nothing and its timers fire late, as those
// of a process under SIGSTOP do.

import { errorCode } from '../../protocol/index.ts'
import type { Listener, Runtime, Socket, Timer } from '../../runtime/index.ts'
import type { ApiHandler } from '../api/handler.ts'
import type { PartitionLog } from '../log/partition_log.ts'
import type { EndMarker } from '../log/producer_state.ts'
import { Refusal } from '../log/refusal.ts'
import type { Cluster, ClusterNode } from './cluster.ts'
import { Connection } from './connection.ts'
import type { Controls } from './controls.ts'
import { FetchSessions } from '../fetch/fetch_sessions.ts'
import { OldLogs } from './old_logs.ts'
import { internalTopics } from './ports.ts'
import type { Coordinator, GroupPort, TransactionPort } from './ports.ts'
import { ProducerIds } from './producer_ids.ts'
import { waitForReplicas } from './replication.ts'
import type { Partition } from './topic.ts'

/** Makes the coordinators of a broker. */
export interface CoordinatorMakers {
  readonly transactions?: (broker: Broker) => TransactionPort
  readonly groups?: (broker: Broker) => GroupPort
}

/** What all brokers of a cluster are made from. */
export interface BrokerParts {
  readonly cluster: Cluster
  readonly handlers: ReadonlyMap<number, ApiHandler>
  readonly coordinators: CoordinatorMakers
  readonly controls: Controls
}

/** Where a broker listens. */
export interface ListenAddress {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
}

/** Who led a partition before an election. */
export interface FormerLeader {
  readonly leader: number
  readonly leaderEpoch: number
}

/** How long a broker that goes on after a pause does not know what it missed; 103 to 135 ms in Kafka 4.4.0. */
const catchUpMs = 120
/** How long, since it goes on, it has not followed those that took its place; 508 to 751 ms in Kafka 4.4.0. */
const followMs = 500

export class Broker {
  readonly id: number
  readonly cluster: Cluster
  readonly handlers: ReadonlyMap<number, ApiHandler>
  readonly controls: Controls
  readonly fetchSessions: FetchSessions
  readonly producerIds: ProducerIds
  /** Undefined where this build has no such coordinator. */
  readonly transactions: TransactionPort | undefined
  readonly groups: GroupPort | undefined
  readonly #node: ClusterNode
  readonly #connections = new Set<Connection>()
  readonly #timers = new Set<Timer>()
  /** Timers that fired while the broker was paused. */
  #late: (() => void)[] = []
  /** Elections that a paused broker has not heard of. */
  #missed: (() => void)[] = []
  /** Who leads, as far as it knows, where it has not heard of an election. */
  readonly #formerLeaders = new Map<Partition, FormerLeader>()
  readonly #oldLogs = new OldLogs()
  #following: Timer | undefined
  /** Who waits until it has heard what it missed. */
  #waiting: (() => void)[] = []
  #listener: Listener | undefined
  #isRunning = true
  #isPaused = false

  constructor(node: ClusterNode, parts: BrokerParts) {
    this.id = node.id
    this.#node = node
    this.cluster = parts.cluster
    this.handlers = parts.handlers
    this.controls = parts.controls
    this.fetchSessions = new FetchSessions(this)
    this.producerIds = new ProducerIds(parts.cluster.producerIdBlocks)
    this.transactions = parts.coordinators.transactions?.(this)
    this.groups = parts.coordinators.groups?.(this)
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Milliseconds since 1970, of the cluster's clock. */
  nowMs(): number {
    return this.cluster.runtime.nowMs()
  }

  /** Listens and answers the port. */
  async listen(address: ListenAddress): Promise<number> {
    this.#listener = await this.cluster.runtime.listen(address, (socket) => this.#accept(socket))
    if (!this.#isRunning) await this.#listener.close()
    return this.#listener.port
  }

  /**
   * The cluster's runtime with timers of this broker, for what runs in it: they do not outlive it, and do not fire while
   * it stands still.
   */
  get runtime(): Pick<Runtime, 'nowMs' | 'monotonicMs' | 'setTimer' | 'random' | 'randomBytes'> {
    const { runtime } = this.cluster
    return {
      nowMs: () => runtime.nowMs(),
      monotonicMs: () => runtime.monotonicMs(),
      setTimer: (delayMs, fire) => this.setTimer(delayMs, fire),
      random: () => runtime.random(),
      randomBytes: (length) => runtime.randomBytes(length)
    }
  }

  /** A timer that is cancelled when the broker dies, and waits while it is paused. */
  setTimer(delayMs: number, fire: () => void): Timer {
    const inner = this.cluster.runtime.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      if (this.#isPaused) this.#late.push(fire)
      else fire()
    })
    const timer: Timer = {
      cancel: () => {
        inner.cancel()
        this.#timers.delete(timer)
        this.#late = this.#late.filter((one) => one !== fire)
      }
    }
    this.#timers.add(timer)
    return timer
  }

  /** Resolves after `delayMs`; never where the broker dies before. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimer(delayMs, resolve)
    })
  }

  /** The cluster has elected a leader, and every broker will hear of it. */
  heardElection(partition: Partition, former: FormerLeader): void {
    if (!this.#isBehind) return
    if (!this.#formerLeaders.has(partition)) this.#formerLeaders.set(partition, former)
    if (former.leader === this.id) this.#oldLogs.keep(partition)
  }

  /** Who leads as far as this broker knows: one that stood still believes for a moment what was so before. */
  knownLeader(partition: Partition): FormerLeader {
    return this.#formerLeaders.get(partition) ?? partition
  }

  /** The log of a partition as this broker has it. */
  logOf(partition: Partition): PartitionLog {
    return this.#oldLogs.of(partition) ?? partition.log
  }

  /** Whether it takes itself for the leader of a partition that another broker leads by now, or none. */
  isSuperseded(partition: Partition): boolean {
    return partition.leader !== this.id && this.knownLeader(partition).leader === this.id
  }

  /** Resolves when it has heard of all elections; never where it dies before. */
  caughtUp(): Promise<void> {
    if (!this.#isBehind) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The cluster has made this broker the leader of a partition. */
  elected(partition: Partition): void {
    this.#oldLogs.drop(partition)
    this.#learn(() => this.#coordinatorOf(partition)?.onElection(partition))
  }

  /** The cluster has given a partition that this broker led to another one, or to none. */
  resigned(partition: Partition): void {
    const isGroups = partition.topic.name === internalTopics.groups
    if (isGroups && this.#isBehind) this.groups?.onSuperseded(partition)
    this.#learn(() => this.#coordinatorOf(partition)?.onResignation(partition))
  }

  /**
   * Appends a marker to a partition that this broker leads, and tells the group coordinator where the partition is one
   * of its. Answers an error code, 0 where the replicas in sync have the marker.
   */
  writeMarker(partition: Partition, marker: EndMarker): number | Promise<number> {
    const refused = errorCode.NOT_LEADER_OR_FOLLOWER
    // It would append, and wait for followers that it has no more.
    if (this.#isRunning && this.isSuperseded(partition)) return this.caughtUp().then(() => refused)
    if (partition.leader !== this.id || !this.#isRunning) return refused
    const appended = partition.appendMarker(marker)
    if (appended instanceof Refusal) return appended.errorCode
    const finish = ([code = 0]: readonly number[]): number => {
      const isGroups = partition.topic.name === internalTopics.groups
      if (code === 0 && isGroups && this.#isRunning) this.groups?.onMarker(partition, marker)
      return code
    }
    const timeoutMs = this.cluster.settings.number('request.timeout.ms')
    const codes = waitForReplicas(this, [{ partition, requiredOffset: appended.lastOffset + 1n }], timeoutMs)
    return codes instanceof Promise ? codes.then(finish) : finish(codes)
  }

  pause(): void {
    this.#isPaused = true
    this.#following?.cancel()
  }

  /** Goes on. The cluster has `heard` it again before it answers what waits: it never knew that it counted as gone. */
  resume(heard: () => void): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    const late = this.#late
    this.#late = []
    for (const fire of late) fire()
    if (this.#isBehind) this.setTimer(catchUpMs, () => this.#catchUp())
    this.#following = this.setTimer(followMs, () => this.#follow())
    heard()
    for (const connection of this.#connections) connection.resume()
  }

  /** Ends this life at once, as SIGKILL does. Resolves when the port is free again. */
  async die(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#node.broker = undefined
    for (const timer of this.#timers) timer.cancel()
    this.#late = []
    for (const connection of this.#connections) connection.close()
    this.transactions?.close()
    this.groups?.close()
    await this.#listener?.close()
  }

  /** A paused broker hears of elections only after it goes on, and until then takes itself for what it was. */
  #learn(news: () => void): void {
    if (this.#isBehind) this.#missed.push(news)
    else news()
  }

  get #isBehind(): boolean {
    return this.#isPaused || this.#missed.length > 0 || this.#formerLeaders.size > 0
  }

  #catchUp(): void {
    const missed = this.#missed
    this.#missed = []
    this.#formerLeaders.clear()
    for (const news of missed) news()
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    for (const partition of this.#oldLogs.partitions()) partition.changed()
  }

  /** It has the same log as its successors again. */
  #follow(): void {
    const partitions = this.#oldLogs.partitions()
    this.#oldLogs.clear()
    for (const partition of partitions) partition.changed()
  }

  #coordinatorOf(partition: Partition): Coordinator | undefined {
    if (!partition.topic.isInternal) return undefined
    return partition.topic.name === internalTopics.groups ? this.groups : this.transactions
  }

  #accept(socket: Socket): Connection {
    const connection = new Connection(this, socket, () => this.#connections.delete(connection))
    if (this.#isRunning) this.#connections.add(connection)
    else connection.close()
    return connection
  }
}
