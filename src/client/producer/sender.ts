// Owns the way of batches to the leaders: which go into the next request to each broker, and what follows from every
// answer. Keeps the order of each partition with several requests under way and under repetitions. What it may write
// under, and what a lost batch means, its owner says through WriteContext. KIP-91, KIP-98, KIP-360, KIP-890.
import { zeroUuid } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import type { Cluster } from '../cluster.ts'
import { assert, brokerError, KafkaError } from '../errors.ts'
import { backoffDelayMs } from '../retry.ts'
import type { Accumulator } from './accumulator.ts'
import { finishBatch, splitBatch, unfinishedError } from './batch_bytes.ts'
import type { ProducerBatch } from './batch.ts'
import type { CheckedProducerOptions } from './options.ts'
import type { PartitionQueue, ProducerIdentity } from './partition_queue.ts'
import { decideProduce, isMissingTopic, mayBeStored } from './produce_outcome.ts'
import { namedProduceVersionMax, produceAnswers, produceBody } from './produce_request.ts'
import type { ProduceAnswer } from './produce_request.ts'
import { unknownTopicWaitMs } from './topic_routes.ts'
import type { TopicRoutes } from './topic_routes.ts'

/** The producer on whose behalf batches are sent. */
export interface WriteContext {
  readonly transactionalId: string | null
  /** Bounds on the version of Produce. */
  produceVersions(): { readonly versionMin?: number; readonly versionMax?: number }
  /** Under which to write; undefined while there is none: the context gets one and wakes the sender. */
  identity(): ProducerIdentity | undefined
  /** False while the coordinator must first be told of these partitions: the context does so and wakes the sender. */
  admit(queue: PartitionQueue): boolean
  /**
   * Sequences of a partition cannot go on: another epoch is needed. Undefined where the cluster has to be asked: the
   * context does so and wakes the sender. Never called for a transactional producer.
   */
  renewIdentity(): ProducerIdentity | undefined
  /** Records were given up, after those who wait for them were told. */
  onFailure(error: KafkaError): void
}

interface Node {
  inFlight: number
}

/** Codes of a broker under load or busy with the previous transaction are asked again after this time, milliseconds. */
const concurrentBackoffMs = 0.5
const concurrentBackoffMsMax = 20
const concurrentTransactions = 51

export class Sender {
  /** Some request was sent, whatever became of it. */
  hasSent = false
  private readonly cluster: Cluster
  private readonly options: CheckedProducerOptions
  private readonly accumulator: Accumulator
  private readonly routes: TopicRoutes
  private readonly context: WriteContext
  private readonly nodes = new Map<number, Node>()
  private readonly idleWaiters: (() => void)[] = []
  private drainPlanned = false
  private timer: Timer | undefined
  private timerAtMs = Infinity
  /** Batches that are being compressed, split or sent. */
  private underWay = 0
  /** Why nothing is sent any more. */
  private stopped: KafkaError | undefined
  /** After the seal of a transaction nothing may leave. */
  private isSealed = false

  constructor(
    cluster: Cluster,
    options: CheckedProducerOptions,
    accumulator: Accumulator,
    routes: TopicRoutes,
    context: WriteContext
  ) {
    this.cluster = cluster
    this.options = options
    this.accumulator = accumulator
    this.routes = routes
    this.context = context
  }

  /** Something may have become possible: looks after the present work is done. */
  wake(): void {
    if (this.drainPlanned) return
    this.drainPlanned = true
    queueMicrotask(() => {
      this.drainPlanned = false
      this.drain()
    })
  }

  /** Looks again at that time (monotonic, milliseconds). */
  wakeAt(atMs: number): void {
    if (atMs >= this.timerAtMs || atMs === Infinity) return
    const delayMs = atMs - this.cluster.runtime.monotonicMs()
    if (delayMs <= 0) return this.wake()
    this.timer?.cancel()
    this.timerAtMs = atMs
    this.timer = this.cluster.runtime.setTimer(delayMs, () => {
      this.timerAtMs = Infinity
      this.drain()
    })
  }

  /** Gives up what is not on the wire; what is, settles by its answer and is not repeated. */
  stop(error: KafkaError): void {
    this.stopped ??= error
    this.cancelTimer()
    this.accumulator.failUnsent(this.stopped)
  }

  /** Forbids every further request; a bug that sends one all the same throws. */
  seal(): void {
    assert(this.underWay === 0, 'a transaction is sealed while batches are under way')
    this.isSealed = true
    this.cancelTimer()
  }

  /** Resolves when nothing is on the wire. */
  idle(): Promise<void> {
    if (this.underWay === 0) return Promise.resolve()
    return new Promise((resolve) => this.idleWaiters.push(resolve))
  }

  private cancelTimer(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.timerAtMs = Infinity
  }

  private drain(): void {
    if (this.stopped !== undefined) return this.accumulator.failUnsent(this.stopped)
    if (this.accumulator.active.size === 0) return
    const nowMs = this.cluster.runtime.monotonicMs()
    this.expire(nowMs)
    this.resetSequences()
    const identity = this.context.identity()
    if (identity === undefined) return this.wakeAt(this.earliestDeadlineMs())
    for (let requests = this.fillRequests(identity, nowMs); requests.size > 0;) {
      for (const [nodeId, batches] of requests) void this.send(nodeId, batches)
      requests = this.fillRequests(identity, nowMs)
    }
  }

  // Partitions whose sequence broke off begin anew under a later epoch, once nothing of the old one is on the wire.
  private resetSequences(): void {
    for (const queue of this.accumulator.active) {
      if (!queue.mayReset) continue
      const current = this.context.identity()
      if (current === undefined) return
      const identity = queue.identity === current ? this.context.renewIdentity() : current
      if (identity === undefined) return
      queue.restartSequences(identity)
    }
  }

  // One batch of each partition that may send, by the node that leads it.
  private fillRequests(identity: ProducerIdentity, nowMs: number): Map<number, ProducerBatch[]> {
    const requests = new Map<number, ProducerBatch[]>()
    const sizes = new Map<number, number>()
    for (const queue of this.accumulator.active) {
      const nodeId = this.sendableTo(queue, nowMs)
      if (nodeId === undefined) continue
      const batches = requests.get(nodeId)
      if (batches === undefined && this.node(nodeId).inFlight >= this.options.inFlightRequestsMax) continue
      const batch = this.finishedBatch(queue, identity)
      if (batch === undefined) continue
      const size = (sizes.get(nodeId) ?? 0) + batch.sizeInBytes
      if (batches !== undefined && size > this.options.requestBytesMax) continue
      queue.closed.shift()
      if (!queue.hasUnsent) this.accumulator.active.delete(queue)
      sizes.set(nodeId, size)
      if (batches === undefined) requests.set(nodeId, [batch])
      else batches.push(batch)
    }
    return requests
  }

  // The leader to which the next batch of the queue may go now.
  private sendableTo(queue: PartitionQueue, nowMs: number): number | undefined {
    const dueAtMs = Math.max(this.accumulator.dueAtMs(queue), queue.notBeforeMs)
    if (dueAtMs > nowMs) {
      this.wakeAt(dueAtMs)
      return undefined
    }
    const leader = this.cluster.cachedLeader(queue.topic, queue.partition)
    if (leader === undefined || leader.nodeId < 0) {
      this.noLeader(queue, nowMs)
      return undefined
    }
    if (!queue.maySend(leader.nodeId, this.options.inFlightRequestsMax)) return undefined
    return this.context.admit(queue) ? leader.nodeId : undefined
  }

  private noLeader(queue: PartitionQueue, nowMs: number): void {
    const metadata = this.routes.known(queue.topic)
    const isMissing = metadata !== undefined && queue.partition >= metadata.partitions.length
    if (isMissing) this.noteMissing(queue, nowMs)
    this.wakeAt(this.oldestDeadlineMs(queue))
    this.routes.refresh(queue.topic)
  }

  private noteMissing(queue: PartitionQueue, nowMs: number): void {
    queue.missingSinceMs ??= nowMs
    if (nowMs - queue.missingSinceMs < unknownTopicWaitMs) return
    this.accumulator.close(queue)
    for (const batch of queue.closed.splice(0)) {
      const partitions = this.routes.known(queue.topic)?.partitions.length
      this.giveUp(batch, missingError(queue, partitions))
    }
    this.accumulator.active.delete(queue)
  }

  // The next batch of the queue, finished under its identity and still in its place; undefined while it is not ready.
  private finishedBatch(queue: PartitionQueue, identity: ProducerIdentity): ProducerBatch | undefined {
    if (queue.closed.length === 0) this.accumulator.close(queue)
    const batch = queue.closed[0]
    if (batch === undefined) {
      this.accumulator.active.delete(queue)
      return undefined
    }
    if (batch.baseSequence < 0) {
      if (queue.identity !== identity) {
        // Batches of the old identity go first; those on the wire are waited for.
        if (queue.wire.size > 0) return undefined
        queue.adopt(identity)
      }
      queue.assignSequence(batch)
    }
    if (batch.bytes === undefined) {
      const finishing = finishBatch(batch, this.context.transactionalId !== null, this.options, this.cluster.runtime)
      if (finishing !== undefined) {
        this.waitFor(queue, finishing, batch)
        return undefined
      }
    }
    return batch
  }

  // The queue stands still until its first batch is compressed or split.
  private waitFor(queue: PartitionQueue, work: Promise<void>, batch: ProducerBatch): void {
    queue.inWork.add(batch)
    this.underWay++
    const done = (): void => {
      queue.inWork.delete(batch)
      this.wake()
      this.oneDone()
    }
    work.then(done, (cause: unknown) => {
      const at = queue.closed.indexOf(batch)
      if (at >= 0) queue.closed.splice(at, 1)
      this.giveUp(batch, unfinishedError(queue, cause))
      done()
    })
  }

  private async send(nodeId: number, batches: readonly ProducerBatch[]): Promise<void> {
    assert(!this.isSealed, 'a batch leaves after its transaction was sealed')
    const node = this.node(nodeId)
    this.hasSent = true
    node.inFlight++
    this.underWay++
    for (const batch of batches) {
      batch.attempts++
      batch.queue.wire.add(batch)
      batch.queue.wireNodeId = nodeId
    }
    const topicIds = new Map(batches.map(({ queue: { topic } }) => [topic, this.routes.known(topic)?.topicId]))
    const topicId = (topic: string): string => topicIds.get(topic) ?? zeroUuid
    let answers: (ProduceAnswer | undefined)[] | undefined
    let failure: unknown
    try {
      answers = await this.ask(nodeId, { batches, topicId })
    } catch (error) {
      failure = error
    }
    node.inFlight--
    for (const [i, batch] of batches.entries()) {
      if (answers === undefined) this.takeFailure(batch, nodeId, failure)
      else this.take(batch, nodeId, answers[i])
    }
    this.drain()
    this.oneDone()
  }

  private async ask(
    nodeId: number,
    { batches, topicId }: { batches: readonly ProducerBatch[]; topicId: (topic: string) => string }
  ): Promise<(ProduceAnswer | undefined)[]> {
    const { requestTimeoutMs } = this.options
    const { transactionalId } = this.context
    const produceVersions = this.context.produceVersions()
    const knowsIds = batches.every(({ queue: { topic } }) => topicId(topic) !== zeroUuid)
    const versionMax = Math.min(produceVersions.versionMax ?? Infinity, knowsIds ? Infinity : namedProduceVersionMax)
    const response = await this.cluster.request(
      { nodeId },
      'Produce',
      () => produceBody({ transactionalId, timeoutMs: requestTimeoutMs, batches, topicId }),
      {
        timeoutMs: requestTimeoutMs,
        channel: 'produce',
        ...(produceVersions.versionMin === undefined ? {} : { versionMin: produceVersions.versionMin }),
        ...(versionMax === Infinity ? {} : { versionMax })
      }
    )
    return produceAnswers(response, { batches, topicId })
  }

  private oneDone(): void {
    if (--this.underWay > 0) return
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }

  // No answer came.
  private takeFailure(batch: ProducerBatch, nodeId: number, failure: unknown): void {
    batch.queue.wire.delete(batch)
    if (!(failure instanceof KafkaError)) {
      const message = `${describe(batch)} could not be sent.`
      return this.giveUp(batch, new KafkaError('INVALID_STATE', message, { cause: failure, abortable: true }))
    }
    const cause = failure
    batch.outcomeUnknown ||= cause.outcomeUnknown
    const isLost = cause.retriable || cause.code.startsWith('CONNECTION_') || cause.code === 'REQUEST_TIMEOUT'
    if (!isLost || this.stopped !== undefined) return this.giveUp(batch, cause)
    this.cluster.logger.debug('Produce: trying again', { nodeId, error: cause.message })
    this.cluster.invalidateTopic(batch.queue.topic)
    this.repeat(batch, cause, 0)
  }

  private take(batch: ProducerBatch, nodeId: number, answer: ProduceAnswer | undefined): void {
    const { queue } = batch
    queue.wire.delete(batch)
    const code = answer?.errorCode ?? 13
    const outcome = decideProduce(code, {
      isTransactional: this.context.transactionalId !== null,
      recordCount: batch.recordCount,
      hasEarlier: queue.hasEarlier(batch)
    })
    if (outcome === 'stored') return this.stored(batch, code === 0 ? (answer?.baseOffset ?? -1n) : -1n)
    batch.outcomeUnknown = mayBeStored(code, batch.outcomeUnknown)
    const error = batchError(batch, code, answer?.message ?? null)
    if (this.stopped !== undefined) return this.giveUp(batch, error)
    this.cluster.logger.debug('Produce: a batch was refused', { nodeId, outcome, error: error.message })
    switch (outcome) {
      case 'retry':
        return this.repeat(batch, error, code)
      case 'refresh':
        this.cluster.invalidateTopic(queue.topic)
        if (isMissingTopic(code)) this.noteMissing(queue, this.cluster.runtime.monotonicMs())
        this.routes.refresh(queue.topic)
        return this.repeat(batch, error, code)
      case 'split':
        return this.split(batch)
      case 'reset':
        queue.needsReset = true
        queue.noteGap()
        return this.repeat(batch, error, code)
      case 'fail':
      case 'fenced':
        return this.giveUp(batch, error)
    }
  }

  private stored(batch: ProducerBatch, baseOffset: bigint): void {
    const { queue } = batch
    queue.failures = 0
    queue.missingSinceMs = undefined
    queue.isEstablished = true
    if (queue.firstOffset === undefined || (queue.firstOffset < 0n && baseOffset >= 0n)) queue.firstOffset = baseOffset
    this.routes.settled(queue.topic)
    this.accumulator.succeed(batch, baseOffset)
  }

  private repeat(batch: ProducerBatch, error: KafkaError, code: number): void {
    const { queue } = batch
    const { runtime } = this.cluster
    batch.lastError = error
    if (queue.missingSinceMs !== undefined && !isMissingTopic(code)) queue.missingSinceMs = undefined
    const nowMs = runtime.monotonicMs()
    if (nowMs >= this.deadlineMs(batch) || this.isMissingForGood(queue, nowMs)) return this.giveUp(batch, error)
    queue.returnToQueue(batch)
    this.accumulator.active.add(queue)
    const isBusyBroker = code === concurrentTransactions
    const backoff = isBusyBroker
      ? { backoffMs: concurrentBackoffMs, backoffMsMax: concurrentBackoffMsMax }
      : { backoffMs: this.cluster.retryBackoffMs, backoffMsMax: this.cluster.retryBackoffMsMax }
    // Batches behind the first one that failed come back for that reason only.
    if (queue.closed[0] === batch) queue.notBeforeMs = nowMs + backoffDelayMs(runtime, backoff, ++queue.failures)
    this.wakeAt(queue.notBeforeMs)
  }

  private isMissingForGood(queue: PartitionQueue, nowMs: number): boolean {
    return queue.missingSinceMs !== undefined && nowMs - queue.missingSinceMs >= unknownTopicWaitMs
  }

  private split(batch: ProducerBatch): void {
    const { queue } = batch
    queue.habits.batchBytesMax = Math.max(128, Math.min(queue.habits.batchBytesMax, Math.floor(batch.sizeInBytes / 2)))
    const work = splitBatch(batch, this.context.transactionalId !== null, this.options, this.cluster.runtime)
    this.waitFor(
      queue,
      work.then(([first, second]) => {
        if (this.stopped === undefined) this.accumulator.replace(batch, first, second)
        else this.giveUp(batch, this.stopped)
      }),
      batch
    )
  }

  private giveUp(batch: ProducerBatch, cause: KafkaError): void {
    if (batch.isComplete) return
    const { queue } = batch
    const nowMs = this.cluster.runtime.monotonicMs()
    const isExpired = nowMs >= this.deadlineMs(batch) && this.stopped === undefined
    const error = isExpired ? expiredError(batch, this.options.deliveryTimeoutMs, cause) : cause
    // The sequence has a hole now; a transaction is aborted as a whole instead.
    if (batch.baseSequence >= 0 && this.context.transactionalId === null) queue.needsReset = true
    if (!queue.hasUnsent) this.accumulator.active.delete(queue)
    this.accumulator.fail(batch, error)
    this.context.onFailure(error)
  }

  private deadlineMs(batch: ProducerBatch): number {
    return batch.createdAtMs + this.options.deliveryTimeoutMs
  }

  private oldestDeadlineMs(queue: PartitionQueue): number {
    const oldest = queue.closed[0] ?? queue.open
    return oldest === undefined ? Infinity : this.deadlineMs(oldest)
  }

  private earliestDeadlineMs(): number {
    let earliest = Infinity
    for (const queue of this.accumulator.active) earliest = Math.min(earliest, this.oldestDeadlineMs(queue))
    return earliest
  }

  // Batches that waited too long; what is on the wire is judged when its answer is there.
  private expire(nowMs: number): void {
    for (const queue of this.accumulator.active) {
      if (this.oldestDeadlineMs(queue) > nowMs || queue.inWork.size > 0) continue
      if (queue.closed.length === 0) this.accumulator.close(queue)
      while (queue.closed.length > 0 && this.deadlineMs(queue.closed[0]!) <= nowMs) {
        const batch = queue.closed.shift()!
        this.giveUp(batch, batch.lastError ?? noReasonError(batch))
      }
    }
  }

  private node(nodeId: number): Node {
    let node = this.nodes.get(nodeId)
    if (node === undefined) {
      node = { inFlight: 0 }
      this.nodes.set(nodeId, node)
    }
    return node
  }
}

function describe(batch: ProducerBatch): string {
  const { topic, partition } = batch.queue
  return `A batch of ${batch.recordCount} records for partition ${partition} of topic ${topic}`
}

function batchError(batch: ProducerBatch, code: number, message: string | null): KafkaError {
  const what = message === null ? describe(batch) : `${describe(batch)} (the broker says: ${message})`
  return brokerError(code, what, { api: 'Produce', outcomeUnknown: batch.outcomeUnknown })
}

function noReasonError(batch: ProducerBatch): KafkaError {
  return new KafkaError('REQUEST_TIMEOUT', `${describe(batch)} has not been sent.`)
}

function expiredError(batch: ProducerBatch, deliveryTimeoutMs: number, cause: KafkaError): KafkaError {
  const outcome = batch.outcomeUnknown
    ? 'An attempt had no answer, so the records may have been stored.'
    : 'It has not been stored.'
  return new KafkaError(
    'DEADLINE_EXCEEDED',
    `${describe(batch)} was not acknowledged within deliveryTimeoutMs, ${deliveryTimeoutMs} ms. ${outcome} The last error was: ${cause.message}`,
    { outcomeUnknown: batch.outcomeUnknown, kafkaCode: cause.kafkaCode, broker: cause.broker, api: 'Produce', cause }
  )
}

function missingError(queue: PartitionQueue, partitions: number | undefined): KafkaError {
  const has = partitions === undefined ? 'it is not there' : `the topic has ${partitions} partitions`
  const message = `Records for partition ${queue.partition} of topic ${queue.topic} cannot be delivered: ${has}.`
  const nextStep = 'Correct the partition, or add partitions to the topic.'
  return new KafkaError('BROKER_ERROR', message, { kafkaCode: 3, nextStep })
}
