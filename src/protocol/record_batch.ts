// Owns the reading of record batches of format 2, the only one since Kafka 0.11: the 61 bytes in front of the records,
// their checks, and the splitting of a fetch response into batches. The checksum is verified always, and nothing is
// allocated for a count or a length before it is known to fit. KIP-98, KIP-32 (timestamps), KIP-534 (delete horizon).
// Source: org.apache.kafka.common.record.internal.DefaultRecordBatch.

import type { CompressionName } from './compression/codec.ts'
import { compressionNames } from './compression/codec.ts'
import { crc32c } from './crc32c.ts'
import { ProtocolError } from './protocol_error.ts'
import { indexRecords, RecordView } from './record_view.ts'
import type { KafkaRecord } from './record_view.ts'

export { KafkaRecord, RecordView } from './record_view.ts'
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

/** Who gave the records their timestamps. */
export type TimestampType = 'createTime' | 'logAppendTime'

/** One record batch. Its header is read and its checksum verified; its records are found when `records` is called. */
export class RecordBatch {
  /** The whole batch; a view of what it was parsed from. */
  readonly bytes: Uint8Array
  /** The offset of the first record the batch was written with, which compaction may since have removed. */
  readonly baseOffset: bigint
  readonly partitionLeaderEpoch: number
  /** The raw attribute bits; see `batchAttributes`. */
  readonly attributes: number
  readonly lastOffsetDelta: number
  /** Milliseconds since 1970 to which the records' timestamps are relative; the delete horizon where there is one. */
  readonly baseTimestamp: number
  /** The highest timestamp of the batch, in milliseconds since 1970, or the broker's with log append time. */
  readonly maxTimestamp: number
  /** -1n where no producer id was used. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  private payload: Uint8Array | undefined
  private view: RecordView | undefined

  private constructor(bytes: Uint8Array, header: DataView) {
    this.bytes = bytes
    this.baseOffset = header.getBigInt64(batchLayout.baseOffset)
    this.partitionLeaderEpoch = header.getInt32(batchLayout.partitionLeaderEpoch)
    this.attributes = header.getInt16(batchLayout.attributes)
    this.lastOffsetDelta = header.getInt32(batchLayout.lastOffsetDelta)
    this.baseTimestamp = int64AsNumber(header, batchLayout.baseTimestamp)
    this.maxTimestamp = int64AsNumber(header, batchLayout.maxTimestamp)
    this.producerId = header.getBigInt64(batchLayout.producerId)
    this.producerEpoch = header.getInt16(batchLayout.producerEpoch)
    this.baseSequence = header.getInt32(batchLayout.baseSequence)
    this.recordCount = header.getInt32(batchLayout.recordCount)
    this.payload = this.compressionId === 0 ? bytes.subarray(batchLayout.records) : undefined
    this.view = undefined
  }

  /**
   * Reads the batch that begins at `at`; bytes after it are left alone. Throws a ProtocolError: `TRUNCATED` when it
   * does not end within the bytes, `UNSUPPORTED_VERSION` for formats 0 and 1, `CORRUPT_BATCH` for a wrong checksum,
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
    // A plain array also where Node hands out a Buffer, so that the code below sees one kind only.
    const own = new Uint8Array(bytes.buffer, bytes.byteOffset + at, size)
    const header = new DataView(own.buffer, own.byteOffset, batchLayout.records)
    const claimed = header.getUint32(batchLayout.crc)
    const computed = crc32c(own.subarray(batchLayout.attributes))
    if (claimed !== computed) {
      const which = `The record batch at base offset ${header.getBigInt64(batchLayout.baseOffset)}`
      throw new ProtocolError(
        'CORRUPT_BATCH',
        `${which} was damaged: its checksum is ${hex(computed)}, not ${hex(claimed)}. Fetch it again`,
        { offset: at }
      )
    }
    const batch = new RecordBatch(own, header)
    if (batch.recordCount < 0 || batch.lastOffsetDelta < 0 || batch.recordCount - 1 > batch.lastOffsetDelta) {
      const counts = `${batch.recordCount} records up to offset ${batch.baseOffset} + ${batch.lastOffsetDelta}`
      throw new ProtocolError('MALFORMED', `A record batch claims to have ${counts}`, { offset: at })
    }
    return batch
  }

  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta)
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
    return this.bytes.subarray(batchLayout.records)
  }

  /** Takes the records in plain form; `decompressBatch` calls it. */
  acceptDecompressed(records: Uint8Array): void {
    this.payload = new Uint8Array(records.buffer, records.byteOffset, records.length)
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
    const { baseOffset, baseTimestamp } = this
    const logAppendTime = this.timestampType === 'logAppendTime' ? this.maxTimestamp : undefined
    this.view = new RecordView({ baseOffset, baseTimestamp, logAppendTime }, index)
    return this.view
  }

  /** Record `i` of the batch, as `records().record(i)`. */
  recordAt(i: number): KafkaRecord {
    return this.records().record(i)
  }
}

/**
 * The size in bytes of the batch at `at`, undefined when it does not end within the bytes. Throws a ProtocolError when
 * the size is impossible or the format is an old one.
 */
function batchSizeAt(bytes: Uint8Array, at: number): number | undefined {
  const left = bytes.length - at
  if (left <= batchLayout.magic) return undefined
  const header = new DataView(bytes.buffer, bytes.byteOffset + at, batchLayout.magic)
  const size = header.getInt32(batchLayout.batchLength) + batchLayout.partitionLeaderEpoch
  const magic = bytes[at + batchLayout.magic]!
  if (magic !== 2) {
    const baseOffset = header.getBigInt64(batchLayout.baseOffset)
    const reason =
      magic < 2
        ? `in the message format ${magic} of Kafka before 0.11, which is not read here: let the broker convert them`
        : `in the unknown format ${magic}`
    throw new ProtocolError('UNSUPPORTED_VERSION', `The records at offset ${baseOffset} are ${reason}`, { offset: at })
  }
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

function int64AsNumber(view: DataView, at: number): number {
  return view.getInt32(at) * 0x100000000 + view.getUint32(at + 4)
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
