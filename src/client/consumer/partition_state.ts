// Owns what is known of one assigned partition: where reading stands, what has been fetched ahead of it, and whether it
// is fetching, looking for a position, checking one, or failed. Does no I/O and decides nothing about brokers.
// KIP-320 (leader epochs), KIP-516 (topic ids).
import { assert } from '../errors.ts'
import type { KafkaError } from '../errors.ts'
import { keyOfPartition } from '../admin/partitions.ts'

/** An offset to read from and the leader epoch of the record before it; -1 where that is not known. */
export interface Position {
  readonly offset: bigint
  readonly leaderEpoch: number
}

export type PartitionPhase =
  /** Fetches whenever it is not paused. */
  | 'fetching'
  /** The position was outside the log and a new one is being looked up. */
  | 'resetting'
  /** The leader changed, or the log looks shorter: the position is being compared with the leader's epochs. */
  | 'validating'
  /** Hands out its error until somebody seeks. */
  | 'failed'

const transitions: Readonly<Record<PartitionPhase, readonly PartitionPhase[]>> = {
  fetching: ['resetting', 'validating', 'failed'],
  resetting: ['fetching', 'failed'],
  validating: ['fetching', 'resetting', 'failed'],
  failed: ['fetching']
}

export class PartitionState {
  readonly topic: string
  readonly partition: number
  /** `topic:partition`. */
  readonly key: string
  /** zeroUuid where the broker is too old to have topic ids. */
  topicId: string
  isPaused = false
  /** Grows with each seek, so that replies to older questions are told apart. */
  generation = 0
  /** Part of a fetch that is on its way; never part of two. */
  isInFlight = false
  /** The generation that this fetch asked for; its reply counts only while that is the present one. */
  sentGeneration = -1
  /** The bytes that were fetched last cannot be read: nothing more is fetched until that has been told. */
  isDamaged = false
  /** Fetched and not handed out yet, in bytes. */
  bufferedBytes = 0
  /** No fetch before this moment of the monotonic clock, in milliseconds. */
  notBeforeMs = 0
  /** Failures in a row. */
  failures = 0
  /** Since when the cluster does not know the topic, on the monotonic clock; undefined while it does. */
  missingSinceMs: number | undefined = undefined
  /** Leader epoch with which the position was last found to agree; -1 for none. */
  validatedEpoch = -1
  highWatermark = -1n
  lastStableOffset = -1n
  logStartOffset = -1n
  private currentPhase: PartitionPhase = 'fetching'
  private currentError: KafkaError | undefined = undefined
  private handedOut: Position
  private fetched: Position

  constructor(topic: string, partition: number, topicId: string, start: Position) {
    this.topic = topic
    this.partition = partition
    this.topicId = topicId
    this.key = keyOfPartition(topic, partition)
    this.handedOut = start
    this.fetched = start
  }

  get phase(): PartitionPhase {
    return this.currentPhase
  }

  get error(): KafkaError | undefined {
    return this.currentError
  }

  /** Offset of the next record that will be handed out. */
  get position(): bigint {
    return this.handedOut.offset
  }

  get positionEpoch(): number {
    return this.handedOut.leaderEpoch
  }

  /** Offset that the next fetch asks for. */
  get fetchOffset(): bigint {
    return this.fetched.offset
  }

  /** Leader epoch of the last batch that was fetched; -1 where none is known. */
  get fetchEpoch(): number {
    return this.fetched.leaderEpoch
  }

  moveTo(next: PartitionPhase): void {
    if (next === this.currentPhase) return
    const isLegal = transitions[this.currentPhase].includes(next)
    assert(isLegal, `partition ${this.key} cannot go from ${this.currentPhase} to ${next}`)
    this.currentPhase = next
  }

  /** What has been fetched now goes up to `position`. */
  fetchedUpTo(position: Position): void {
    assert(position.offset >= this.fetched.offset, `${this.key}: fetched backwards`)
    this.fetched = position
    this.failures = 0
  }

  /** What has been handed out, or skipped as invisible, now goes up to `position`. */
  handedOutUpTo(position: Position): void {
    assert(position.offset >= this.handedOut.offset, `${this.key}: handed out backwards`)
    this.handedOut = position
  }

  /** Goes on from another position; what was fetched ahead, and every reply under way, counts no more. */
  restartAt(position: Position): void {
    this.generation++
    this.handedOut = position
    this.fetched = position
    this.isDamaged = false
    this.failures = 0
    this.notBeforeMs = 0
    this.validatedEpoch = -1
    this.currentError = undefined
    this.moveTo('fetching')
  }

  /** Forgets what was fetched ahead, to fetch it again; the position stays. */
  refetch(): void {
    this.restartAt(this.handedOut)
  }

  /** Stops here. Polling tells the error until somebody seeks. */
  fail(error: KafkaError): void {
    this.generation++
    this.currentError = error
    this.moveTo('failed')
  }
}
