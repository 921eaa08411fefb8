// Owns the reading of record batches: the 61 bytes in front of the records of format 2, the only one that has been written
// since Kafka 0.11, their checks, and the splitting of a fetch response into batches. Formats 0 and 1 look the same from
// outside. The checksum is verified always, and nothing is allocated for a count or a length before it is known to fit.
// KIP-98, KIP-32 (timestamps), KIP-534 (delete horizon).
// Source: org.apache.kafka.common.record.internal.DefaultRecordBatch.

import type { CompressionName } from './compression/codec.ts'
import { compressionNames } from './compression/codec.ts'
import { crc32c } from './crc32c.ts'
import { legacyMessageEnd, readLegacySet, readWrappedSet } from './legacy_message_set.ts'
import type { LegacyRecords, LegacySet } from './legacy_message_set.ts'
import { ProtocolError } from './protocol_error.ts'
import { indexRecords, RecordView } from './record_view.ts'
import type { KafkaRecord } from './record_view.ts'

export { headersMax, KafkaRecord, RecordView } from './record_view.ts'
export type { RecordBase, RecordHeader, RecordIndex } from './record_view.ts'

/** Positions in the header of a batch, in bytes from its start; the writer uses them too. */
export const batchLayout = Object.freeze({
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61
} as const)

/** Bits of the attributes (int16) of a batch. */
export const batchAttributes = Object.freeze({
  compressionMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40
} as const)

/** Who gave the records their timestamps; format 0 has none. */
export type TimestampType = 'createTime' | 'logAppendTime' | 'noTimestampType'

/** What stands in front of the records. */
interface BatchHeader {
  readonly magic: number
  readonly baseOffset: bigint
  readonly partitionLeaderEpoch: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: bigint
  readonly maxTimestamp: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Sequence numbers go from 0 to 2147483647 and then on from 0. */
const sequenceMax = 0x7fffffff

/**
 * One record batch. Its header is read and its checksum verified; its records are found when `records` is called. Of
 * formats 0 and 1, a run of plain messages is one batch, and so is each compressed set: what `baseOffset`,
 * `lastOffsetDelta` and `recordCount` say of that one is exact only after it was decompressed.
 */
export class RecordBatch {
  /** The whole batch; a view of what it was parsed from. */
  readonly bytes: Uint8Array
  private header: BatchHeader
  private payload: Uint8Array | undefined
  private readonly legacy: LegacySet | undefined
  private view: RecordView | undefined

  private constructor(bytes: Uint8Array, header: BatchHeader, payload: Uint8Array | undefined, legacy?: LegacySet) {
    this.bytes = bytes
    this.header = header
    this.payload = payload
    this.legacy = legacy
    this.view = undefined
  }

  /**
   * Reads the batch that begins at `at`; bytes after it are left alone. Throws a ProtocolError: `TRUNCATED` when it
   * does not end within the bytes, `UNSUPPORTED_VERSION` for formats after 2, `CORRUPT_BATCH` for a wrong checksum,
   * `MALFORMED` when its fields contradict each other.
   */
  static parse(bytes: Uint8Array, at = 0): RecordBatch {
    const size = batchSizeAt(bytes, at)
    if (size === undefined) {
      throw new ProtocolError(
        'TRUNCATED',
        `A record batch goes on after the ${bytes.length - at} bytes that are here`,
        {
          offset: at
        }
      )
    }
    if (bytes[at + batchLayout.magic]! < 2) return RecordBatch.parseLegacy(bytes, at)
    // A plain array also where Node hands out a Buffer, so that the code below sees one kind only.
    const own = new Uint8Array(bytes.buffer, bytes.byteOffset + at, size)
    const view = new DataView(own.buffer, own.byteOffset, batchLayout.records)
    const claimed = view.getUint32(batchLayout.crc)
    const computed = crc32c(own.subarray(batchLayout.attributes))
    if (claimed !== computed) {
      const which = `The record batch at base offset ${view.getBigInt64(batchLayout.baseOffset)}`
      throw new ProtocolError(
        'CORRUPT_BATCH',
        `${which} was damaged: its checksum is ${hex(computed)}, not ${hex(claimed)}. Fetch it again`,
        { offset: at }
      )
    }
    const header = readHeader(view)
    const { baseOffset, lastOffsetDelta, recordCount } = header
    if (recordCount < 0 || lastOffsetDelta < 0 || recordCount - 1 > lastOffsetDelta) {
      const counts = `${recordCount} records up to offset ${baseOffset} + ${lastOffsetDelta}`
      throw new ProtocolError('MALFORMED', `A record batch claims to have ${counts}`, { offset: at })
    }
    const isPlain = (header.attributes & batchAttributes.compressionMask) === 0
    return new RecordBatch(own, header, isPlain ? own.subarray(batchLayout.records) : undefined)
  }

  private static parseLegacy(bytes: Uint8Array, at: number): RecordBatch {
    const set = readLegacySet(bytes, at)
    const own = new Uint8Array(bytes.buffer, bytes.byteOffset + at, set.size)
    if (set.content instanceof Uint8Array) return new RecordBatch(own, legacyHeader(set, undefined), undefined, set)
    return new RecordBatch(own, legacyHeader(set, set.content), set.content.bytes, set)
  }

  /** The format, 0 to 2. */
  get magic(): number {
    return this.header.magic
  }

  /** The offset of the first record the batch was written with, which compaction may since have removed. */
  get baseOffset(): bigint {
    return this.header.baseOffset
  }

  /** -1 where formats 0 and 1 have none. */
  get partitionLeaderEpoch(): number {
    return this.header.partitionLeaderEpoch
  }

  /** The raw attribute bits; see `batchAttributes`. */
  get attributes(): number {
    return this.header.attributes
  }

  get lastOffsetDelta(): number {
    return this.header.lastOffsetDelta
  }

  /**
   * Milliseconds since 1970 to which the records' timestamps are relative; the delete horizon where there is one. Beyond
   * 2^53 the nearest number to `exactBaseTimestamp`.
   */
  get baseTimestamp(): number {
    return Number(this.header.baseTimestamp)
  }

  get exactBaseTimestamp(): bigint {
    return this.header.baseTimestamp
  }

  /**
   * The highest timestamp of the batch, in milliseconds since 1970, or the broker's with log append time. Beyond 2^53 the
   * nearest number to `exactMaxTimestamp`.
   */
  get maxTimestamp(): number {
    return Number(this.header.maxTimestamp)
  }

  get exactMaxTimestamp(): bigint {
    return this.header.maxTimestamp
  }

  /** -1n where no producer id was used. */
  get producerId(): bigint {
    return this.header.producerId
  }

  get producerEpoch(): number {
    return this.header.producerEpoch
  }

  get baseSequence(): number {
    return this.header.baseSequence
  }

  /** The sequence of the last record the batch was written with; -1 where no producer id was used. */
  get lastSequence(): number {
    const { baseSequence, lastOffsetDelta } = this.header
    if (baseSequence < 0) return -1
    const sequence = baseSequence + lastOffsetDelta
    return sequence > sequenceMax ? sequence - sequenceMax - 1 : sequence
  }

  get recordCount(): number {
    return this.header.recordCount
  }

  get lastOffset(): bigint {
    return BigInt.asIntN(64, this.baseOffset + BigInt(this.lastOffsetDelta))
  }

  get sizeInBytes(): number {
    return this.bytes.length
  }

  /** The number of the codec, 0 to 7. */
  get compressionId(): number {
    return this.attributes & batchAttributes.compressionMask
  }

  /** The name of the codec; undefined for a number that Kafka has not given away. */
  get compression(): CompressionName | undefined {
    return compressionNames[this.compressionId]
  }

  get timestampType(): TimestampType {
    if (this.magic === 0) return 'noTimestampType'
    return this.attributes & batchAttributes.logAppendTime ? 'logAppendTime' : 'createTime'
  }

  get isTransactional(): boolean {
    return (this.attributes & batchAttributes.transactional) !== 0
  }

  /** Whether the records are markers of Kafka itself; see `readControlRecord`. */
  get isControl(): boolean {
    return (this.attributes & batchAttributes.control) !== 0
  }

  get hasDeleteHorizon(): boolean {
    return (this.attributes & batchAttributes.deleteHorizon) !== 0
  }

  /** Whether `decompressBatch` must run before `records`. */
  get needsDecompression(): boolean {
    return this.payload === undefined
  }

  /** The records as they lie in the batch, compressed where it is. */
  get compressedRecords(): Uint8Array {
    if (this.legacy === undefined) return this.bytes.subarray(batchLayout.records)
    const { content } = this.legacy
    return content instanceof Uint8Array ? content : content.bytes
  }

  /**
   * Takes the records in plain form; `decompressBatch` calls it. Throws a ProtocolError `CORRUPT_BATCH` or `MALFORMED`
   * where they are messages of an old format that cannot be read.
   */
  acceptDecompressed(records: Uint8Array): void {
    const plain = new Uint8Array(records.buffer, records.byteOffset, records.length)
    if (this.legacy === undefined) {
      this.payload = plain
      return
    }
    const read = readWrappedSet(plain, this.legacy)
    this.header = legacyHeader(this.legacy, read)
    this.payload = read.bytes
  }

  /**
   * Finds the records, on the first call. Throws a ProtocolError: `MALFORMED` or `TRAILING_BYTES` when they do not fit
   * their batch, `UNSUPPORTED_COMPRESSION` when they are still compressed.
   */
  records(): RecordView {
    if (this.view !== undefined) return this.view
    if (this.payload === undefined) {
      const codec = this.compression ?? `codec ${this.compressionId}`
      const message = `The records are compressed with ${codec}: wait for decompressBatch(batch, ...) before records()`
      throw new ProtocolError('UNSUPPORTED_COMPRESSION', message)
    }
    const index = indexRecords(this.payload, this.recordCount, this.lastOffsetDelta)
    const { baseOffset, baseTimestamp, maxTimestamp } = this.header
    const logAppendTime = this.timestampType === 'logAppendTime' ? maxTimestamp : undefined
    this.view = new RecordView({ baseOffset, baseTimestamp, logAppendTime }, index)
    return this.view
  }

  /** Record `i` of the batch, as `records().record(i)`. */
  recordAt(i: number): KafkaRecord {
    return this.records().record(i)
  }
}

function readHeader(view: DataView): BatchHeader {
  return {
    magic: 2,
    baseOffset: view.getBigInt64(batchLayout.baseOffset),
    partitionLeaderEpoch: view.getInt32(batchLayout.partitionLeaderEpoch),
    attributes: view.getInt16(batchLayout.attributes),
    lastOffsetDelta: view.getInt32(batchLayout.lastOffsetDelta),
    baseTimestamp: view.getBigInt64(batchLayout.baseTimestamp),
    maxTimestamp: view.getBigInt64(batchLayout.maxTimestamp),
    producerId: view.getBigInt64(batchLayout.producerId),
    producerEpoch: view.getInt16(batchLayout.producerEpoch),
    baseSequence: view.getInt32(batchLayout.baseSequence),
    recordCount: view.getInt32(batchLayout.recordCount)
  }
}

// Of a wrapper whose records are not known yet, only the last offset is.
function legacyHeader(set: LegacySet, records: LegacyRecords | undefined): BatchHeader {
  const baseOffset = records?.baseOffset ?? set.lastOffset
  const lastOffset = records !== undefined && records.lastOffset > set.lastOffset ? records.lastOffset : set.lastOffset
  return {
    magic: set.magic,
    baseOffset,
    partitionLeaderEpoch: -1,
    attributes: set.attributes,
    lastOffsetDelta: Number(lastOffset - baseOffset),
    baseTimestamp: records?.baseTimestamp ?? set.maxTimestamp,
    maxTimestamp: set.maxTimestamp,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount: records?.count ?? 0
  }
}

/**
 * The size in bytes of the batch at `at`, of the first message in formats 0 and 1; undefined when it does not end within
 * the bytes. Throws a ProtocolError when the size is impossible or the format is an unknown one.
 */
function batchSizeAt(bytes: Uint8Array, at: number): number | undefined {
  const left = bytes.length - at
  if (left <= batchLayout.magic) return undefined
  const magic = bytes[at + batchLayout.magic]!
  if (magic < 2) {
    const end = legacyMessageEnd(bytes, at)
    return end === undefined ? undefined : end - at
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset + at, batchLayout.magic)
  if (magic > 2) {
    const where = `The records at offset ${header.getBigInt64(batchLayout.baseOffset)}`
    throw new ProtocolError('UNSUPPORTED_VERSION', `${where} are in the unknown format ${magic}`, { offset: at })
  }
  const size = header.getInt32(batchLayout.batchLength) + batchLayout.partitionLeaderEpoch
  if (size < batchLayout.records) {
    throw new ProtocolError('MALFORMED', `A record batch claims a size of ${size} bytes, less than its header has`, {
      offset: at
    })
  }
  return size > left ? undefined : size
}

/** Iterates over the batches of a fetch response; `truncatedBytes` tells, at the end, what was left over. */
export class RecordBatches implements IterableIterator<RecordBatch> {
  private readonly bytes: Uint8Array
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** How many bytes have not been read. After the last batch: the size of a batch that was cut off, usually 0. */
  get truncatedBytes(): number {
    return this.bytes.length - this.at
  }

  next(): IteratorResult<RecordBatch, undefined> {
    if (batchSizeAt(this.bytes, this.at) === undefined) return { done: true, value: undefined }
    const value = RecordBatch.parse(this.bytes, this.at)
    this.at += value.sizeInBytes
    return { done: false, value }
  }

  [Symbol.iterator](): this {
    return this
  }
}

/**
 * Splits the records of a partition in a fetch response, or in a produce request, into batches. A broker may cut the
 * last batch off: it is not an error and not delivered. Each batch is checked when the iteration reaches it, so that
 * the ones before a damaged batch can still be used; the errors are those of `RecordBatch.parse`.
 */
export function splitRecordBatches(records: Uint8Array | null): RecordBatches {
  return new RecordBatches(records ?? new Uint8Array(0))
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
