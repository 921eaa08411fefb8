// One subtask of a Kafka source: reads its partitions, keeps their positions, and puts them into checkpoints. A position
// moves in the same turn in which its records are handed out, so a snapshot never holds a record that was not emitted
// nor lacks one that was. Source of the idea: Flink's FlinkKafkaConsumerBase and KafkaFetcher.
import { Consumer, KafkaError, zeroUuid } from '../../client/index.ts'
import type { Cluster, ConsumedBatch } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type {
  FunctionInitializationContext,
  FunctionSnapshotContext,
  ListState,
  SourceReader,
  StateValue,
  SubtaskContext
} from '../functions.ts'
import type { CheckedKafkaSourceOptions, StartupMode } from './kafka_source_options.ts'
import { OffsetCommitter } from './offset_committer.ts'
import type { OffsetToCommit } from './offset_committer.ts'
import { PartitionDiscoverer } from './partition_discoverer.ts'
import type { FoundPartition } from './partition_discoverer.ts'
import { decodePartitions, encodePartitions, partitionKey } from './partition_state.ts'
import type { KafkaTopicPartitionState, RestoredPartition } from './partition_state.ts'
import { RecordEmitter } from './record_emitter.ts'
import { noSuchOffset, noSuchPartition, sourceLost, topicGone, topicReplaced } from './source_errors.ts'
import { missingPartition, offsetOutside, resolveEndOffsets, resolveStartOffsets } from './start_offsets.ts'
import type { StartOffsetsOptions } from './start_offsets.ts'

/** Time to find partitions and their offsets at the start, milliseconds. */
const openDeadlineMs = 60_000
/** Time to commit offsets to the group, milliseconds: less than the end of a run may take. */
const commitDeadlineMs = 10_000

export class KafkaSourceReader<T> implements SourceReader<T> {
  private readonly options: CheckedKafkaSourceOptions<T>
  private readonly context: SubtaskContext
  private readonly cluster: Cluster
  private readonly consumer: Consumer
  private readonly discoverer: PartitionDiscoverer
  private readonly emitter: RecordEmitter<T>
  private readonly committer: OffsetCommitter | undefined
  private readonly partitions = new Map<string, KafkaTopicPartitionState>()
  private listState: ListState<StateValue> | undefined
  private restored: Map<string, RestoredPartition> | undefined
  /** Fetched, not yet handed out; bounded by the consumer's bufferedBytesMax. */
  private batches: readonly ConsumedBatch[] = []
  private batchesTaken = 0
  private discovery: Promise<void> | undefined
  private discovered: { partitions: FoundPartition[]; starts: Map<string, bigint> } | undefined
  private failure: unknown
  private nextDiscoveryMs = 0
  private nextCommitMs = 0

  constructor(options: CheckedKafkaSourceOptions<T>, context: SubtaskContext) {
    this.options = options
    this.context = context
    this.cluster = options.kafka.cluster
    const { isolationLevel, groupId, fetchBytesMax, partitionFetchBytesMax, bufferedBytesMax } = options
    this.consumer = new Consumer(this.cluster, {
      isolationLevel,
      // A position that is gone must never be replaced by another one in silence.
      offsetReset: 'error',
      ...(groupId === undefined ? {} : { groupId }),
      ...(fetchBytesMax === undefined ? {} : { fetchBytesMax }),
      ...(partitionFetchBytesMax === undefined ? {} : { partitionFetchBytesMax }),
      ...(bufferedBytesMax === undefined ? {} : { bufferedBytesMax })
    })
    this.discoverer = new PartitionDiscoverer(this.cluster, options, context)
    this.emitter = new RecordEmitter(options.schema, options.onBadRecord, context)
    this.committer = this.createCommitter()
  }

  private createCommitter(): OffsetCommitter | undefined {
    const { groupId, offsetCommitMode } = this.options
    const { signal } = this.context
    if (groupId === undefined || offsetCommitMode === 'DISABLED') return undefined
    return new OffsetCommitter({
      groupId,
      logger: this.context.logger,
      commit: (offsets) => this.consumer.commitOffsets(offsets, { deadlineMs: commitDeadlineMs, signal }),
      signal,
      committed: (offsets) => {
        for (const { topic, partition, offset } of offsets) {
          const state = this.partitions.get(partitionKey(topic, partition))
          if (state !== undefined) state.committedOffset = offset
        }
      }
    })
  }

  /** The partitions of this subtask and their positions, for those who watch. */
  partitionStates(): readonly Readonly<KafkaTopicPartitionState>[] {
    return [...this.partitions.values()]
  }

  /** Offsets of checkpoints that are not complete yet, by checkpoint id. */
  get pendingOffsetsToCommit(): ReadonlyMap<number, readonly OffsetToCommit[]> {
    return this.committer?.pendingOffsetsToCommit ?? new Map()
  }

  initializeState(context: FunctionInitializationContext): void {
    this.listState = context.getUnionListState('partitions')
    if (context.restoredCheckpointId === undefined) return
    this.restored = new Map()
    for (const state of decodePartitions(this.listState.get())) {
      if (!this.discoverer.owns(state)) continue
      if (this.discoverer.reads(state.topic)) this.restored.set(partitionKey(state.topic, state.partition), state)
      else
        this.context.logger.warn(
          `The source no longer reads ${state.topic}-${state.partition}; its position is dropped`
        )
    }
  }

  async open(): Promise<void> {
    const found = await this.discoverer.discover(this.context.signal)
    const byKey = new Map(found.map((one) => [partitionKey(one.topic, one.partition), one]))
    for (const state of this.restored?.values() ?? []) checkStillThere(state, byKey)
    const unknown = found.filter((one) => this.restored?.has(partitionKey(one.topic, one.partition)) !== true)
    const mode = this.restored === undefined ? this.options.startupMode : 'EARLIEST'
    const missing = missingPartition(mode, (one) => this.discoverer.owns(one), found)
    if (missing !== undefined) throw noSuchPartition(missing)
    const starts = await this.resolveStarts(mode, unknown)
    const states = [...(this.restored?.values() ?? []), ...unknown.map((one) => initialState(one, starts))]
    const stops = await this.resolveStops(states)
    for (const state of states) {
      const key = partitionKey(state.topic, state.partition)
      this.partitions.set(key, {
        ...state,
        committedOffset: undefined,
        stopOffset: state.stopOffset ?? stops?.get(key)
      })
    }
    this.restored = undefined
    const { runtime } = this.context
    this.nextDiscoveryMs = runtime.monotonicMs() + this.options.discoveryIntervalMs
    this.nextCommitMs = runtime.monotonicMs() + this.options.offsetCommitIntervalMs
    await this.assign([...this.partitions.values()].filter((state) => !this.isFinished(state)))
  }

  // What is wrong shows before the first checkpoint holds it, so that it can be corrected.
  private async resolveStarts(mode: StartupMode, partitions: readonly FoundPartition[]): Promise<Map<string, bigint>> {
    const starts = await resolveStartOffsets(this.cluster, mode, partitions, this.askOptions())
    const outside = await offsetOutside(this.cluster, mode, partitions, starts, this.askOptions())
    if (outside !== undefined) throw noSuchOffset(outside, mode, this.options.groupId)
    return starts
  }

  private async resolveStops(states: readonly RestoredPartition[]): Promise<Map<string, bigint> | undefined> {
    if (!this.options.bounded) return undefined
    return resolveEndOffsets(
      this.cluster,
      states.filter((state) => state.stopOffset === undefined),
      this.askOptions()
    )
  }

  private askOptions(): StartOffsetsOptions {
    const { isolationLevel, groupId } = this.options
    return { isolationLevel, groupId, deadlineMs: openDeadlineMs, signal: this.context.signal }
  }

  private async assign(states: readonly KafkaTopicPartitionState[]): Promise<void> {
    if (states.length === 0) return
    const assignments = states.map(({ topic, topicId, partition, leaderEpoch, offset }) => ({
      topic,
      partition,
      position: offset + 1n,
      ...(leaderEpoch < 0 ? {} : { leaderEpoch }),
      ...(topicId === zeroUuid ? {} : { topicId })
    }))
    await this.consumer.addAssignments(assignments).catch((error: unknown) => this.rethrow(error))
  }

  async poll(waitMs: number): Promise<readonly T[] | 'end'> {
    if (this.failure !== undefined) throw this.failure
    await this.addDiscovered()
    this.doWhatIsDue()
    if (this.batchesTaken === this.batches.length) {
      if (this.isAtEnd()) return 'end'
      this.batches = await this.fetch(waitMs)
      this.batchesTaken = 0
    }
    return this.takeElements()
  }

  private async fetch(waitMs: number): Promise<readonly ConsumedBatch[]> {
    try {
      return await this.consumer.poll({ waitMs })
    } catch (error) {
      return this.rethrow(error)
    }
  }

  // Whole batches, so that a position is always the end of one.
  private takeElements(): T[] {
    const elements: T[] = []
    while (this.batchesTaken < this.batches.length && elements.length < this.options.recordsPerPollMax) {
      const batch = this.batches[this.batchesTaken++]!
      const state = this.partitions.get(partitionKey(batch.topic, batch.partition))
      if (state === undefined) continue
      const count = countBefore(batch, state.stopOffset)
      this.emitter.emit(batch, count, elements)
      state.offset = count === batch.count ? batch.nextOffset - 1n : state.stopOffset! - 1n
      state.leaderEpoch = batch.leaderEpoch
    }
    if (this.batchesTaken === this.batches.length) {
      this.batches = []
      this.batchesTaken = 0
    }
    return elements
  }

  wake(): void {
    this.consumer.wake()
  }

  private isAtEnd(): boolean {
    if (!this.options.bounded) return false
    let isAtEnd = true
    for (const state of this.partitions.values()) {
      if (!this.isFinished(state)) isAtEnd = false
      else if (this.consumer.position(state.topic, state.partition) !== undefined) {
        this.consumer.removeAssignments([state])
      }
    }
    return isAtEnd
  }

  private isFinished(state: KafkaTopicPartitionState): boolean {
    return state.stopOffset !== undefined && this.nextOffset(state) >= state.stopOffset
  }

  // Control and aborted records lie between the last emitted record and the position of the consumer: they need not be
  // read again. What waits here counts as not read.
  private nextOffset(state: KafkaTopicPartitionState): bigint {
    const next = state.offset + 1n
    if (this.batchesTaken < this.batches.length) return next
    const position = this.consumer.position(state.topic, state.partition)
    return position !== undefined && position > next ? position : next
  }

  snapshotState({ checkpointId }: FunctionSnapshotContext): void {
    for (const state of this.partitions.values()) this.passOverUnseen(state)
    this.listState?.update(encodePartitions(this.partitions.values()))
    if (this.options.offsetCommitMode === 'ON_CHECKPOINTS')
      this.committer?.remember(checkpointId, this.offsetsToCommit())
  }

  private passOverUnseen(state: KafkaTopicPartitionState): void {
    const offset = this.nextOffset(state) - 1n
    if (offset === state.offset) return
    state.offset = offset
    state.leaderEpoch = this.consumer.positionLeaderEpoch(state.topic, state.partition) ?? state.leaderEpoch
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.committer?.checkpointCompleted(checkpointId)
  }

  private offsetsToCommit(): OffsetToCommit[] {
    return [...this.partitions.values()].map(({ topic, partition, offset, leaderEpoch }) => ({
      topic,
      partition,
      offset: offset + 1n,
      leaderEpoch
    }))
  }

  private doWhatIsDue(): void {
    const nowMs = this.context.runtime.monotonicMs()
    const { discoveryIntervalMs, bounded, offsetCommitMode, offsetCommitIntervalMs } = this.options
    if (discoveryIntervalMs > 0 && !bounded && nowMs >= this.nextDiscoveryMs && this.discovery === undefined) {
      this.nextDiscoveryMs = nowMs + discoveryIntervalMs
      this.discovery = this.discoverNew().finally(() => {
        this.discovery = undefined
      })
    }
    if (offsetCommitMode === 'KAFKA_PERIODIC' && nowMs >= this.nextCommitMs) {
      this.nextCommitMs = nowMs + offsetCommitIntervalMs
      this.committer?.commit(this.offsetsToCommit())
    }
  }

  // Beside the reading, which does not wait for it. Never rejects.
  private async discoverNew(): Promise<void> {
    const { logger, signal } = this.context
    try {
      const found = await this.discoverer.discover(signal)
      const partitions = found.filter((one) => !this.partitions.has(partitionKey(one.topic, one.partition)))
      if (partitions.length === 0) return
      // What was written since the partition came is read too: it would be lost if reading began at its end.
      const starts = await resolveStartOffsets(this.cluster, 'EARLIEST', partitions, this.askOptions())
      this.discovered = { partitions, starts }
      this.wake()
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof KafkaError && !error.retriable) this.failure = error
      else logger.debug('Looking for new partitions failed; the next round tries again', { reason: String(error) })
    }
  }

  private async addDiscovered(): Promise<void> {
    if (this.discovered === undefined) return
    const { partitions, starts } = this.discovered
    this.discovered = undefined
    const added: KafkaTopicPartitionState[] = []
    for (const found of partitions) {
      const state = { ...initialState(found, starts), committedOffset: undefined }
      this.partitions.set(partitionKey(found.topic, found.partition), state)
      added.push(state)
      this.context.logger.info(`Found the new partition ${found.topic}-${found.partition}`, {
        start: state.offset + 1n
      })
      this.context.report({ kind: 'partitionDiscovered', topic: found.topic, partition: found.partition })
    }
    await this.assign(added)
  }

  private rethrow(error: unknown): never {
    throw sourceLost(error, this.partitions.values()) ?? error
  }

  /** Records between what was emitted and the end of what this isolation level can see. */
  lag(): bigint | undefined {
    let sum = 0n
    for (const state of this.partitions.values()) {
      const ends = this.consumer.lag(state.topic, state.partition)
      if (ends === undefined) return undefined
      const behind = ends.endOffset - this.nextOffset(state)
      if (behind > 0n) sum += behind
    }
    return sum
  }

  async close(): Promise<void> {
    this.wake()
    await this.discovery
    await this.committer?.idle()
    await this.consumer.close()
  }
}

function initialState(found: FoundPartition, starts: Map<string, bigint>): RestoredPartition {
  const start = starts.get(partitionKey(found.topic, found.partition))
  if (start === undefined) throw new JobError('JOB_FAILED', `${found.topic}-${found.partition} has no start offset.`)
  return { ...found, leaderEpoch: -1, offset: start - 1n, stopOffset: undefined }
}

function checkStillThere(state: RestoredPartition, found: ReadonlyMap<string, FoundPartition>): void {
  const now = found.get(partitionKey(state.topic, state.partition))
  if (now === undefined) throw topicGone(state)
  if (now.topicId !== state.topicId && now.topicId !== zeroUuid && state.topicId !== zeroUuid) {
    throw topicReplaced(state, now.topicId)
  }
}

function countBefore(batch: ConsumedBatch, stopOffset: bigint | undefined): number {
  if (stopOffset === undefined || batch.lastOffset < stopOffset) return batch.count
  let count = 0
  while (count < batch.count && batch.offsetAt(count) < stopOffset) count++
  return count
}
