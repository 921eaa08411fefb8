// Owns the writing of record batches of format 2: records go straight into the batch's buffer, with exact sizes and no
// object per record, and the 61 bytes in front are filled in at the end. Never writes the older formats. KIP-98.
// Source: org.apache.kafka.common.record.internal.{DefaultRecordBatch, DefaultRecord, MemoryRecordsBuilder}.

import { bytesOf, type CompressionName, type GivenTools } from './compression/codec.ts'
import { codecByName } from './compression/codecs.ts'
import { crc32c } from './crc32c.ts'
import { headerKeyBytes } from './header_key.ts'
import { ProtocolError } from './protocol_error.ts'
import { batchAttributes, batchLayout } from './record_batch.ts'
import type { RecordHeader, RecordView } from './record_batch.ts'
import {
  exactDifference,
  lengthMaxShort,
  lengthSize,
  varintSize,
  varlongSize,
  writeLength,
  writeVarlong
} from './varint.ts'

/** Whose batch it is, so that the broker can recognise a repetition. All -1 without idempotence. */
export interface ProducerState {
  readonly producerId: bigint
  /** int16. */
  readonly producerEpoch: number
  /** The sequence number of the batch's first record (int32). */
  readonly baseSequence: number
}

/** The producer state of a batch that is not idempotent. */
export const noProducerState: ProducerState = Object.freeze({ producerId: -1n, producerEpoch: -1, baseSequence: -1 })

/** What a batch gets when it is finished. */
export interface FinishBatchOptions extends Partial<ProducerState>, GivenTools {
  readonly isTransactional?: boolean
  /** Marks a batch of Kafka's own records; brokers refuse it from clients. */
  readonly isControl?: boolean
  /** Default `none`. The batch stays uncompressed where compression does not make it smaller. */
  readonly compression?: CompressionName
  /** The codec's own level. */
  readonly compressionLevel?: number
}

export interface RecordBatchBuilderOptions {
  /** The most bytes that the batch may have before compression, its header included. Default 1 MiB. */
  readonly batchBytesMax?: number
  /** Bytes to reserve at first; the buffer doubles when they are used up. Default 4 KiB. */
  readonly initialBytes?: number
  /** To be written into instead of a new buffer, while it is large enough. The finished batch is a view of it. */
  readonly buffer?: Uint8Array | undefined
}

/** The largest batch a broker takes unless it is told otherwise, less what it adds (message.max.bytes is 1048588). */
export const batchBytesMaxDefault = 1024 * 1024

const initialBytesDefault = 4096

const noHeaders: readonly RecordHeader[] = Object.freeze([])

/** Builds one record batch. Keys, values and headers are copied in, so that the caller may reuse its buffers. */
export class RecordBatchBuilder {
  readonly batchBytesMax: number
  private bytes: Uint8Array
  private position = batchLayout.records as number
  private count = 0
  private baseTimestamp = 0
  private maxTimestamp = -1
  private isFinished = false

  constructor(options: RecordBatchBuilderOptions = {}) {
    this.batchBytesMax = options.batchBytesMax ?? batchBytesMaxDefault
    const { buffer } = options
    if (buffer !== undefined && buffer.length >= batchLayout.records) {
      this.bytes = buffer.fill(0, 0, batchLayout.records)
      return
    }
    const initialBytes = Math.max(options.initialBytes ?? initialBytesDefault, batchLayout.records)
    this.bytes = new Uint8Array(Math.min(initialBytes, Math.max(this.batchBytesMax, batchLayout.records)))
  }

  get recordCount(): number {
    return this.count
  }

  /** The size of the batch as it is now, uncompressed, with its header. */
  get sizeInBytes(): number {
    return this.position
  }

  /** The size the batch would have after this record, uncompressed, with its header. */
  sizeWith(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = noHeaders,
    timestamp = this.baseTimestamp
  ): number {
    const bodySize = this.deltasSize(timestamp) + bytesSize(key) + bytesSize(value) + headersSize(headers)
    return this.position + varintSize(bodySize) + bodySize
  }

  /** Whether the record can be appended without exceeding `batchBytesMax`. */
  fits(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = noHeaders,
    timestamp = this.baseTimestamp
  ): boolean {
    return this.sizeWith(key, value, headers, timestamp) <= this.batchBytesMax
  }

  /**
   * Appends a record and answers true, or changes nothing and answers false where it does not fit.
   *
   * @param timestamp - milliseconds since 1970, a whole number
   */
  tryAppend(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    timestamp: number
  ): boolean {
    return this.put(key, value, headers, undefined, timestamp)
  }

  /** As `tryAppend`, but throws a ProtocolError `BATCH_TOO_LARGE` where the record does not fit. */
  append(key: Uint8Array | null, value: Uint8Array | null, headers: readonly RecordHeader[], timestamp: number): void {
    if (!this.tryAppend(key, value, headers, timestamp)) this.refuse(this.sizeWith(key, value, headers, timestamp))
  }

  /** Appends a record of another batch without decoding its key, value and headers; false where it does not fit. */
  tryAppendRaw(view: RecordView, i: number, timestamp = view.timestamp(i)): boolean {
    return this.put(null, null, noHeaders, view.rawTail(i), timestamp)
  }

  /** As `tryAppendRaw`, but throws a ProtocolError `BATCH_TOO_LARGE` where the record does not fit. */
  appendRaw(view: RecordView, i: number, timestamp = view.timestamp(i)): void {
    if (!this.tryAppendRaw(view, i, timestamp)) this.refuse(this.position + view.rawTail(i).length)
  }

  /**
   * Closes the batch and answers its bytes, with checksum and base offset 0. Answers a promise only where compression
   * works off the thread, as gzip does, or a package is looked for; it rejects as the function that was given does. Throws a
   * ProtocolError `UNSUPPORTED_COMPRESSION` where the codec is not there, `INVALID_VALUE` for a producer state that does
   * not fit. The builder cannot be used again.
   */
  finish(options: FinishBatchOptions = {}): Uint8Array | Promise<Uint8Array> {
    const compression = options.compression ?? 'none'
    if (compression === 'none') return this.finishPlain(options)
    const codec = codecByName(compression)
    const plain = this.complete(options)
    const records = plain.subarray(batchLayout.records)
    const compressed = codec.compress(records, { ...toolsOf(options), level: options.compressionLevel })
    this.isFinished = true
    const choose = (answer: Uint8Array): Uint8Array => {
      const smaller = bytesOf(codec, answer)
      if (smaller.length >= records.length) return this.seal(plain, 0, options)
      const batch = new Uint8Array(batchLayout.records + smaller.length)
      batch.set(smaller, batchLayout.records)
      return this.seal(batch, codec.id, options)
    }
    return compressed instanceof Promise ? compressed.then(choose) : choose(compressed)
  }

  /** As `finish` without compression, which is always done at once. */
  finishPlain(
    options: Omit<FinishBatchOptions, 'compression' | 'compressionLevel' | keyof GivenTools> = {}
  ): Uint8Array {
    const batch = this.complete(options)
    this.isFinished = true
    return this.seal(batch, 0, options)
  }

  // Writes a record, or answers false where there is no room for it. `tail` stands for key, value and headers where they
  // are encoded already. All in one, since a compiler that has taken in too many functions leaves out those that matter.
  private put(
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    tail: Uint8Array | undefined,
    timestamp: number
  ): boolean {
    const { count } = this
    const timestampDelta = count === 0 ? 0 : timestamp - this.baseTimestamp
    const near = timestampDelta | 0
    const isNear = near === timestampDelta && near >= 0 && near < lengthMaxShort && timestamp <= Number.MAX_SAFE_INTEGER
    if (this.isFinished || ((count === 0 || !isNear) && !Number.isSafeInteger(timestamp))) this.refuseCall(timestamp)
    let bodySize = 1 + lengthSize(count) + (isNear ? lengthSize(near) : this.farDeltaSize(timestamp))
    if (tail !== undefined) bodySize += tail.length
    else bodySize += bytesSize(key) + bytesSize(value) + (headers.length === 0 ? 1 : headersSize(headers))
    const end = this.position + lengthSize(bodySize) + bodySize
    if (end > this.batchBytesMax) return false
    if (end > this.bytes.length) this.grow(end)
    if (count === 0) this.baseTimestamp = this.maxTimestamp = timestamp
    else if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp
    this.count = count + 1

    const { bytes } = this
    let at = writeLength(bytes, this.position, bodySize)
    this.position = end
    bytes[at++] = 0
    at = isNear ? writeLength(bytes, at, near) : writeVarlong(bytes, at, this.farDelta(timestamp))
    at = writeLength(bytes, at, count)
    if (tail !== undefined) {
      bytes.set(tail, at)
      return true
    }
    at = writeBytes(bytes, writeBytes(bytes, at, key), value)
    if (headers.length === 0) bytes[at] = 0
    else writeHeaders(bytes, at, headers)
    return true
  }

  private refuseCall(timestamp: number): never {
    this.checkOpen()
    throw new ProtocolError('MALFORMED', `A timestamp is a whole number of milliseconds, not ${timestamp}`)
  }

  // The attributes byte and both deltas.
  private deltasSize(timestamp: number): number {
    return 1 + this.farDeltaSize(timestamp) + varintSize(this.count)
  }

  private farDeltaSize(timestamp: number): number {
    return varlongSize(this.farDelta(timestamp))
  }

  private farDelta(timestamp: number): number | bigint {
    return this.count === 0 ? 0 : exactDifference(timestamp, this.baseTimestamp)
  }

  private grow(bytesMin: number): void {
    const larger = new Uint8Array(Math.min(Math.max(this.bytes.length * 2, bytesMin), this.batchBytesMax))
    larger.set(this.bytes.subarray(0, this.position))
    this.bytes = larger
  }

  private seal(batch: Uint8Array, compressionId: number, options: FinishBatchOptions): Uint8Array {
    const view = viewOf(batch)
    let attributes = compressionId
    if (options.isTransactional === true) attributes |= batchAttributes.transactional
    if (options.isControl === true) attributes |= batchAttributes.control
    view.setInt32(batchLayout.batchLength, batch.length - batchLayout.partitionLeaderEpoch)
    view.setInt32(batchLayout.partitionLeaderEpoch, -1)
    view.setInt8(batchLayout.magic, 2)
    view.setInt16(batchLayout.attributes, attributes)
    view.setInt32(batchLayout.lastOffsetDelta, this.count - 1)
    view.setBigInt64(batchLayout.baseTimestamp, BigInt(this.baseTimestamp))
    view.setBigInt64(batchLayout.maxTimestamp, BigInt(this.maxTimestamp))
    view.setInt32(batchLayout.recordCount, this.count)
    setProducerState(view, options)
    setChecksum(view, batch)
    return batch
  }

  private complete(state: Partial<ProducerState>): Uint8Array {
    this.checkOpen()
    checkProducerState(state)
    if (this.count === 0) throw new Error('This batch has no records: append one before finish')
    return this.bytes.subarray(0, this.position)
  }

  private checkOpen(): void {
    if (this.isFinished) throw new Error('This batch is finished: begin a new RecordBatchBuilder')
  }

  private refuse(size: number): never {
    const message = `With this record the batch would have ${size} bytes, more than the ${this.batchBytesMax} allowed`
    throw new ProtocolError('BATCH_TOO_LARGE', `${message}: send it in another batch, or raise batchBytesMax`)
  }
}

/**
 * A copy of a finished batch with another producer id, epoch and sequence, for a retry after the epoch changed. What is
 * not given becomes -1. The original is left alone, since a socket may still be sending it.
 */
export function rewriteProducerState(batch: Uint8Array, state: Partial<ProducerState>): Uint8Array {
  checkProducerState(state)
  const copy = new Uint8Array(batch)
  const view = viewOf(copy)
  setProducerState(view, state)
  setChecksum(view, copy)
  return copy
}

/**
 * Sets, in place, the offset and the leader epoch of a finished batch, as a broker does when it appends the batch. Both
 * lie outside the checksum.
 */
export function assignBatchOffset(batch: Uint8Array, baseOffset: bigint, partitionLeaderEpoch: number): void {
  checkInt64('A base offset', baseOffset)
  checkInt32('A leader epoch', partitionLeaderEpoch)
  const view = viewOf(batch)
  view.setBigInt64(batchLayout.baseOffset, baseOffset)
  view.setInt32(batchLayout.partitionLeaderEpoch, partitionLeaderEpoch)
}

function toolsOf({ gunzip, gzip, zstd, optionalPackage }: FinishBatchOptions): GivenTools {
  return { gunzip, gzip, zstd, optionalPackage }
}

function viewOf(batch: Uint8Array): DataView {
  return new DataView(batch.buffer, batch.byteOffset, batchLayout.records)
}

// A view would write what does not fit as another number: the batch would be somebody else's, or of another sequence.
function checkProducerState({ producerId, producerEpoch, baseSequence }: Partial<ProducerState>): void {
  if (producerId !== undefined) checkInt64('A producer id', producerId)
  if (baseSequence !== undefined) checkInt32('A sequence', baseSequence)
  if (producerEpoch !== undefined && (producerEpoch << 16) >> 16 !== producerEpoch) {
    throw misfit('A producer epoch', 'an int16', producerEpoch)
  }
}

function checkInt32(what: string, value: number): void {
  if ((value | 0) !== value) throw misfit(what, 'an int32', value)
}

function checkInt64(what: string, value: bigint): void {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw misfit(what, 'an int64 (bigint)', value)
}

function misfit(what: string, type: string, value: number | bigint): ProtocolError {
  return new ProtocolError('INVALID_VALUE', `${what} is ${type}, not ${value}`)
}

function setProducerState(view: DataView, state: Partial<ProducerState>): void {
  view.setBigInt64(batchLayout.producerId, state.producerId ?? noProducerState.producerId)
  view.setInt16(batchLayout.producerEpoch, state.producerEpoch ?? noProducerState.producerEpoch)
  view.setInt32(batchLayout.baseSequence, state.baseSequence ?? noProducerState.baseSequence)
}

function setChecksum(view: DataView, batch: Uint8Array): void {
  view.setUint32(batchLayout.crc, crc32c(batch.subarray(batchLayout.attributes)))
}

function bytesSize(bytes: Uint8Array | null): number {
  if (typeof bytes === 'string') throw textGiven(bytes)
  return bytes === null ? 1 : lengthSize(bytes.length) + bytes.length
}

// An array takes the letters of a text as numbers, which they are not: all of them would be written as zeros.
function textGiven(text: string): ProtocolError {
  const message = `Keys, values and headers' values are bytes or null, not a text of ${text.length} letters`
  return new ProtocolError('INVALID_VALUE', `${message}; encode it, such as by new TextEncoder().encode(text)`)
}

function headersSize(headers: readonly RecordHeader[]): number {
  let size = lengthSize(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    size += bytesSize(headerKeyBytes(header[0])) + bytesSize(header[1])
  }
  return size
}

function writeBytes(target: Uint8Array, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    // A length of -1.
    target[at] = 1
    return at + 1
  }
  const start = writeLength(target, at, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}

function writeHeaders(target: Uint8Array, start: number, headers: readonly RecordHeader[]): number {
  let at = writeLength(target, start, headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    at = writeBytes(target, at, headerKeyBytes(header[0]))
    at = writeBytes(target, at, header[1])
  }
  return at
}
