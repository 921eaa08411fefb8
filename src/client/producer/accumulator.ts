// Owns the records that a producer has accepted and that are not settled: gathered in one open batch per partition,
// counted against bufferBytesMax. Decides when a batch is closed and when it is due; sending is the sender's. `append`
// is the hot path: it makes no object, closure or promise per record. KIP-91, KIP-480.
import { RecordBatchBuilder } from '../../protocol/index.ts'
import type { RecordHeader } from '../../protocol/index.ts'
import type { Runtime } from '../../runtime/index.ts'
import { KafkaError } from '../errors.ts'
import { ProducerBatch } from './batch.ts'
import type { FlushWaiter, SendCall } from './batch.ts'
import type { BufferPool } from './buffer_pool.ts'
import { PartitionQueue } from './partition_queue.ts'
import type { TopicRoutes } from './topic_routes.ts'

/** What a request has besides its records, at most: names, counts and lengths. */
const requestOverheadBytes = 512

const initialBytesMin = 1024

export interface AccumulatorOptions {
  readonly lingerMs: number
  readonly batchBytesMax: number
  readonly requestBytesMax: number
  readonly bufferBytesMax: number
}

export class Accumulator {
  /** Bytes of all records that are not settled. */
  bufferedBytes = 0
  /** Partitions that have something to send. */
  readonly active = new Set<PartitionQueue>()
  /** Partitions written to. */
  readonly touched = new Set<PartitionQueue>()
  private readonly runtime: Runtime
  private readonly options: AccumulatorOptions
  private readonly routes: TopicRoutes
  /** Something became due, or will at the time given (monotonic, milliseconds). */
  private readonly onDue: (atMs: number) => void
  /** Bytes became free. */
  private readonly onRelease: () => void
  private readonly queues = new Map<string, (PartitionQueue | undefined)[]>()
  private readonly incomplete = new Set<ProducerBatch>()
  private readonly pool: BufferPool

  constructor(
    runtime: Runtime,
    options: AccumulatorOptions,
    routes: TopicRoutes,
    pool: BufferPool,
    onDue: (atMs: number) => void,
    onRelease: () => void
  ) {
    this.runtime = runtime
    this.options = options
    this.routes = routes
    this.pool = pool
    this.onDue = onDue
    this.onRelease = onRelease
  }

  /** More than ever waits when callers heed what they are told: twice the buffer. */
  get isOverfull(): boolean {
    return this.bufferedBytes >= this.options.bufferBytesMax * 2
  }

  get isFull(): boolean {
    return this.bufferedBytes >= this.options.bufferBytesMax
  }

  get incompleteCount(): number {
    return this.incomplete.size
  }

  queue(topic: string, partition: number): PartitionQueue {
    let partitions = this.queues.get(topic)
    if (partitions === undefined) {
      partitions = []
      this.queues.set(topic, partitions)
    }
    let queue = partitions[partition]
    if (queue === undefined) {
      queue = new PartitionQueue(topic, partition, this.routes.habits(topic, this.options.batchBytesMax))
      partitions[partition] = queue
    }
    return queue
  }

  /** Takes one record. Throws KafkaError RECORD_TOO_LARGE. */
  append(
    queue: PartitionQueue,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    timestamp: number,
    call: SendCall | undefined
  ): void {
    let batch = queue.open ?? this.openBatch(queue)
    let builder = batch.builder!
    if (!builder.tryAppend(key, value, headers, timestamp)) {
      batch = this.openForLarge(queue, batch, key, value, headers, timestamp)
      builder = batch.builder!
    }
    batch.recordCount++
    const size = builder.sizeInBytes
    this.bufferedBytes += size - batch.accountedBytes
    batch.accountedBytes = size
    if (call !== undefined) {
      const wasUrgent = batch.isUrgent
      batch.attribute(call)
      if (!wasUrgent) this.onDue(0)
    }
  }

  /** Closes the open batch, if there is one, so that it can be sent. */
  close(queue: PartitionQueue): void {
    const batch = queue.open
    if (batch === undefined) return
    if (batch.recordCount === 0) return this.discard(batch)
    queue.open = undefined
    queue.habits.usualBytes = batch.sizeInBytes
    queue.closed.push(batch)
  }

  /** When the next batch of the queue may leave: 0 for now, Infinity where there is none. */
  dueAtMs(queue: PartitionQueue): number {
    if (queue.closed.length > 0) return 0
    const batch = queue.open
    if (batch === undefined) return Infinity
    if (this.isFull || (batch.isUrgent && queue.wire.size === 0)) return 0
    return batch.createdAtMs + this.options.lingerMs
  }

  /** Resolves when everything that is incomplete now has been settled, whatever became of it. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      const waiter: FlushWaiter = { remaining: 1, resolve }
      for (const batch of this.incomplete) batch.waitFor(waiter)
      for (const queue of this.active) this.close(queue)
      this.onDue(0)
      if (--waiter.remaining === 0) resolve()
    })
  }

  /** The batch is in the log. */
  succeed(batch: ProducerBatch, baseOffset: bigint): void {
    this.settle(batch)
    batch.succeed(baseOffset)
    // What was sent once and answered has left every socket. Of what was sent twice, one may still be on its way out.
    if (batch.bytes === undefined || batch.attempts !== 1) return
    this.pool.give(new Uint8Array(batch.bytes.buffer))
    batch.bytes = undefined
  }

  /** The batch is given up. */
  fail(batch: ProducerBatch, error: KafkaError): void {
    this.settle(batch)
    batch.fail(error)
  }

  /** Puts two batches in the place of one that was too large. */
  replace(batch: ProducerBatch, first: ProducerBatch, second: ProducerBatch): void {
    const { queue } = batch
    for (const half of [first, second]) {
      half.accountedBytes = half.sizeInBytes
      this.bufferedBytes += half.accountedBytes
      this.incomplete.add(half)
    }
    batch.handOver(first, second, first.recordCount)
    this.settle(batch)
    queue.replaceBySplit(first, second)
    this.active.add(queue)
  }

  /** Gives up every batch that is not on the wire. */
  failUnsent(error: KafkaError): void {
    for (const queue of this.active) {
      this.active.delete(queue)
      this.close(queue)
      for (const batch of queue.closed.splice(0)) {
        if (batch.baseSequence >= 0) queue.needsReset = true
        this.fail(batch, error)
      }
    }
  }

  /** Counts bytes that are kept elsewhere until their partition is known; negative when they are not any more. */
  account(bytes: number): void {
    this.bufferedBytes += bytes
    if (bytes < 0) this.onRelease()
  }

  private settle(batch: ProducerBatch): void {
    this.bufferedBytes -= batch.accountedBytes
    this.incomplete.delete(batch)
    batch.builder = undefined
    this.onRelease()
  }

  private openBatch(queue: PartitionQueue, bytesMax = queue.habits.batchBytesMax): ProducerBatch {
    const nowMs = this.runtime.monotonicMs()
    const initialBytes = Math.min(bytesMax, Math.max(initialBytesMin, Math.ceil(queue.habits.usualBytes * 1.05)))
    const builder = new RecordBatchBuilder({
      batchBytesMax: bytesMax,
      initialBytes,
      buffer: this.pool.take(initialBytes)
    })
    const batch = new ProducerBatch(queue, queue.nextNumber(), nowMs, builder)
    queue.open = batch
    this.incomplete.add(batch)
    this.active.add(queue)
    this.touched.add(queue)
    this.onDue(nowMs + this.options.lingerMs)
    return batch
  }

  // The open batch has no room for the record: another batch takes it, of its own size where it is larger than usual.
  private openForLarge(
    queue: PartitionQueue,
    full: ProducerBatch,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    timestamp: number
  ): ProducerBatch {
    if (full.recordCount === 0) this.discard(full)
    else {
      this.close(queue)
      this.onDue(0)
    }
    const batch = this.openBatch(queue)
    if (batch.builder!.tryAppend(key, value, headers, timestamp)) return batch
    this.discard(batch)
    const bytes = new RecordBatchBuilder({ initialBytes: 0 }).sizeWith(key, value, headers, timestamp)
    const bytesMax = this.options.requestBytesMax - requestOverheadBytes
    if (bytes > bytesMax) {
      const what = `A record for partition ${queue.partition} of topic ${queue.topic} takes ${bytes} bytes`
      throw new KafkaError('RECORD_TOO_LARGE', `${what}, more than the ${bytesMax} that requestBytesMax allows.`, {
        nextStep: 'Make the record smaller, or raise requestBytesMax, and max.message.bytes of the topic with it.'
      })
    }
    const large = this.openBatch(queue, bytes)
    large.builder!.append(key, value, headers, timestamp)
    return large
  }

  private discard(batch: ProducerBatch): void {
    batch.queue.open = undefined
    this.succeed(batch, -1n)
  }
}
