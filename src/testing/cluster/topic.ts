// Owns a topic and its partitions as the cluster keeps them: who leads, which epoch, who is in sync, the log itself, and
// the durable state of a coordinator. All of it is replicated storage here: it survives the death of brokers.

import type { Uuid } from '../../protocol/index.ts'
import type { Appended, AppendOptions, PartitionLog } from '../log/partition_log.ts'
import type { EndMarker } from '../log/producer_state.ts'
import { Refusal } from '../log/refusal.ts'
import type { DurableKind } from './ports.ts'
import type { Replication } from './replication.ts'
import type { Settings } from './settings.ts'

/** No broker leads. */
export const noLeader = -1

export class Topic {
  readonly name: string
  readonly id: Uuid
  readonly isInternal: boolean
  readonly settings: Settings
  readonly partitions: Partition[] = []

  constructor(name: string, id: Uuid, isInternal: boolean, settings: Settings) {
    this.name = name
    this.id = id
    this.isInternal = isInternal
    this.settings = settings
  }
}

/** Is told that a partition changed: records became readable, or its leader is another one. */
export interface PartitionWatcher {
  onChange(partition: Partition): void
}

export class Partition {
  readonly topic: Topic
  readonly index: number
  readonly log: PartitionLog
  /** The id of the leading broker, or -1. */
  leader = noLeader
  leaderEpoch = -1
  /** In the order of preference. */
  replicas: readonly number[]
  inSync: readonly number[]
  /** The broker that led last, whose log has everything that was appended. */
  lastLeader = noLeader
  readonly #replication: Replication
  readonly #watchers = new Set<PartitionWatcher>()
  readonly #durable = new Map<string, { readonly kind: DurableKind<unknown>; readonly state: unknown }>()
  /** What was read from the data directory, until its owner asks for it. */
  readonly #stored = new Map<string, unknown>()

  constructor(topic: Topic, index: number, log: PartitionLog, replicas: readonly number[], replication: Replication) {
    this.#replication = replication
    this.topic = topic
    this.index = index
    this.log = log
    this.replicas = replicas
    this.inSync = replicas
  }

  watch(watcher: PartitionWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: PartitionWatcher): void {
    this.#watchers.delete(watcher)
  }

  /** The replicas in sync may have come further. */
  replicate(): void {
    if (this.leader !== noLeader) this.#replication.replicate(this)
  }

  /** Call after records became readable, or after the leader changed. */
  changed(): void {
    for (const watcher of this.#watchers) watcher.onChange(this)
  }

  /**
   * Appends a batch as the leader does. `waitForReplicas` tells when the replicas in sync have it, which usually is at
   * once.
   */
  append(bytes: Uint8Array, options: Omit<AppendOptions, 'leaderEpoch'>): Appended | Refusal {
    const appended = this.log.append(bytes, { ...options, leaderEpoch: this.leaderEpoch })
    if (!(appended instanceof Refusal) && !appended.isDuplicate) this.#replication.replicate(this)
    return appended
  }

  /** Appends a batch of a coordinator, which all replicas have at once. The oldest are deleted beyond `logBytesMax`. */
  appendState(bytes: Uint8Array, nowMs: number, logBytesMax: number): Refusal | undefined {
    const { log } = this
    const appended = log.append(bytes, { origin: 'coordinator', leaderEpoch: this.leaderEpoch, nowMs })
    if (appended instanceof Refusal) return appended
    log.advanceHighWatermark(log.endOffset)
    if (log.sizeInBytes > logBytesMax) log.deleteBefore(log.batches[log.batches.length >>> 1]!.baseOffset)
    this.changed()
    return undefined
  }

  /** Appends the marker that ends a transaction in this partition; else as `append`. */
  appendMarker(marker: EndMarker): Appended | Refusal {
    const appended = this.log.appendMarker(marker, this.leaderEpoch)
    if (!(appended instanceof Refusal)) this.#replication.replicate(this)
    return appended
  }

  /** All durable state, as JSON can have it. */
  encodeDurable(): Record<string, unknown> {
    const encoded: Record<string, unknown> = Object.fromEntries(this.#stored)
    for (const [name, { kind, state }] of this.#durable) encoded[name] = kind.encode(state)
    return encoded
  }

  /** Takes what `encodeDurable` answered; it is decoded when its owner asks for it. */
  decodeDurable(encoded: Readonly<Record<string, unknown>>): void {
    for (const [name, state] of Object.entries(encoded)) this.#stored.set(name, state)
  }

  /** The durable state of that kind, made at first use. */
  durable<T>(kind: DurableKind<T>): T {
    const known = this.#durable.get(kind.name)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one kind has one type, and its own name
    if (known !== undefined) return known.state as T
    const stored = this.#stored.get(kind.name)
    const state = stored === undefined ? kind.create() : kind.decode(stored)
    this.#durable.set(kind.name, { kind, state })
    return state
  }
}
