// Keeps the partitions of one consumer fetched: one fetch at a time per broker, the next one sent while the consumer's
// user works on the last, within bufferedBytesMax. Follows leaders as they move. Owns the requests and their timing;
// what replies mean is decided in fetch_request.ts and recovery.ts, what they contain in fetched_data.ts.
import type { DecompressBatchOptions, ResponseOf } from '../../protocol/index.ts'
import { errorByCode, zeroUuid } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import type { Channel, Cluster } from '../cluster.ts'
import { compressionTools } from '../compression_tools.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { backoffDelayMs } from '../retry.ts'
import { fetchRefusal, fetchRequest, fetchVersionMax, rotated } from './fetch_request.ts'
import type { FetchTarget } from './fetch_request.ts'
import { FetchedData, fetchExtent } from './fetched_data.ts'
import type { CheckedConsumerOptions } from './options.ts'
import type { PartitionState } from './partition_state.ts'
import { ReadyQueue } from './ready_queue.ts'
import { Recovery } from './recovery.ts'
import { recreatedError, TopicWatch } from './topic_watch.ts'

/** Time for one round of a recovery, milliseconds; it is begun again after that. */
const recoveryDeadlineMs = 30_000

let fetchersMade = 0

type FetchReply = ResponseOf<'Fetch'>
type PartitionReply = FetchReply['responses'][number]['partitions'][number]

/** One broker as the fetcher sees it. */
interface Node {
  isInFlight: boolean
  failures: number
  notBeforeMs: number
  /** Counts fetches, to turn the order of the partitions. */
  round: number
}

export class Fetcher {
  private readonly cluster: Cluster
  private readonly options: CheckedConsumerOptions
  private readonly decompression: DecompressBatchOptions
  /** Called when there may be something to hand out, or an error to tell. */
  private readonly onReady: () => void
  private readonly partitions = new Map<string, PartitionState>()
  /** The same by topic and partition, and the names of topics by id, to find what a reply is about. */
  private readonly byTopic = new Map<string, Map<number, PartitionState>>()
  private readonly topicNames = new Map<string, string>()
  private readonly nodes = new Map<number, Node>()
  private readonly queue = new ReadyQueue()
  private readonly closing = new AbortController()
  private readonly recovery: Recovery
  private readonly topicWatch: TopicWatch
  /** Its own, so that no other consumer waits for the fetches of this one. */
  private readonly channel: Channel = `fetch-${++fetchersMade}`
  private timer: Timer | undefined
  private timerAtMs = Infinity
  private unexpected: { readonly error: unknown } | undefined
  private readonly running = new Set<Promise<void>>()

  constructor(cluster: Cluster, options: CheckedConsumerOptions, onReady: () => void) {
    this.cluster = cluster
    this.options = options
    const { decompressedBytesMax } = options
    this.decompression = { ...compressionTools(cluster.runtime), decompressedBytesMax }
    this.onReady = onReady
    const { signal } = this.closing
    this.recovery = new Recovery(cluster, options, { deadlineMs: recoveryDeadlineMs, signal })
    this.topicWatch = new TopicWatch(cluster, signal)
  }

  get(key: string): PartitionState | undefined {
    return this.partitions.get(key)
  }

  removeAll(): void {
    for (const key of this.partitions.keys()) this.remove(key)
  }

  add(state: PartitionState): void {
    this.partitions.set(state.key, state)
    const ofTopic = this.byTopic.get(state.topic)
    if (ofTopic === undefined) this.byTopic.set(state.topic, new Map([[state.partition, state]]))
    else ofTopic.set(state.partition, state)
  }

  remove(key: string): void {
    const state = this.partitions.get(key)
    if (state === undefined) return
    this.partitions.delete(key)
    const ofTopic = this.byTopic.get(state.topic)
    ofTopic?.delete(state.partition)
    if (ofTopic?.size === 0) this.byTopic.delete(state.topic)
    // Whatever is still under way for it counts no more.
    state.generation++
    this.queue.removeOutdated()
  }

  /** After seeks and the like: lets go of what no longer counts, then fetches. */
  restart(): void {
    this.queue.removeOutdated()
    this.wake()
  }

  /** The oldest fetched data that may be handed out. */
  nextData(): FetchedData | undefined {
    return this.queue.first()
  }

  /** The data has been handed out to its end, or cannot be. */
  release(data: FetchedData): void {
    this.queue.remove(data)
    this.wake()
  }

  /** Throws what keeps a partition from being read, once everything before it was handed out. */
  throwFailure(): void {
    if (this.unexpected !== undefined) throw this.unexpected.error
    for (const state of this.partitions.values()) {
      if (state.error !== undefined) throw state.error
    }
  }

  /** Sends every fetch that may be sent now. */
  wake(): void {
    if (this.closing.signal.aborted) return
    const nowMs = this.cluster.runtime.monotonicMs()
    const byLeader = this.fetchable(nowMs)
    for (const [nodeId, targets] of byLeader) {
      const node = this.node(nodeId)
      if (node.isInFlight) continue
      if (node.notBeforeMs > nowMs) this.wakeAt(node.notBeforeMs)
      else if (this.hasRoom(nodeId, byLeader.size)) this.send(nodeId, node, targets, byLeader.size)
    }
  }

  /** Stops everything that is under way, and waits until it has stopped. */
  async close(): Promise<void> {
    this.closing.abort(new KafkaError('CLOSED', 'The consumer was closed.'))
    this.timer?.cancel()
    this.partitions.clear()
    this.byTopic.clear()
    this.queue.clear()
    await Promise.all(this.running)
    this.cluster.closeChannel(this.channel)
  }

  private fetchable(nowMs: number): Map<number, FetchTarget[]> {
    const byLeader = new Map<number, FetchTarget[]>()
    for (const state of this.partitions.values()) {
      if (state.phase !== 'fetching' || state.isPaused || state.isInFlight || state.isDamaged) continue
      if (state.notBeforeMs > nowMs) {
        this.wakeAt(state.notBeforeMs)
        continue
      }
      const leader = this.cluster.cachedLeader(state.topic, state.partition)
      if (leader === undefined || leader.nodeId < 0) {
        this.refreshMetadata(state)
        continue
      }
      if (leader.leaderEpoch !== state.validatedEpoch && state.fetchEpoch >= 0) {
        this.recover(state, () => this.recovery.validate(state, leader.leaderEpoch))
        continue
      }
      state.validatedEpoch = leader.leaderEpoch
      const target = { state, leaderEpoch: leader.leaderEpoch }
      const targets = byLeader.get(leader.nodeId)
      if (targets === undefined) byLeader.set(leader.nodeId, [target])
      else targets.push(target)
    }
    return byLeader
  }

  /** Each broker has an equal share of the buffer, and is asked again when half of its share is free. */
  private hasRoom(nodeId: number, nodeCount: number): boolean {
    const share = this.options.bufferedBytesMax / nodeCount
    if (this.queue.bufferedBytes(nodeId) * 2 < share) return true
    if (this.queue.first() !== undefined) return false
    // Only paused partitions fill the buffer: they are fetched again later, so that the others can go on.
    for (const state of this.queue.pausedHolders(nodeId)) state.refetch()
    this.queue.removeOutdated()
    return true
  }

  private send(nodeId: number, node: Node, targets: readonly FetchTarget[], nodeCount: number): void {
    const turned = rotated(targets, node.round++)
    const room = Math.floor(this.options.bufferedBytesMax / nodeCount) - this.queue.bufferedBytes(nodeId)
    const limits = {
      isolationLevel: this.options.isolationLevel,
      fetchWaitMs: this.options.fetchWaitMs,
      fetchBytesMin: this.options.fetchBytesMin,
      fetchBytesMax: Math.max(1, Math.min(this.options.fetchBytesMax, room)),
      partitionFetchBytesMax: this.options.partitionFetchBytesMax
    }
    const versionMax = fetchVersionMax(turned)
    node.isInFlight = true
    for (const { state } of turned) {
      state.isInFlight = true
      state.sentGeneration = state.generation
      this.topicNames.set(state.topicId, state.topic)
    }
    this.run(async () => {
      try {
        const reply = await this.cluster.request(
          { nodeId },
          'Fetch',
          (version: number) => fetchRequest(turned, limits, version),
          {
            channel: this.channel,
            timeoutMs: limits.fetchWaitMs + this.cluster.requestTimeoutMs,
            signal: this.closing.signal,
            ...(versionMax === undefined ? {} : { versionMax })
          }
        )
        this.received(nodeId, node, turned, reply)
      } catch (error) {
        this.failed(nodeId, node, turned, error)
      } finally {
        node.isInFlight = false
        for (const { state } of turned) state.isInFlight = false
        this.onReady()
        this.wake()
      }
    })
  }

  private received(nodeId: number, node: Node, targets: readonly FetchTarget[], reply: FetchReply): void {
    if (reply.errorCode !== 0) throw brokerError(reply.errorCode, `Fetch from broker ${nodeId}`, { retriable: true })
    node.failures = 0
    node.notBeforeMs = reply.throttleTimeMs > 0 ? this.cluster.runtime.monotonicMs() + reply.throttleTimeMs : 0
    for (const { topic, topicId, partitions } of reply.responses) {
      const ofTopic = this.byTopic.get(topicId === zeroUuid ? topic : (this.topicNames.get(topicId) ?? ''))
      for (const partition of partitions) {
        const state = ofTopic?.get(partition.partitionIndex)
        // A seek, a failure or a removal meanwhile: the answer is to a question that nobody asks any more.
        if (state === undefined || !state.isInFlight || state.sentGeneration !== state.generation) continue
        this.receivedPartition(nodeId, state, partition, state === targets[0]?.state)
      }
    }
  }

  private receivedPartition(nodeId: number, state: PartitionState, reply: PartitionReply, isFirst: boolean): void {
    if (reply.errorCode !== 0) return this.refused(state, reply.errorCode)
    state.highWatermark = reply.highWatermark
    state.lastStableOffset = reply.lastStableOffset
    state.logStartOffset = reply.logStartOffset
    const { epoch, endOffset } = reply.divergingEpoch
    if (epoch >= 0 || endOffset >= 0n) {
      this.recover(state, () => this.recovery.truncated(state, { offset: endOffset, leaderEpoch: epoch }))
      return
    }
    if (reply.records === null || reply.records.length === 0) return
    const extent = fetchExtent(reply.records)
    if (extent.end === undefined && !extent.isDamaged) {
      // A broker cuts a batch off only behind others, or in a partition that is not the first one asked for.
      if (isFirst) state.fail(cutOff(state, reply.records.length))
      return
    }
    const isCommitted = this.options.isolationLevel === 'read_committed'
    const data = new FetchedData(
      state,
      nodeId,
      {
        records: reply.records,
        abortedTransactions: isCommitted ? (reply.abortedTransactions ?? []) : [],
        highWatermark: reply.highWatermark,
        lastStableOffset: reply.lastStableOffset
      },
      this.decompression
    )
    state.isDamaged = extent.isDamaged
    if (extent.end !== undefined && extent.end.offset > state.fetchOffset) state.fetchedUpTo(extent.end)
    this.queue.push(data)
  }

  private refused(state: PartitionState, code: number): void {
    const refusal = fetchRefusal(code, errorByCode(code).retriable)
    const isDrained = state.bufferedBytes === 0
    if (refusal === 'fail' && isDrained) return state.fail(brokerError(code, `Fetch of ${state.key}`, { fatal: true }))
    if (refusal === 'outOfRange' && isDrained) {
      return this.recover(state, () => this.recovery.outOfRange(state))
    }
    // What was fetched before the error is handed out before the error is told; the broker will say it again.
    state.failures++
    this.delay(state)
    const { name } = errorByCode(code)
    this.cluster.logger.debug('Fetch: trying again', { topic: state.topic, partition: state.partition, error: name })
    if (refusal === 'refreshMetadata') this.refreshMetadata(state)
  }

  private failed(nodeId: number, node: Node, targets: readonly FetchTarget[], error: unknown): void {
    if (this.closing.signal.aborted) return
    if (!(error instanceof KafkaError)) throw error
    if (!error.retriable) {
      for (const { state } of targets) if (state.generation === state.sentGeneration) state.fail(error)
      return
    }
    node.failures++
    const { runtime, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = this.cluster
    node.notBeforeMs = runtime.monotonicMs() + backoffDelayMs(runtime, { backoffMs, backoffMsMax }, node.failures)
    this.cluster.logger.debug('Fetch: trying again', { nodeId, error: error.message })
    for (const { state } of targets) this.refreshMetadata(state)
  }

  private refreshMetadata(state: PartitionState): void {
    if (!this.topicWatch.mark(state.topic)) return
    const onAnswer = () => {
      this.onReady()
      this.wake()
    }
    const onRecreated = (recreated: PartitionState, topicId: string) => {
      if (this.options.offsetReset === 'error') {
        return recreated.fail(recreatedError(recreated, recreated.topicId, topicId))
      }
      recreated.topicId = topicId
      this.recover(recreated, () => this.recovery.reset(recreated))
    }
    this.run(() => this.topicWatch.run(this.partitions, onAnswer, onRecreated))
  }

  /** A recovery goes on until it has a result; only errors that time does not heal fail the partition. */
  private recover(state: PartitionState, attempt: () => Promise<void>): void {
    const { runtime, logger, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = this.cluster
    this.run(async () => {
      for (let failures = 1; ; failures++) {
        const { generation } = state
        try {
          await attempt()
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error
          if (state.generation !== generation) return
          if (error.retriable) {
            logger.debug('Recovery of a position: trying again', { partition: state.key, error: error.message })
            await runtime.sleep(backoffDelayMs(runtime, { backoffMs, backoffMsMax }, failures), this.closing.signal)
            if (state.generation === generation) continue
          } else state.fail(error)
        }
        this.restart()
        this.onReady()
        return
      }
    })
  }

  /** Runs in the background. What nobody expects is told by the next poll. */
  private run(task: () => Promise<void>): void {
    const running = task()
      .catch((error: unknown) => {
        if (this.closing.signal.aborted) return
        this.unexpected = { error }
        this.onReady()
      })
      .finally(() => this.running.delete(running))
    this.running.add(running)
  }

  private delay(state: PartitionState): void {
    const { runtime, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = this.cluster
    state.notBeforeMs = runtime.monotonicMs() + backoffDelayMs(runtime, { backoffMs, backoffMsMax }, state.failures)
  }

  private wakeAt(atMs: number): void {
    if (atMs >= this.timerAtMs) return
    this.timer?.cancel()
    this.timerAtMs = atMs
    const delayMs = Math.max(0, atMs - this.cluster.runtime.monotonicMs())
    this.timer = this.cluster.runtime.setTimer(delayMs, () => {
      this.timer = undefined
      this.timerAtMs = Infinity
      this.wake()
    })
  }

  private node(nodeId: number): Node {
    let node = this.nodes.get(nodeId)
    if (node === undefined) {
      node = { isInFlight: false, failures: 0, notBeforeMs: 0, round: 0 }
      this.nodes.set(nodeId, node)
    }
    return node
  }
}

function cutOff(state: PartitionState, bytes: number): KafkaError {
  return new KafkaError(
    'PROTOCOL_VIOLATION',
    `Partition ${state.key}: the broker sent ${bytes} bytes at offset ${state.fetchOffset} without one whole batch.`,
    { fatal: true, nextStep: 'A broker of Kafka 0.10.1 or newer sends at least one.' }
  )
}
