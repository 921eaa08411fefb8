// Owns what a consumer hands out: the records of one record batch that the consumer may see, as lazy views of the fetch
// reply. Makes no object per record; the one-by-one forms are made when they are asked for. KIP-98.
import type { RecordBatch, RecordHeader, RecordView } from '../../protocol/index.ts'

/** One record with its place. Its parts are views of the fetch reply, which they keep in memory: see `copy`. */
export interface ConsumedRecord {
  readonly topic: string
  readonly partition: number
  /** Leader epoch of the batch the record lies in (KIP-320); -1 where it has none. */
  readonly leaderEpoch: number
  readonly offset: bigint
  /** Milliseconds since 1970; -1 where the producer gave none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  /** Null for a tombstone. */
  readonly value: Uint8Array | null
  /** Read anew on each access. */
  readonly headers: readonly RecordHeader[]
  /** The same record over its own memory, for one that must live long. */
  copy(): ConsumedRecord
}

/**
 * Records of one partition, in offset order, from one batch of the log: none before the consumer's position, no control
 * record and, at read_committed, none of an aborted transaction. `i` counts from 0 to `count` - 1; a number outside
 * throws a RangeError.
 */
export interface ConsumedBatch {
  readonly topic: string
  /** zeroUuid where the broker is too old to have topic ids. */
  readonly topicId: string
  readonly partition: number
  /** Leader epoch of the batch (KIP-320); -1 where it has none. */
  readonly leaderEpoch: number
  /** Number of records, at least 1. */
  readonly count: number
  /** Offset of the first record here. */
  readonly baseOffset: bigint
  /** Offset of the last record here. */
  readonly lastOffset: bigint
  /** Where to go on after this batch: the position to save, together with `leaderEpoch`. */
  readonly nextOffset: bigint
  /** End of the partition's replicated log, when the batch was fetched. */
  readonly highWatermark: bigint
  /** End of what read_committed can see, when the batch was fetched; -1n where the broker did not tell. */
  readonly lastStableOffset: bigint
  keyAt(i: number): Uint8Array | null
  valueAt(i: number): Uint8Array | null
  headersAt(i: number): readonly RecordHeader[]
  offsetAt(i: number): bigint
  /** Milliseconds since 1970; -1 where the producer gave none. */
  timestampAt(i: number): number
  /** The records one by one, as objects. */
  records(): IterableIterator<ConsumedRecord>
}

/** What all batches of one fetched partition have in common. */
export interface BatchOrigin {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
}

/**
 * The records of `batch` from offset `from` on; undefined where none is left. The batch must be decompressed. Throws
 * a ProtocolError where the records cannot be read.
 */
export function consumedBatch(origin: BatchOrigin, batch: RecordBatch, from: bigint): ConsumedBatch | undefined {
  const view = batch.records()
  let first = 0
  if (from > batch.baseOffset) {
    const deltaMin = Number(from - batch.baseOffset)
    while (first < view.count && view.offsetDelta(first) < deltaMin) first++
  }
  return first < view.count ? new FetchedBatch(origin, batch, view, first) : undefined
}

class FetchedBatch implements ConsumedBatch {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly count: number
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly nextOffset: bigint
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  private readonly view: RecordView
  /** Number in the view of the first record that is handed out. */
  private readonly first: number

  constructor(origin: BatchOrigin, batch: RecordBatch, view: RecordView, first: number) {
    this.topic = origin.topic
    this.topicId = origin.topicId
    this.partition = origin.partition
    this.leaderEpoch = batch.partitionLeaderEpoch
    this.count = view.count - first
    this.baseOffset = view.offset(first)
    this.lastOffset = view.offset(view.count - 1)
    this.nextOffset = batch.lastOffset + 1n
    this.highWatermark = origin.highWatermark
    this.lastStableOffset = origin.lastStableOffset
    this.view = view
    this.first = first
  }

  keyAt(i: number): Uint8Array | null {
    return this.view.key(this.numberOf(i))
  }

  valueAt(i: number): Uint8Array | null {
    return this.view.value(this.numberOf(i))
  }

  headersAt(i: number): readonly RecordHeader[] {
    return this.view.headers(this.numberOf(i))
  }

  offsetAt(i: number): bigint {
    return this.view.offset(this.numberOf(i))
  }

  timestampAt(i: number): number {
    return this.view.timestamp(this.numberOf(i))
  }

  *records(): IterableIterator<ConsumedRecord> {
    for (let i = this.first; i < this.view.count; i++) yield new FetchedRecord(this, this.view, i)
  }

  // A negative number would otherwise reach the records that were left out.
  private numberOf(i: number): number {
    if (!(i >= 0)) throw new RangeError(`Record ${i} of a batch of ${this.count} was asked for`)
    return this.first + i
  }
}

type RecordPlace = Pick<ConsumedRecord, 'topic' | 'partition' | 'leaderEpoch'>

class FetchedRecord implements ConsumedRecord {
  private readonly place: RecordPlace
  private readonly view: RecordView
  private readonly i: number

  constructor(place: RecordPlace, view: RecordView, i: number) {
    this.place = place
    this.view = view
    this.i = i
  }

  get topic(): string {
    return this.place.topic
  }

  get partition(): number {
    return this.place.partition
  }

  get leaderEpoch(): number {
    return this.place.leaderEpoch
  }

  get offset(): bigint {
    return this.view.offset(this.i)
  }

  get timestamp(): number {
    return this.view.timestamp(this.i)
  }

  get key(): Uint8Array | null {
    return this.view.key(this.i)
  }

  get value(): Uint8Array | null {
    return this.view.value(this.i)
  }

  get headers(): readonly RecordHeader[] {
    return this.view.headers(this.i)
  }

  copy(): ConsumedRecord {
    const { topic, partition, leaderEpoch } = this.place
    return new FetchedRecord({ topic, partition, leaderEpoch }, this.view.copy(this.i), 0)
  }
}
