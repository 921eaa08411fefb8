// Owns what happens when a position turns out to be doubtful or wrong: compares it with the leader's epochs, looks for a
// new one where that is allowed, and otherwise says with numbers why reading stops. KIP-320. Never moves a position
// silently unless the option offsetReset says so, and never past records that were not handed out yet.
import { listOffsets } from '../admin/topics.ts'
import type { IsolationLevel } from '../admin/topics.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { canAskEpochs, epochEnds } from './leader_epochs.ts'
import type { AskOptions } from './leader_epochs.ts'
import type { PartitionState, Position } from './partition_state.ts'

export type OffsetReset = 'error' | 'earliest' | 'latest'

export interface RecoveryOptions {
  readonly isolationLevel: IsolationLevel
  readonly offsetReset: OffsetReset
}

/** In-range answers after which a broker that keeps saying "out of range" is believed. */
const contradictionsMax = 5

export class Recovery {
  private readonly cluster: Cluster
  private readonly options: RecoveryOptions
  private readonly ask: AskOptions

  constructor(cluster: Cluster, options: RecoveryOptions, ask: AskOptions) {
    this.cluster = cluster
    this.options = options
    this.ask = ask
  }

  /** Compares the fetch position with the leader's epochs, and goes on, resets or fails. */
  async validate(state: PartitionState, leaderEpoch: number): Promise<void> {
    const { generation, fetchOffset, fetchEpoch, topic, partition } = state
    state.moveTo('validating')
    if (fetchEpoch >= 0 && (await canAskEpochs(this.cluster))) {
      const ends = await epochEnds(this.cluster, [{ topic, partition, epoch: fetchEpoch }], this.ask)
      if (state.generation !== generation) return
      const end = ends.get(state.key)!
      if (isTruncated(fetchOffset, end)) return this.truncated(state, end)
    }
    if (state.generation !== generation) return
    state.validatedEpoch = leaderEpoch
    state.moveTo('fetching')
  }

  /** The log diverges from what was fetched; `end` is where the leader's log of that epoch ends, -1n where unknown. */
  async truncated(state: PartitionState, end: Position): Promise<void> {
    const isEndKnown = end.offset >= 0n && end.leaderEpoch >= 0
    // What was fetched ahead is gone, but nothing of it was handed out.
    if (isEndKnown && state.position <= end.offset) return state.refetch()
    if (this.options.offsetReset === 'error') return state.fail(truncatedError(state, end))
    if (!isEndKnown) return this.reset(state)
    this.cluster.logger.warn('The log was truncated: going on at its new end', {
      topic: state.topic,
      partition: state.partition,
      position: String(state.position),
      endOffset: String(end.offset)
    })
    state.restartAt(end)
  }

  /** The leader says that the fetch position is not in its log: true of one that stood still, and of no use. */
  async outOfRange(state: PartitionState): Promise<void> {
    const { generation } = state
    state.moveTo('validating')
    const start = await this.offsetAt(state, 'earliest', 'read_uncommitted', true)
    const end = await this.offsetAt(state, 'latest', 'read_uncommitted', true)
    if (state.generation !== generation) return
    if (state.position >= start && state.position <= end && state.failures < contradictionsMax) {
      // Another leader answered, or the log grew: its epochs tell whether it is still the same log.
      state.failures++
      return this.validate(state, state.validatedEpoch)
    }
    if (this.options.offsetReset === 'error') return state.fail(outOfRangeError(state, start, end))
    await this.reset(state)
  }

  /** Goes on where the option offsetReset says. */
  async reset(state: PartitionState): Promise<void> {
    const { generation, topic, partition } = state
    state.moveTo('resetting')
    const { isolationLevel, offsetReset } = this.options
    const offset = await this.offsetAt(state, offsetReset === 'latest' ? 'latest' : 'earliest', isolationLevel)
    if (state.generation !== generation) return
    this.cluster.logger.warn('The position was not in the log: reset', {
      topic,
      partition,
      position: String(state.position),
      offset: String(offset),
      offsetReset
    })
    state.restartAt({ offset, leaderEpoch: -1 })
  }

  private async offsetAt(
    state: PartitionState,
    position: 'earliest' | 'latest',
    isolationLevel: IsolationLevel,
    newest = false
  ): Promise<bigint> {
    const { key, topic, partition } = state
    const options = { ...this.ask, isolationLevel, newest }
    const offsets = await listOffsets(this.cluster, [{ topic, partition, position }], options)
    return offsets.get(key)!.offset
  }
}

/** Whether a log whose epoch ends at `end` lacks the record before `offset`. Source: SubscriptionState of kafka-clients. */
export function isTruncated(offset: bigint, end: Position): boolean {
  return end.leaderEpoch < 0 || end.offset < offset
}

export function truncatedError(
  state: { readonly key: string; readonly position: bigint; readonly positionEpoch: number },
  end: Position
): KafkaError {
  const found =
    end.leaderEpoch < 0 || end.offset < 0n
      ? 'does not know that epoch'
      : `ends epoch ${end.leaderEpoch} at offset ${end.offset}`
  return new KafkaError(
    'LOG_TRUNCATED',
    `Partition ${state.key} was read up to offset ${state.position} in leader epoch ${state.positionEpoch}, but its ` +
      `leader now ${found}: records that were read are no longer in the log.`,
    { fatal: true, nextStep: 'Decide what to do about them, then seek, or allow offsetReset.' }
  )
}

function outOfRangeError(state: PartitionState, start: bigint, end: bigint): KafkaError {
  const missed = state.position < start ? ` The ${start - state.position} offsets before its start are gone.` : ''
  return new KafkaError(
    'OFFSET_OUT_OF_RANGE',
    `Partition ${state.key} holds offsets ${start} to ${end}, position ${state.position} is outside.${missed}`,
    { fatal: true, kafkaCode: 1, nextStep: 'Seek to an offset that is there, or allow offsetReset.' }
  )
}
