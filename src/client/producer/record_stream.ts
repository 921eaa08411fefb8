// Owns the way in for records: their partition, their place in a batch, and what callers wait for (room, metadata of a
// topic, acknowledgements). Shared by the idempotent and the transactional producer. Joins accumulator, sender and topic
// routes; sends nothing itself. Keeps the order of calls, also of those that have to wait.
import type { RecordHeader } from '../../protocol/index.ts'
import { deferred } from '../../runtime/index.ts'
import type { Deferred } from '../../runtime/index.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { show } from '../options.ts'
import { Accumulator } from './accumulator.ts'
import { SendCall } from './batch.ts'
import { poolOf } from './buffer_pool.ts'
import { mustBeBytes, mustBeMessage, toBytes, toHeaders, wrongField } from './options.ts'
import type { CheckedProducerOptions, ProducerMessage, RecordMetadata } from './options.ts'
import { keyPartitioner, StickyPartition } from './partitioner.ts'
import type { Partitioner } from './partitioner.ts'
import type { PartitionQueue } from './partition_queue.ts'
import { Sender } from './sender.ts'
import type { WriteContext } from './sender.ts'
import type { TopicRoutes } from './topic_routes.ts'

/** Calls of `send` that may wait for room. */
const sendsWaitingMax = 100_000

/** What a record takes besides key and value, roughly. */
const recordOverheadBytes = 24

const noHeaders: readonly RecordHeader[] = Object.freeze([])

/** A record whose topic is not known yet. */
interface PendingRecord {
  readonly partition: number | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestamp: number
  readonly call: SendCall | undefined
  readonly bytes: number
}

interface TopicEntry {
  readonly topic: string
  readonly sticky: StickyPartition
  partitionCount: number
  pending: PendingRecord[]
  loaded: Promise<void> | undefined
}

interface WaitingSend {
  readonly call: SendCall
  readonly messages: readonly ProducerMessage[]
  next: number
}

export class RecordStream {
  readonly sender: Sender
  private readonly cluster: Cluster
  private readonly accumulator: Accumulator
  private readonly routes: TopicRoutes
  private readonly context: WriteContext
  private readonly partitioner: Partitioner
  private readonly batchBytesMax: number
  private readonly topics = new Map<string, TopicEntry>()
  private readonly waitingSends: WaitingSend[] = []
  private roomAwaited: Deferred<void> | undefined
  private readonly random: () => number
  private readonly unlisten: () => void

  constructor(cluster: Cluster, options: CheckedProducerOptions, routes: TopicRoutes, context: WriteContext) {
    this.cluster = cluster
    this.routes = routes
    this.context = context
    this.partitioner = options.partitioner ?? keyPartitioner
    this.batchBytesMax = options.batchBytesMax
    this.random = () => cluster.runtime.random()
    this.unlisten = routes.listen((topic) => this.onTopic(topic))
    this.accumulator = new Accumulator(
      cluster.runtime,
      options,
      routes,
      poolOf(cluster),
      (atMs) => (atMs === 0 ? this.sender.wake() : this.sender.wakeAt(atMs)),
      () => this.onRelease()
    )
    this.sender = new Sender(cluster, options, this.accumulator, this.routes, context)
  }

  /** Partitions written to. */
  get touched(): Iterable<PartitionQueue> {
    return this.accumulator.touched
  }

  /** Something was accepted that is not settled. */
  get hasIncomplete(): boolean {
    return this.accumulator.incompleteCount > 0 || this.waitingSends.length > 0 || this.hasPending
  }

  /**
   * Takes one record. Answers a promise, the same for all, only while the buffer is full or the topic is not known yet:
   * whoever appends should wait for it. Throws KafkaError RECORD_TOO_LARGE, BUFFER_FULL where twice the buffer is used,
   * INVALID_OPTION for an impossible partition or timestamp.
   */
  append(
    topic: string,
    partition: number | undefined,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = noHeaders,
    timestamp = this.cluster.runtime.nowMs()
  ): void | Promise<void> {
    if (this.accumulator.isOverfull) throw overfull()
    mustBeBytes(key, 'key')
    mustBeBytes(value, 'value')
    const loading = this.place(this.entry(topic), partition, key, value, headers, timestamp, undefined)
    if (loading !== undefined) return loading
    if (this.accumulator.isFull) return this.room()
    return undefined
  }

  /** Takes messages that somebody waits for. Rejects with KafkaError, or with the signal's reason before they are taken. */
  send(messages: readonly ProducerMessage[]): Promise<RecordMetadata[]> {
    const call = new SendCall()
    const waiting = { call, messages, next: 0 }
    if (this.waitingSends.length > 0 || !this.takeMessages(waiting)) {
      if (this.waitingSends.length >= sendsWaitingMax) {
        const message = `${sendsWaitingMax} calls of send wait for room already.`
        call.note(new KafkaError('BUFFER_FULL', message))
        call.release()
      } else this.waitingSends.push(waiting)
    }
    return call.promise
  }

  /** Resolves when all that was accepted before is settled, whatever became of it. */
  async flush(): Promise<void> {
    while (this.hasPending || this.waitingSends.length > 0) {
      const loads = [...this.topics.values()].flatMap(({ loaded }) => (loaded === undefined ? [] : [loaded]))
      await Promise.all([...loads, this.accumulator.flush()])
    }
    await this.accumulator.flush()
  }

  /** Gives up everything that is not on the wire. */
  stop(error: KafkaError): void {
    for (const entry of this.topics.values()) this.failPending(entry, error)
    for (const { call } of this.waitingSends.splice(0)) {
      call.note(error)
      call.release()
    }
    this.sender.stop(error)
    // Whoever waits for room is refused when it comes again.
    this.roomAwaited?.resolve()
    this.roomAwaited = undefined
  }

  /** Gives up the batches that wait to be sent; what comes later is accepted. */
  failUnsent(error: KafkaError): void {
    this.accumulator.failUnsent(error)
  }

  /** Ends the stream for good: nothing of it is sent after what is on the wire. */
  close(error: KafkaError): void {
    this.stop(error)
    this.unlisten()
  }

  private get hasPending(): boolean {
    for (const { pending } of this.topics.values()) if (pending.length > 0) return true
    return false
  }

  private entry(topic: string): TopicEntry {
    let entry = this.topics.get(topic)
    if (entry === undefined) {
      if (typeof topic !== 'string' || topic === '') throw wrongField('topic', topic, 'its name')
      const partitionCount = this.routes.known(topic)?.partitions.length ?? 0
      entry = { topic, sticky: new StickyPartition(), partitionCount, pending: [], loaded: undefined }
      this.topics.set(topic, entry)
    }
    return entry
  }

  // Puts a record into its batch, or keeps it until its topic is known: then it answers what to wait for.
  private place(
    entry: TopicEntry,
    partition: number | undefined,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    timestamp: number,
    call: SendCall | undefined
  ): Promise<void> | undefined {
    if (!Number.isSafeInteger(timestamp)) throw badTimestamp(entry.topic, timestamp)
    if (entry.partitionCount === 0) return this.keep(entry, partition, key, value, headers, timestamp, call)
    const queue = this.chooseQueue(entry, partition, key, value)
    this.accumulator.append(queue, key, value, headers, timestamp, call)
    return undefined
  }

  private chooseQueue(
    entry: TopicEntry,
    partition: number | undefined,
    key: Uint8Array | null,
    value: Uint8Array | null
  ): PartitionQueue {
    const { topic, partitionCount, sticky } = entry
    const chosen = partition ?? this.partitioner(topic, key, partitionCount)
    if (chosen !== undefined) {
      // One that was named may have been added just now; the partitioner was told how many there are.
      const isBeyond = partition === undefined && chosen >= partitionCount
      if (!Number.isInteger(chosen) || chosen < 0 || isBeyond) throw badPartition(topic, chosen, partitionCount)
      return this.accumulator.queue(topic, chosen)
    }
    const queue = this.accumulator.queue(topic, sticky.choose(partitionCount, this.random))
    const { open } = queue
    if (open !== undefined) {
      const bytes = (key?.length ?? 0) + (value?.length ?? 0) + recordOverheadBytes
      if (open.recordCount === 0 || open.sizeInBytes + bytes <= this.batchBytesMax) return queue
      this.accumulator.close(queue)
      this.sender.wake()
    } else if (!this.accumulator.touched.has(queue)) return queue
    sticky.moveOn(queue.partition, partitionCount, this.random)
    return this.accumulator.queue(topic, sticky.choose(partitionCount, this.random))
  }

  private keep(
    entry: TopicEntry,
    partition: number | undefined,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    timestamp: number,
    call: SendCall | undefined
  ): Promise<void> {
    const bytes = (key?.length ?? 0) + (value?.length ?? 0) + recordOverheadBytes
    // The caller may use its buffers again as soon as append is back.
    const copiedHeaders = headers.map(([name, own]) => [name, own === null ? null : own.slice()] as const)
    const record = { partition, key: key && key.slice(), value: value && value.slice(), headers: copiedHeaders }
    call?.hold()
    entry.pending.push({ ...record, timestamp, call, bytes })
    this.accumulator.account(bytes)
    entry.loaded ??= this.routes.load(entry.topic).then(
      () => this.onTopic(entry.topic),
      (error: unknown) => this.onUnknownTopic(entry, error)
    )
    return entry.loaded
  }

  private onTopic(topic: string): void {
    const entry = this.topics.get(topic)
    const partitionCount = this.routes.known(topic)?.partitions.length ?? 0
    if (entry !== undefined && partitionCount > 0) {
      entry.partitionCount = partitionCount
      entry.loaded = undefined
      const pending = entry.pending
      entry.pending = []
      for (const record of pending) this.placePending(entry, record)
      this.forget(pending)
    }
    this.sender.wake()
  }

  private placePending(entry: TopicEntry, record: PendingRecord): void {
    const { partition, key, value, headers, timestamp, call } = record
    try {
      void this.place(entry, partition, key, value, headers, timestamp, call)
    } catch (error) {
      this.refuse(asKafkaError(error), call)
    }
    call?.release()
  }

  private onUnknownTopic(entry: TopicEntry, error: unknown): void {
    entry.loaded = undefined
    this.failPending(entry, asKafkaError(error))
  }

  private failPending(entry: TopicEntry, error: KafkaError): void {
    const { pending } = entry
    entry.pending = []
    for (const { call } of pending) {
      this.refuse(error, call)
      call?.release()
    }
    this.forget(pending)
  }

  // Who waits for the record is told; where nobody does, the producer is.
  private refuse(error: KafkaError, call: SendCall | undefined): void {
    if (call === undefined) this.context.onFailure(error)
    else call.note(error)
  }

  private forget(pending: readonly PendingRecord[]): void {
    let bytes = 0
    for (const record of pending) bytes += record.bytes
    if (bytes > 0) this.accumulator.account(-bytes)
  }

  private room(): Promise<void> {
    this.roomAwaited ??= deferred()
    return this.roomAwaited.promise
  }

  private onRelease(): void {
    if (this.roomAwaited === undefined && this.waitingSends.length === 0) return
    if (this.accumulator.isFull) return
    while (this.waitingSends.length > 0) {
      if (!this.takeMessages(this.waitingSends[0]!)) return
      this.waitingSends.shift()
    }
    this.roomAwaited?.resolve()
    this.roomAwaited = undefined
  }

  // Takes messages until the buffer is full; true where all of them are taken.
  private takeMessages(waiting: WaitingSend): boolean {
    const { call, messages } = waiting
    const nowMs = this.cluster.runtime.nowMs()
    while (waiting.next < messages.length) {
      if (this.accumulator.isFull) return false
      const message = messages[waiting.next++]!
      try {
        mustBeMessage(message)
        const { topic, partition, timestamp = nowMs } = message
        const headers = toHeaders(message.headers)
        const key = toBytes(message.key)
        if (message.value === undefined) throw wrongField('value', undefined, 'a string, a Uint8Array or null')
        const value = toBytes(message.value, 'value')
        void this.place(this.entry(topic), partition, key, value, headers, timestamp, call)
      } catch (error) {
        // What was taken before goes its way; the rest of the call is refused.
        this.refuse(asKafkaError(error), call)
        waiting.next = messages.length
      }
    }
    call.release()
    return true
  }
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  const reason = error instanceof Error ? error.message : String(error)
  const nextStep = 'Correct what threw this, such as the partitioner.'
  const details = { cause: error, abortable: true, nextStep }
  return new KafkaError('INVALID_STATE', `A record could not be taken: ${reason}.`, details)
}

function overfull(): KafkaError {
  const nextStep = 'Wait for the promise that append answers before appending more, or raise bufferBytesMax.'
  return new KafkaError('BUFFER_FULL', 'Twice bufferBytesMax is used by records that are not settled.', { nextStep })
}

function badTimestamp(topic: string, timestamp: number): KafkaError {
  const message = `The timestamp of a record for topic ${topic} is ${timestamp}, not a whole number of milliseconds.`
  return new KafkaError('INVALID_OPTION', message)
}

function badPartition(topic: string, partition: unknown, partitionCount: number): KafkaError {
  const message = `${show(partition, false)} is not a partition of topic ${topic}, which has ${partitionCount}.`
  return new KafkaError('INVALID_OPTION', message)
}
