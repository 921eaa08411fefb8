// The consumer: reads assigned partitions from positions of the caller's choice, in batches, and moves on only when it
// has handed records out. Owns the assignment and the waiting; fetching is in fetcher.ts. Joins no group. KIP-98
// (read_committed), KIP-320 (truncation), KIP-447 (stable offsets).
import { deferred, onAbort } from '../../runtime/index.ts'
import { commitGroupOffsets, fetchGroupOffsets, offsetRules } from '../admin/group_offsets.ts'
import type { GroupOffset, OffsetToCommit } from '../admin/group_offsets.ts'
import { keyOfPartition, partitionRules } from '../admin/partitions.ts'
import { callRules, checkWaitOptions } from '../call.ts'
import type { CallOptions, WaitOptions } from '../call.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { abortSignal, boolean, checkOptions, list, number, options as optionsIn } from '../options.ts'
import { checkAssignments, checkPosition } from './assignment.ts'
import type { Assignment, StartPosition } from './assignment.ts'
import type { ConsumedBatch, ConsumedRecord } from './consumed_batch.ts'
import type { FetchedData } from './fetched_data.ts'
import { Fetcher } from './fetcher.ts'
import { checkConsumerOptions } from './options.ts'
import type { CheckedConsumerOptions, ConsumerOptions } from './options.ts'
import type { PartitionState } from './partition_state.ts'
import { resolveStarts } from './start_positions.ts'

/** Time for a call that asks brokers, milliseconds, unless the caller says otherwise (default.api.timeout.ms). */
const callDeadlineMs = 60_000
/** Bytes after which one `poll` returns, so that it does not hold up the thread. */
const pollBytesMax = 1024 * 1024
/** How long batches may be handed out without letting input and output have a turn, milliseconds. */
const busyMsMax = 5

/** A committed offset; `leaderEpoch` is -1 where none was committed with it. */
export type CommittedOffset = Omit<GroupOffset, 'errorCode'>

/** Where a partition ends, as its last fetch reply told. */
export interface PartitionEnd {
  /** End of what this consumer can see: the last stable offset at read_committed, else the high watermark. */
  readonly endOffset: bigint
  readonly lastStableOffset: bigint
  readonly highWatermark: bigint
}

export interface PollOptions extends WaitOptions {
  /** How long to wait for a batch, milliseconds; without limit where absent. */
  readonly waitMs?: number | undefined
}

const pollRules = { waitMs: number({ min: 0, optional: true }), signal: abortSignal() }
const committedRules = { ...callRules, requireStable: boolean({ optional: true }) }

export class Consumer implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: CheckedConsumerOptions
  readonly #fetcher: Fetcher
  /** Assignments and seeks run one after the other. */
  #changes: Promise<unknown> = Promise.resolve()
  #isClosed = false
  readonly #closing = new AbortController()
  #isPolling = false
  #wakeUp: (() => void) | undefined
  /** `wake` was called since the last poll ended. */
  #isWoken = false
  #yieldedAtMs = 0

  /** Throws KafkaError INVALID_OPTION. */
  constructor(cluster: Cluster, options?: ConsumerOptions) {
    this.#cluster = cluster
    this.#options = checkConsumerOptions(options)
    this.#fetcher = new Fetcher(cluster, this.#options, () => this.#wakeUp?.())
  }

  /**
   * Replaces the assignment. Resolves when every position is known, so that `latest` means the end at that moment. When
   * it rejects, the earlier assignment stays. Rejects with KafkaError: INVALID_OPTION; BROKER_ERROR for an unknown
   * topic or a refusal; OFFSET_OUT_OF_RANGE where nothing was committed; LOG_TRUNCATED; TOPIC_RECREATED;
   * DEADLINE_EXCEEDED; CLOSED.
   */
  assign(assignments: readonly Assignment[], options?: CallOptions): Promise<void> {
    return this.#change(assignments, options, (states) => {
      this.#fetcher.removeAll()
      for (const state of states) this.#fetcher.add(state)
    })
  }

  /** Adds partitions that are not assigned yet; otherwise as `assign`. */
  addAssignments(assignments: readonly Assignment[], options?: CallOptions): Promise<void> {
    return this.#change(assignments, options, (states) => {
      const present = states.find(({ key }) => this.#fetcher.get(key) !== undefined)
      if (present !== undefined)
        throw invalidState(`partition ${present.key} is assigned already; use seek to move it.`)
      for (const state of states) this.#fetcher.add(state)
    })
  }

  /** Stops reading these partitions. One that is not assigned is ignored. */
  removeAssignments(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#fetcher.remove(keyOfPartition(topic, partition))
    this.#fetcher.wake()
  }

  /** Hands out nothing of these partitions until `resume`. Throws KafkaError INVALID_STATE for one not assigned. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const state of this.#assigned(partitions)) state.isPaused = true
    this.#fetcher.wake()
  }

  /** Throws KafkaError INVALID_STATE for a partition that is not assigned. */
  resume(partitions: readonly TopicPartition[]): void {
    for (const state of this.#assigned(partitions)) state.isPaused = false
    this.#fetcher.wake()
    this.#wakeUp?.()
  }

  /** Goes on from another position, also after an error of this partition. Rejects as `assign` does. */
  async seek(topic: string, partition: number, position: StartPosition, options?: CallOptions): Promise<void> {
    checkPosition(position, this.#options.groupId)
    checkOptions('consumer.seek', options, callRules)
    this.#assigned([{ topic, partition }])
    await this.#change([{ topic, partition, position }], options, ([target]) => {
      const [state] = this.#assigned([{ topic, partition }])
      state!.topicId = target!.topicId
      state!.restartAt({ offset: target!.position, leaderEpoch: target!.positionEpoch })
    })
  }

  /** Offset of the next record that will be handed out; undefined where the partition is not assigned. */
  position(topic: string, partition: number): bigint | undefined {
    return this.#fetcher.get(keyOfPartition(topic, partition))?.position
  }

  /**
   * Leader epoch of the last record before `position`, also of one that was not handed out: save it with the position,
   * so that a truncated log is noticed (KIP-320). -1 where it is not known, undefined where not assigned.
   */
  positionLeaderEpoch(topic: string, partition: number): number | undefined {
    return this.#fetcher.get(keyOfPartition(topic, partition))?.positionEpoch
  }

  /** What is known of a partition's end; undefined until a fetch has told. */
  lag(topic: string, partition: number): PartitionEnd | undefined {
    const state = this.#fetcher.get(keyOfPartition(topic, partition))
    if (state === undefined || state.highWatermark < 0n) return undefined
    const { highWatermark, lastStableOffset } = state
    const isCommitted = this.#options.isolationLevel === 'read_committed'
    return { endOffset: isCommitted ? lastStableOffset : highWatermark, lastStableOffset, highWatermark }
  }

  /**
   * Batches, in offset order within each partition, until `close` is called. Rejects with KafkaError: OFFSET_OUT_OF_RANGE,
   * LOG_TRUNCATED and TOPIC_RECREATED while offsetReset is 'error'; CORRUPT_BATCH or PROTOCOL_VIOLATION for records that
   * cannot be read; BROKER_ERROR for a refusal that time does not heal. Everything before the error in that partition
   * was handed out; the error is told again until the partition is sought elsewhere or removed.
   */
  async *batches(options?: WaitOptions): AsyncGenerator<ConsumedBatch, void, void> {
    checkWaitOptions('consumer.batches', options)
    while (!this.#isClosed) {
      const [batch] = await this.#poll(1, undefined, options?.signal)
      if (batch !== undefined) yield batch
    }
  }

  /**
   * Some of the batches that are ready now. Waits for one, at most `waitMs` milliseconds (without limit where absent),
   * and answers an empty array when there is none by then or when the consumer is closed meanwhile. Rejects as
   * `batches` does, and with CLOSED after `close`.
   */
  async poll(options?: PollOptions): Promise<readonly ConsumedBatch[]> {
    if (options !== undefined) checkOptions('consumer.poll', options, pollRules)
    return this.#poll(Infinity, options?.waitMs, options?.signal)
  }

  /**
   * Ends the poll that waits, or the next one, with what is ready. A signal would do, but has to be made anew each time,
   * and the source of a job is woken for every barrier. @internal
   */
  wake(): void {
    this.#isWoken = true
    this.#wakeUp?.()
  }

  /**
   * Records one by one: convenient, and slower than `batches`. Leaving the loop early keeps the records that were not
   * handed out for the next reader.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumedRecord, void, void> {
    for await (const batch of this.batches()) {
      const state = this.#fetcher.get(keyOfPartition(batch.topic, batch.partition))
      const generation = state?.generation
      let next = batch.baseOffset
      try {
        for (const record of batch.records()) {
          next = record.offset === batch.lastOffset ? batch.nextOffset : record.offset + 1n
          yield record
        }
      } finally {
        // A loop that was left early: what it did not get is fetched again.
        if (next < batch.nextOffset && state !== undefined && state.generation === generation) {
          state.restartAt({ offset: next, leaderEpoch: batch.leaderEpoch })
          this.#fetcher.restart()
        }
      }
    }
  }

  /**
   * Commits offsets to the group. Not fenced by a group membership: the consumer has none. Rejects with KafkaError
   * INVALID_STATE without a groupId, BROKER_ERROR, DEADLINE_EXCEEDED.
   */
  async commitOffsets(offsets: readonly OffsetToCommit[], options?: CallOptions): Promise<void> {
    const groupId = this.#groupId('commitOffsets')
    checkOptions('consumer.commitOffsets', { offsets }, { offsets: list(optionsIn(offsetRules)) })
    checkOptions('consumer.commitOffsets', options, callRules)
    if (offsets.length === 0) return
    const codes = await commitGroupOffsets(this.#cluster, { groupId, offsets, ...callSettings(options) })
    for (const [key, code] of codes) {
      if (code !== 0) throw brokerError(code, `OffsetCommit of ${key} in group ${groupId}`)
    }
  }

  /**
   * Committed offsets by `topic:partition`; a partition without one is missing. With `requireStable` (default true)
   * waits for transactions that are about to change them (KIP-447), on brokers that can tell (2.5 and newer). Rejects as `commitOffsets` does.
   */
  async committedOffsets(
    partitions: readonly TopicPartition[],
    options?: CallOptions & { readonly requireStable?: boolean }
  ): Promise<Map<string, CommittedOffset>> {
    const groupId = this.#groupId('committedOffsets')
    // Whatever names a partition will do, such as an assignment.
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }))
    checkOptions('consumer.committedOffsets', { places }, { places: list(optionsIn(partitionRules)) })
    checkOptions('consumer.committedOffsets', options, committedRules)
    const requireStable = options?.requireStable === false ? false : 'whereSupported'
    const found = await fetchGroupOffsets(this.#cluster, {
      groupId,
      partitions: places,
      requireStable,
      retryUnstable: true,
      ...callSettings(options)
    })
    if (found.errorCode !== 0) throw brokerError(found.errorCode, `OffsetFetch of group ${groupId}`)
    const committed = new Map<string, CommittedOffset>()
    for (const [key, { offset, leaderEpoch, metadata, errorCode }] of found.offsets) {
      if (errorCode !== 0) throw brokerError(errorCode, `OffsetFetch of ${key} in group ${groupId}`)
      if (offset >= 0n) committed.set(key, { offset, leaderEpoch, metadata })
    }
    return committed
  }

  /** Ends `batches` and every call that waits, and stops fetching. Commits nothing. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#closing.abort(closedError())
      this.#wakeUp?.()
    }
    await this.#fetcher.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #change(
    assignments: readonly Assignment[],
    options: CallOptions | undefined,
    apply: (states: PartitionState[]) => void
  ): Promise<void> {
    const change = this.#changes.then(async () => {
      if (this.#isClosed) throw closedError()
      checkAssignments(assignments, this.#options.groupId)
      checkOptions('an assignment', options, callRules)
      const closing = this.#closing.signal
      const signal = options?.signal === undefined ? closing : AbortSignal.any([closing, options.signal])
      const ask = { deadlineMs: options?.deadlineMs ?? callDeadlineMs, signal }
      const states = await resolveStarts(this.#cluster, this.#options, assignments, ask)
      if (this.#isClosed) throw closedError()
      apply(states)
      this.#fetcher.restart()
    })
    this.#changes = change.catch(() => {})
    return change
  }

  async #poll(batchesMax: number, waitMs: number | undefined, signal?: AbortSignal): Promise<ConsumedBatch[]> {
    if (this.#isClosed) throw closedError()
    if (this.#isPolling) throw invalidState('another poll, or a loop over batches, is waiting already.')
    signal?.throwIfAborted()
    this.#isPolling = true
    try {
      await this.#letOthersRun()
      const { runtime } = this.#cluster
      const untilMs = waitMs === undefined ? Infinity : runtime.monotonicMs() + waitMs
      for (;;) {
        // First, so that a busy partition never hides that another one failed.
        this.#fetcher.throwFailure()
        const batches = await this.#takeReady(batchesMax)
        if (batches.length > 0 || this.#isClosed || this.#isWoken) return batches
        this.#fetcher.throwFailure()
        const leftMs = untilMs - runtime.monotonicMs()
        if (leftMs <= 0) return []
        if (this.#fetcher.nextData() === undefined) await this.#waitForData(leftMs, signal)
        this.#yieldedAtMs = runtime.monotonicMs()
      }
    } finally {
      this.#isPolling = false
      this.#isWoken = false
    }
  }

  async #takeReady(batchesMax: number): Promise<ConsumedBatch[]> {
    const batches: ConsumedBatch[] = []
    let bytes = 0
    while (batches.length < batchesMax && bytes < pollBytesMax) {
      const data = this.#fetcher.nextData()
      if (data === undefined) break
      const batch = await this.#nextBatch(data)
      if (batch === undefined) continue
      batches.push(batch)
      bytes += data.lastBatchBytes
    }
    return batches
  }

  /** Undefined where the data is at its end or cannot be read on; the latter is told by the partition's error. */
  async #nextBatch(data: FetchedData): Promise<ConsumedBatch | undefined> {
    try {
      const next = data.next()
      const batch = next instanceof Promise ? await next : next
      if (batch === undefined) this.#fetcher.release(data)
      return batch
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      if (data.isCurrent) data.state.fail(error)
      this.#fetcher.release(data)
      return undefined
    }
  }

  /** Handing out is all microtasks: without this a reader that never waits would starve its own sockets. */
  async #letOthersRun(): Promise<void> {
    const { runtime } = this.#cluster
    if (runtime.monotonicMs() - this.#yieldedAtMs < busyMsMax) return
    await new Promise<void>((resolve) => runtime.defer(resolve))
    this.#yieldedAtMs = runtime.monotonicMs()
  }

  async #waitForData(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = deferred<void>()
    const timer = waitMs === Infinity ? undefined : this.#cluster.runtime.setTimer(waitMs, resolve)
    const forget = signal && onAbort(signal, () => reject(signal.reason))
    this.#wakeUp = resolve
    try {
      await promise
    } finally {
      this.#wakeUp = undefined
      timer?.cancel()
      forget?.()
    }
  }

  #assigned(partitions: readonly TopicPartition[]): PartitionState[] {
    return partitions.map(({ topic, partition }) => {
      const state = this.#fetcher.get(keyOfPartition(topic, partition))
      if (state === undefined) throw invalidState(`partition ${keyOfPartition(topic, partition)} is not assigned.`)
      return state
    })
  }

  #groupId(call: string): string {
    const { groupId } = this.#options
    if (groupId === undefined) throw invalidState(`${call} needs the option groupId.`)
    return groupId
  }
}

function callSettings(options: CallOptions | undefined): { deadlineMs: number; signal?: AbortSignal } {
  const deadlineMs = options?.deadlineMs ?? callDeadlineMs
  return options?.signal === undefined ? { deadlineMs } : { deadlineMs, signal: options.signal }
}

function invalidState(reason: string): KafkaError {
  return new KafkaError('INVALID_STATE', `Consumer: ${reason}`)
}

function closedError(): KafkaError {
  return new KafkaError('CLOSED', 'The consumer was closed.')
}
