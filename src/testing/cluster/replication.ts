// Owns how far the replicas in sync have come: when the high watermark of a partition may grow, and how long an append
// waits for that. Replicas share one log here. What the leader has appended and its followers do not have yet is what lies
// above the high watermark, and it is lost when another broker leads. Source: kafka.cluster.Partition, DelayedProduce.

import { errorCode } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import type { Broker } from './broker.ts'
import type { Cluster } from './cluster.ts'
import type { Partition, PartitionWatcher } from './topic.ts'

/** How many replicas in sync `min.insync.replicas` asks for; never more than there are replicas. */
export function inSyncMin(partition: Partition): number {
  return Math.min(partition.topic.settings.number('min.insync.replicas'), partition.replicas.length)
}

export class Replication {
  /** How long it takes until followers have what a leader has appended. */
  delayMs = 0
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Call after a leader has appended: lets the high watermark follow as soon as all replicas in sync have it. */
  replicate(partition: Partition): void {
    if (!this.#canAdvance(partition)) return
    if (this.delayMs === 0 || partition.inSync.length === 1) return advance(partition, partition.log.endOffset)
    const { leaderEpoch } = partition
    const { endOffset } = partition.log
    this.#cluster.leaderOf(partition)?.setTimer(this.delayMs, () => {
      if (partition.leaderEpoch === leaderEpoch && this.#canAdvance(partition)) advance(partition, endOffset)
    })
  }

  /** Kafka holds the high watermark back while there are too few replicas in sync, or one of them does not fetch. */
  #canAdvance(partition: Partition): boolean {
    if (partition.inSync.length < inSyncMin(partition)) return false
    return partition.inSync.every((id) => {
      const broker = this.#cluster.nodes.get(id)?.broker
      return id === partition.leader || (broker !== undefined && !broker.isPaused)
    })
  }
}

function advance(partition: Partition, offset: bigint): void {
  if (partition.log.advanceHighWatermark(offset)) partition.changed()
}

/** An append that is complete when everything below `requiredOffset` is replicated. */
export interface PendingAppend {
  readonly partition: Partition
  readonly requiredOffset: bigint
}

/** Waits until all appends are replicated; answers an error code for each, REQUEST_TIMED_OUT where it took too long. */
export function waitForReplicas(
  broker: Broker,
  appends: readonly PendingAppend[],
  timeoutMs: number
): readonly number[] | Promise<readonly number[]> {
  const codes = appends.map((one) => stateOf(broker, one))
  if (!codes.includes(pending)) return codes
  return new Promise((resolve) => {
    new ReplicaWait(broker, appends, codes, resolve).begin(timeoutMs)
  })
}

/** No error code. */
const pending = Number.MIN_SAFE_INTEGER

function stateOf(broker: Broker, { partition, requiredOffset }: PendingAppend): number {
  if (partition.leader !== broker.id) return errorCode.NOT_LEADER_OR_FOLLOWER
  if (partition.log.highWatermark < requiredOffset) return pending
  return partition.inSync.length < inSyncMin(partition) ? errorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND : 0
}

class ReplicaWait implements PartitionWatcher {
  readonly #broker: Broker
  readonly #appends: readonly PendingAppend[]
  readonly #codes: number[]
  readonly #done: (codes: readonly number[]) => void
  #timer: Timer | undefined

  constructor(
    broker: Broker,
    appends: readonly PendingAppend[],
    codes: number[],
    done: (codes: readonly number[]) => void
  ) {
    this.#broker = broker
    this.#appends = appends
    this.#codes = codes
    this.#done = done
  }

  begin(timeoutMs: number): void {
    for (const { partition } of this.#appends) partition.watch(this)
    this.#timer = this.#broker.setTimer(timeoutMs, () => this.#finish())
  }

  onChange(): void {
    this.#appends.forEach((one, i) => {
      if (this.#codes[i] === pending) this.#codes[i] = stateOf(this.#broker, one)
    })
    if (!this.#codes.includes(pending)) this.#finish()
  }

  #finish(): void {
    this.#timer?.cancel()
    for (const { partition } of this.#appends) partition.unwatch(this)
    this.#done(this.#codes.map((code) => (code === pending ? errorCode.REQUEST_TIMED_OUT : code)))
  }
}
