// Owns the log of one partition: its batches, the offsets that readers may see, and the state that follows from the
// batches (producers, leader epochs, aborted transactions). Offsets are given here and nowhere else. It does no input or
// output and knows no brokers; who leads and how far followers have come is told to it.
// Source: org.apache.kafka.storage.internals.log.{UnifiedLog, LocalLog}. KIP-98, KIP-101.

import { assignBatchOffset, encodeMarkerBatch, errorCode, RecordBatch } from '../../protocol/index.ts'
import type { Settings } from '../cluster/settings.ts'
import { AbortedIndex } from './aborted_index.ts'
import { checkedBatch, checkRecords } from './batch_checks.ts'
import type { BatchLimits } from './batch_checks.ts'
import { LeaderEpochs } from './leader_epochs.ts'
import { ProducerStates } from './producer_state.ts'
import type {
  AppendOrigin,
  CompletedTransaction,
  EndMarker,
  StoredProducer,
  VerificationGuard
} from './producer_state.ts'
import { Refusal } from './refusal.ts'
import { correctMaxTimestamp, indexIntervalBytes, markerIn, producerPart, stampLogAppendTime } from './stored_batch.ts'
import type { StoredBatch } from './stored_batch.ts'

/** What a batch is appended with. */
export interface AppendOptions {
  readonly origin: AppendOrigin
  readonly leaderEpoch: number
  /** What `producers.beginVerification` answered for this batch. */
  readonly guard?: VerificationGuard | undefined
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** Where a batch went. */
export interface Appended {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** Milliseconds since 1970 where the topic uses log append time, else -1. */
  readonly logAppendTimeMs: number
  /** The batch had been appended before; nothing was written. */
  readonly isDuplicate: boolean
}

/** A log outside memory. */
export interface StoredLog {
  readonly startOffset: string
  readonly endOffset: string
  readonly highWatermark: string
  readonly leaderEpochs: readonly { readonly epoch: number; readonly startOffset: string }[]
  readonly producers: readonly StoredProducer[]
  readonly batches: readonly Uint8Array[]
}

/** Up to which offset a reader may see. */
export type Isolation = 'logEnd' | 'highWatermark' | 'lastStable'

export interface ReadOptions {
  readonly isolation: Isolation
  readonly bytesMax: number
  /** The first batch comes whole, whatever its size. */
  readonly wholeFirstBatch: boolean
}

/** Batches as they were found; the last piece may be cut off in the middle of its batch. */
export interface ReadResult {
  readonly pieces: readonly Uint8Array[]
  readonly sizeInBytes: number
  /** With isolation `lastStable` only. */
  readonly aborted: readonly CompletedTransaction[] | undefined
}

export class PartitionLog {
  readonly producers = new ProducerStates()
  readonly leaderEpochs = new LeaderEpochs()
  readonly #settings: Settings
  readonly #aborted = new AbortedIndex()
  #batches: StoredBatch[] = []
  #startOffset = 0n
  #endOffset = 0n
  #highWatermark = 0n
  /** Bytes of all batches that were ever appended. */
  #endPosition = 0
  #bytesSinceIndexed = 0
  /** 0 before the first batch of a producer. */
  #nextExpiryMs = 0
  /** Completed transactions whose markers are not below the high watermark yet. */
  #unreplicated: CompletedTransaction[] = []

  constructor(settings: Settings) {
    this.#settings = settings
  }

  get startOffset(): bigint {
    return this.#startOffset
  }

  /** The offset of the next record. */
  get endOffset(): bigint {
    return this.#endOffset
  }

  get highWatermark(): bigint {
    return this.#highWatermark
  }

  /** Readers of committed records see what lies below it. */
  get lastStableOffset(): bigint {
    const open = this.producers.firstOpenOffset
    const unreplicated = this.#unreplicated[0]?.firstOffset
    let first = open ?? unreplicated
    if (open !== undefined && unreplicated !== undefined && unreplicated < open) first = unreplicated
    if (first !== undefined && first < this.#startOffset) first = this.#startOffset
    return first !== undefined && first < this.#highWatermark ? first : this.#highWatermark
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  get sizeInBytes(): number {
    return this.#endPosition - (this.#batches[0]?.position ?? this.#endPosition)
  }

  /** Appends one batch; its bytes belong to the log from then on. The high watermark stays where it is. */
  append(bytes: Uint8Array, options: AppendOptions): Appended | Refusal {
    const { origin, leaderEpoch, nowMs } = options
    const limits = this.#limits()
    const batch = checkedBatch(bytes, limits, origin === 'client')
    if (batch instanceof Refusal) return batch
    const maxTimestamp = checkRecords(batch, limits, nowMs)
    if (maxTimestamp instanceof Refusal) return maxTimestamp
    if (bytes.length > this.#settings.number('segment.bytes')) {
      return new Refusal(errorCode.RECORD_LIST_TOO_LARGE, `A batch of ${bytes.length} bytes exceeds the segment size`)
    }
    this.leaderEpochs.assign(leaderEpoch, this.#endOffset)
    if (batch.producerId !== -1n) {
      this.#expireProducers(nowMs)
      const needsGuard = this.#settings.boolean('transaction.partition.verification.enable')
      const verdict = this.producers.check(batch, origin, options.guard, needsGuard)
      if (verdict instanceof Refusal) return verdict
      const { duplicate } = verdict
      if (duplicate !== undefined) {
        const { firstOffset, lastOffset, timestamp } = duplicate
        return { baseOffset: firstOffset, lastOffset, logAppendTimeMs: timestamp, isDuplicate: true }
      }
    }
    return this.#store(batch, leaderEpoch, limits.isLogAppendTime ? nowMs : undefined, maxTimestamp)
  }

  /** Appends the marker that ends a transaction in this partition. */
  appendMarker(marker: EndMarker, leaderEpoch: number): Appended | Refusal {
    const refused = this.producers.checkMarker(marker)
    if (refused !== undefined) return refused
    const baseOffset = this.#endOffset
    this.leaderEpochs.assign(leaderEpoch, baseOffset)
    const { producerId, producerEpoch, coordinatorEpoch, timestamp } = marker
    const type = marker.isCommit ? 'COMMIT' : 'ABORT'
    const parts = { producerId, producerEpoch, coordinatorEpoch, timestamp, baseOffset }
    const bytes = encodeMarkerBatch({ type, ...parts, partitionLeaderEpoch: leaderEpoch })
    this.#push(bytes, baseOffset, baseOffset, leaderEpoch, timestamp)
    this.#complete(this.producers.appendedMarker(marker, baseOffset))
    return { baseOffset, lastOffset: baseOffset, logAppendTimeMs: -1, isDuplicate: false }
  }

  /** The followers that count have everything below this offset. True where it grew. */
  advanceHighWatermark(offset: bigint): boolean {
    const next = offset < this.#endOffset ? offset : this.#endOffset
    if (next <= this.#highWatermark) return false
    this.#highWatermark = next
    if (this.#unreplicated.length > 0) {
      this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= next)
    }
    return true
  }

  /** The end of what a reader may see. */
  limit(isolation: Isolation): bigint {
    if (isolation === 'lastStable') return this.lastStableOffset
    return isolation === 'highWatermark' ? this.#highWatermark : this.#endOffset
  }

  /** Reads from an offset on; a Refusal OFFSET_OUT_OF_RANGE outside the log. */
  read(fetchOffset: bigint, options: ReadOptions): ReadResult | Refusal {
    if (fetchOffset < this.#startOffset || fetchOffset > this.#endOffset) {
      const range = `${this.#startOffset} to ${this.#endOffset}`
      return new Refusal(errorCode.OFFSET_OUT_OF_RANGE, `Offset ${fetchOffset} is not in the log, which has ${range}`)
    }
    const limit = this.limit(options.isolation)
    const isCommitted = options.isolation === 'lastStable'
    const first = fetchOffset < limit ? this.indexOf(fetchOffset) : this.#batches.length
    const firstBatch = this.#batches[first]
    if (firstBatch === undefined) return { pieces: [], sizeInBytes: 0, aborted: isCommitted ? [] : undefined }
    const least = options.wholeFirstBatch ? firstBatch.bytes.length : 0
    const pieces: Uint8Array[] = []
    let left = Math.max(options.bytesMax, least)
    let sizeInBytes = 0
    for (let i = first; i < this.#batches.length && left > 0; i++) {
      const { baseOffset, bytes } = this.#batches[i]!
      if (baseOffset >= limit) break
      const piece = bytes.length <= left ? bytes : bytes.subarray(0, left)
      pieces.push(piece)
      sizeInBytes += piece.length
      left -= piece.length
    }
    if (!isCommitted) return { pieces, sizeInBytes, aborted: undefined }
    const upperBound = this.#indexedOffsetAfter(firstBatch.position + sizeInBytes)
    return { pieces, sizeInBytes, aborted: this.#aborted.between(fetchOffset, upperBound) }
  }

  /** How many bytes a read from an offset could have at most. */
  bytesFrom(fetchOffset: bigint, isolation: Isolation): number {
    const limit = this.limit(isolation)
    if (fetchOffset >= limit) return 0
    const first = this.#batches[this.indexOf(fetchOffset)]
    if (first === undefined) return 0
    const end = limit === this.#endOffset ? this.#endPosition : this.#batches[this.indexOf(limit)]!.position
    return end - first.position
  }

  /** Number of the first batch that ends at or behind an offset; the count of batches where none does. */
  indexOf(offset: bigint): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Deletes what lies before an offset, which is at most the high watermark. */
  deleteBefore(offset: bigint): Refusal | undefined {
    if (offset > this.#highWatermark) {
      return new Refusal(errorCode.OFFSET_OUT_OF_RANGE, `The high watermark is ${this.#highWatermark}, below ${offset}`)
    }
    if (offset <= this.#startOffset) return undefined
    this.#startOffset = offset
    this.#batches.splice(0, this.indexOf(offset))
    this.leaderEpochs.truncateFromStart(offset)
    this.#aborted.truncateFromStart(offset)
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= offset)
    return undefined
  }

  /** Throws away what lies at and behind an offset, as a follower does that was ahead of its new leader. */
  truncate(offset: bigint): void {
    if (offset >= this.#endOffset) return
    const kept = this.#batches.slice(0, this.indexOf(offset))
    this.#endPosition = this.#batches[0]?.position ?? this.#endPosition
    this.#batches = []
    this.#bytesSinceIndexed = 0
    this.producers.clear()
    this.#aborted.clear()
    this.#unreplicated = []
    this.leaderEpochs.truncateFromEnd(offset)
    for (const { bytes } of kept) this.#replay(bytes)
    this.#endOffset = offset
    if (this.#highWatermark > offset) this.#highWatermark = offset
    if (this.#startOffset > offset) this.#startOffset = offset
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= this.#highWatermark)
  }

  /** The log as it may be kept outside memory. */
  store(): StoredLog {
    return {
      startOffset: String(this.#startOffset),
      endOffset: String(this.#endOffset),
      highWatermark: String(this.#highWatermark),
      leaderEpochs: this.leaderEpochs
        .all()
        .map(({ epoch, startOffset }) => ({ epoch, startOffset: String(startOffset) })),
      producers: this.producers.store(),
      batches: this.#batches.map(({ bytes }) => bytes)
    }
  }

  /** Fills an empty log with what `store` answered. What follows from its batches is found out again. */
  restore(stored: StoredLog): void {
    this.#startOffset = BigInt(stored.startOffset)
    for (const bytes of stored.batches) this.#replay(bytes)
    this.producers.restore(stored.producers)
    this.#endOffset = BigInt(stored.endOffset)
    for (const { epoch, startOffset } of stored.leaderEpochs) this.leaderEpochs.assign(epoch, BigInt(startOffset))
    this.#highWatermark = BigInt(stored.highWatermark)
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= this.#highWatermark)
  }

  /** Forgets producers that wrote nothing for long; looked at now and then only, as Kafka does. */
  #expireProducers(nowMs: number): void {
    if (nowMs < this.#nextExpiryMs) return
    if (this.#nextExpiryMs > 0) this.producers.expire(nowMs, this.#settings.number('producer.id.expiration.ms'))
    this.#nextExpiryMs = nowMs + this.#settings.number('producer.id.expiration.check.interval.ms')
  }

  #limits(): BatchLimits {
    const settings = this.#settings
    return {
      batchBytesMax: settings.number('max.message.bytes'),
      isCompacted: settings.text('cleanup.policy').includes('compact'),
      isLogAppendTime: settings.text('message.timestamp.type') === 'LogAppendTime',
      timestampBeforeMaxMs: settings.number('message.timestamp.before.max.ms'),
      timestampAfterMaxMs: settings.number('message.timestamp.after.max.ms')
    }
  }

  #store(batch: RecordBatch, leaderEpoch: number, appendTimeMs: number | undefined, maxTimestamp: number): Appended {
    const baseOffset = this.#endOffset
    const { bytes } = batch
    const lastOffset = baseOffset + BigInt(batch.lastOffsetDelta)
    const timestamp = appendTimeMs ?? maxTimestamp
    if (appendTimeMs !== undefined) stampLogAppendTime(bytes, appendTimeMs)
    else if (maxTimestamp !== batch.maxTimestamp) correctMaxTimestamp(bytes, maxTimestamp)
    assignBatchOffset(bytes, baseOffset, leaderEpoch)
    this.#push(bytes, baseOffset, lastOffset, leaderEpoch, timestamp)
    if (batch.producerId !== -1n) this.producers.appended(producerPart(batch, timestamp), baseOffset)
    return { baseOffset, lastOffset, logAppendTimeMs: appendTimeMs ?? -1, isDuplicate: false }
  }

  #push(bytes: Uint8Array, baseOffset: bigint, lastOffset: bigint, leaderEpoch: number, maxTimestamp: number): void {
    const isIndexed = this.#bytesSinceIndexed > indexIntervalBytes
    this.#bytesSinceIndexed = (isIndexed ? 0 : this.#bytesSinceIndexed) + bytes.length
    const position = this.#endPosition
    this.#batches.push({ bytes, baseOffset, lastOffset, leaderEpoch, maxTimestamp, position, isIndexed })
    this.#endOffset = lastOffset + 1n
    this.#endPosition += bytes.length
  }

  #complete(transaction: CompletedTransaction | undefined): void {
    if (transaction === undefined) return
    if (transaction.isAborted) this.#aborted.add(transaction)
    this.#unreplicated.push(transaction)
  }

  /** Takes a batch again that had been appended before, with the state that follows from it. */
  #replay(bytes: Uint8Array): void {
    const batch = RecordBatch.parse(bytes)
    const { baseOffset, lastOffset, partitionLeaderEpoch, maxTimestamp } = batch
    this.#push(bytes, baseOffset, lastOffset, partitionLeaderEpoch, maxTimestamp)
    this.leaderEpochs.assign(partitionLeaderEpoch, baseOffset)
    if (batch.producerId === -1n) return
    const marker = markerIn(batch)
    if (marker !== undefined) this.#complete(this.producers.appendedMarker(marker, baseOffset))
    else this.producers.appended(producerPart(batch, maxTimestamp), baseOffset)
  }

  /** The offset of the first index entry at or behind a position, or the end of the log. */
  #indexedOffsetAfter(position: number): bigint {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.position < position) low = middle + 1
      else high = middle
    }
    for (let i = low; i < this.#batches.length; i++) {
      const batch = this.#batches[i]!
      if (batch.isIndexed) return batch.lastOffset
    }
    return this.#endOffset
  }
}
