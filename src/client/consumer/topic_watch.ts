// Owns asking the cluster again about topics whose leaders moved, and noticing that a topic is gone or was recreated
// under its name. One question at a time, with backoff. KIP-516 (topic ids).
import { errorCode, zeroUuid } from '../../protocol/index.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import type { Cluster, TopicMetadata, TopicPartition } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { backoffDelayMs } from '../retry.ts'
import type { PartitionState } from './partition_state.ts'

/** How long a topic that is being read may be unknown to the cluster before reading fails, milliseconds. */
const goneTopicWaitMs = 30_000

export class TopicWatch {
  private readonly cluster: Cluster
  private readonly signal: AbortSignal
  private readonly stale = new Set<string>()
  private isRunning = false

  constructor(cluster: Cluster, signal: AbortSignal) {
    this.cluster = cluster
    this.signal = signal
  }

  /** Notes that the topic must be asked about. True where `run` has to be called for that. */
  mark(topic: string): boolean {
    this.stale.add(topic)
    return !this.isRunning
  }

  /**
   * Asks until no topic is marked any more. `onAnswer` is called after each answer and may mark topics again;
   * `onRecreated` decides about a partition whose topic has another id than before.
   */
  async run(
    partitions: ReadonlyMap<string, PartitionState>,
    onAnswer: () => void,
    onRecreated: (state: PartitionState, topicId: string) => void
  ): Promise<void> {
    this.isRunning = true
    try {
      for (let round = 1; this.stale.size > 0 && !this.signal.aborted; round++) {
        const topics = await this.ask()
        if (topics !== undefined) {
          for (const state of partitions.values()) {
            if (topics.has(state.topic)) this.check(state, topics.get(state.topic), onRecreated)
          }
          onAnswer()
        }
        if (this.stale.size === 0) return
        const { runtime, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = this.cluster
        await runtime.sleep(backoffDelayMs(runtime, { backoffMs, backoffMsMax }, round), this.signal)
      }
    } finally {
      this.isRunning = false
    }
  }

  private async ask(): Promise<Map<string, TopicMetadata | undefined> | undefined> {
    const names = [...this.stale]
    this.stale.clear()
    try {
      const found = await this.cluster.topics(names, { refresh: true, signal: this.signal })
      return new Map(names.map((name) => [name, found.get(name)]))
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable) throw error
      this.cluster.logger.debug('Metadata: trying again', { topics: names, error: error.message })
      for (const name of names) this.stale.add(name)
      return undefined
    }
  }

  private check(
    state: PartitionState,
    topic: TopicMetadata | undefined,
    onRecreated: (state: PartitionState, topicId: string) => void
  ): void {
    if (state.phase === 'failed') return
    const isThere = topic?.partitions.some(({ partition }) => partition === state.partition) === true
    if (!isThere) {
      const nowMs = this.cluster.runtime.monotonicMs()
      state.missingSinceMs ??= nowMs
      if (nowMs - state.missingSinceMs >= goneTopicWaitMs) state.fail(unknownPartition(state, 'Fetch', false))
      else this.stale.add(state.topic)
      return
    }
    state.missingSinceMs = undefined
    if (topic.topicId === state.topicId || topic.topicId === zeroUuid) return
    if (state.topicId === zeroUuid) state.topicId = topic.topicId
    else onRecreated(state, topic.topicId)
  }
}

/** The error for a position that belongs to a topic that is no more. */
export function recreatedError(place: TopicPartition, was: string, is: string): KafkaError {
  return new KafkaError(
    'TOPIC_RECREATED',
    `Topic ${place.topic} was recreated: partition ${place.partition} was read under topic id ${was}, now it is ${is}. ` +
      'Positions of the old topic mean nothing in the new one.',
    { fatal: true, nextStep: 'Assign the partition anew with a position in the new topic.' }
  )
}

/** The error for a topic or partition that the cluster does not have. */
export function unknownPartition(place: TopicPartition, what: string, retriable: boolean): KafkaError {
  const nextStep = 'Create the topic, or correct its name or the partition.'
  const which = `${what} of ${keyOfPartition(place.topic, place.partition)}`
  return brokerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, which, { retriable, nextStep })
}
