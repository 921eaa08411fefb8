// Owns one batch on its way to a partition: first records that are gathered, then finished bytes with a sequence number
// that never changes while the batch is repeated, at last an offset or an error. Knows who waits for which of its
// records. Never touches a socket or a clock. KIP-98.
import type { RecordBatchBuilder } from '../../protocol/index.ts'
import type { KafkaError } from '../errors.ts'
import type { RecordMetadata } from './options.ts'
import type { PartitionQueue } from './partition_queue.ts'

/** One call of `send`: settled when each of its records has been acknowledged or has failed. */
export class SendCall {
  readonly promise: Promise<RecordMetadata[]>
  private readonly results: RecordMetadata[] = []
  private error: KafkaError | undefined
  /** Runs of records that are not settled, and what else holds the call open: at first, the call itself. */
  private remaining = 1
  private resolve!: (results: RecordMetadata[]) => void
  private reject!: (error: KafkaError) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // Whoever waits for the promise gets the rejection; one that is not waited for must not end the process.
    this.promise.catch(() => {})
  }

  /** Another run of records; answers its place among the results. */
  expect(topic: string, partition: number): number {
    this.remaining++
    return this.results.push({ topic, partition, baseOffset: -1n, count: 0 }) - 1
  }

  succeed(place: number, baseOffset: bigint, count: number): void {
    const { topic, partition } = this.results[place]!
    this.results[place] = { topic, partition, baseOffset, count }
    this.release()
  }

  fail(error: KafkaError): void {
    this.note(error)
    this.release()
  }

  /** The call will be rejected with this, once nothing holds it open. */
  note(error: KafkaError): void {
    this.error ??= error
  }

  hold(): void {
    this.remaining++
  }

  release(): void {
    if (--this.remaining > 0) return
    if (this.error === undefined) this.resolve(this.results)
    else this.reject(this.error)
  }
}

/** Waits for the batches that were incomplete when `flush` was called. */
export interface FlushWaiter {
  remaining: number
  readonly resolve: () => void
}

/** Records of one batch, one behind the other, that belong to one call. */
interface CallRun {
  readonly call: SendCall
  readonly place: number
  readonly first: number
  count: number
}

export class ProducerBatch {
  readonly queue: PartitionQueue
  /** Ascending within the partition; a batch that is split passes its number on. */
  readonly number: number
  /** Monotonic, milliseconds. */
  readonly createdAtMs: number
  /** Until the batch is closed. */
  builder: RecordBatchBuilder | undefined
  /** Since the batch was finished: what goes over the wire, the same at every attempt. */
  bytes: Uint8Array | undefined = undefined
  recordCount = 0
  /** What the batch takes of the buffer. */
  accountedBytes = 0
  /** Its size before compression, once it is finished. */
  plainBytes = 0
  /** -1 until a sequence number was given out. */
  baseSequence = -1
  attempts = 0
  /** Somebody waits: do not hold it back. */
  isUrgent = false
  /** Some attempt may have been stored although no reply came. */
  outcomeUnknown = false
  isComplete = false
  lastError: KafkaError | undefined = undefined
  private runs: CallRun[] | undefined = undefined
  private waiters: FlushWaiter[] | undefined = undefined

  constructor(queue: PartitionQueue, number: number, createdAtMs: number, builder: RecordBatchBuilder | undefined) {
    this.queue = queue
    this.number = number
    this.createdAtMs = createdAtMs
    this.builder = builder
  }

  /** Bytes that it will take in a request; exact once it is finished. */
  get sizeInBytes(): number {
    return this.bytes?.length ?? this.builder?.sizeInBytes ?? 0
  }

  /** The record that was appended last belongs to `call`. */
  attribute(call: SendCall): void {
    this.isUrgent = true
    this.runs ??= []
    const last = this.runs.at(-1)
    if (last?.call === call) {
      last.count++
      return
    }
    const place = call.expect(this.queue.topic, this.queue.partition)
    this.runs.push({ call, place, first: this.recordCount - 1, count: 1 })
  }

  waitFor(waiter: FlushWaiter): void {
    waiter.remaining++
    this.waiters ??= []
    this.waiters.push(waiter)
  }

  succeed(baseOffset: bigint): void {
    this.isComplete = true
    for (const { call, place, first, count } of this.runs ?? []) {
      call.succeed(place, baseOffset < 0n ? -1n : baseOffset + BigInt(first), count)
    }
    this.wakeWaiters()
  }

  fail(error: KafkaError): void {
    this.isComplete = true
    for (const { call } of this.runs ?? []) call.fail(error)
    this.wakeWaiters()
  }

  /** Gives what is waited for to the two batches that replace this one, of which the first has `firstCount` records. */
  handOver(first: ProducerBatch, second: ProducerBatch, firstCount: number): void {
    this.isComplete = true
    for (const run of this.runs ?? []) {
      const end = run.first + run.count
      if (end <= firstCount) first.takeRun(run)
      else if (run.first >= firstCount) second.takeRun({ ...run, first: run.first - firstCount })
      else {
        first.takeRun({ ...run, count: firstCount - run.first })
        const { topic, partition } = this.queue
        const place = run.call.expect(topic, partition)
        second.takeRun({ call: run.call, place, first: 0, count: end - firstCount })
      }
    }
    for (const waiter of this.waiters ?? []) {
      first.waitFor(waiter)
      second.waitFor(waiter)
    }
    this.wakeWaiters()
  }

  private takeRun(run: CallRun): void {
    this.runs ??= []
    this.runs.push(run)
  }

  private wakeWaiters(): void {
    for (const waiter of this.waiters ?? []) if (--waiter.remaining === 0) waiter.resolve()
    this.waiters = undefined
  }
}
