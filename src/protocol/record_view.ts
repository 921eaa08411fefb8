// Owns the records inside one batch: finds where each begins and ends, once and with every check, and makes keys,
// values and headers only when they are asked for. This is the hottest reading path, so it is plain code over positions
// and makes no object per record, only an index of up to 20 bytes for each, which has seven at least. A view pins the bytes
// it came from; `copy` lets go of them. KIP-98, KIP-82 (headers).
// Source: org.apache.kafka.common.record.internal.DefaultRecord.

import { headerKey } from './header_key.ts'
import { ProtocolError } from './protocol_error.ts'
import { readVarint, readVarintRest, readVarlong, readVarlongExact, skipVarlongRest, varintEnd } from './varint.ts'

/** One header of a record: its key and its value in bytes. Keys may repeat; the order is the producer's. */
export type RecordHeader = readonly [key: string, value: Uint8Array | null]

// What the index stores of each record, in this order. It is written for every record and mostly little of it is used,
// so that it has no more than finds everything: headers stand where the value ends.
const slotsShift = 2
/** Where the timestamp stands, counted from the batch's. */
const timestampSlot = 0
/** Where the length of the key stands, the first of what `rawTail` answers. */
const keySlot = 1
/** Where the value begins; most ask for nothing else, so that it and its length are not read again. */
const valueSlot = 2
/** How many bytes the value has; -1 for null. */
const valueLengthSlot = 3

/** The smallest record: its length, attributes, two deltas, a null key, a null value and no headers. */
export const recordBytesMin = 7

/** The most headers of one record that are made. Each has as few as two bytes, and takes up to 200 as values. */
export const headersMax = 1_000_000

/** Positions of all records of a batch; made by `indexRecords`. */
export interface RecordIndex {
  readonly bytes: Uint8Array
  readonly count: number
  readonly slots: Int32Array
  /** Offsets counted from the base offset; undefined where they are 0, 1, 2 and so on, as they are before compaction. */
  readonly offsetDeltas: Int32Array | undefined
}

/** What the records of a batch have in common. */
export interface RecordBase {
  readonly baseOffset: bigint
  /** Milliseconds since 1970 to which the timestamp deltas are added. */
  readonly baseTimestamp: bigint
  /** The broker's time for all records, when the topic uses log append time. */
  readonly logAppendTime: bigint | undefined
}

function malformed(what: string, record: number, offset: number): never {
  throw new ProtocolError('MALFORMED', `Record ${record} of its batch cannot be read: ${what}`, { offset })
}

/**
 * Finds all `count` records in `bytes`. Throws a ProtocolError `MALFORMED` when a length does not fit, when offsets do
 * not ascend or exceed `lastOffsetDelta`, or when the last record does not end with the bytes.
 */
export function indexRecords(bytes: Uint8Array, count: number, lastOffsetDelta: number): RecordIndex {
  if (count * recordBytesMin > bytes.length) {
    throw new ProtocolError('MALFORMED', `A batch of ${bytes.length} bytes cannot hold the ${count} records it claims`)
  }
  const slots = new Int32Array(count << slotsShift)
  const limit = bytes.length
  let offsetDeltas: Int32Array | undefined
  let previousDelta = -1
  let start = 0
  // A byte beyond the end reads as undefined, which counts as zero here and is noticed with the next length. Numbers of
  // one and two bytes are read in place: a call for each would take longer than all the rest.
  for (let i = 0, slot = 0; i < count; i++, slot += 1 << slotsShift) {
    let at = start
    let raw = bytes[at++]!
    if (raw > 0x7f) {
      const second = bytes[at]!
      if (second < 0x80) {
        raw = (raw & 0x7f) | (second << 7)
        at++
      } else {
        raw = readVarintRest(bytes, at, limit, raw)
        at = varintEnd
      }
    }
    const length = (raw >>> 1) ^ -(raw & 1)
    if (length < recordBytesMin - 1 || length > limit - at) malformed(`its length is ${length} bytes`, i, at)
    const end = at + length

    slots[slot + timestampSlot] = ++at
    if (bytes[at++]! > 0x7f && bytes[at++]! > 0x7f) at = skipVarlongRest(bytes, at, end)

    raw = bytes[at++]!
    if (raw > 0x7f) {
      const second = bytes[at]!
      if (second < 0x80) {
        raw = (raw & 0x7f) | (second << 7)
        at++
      } else {
        raw = readVarintRest(bytes, at, end, raw)
        at = varintEnd
      }
    }
    const offsetDelta = (raw >>> 1) ^ -(raw & 1)
    if (offsetDelta <= previousDelta || offsetDelta > lastOffsetDelta) malformed('its offset is out of order', i, at)
    previousDelta = offsetDelta
    if (offsetDelta !== i) offsetDeltas ??= countedTo(i, count)
    if (offsetDeltas !== undefined) offsetDeltas[i] = offsetDelta
    indexTail(bytes, at, end, i, slots, slot)
    start = end
  }
  if (start !== limit) {
    const message = `${limit - start} bytes are left after the last of the ${count} records of a batch`
    throw new ProtocolError('TRAILING_BYTES', message, { offset: start })
  }
  return { bytes, count, slots, offsetDeltas }
}

// The first record that is not where counting would put it makes a list necessary.
function countedTo(end: number, count: number): Int32Array {
  const counted = new Int32Array(count)
  for (let i = 0; i < end; i++) counted[i] = i
  return counted
}

// Key, value and headers of one record, which must end exactly at `end`.
function indexTail(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: number,
  slots: Int32Array,
  slot: number
): void {
  slots[slot + keySlot] = start
  let at = start
  let raw = bytes[at++]!
  if (raw > 0x7f) {
    const second = bytes[at]!
    if (second < 0x80) {
      raw = (raw & 0x7f) | (second << 7)
      at++
    } else {
      raw = readVarintRest(bytes, at, end, raw)
      at = varintEnd
    }
  }
  const keyLength = (raw >>> 1) ^ -(raw & 1)
  if (keyLength > 0) at += keyLength
  if (keyLength < -1 || at >= end) malformed(`its key has ${keyLength} bytes`, record, at)

  raw = bytes[at++]!
  if (raw > 0x7f) {
    const second = bytes[at]!
    if (second < 0x80) {
      raw = (raw & 0x7f) | (second << 7)
      at++
    } else {
      raw = readVarintRest(bytes, at, end, raw)
      at = varintEnd
    }
  }
  const valueLength = (raw >>> 1) ^ -(raw & 1)
  slots[slot + valueSlot] = at
  slots[slot + valueLengthSlot] = valueLength
  if (valueLength > 0) at += valueLength
  if (valueLength < -1 || at >= end) malformed(`its value has ${valueLength} bytes`, record, at)

  if (bytes[at] === 0) at++
  else at = skipHeaders(bytes, at, end, record)
  if (at !== end) malformed(`it ends ${end - at} bytes before its length says`, record, at)
}

function skipHeaders(bytes: Uint8Array, start: number, end: number, record: number): number {
  const count = readVarint(bytes, start, end)
  let at = varintEnd
  // A header has at least two bytes, so that a false count ends here and not after four thousand million rounds.
  if (count < 0 || count * 2 > end - at) malformed(`it claims ${count} headers`, record, at)
  for (let i = 0; i < count; i++) {
    let raw = bytes[at++]!
    if (raw > 0x7f) {
      raw = readVarintRest(bytes, at, end, raw)
      at = varintEnd
    }
    const keyLength = (raw >>> 1) ^ -(raw & 1)
    at += keyLength
    if (keyLength < 0 || at >= end) malformed(`a header key has ${keyLength} bytes`, record, at)
    raw = bytes[at++]!
    if (raw > 0x7f) {
      raw = readVarintRest(bytes, at, end, raw)
      at = varintEnd
    }
    const valueLength = (raw >>> 1) ^ -(raw & 1)
    if (valueLength > 0) at += valueLength
    if (valueLength < -1 || at > end) malformed(`a header value has ${valueLength} bytes`, record, at)
  }
  return at
}

const noHeaders: readonly RecordHeader[] = Object.freeze([])

// Where an offset is put together from its halves, as Java adds: beyond the last int64 it goes on from the first. To add
// bigints takes much longer on Node 24.
const offsetWords = new Int32Array(2)
const offsetValue = new BigInt64Array(offsetWords.buffer)
offsetValue[0] = 1n
const lowWord = offsetWords[0] === 1 ? 0 : 1

/** The records of one batch by their number in it, 0 <= i < `count`. A number outside throws a RangeError. */
export class RecordView {
  /** How many records there are. */
  readonly count: number
  /** What all positions count in: the records in plain form, without the header of the batch. */
  readonly bytes: Uint8Array
  private readonly baseOffset: bigint
  private readonly baseOffsetLow: number
  private readonly baseOffsetHigh: number
  /** The broker's time where it counts for all records, else what their deltas are added to. */
  private readonly exactBase: bigint
  private readonly hasAppendTime: boolean
  /** The nearest number to `exactBase`. */
  private readonly baseTimestamp: number
  /** Whether a delta can be added to that number. */
  private readonly isBaseExact: boolean
  private readonly slots: Int32Array
  private readonly offsetDeltas: Int32Array | undefined
  private readonly buffer: ArrayBufferLike
  private readonly byteOffset: number
  /** Made when headers are first read. */
  private words: DataView | undefined

  constructor(base: RecordBase, index: RecordIndex) {
    this.count = index.count
    this.bytes = index.bytes
    this.baseOffset = base.baseOffset
    this.baseOffsetLow = Number(BigInt.asUintN(32, base.baseOffset))
    this.baseOffsetHigh = Number(base.baseOffset >> 32n)
    this.hasAppendTime = base.logAppendTime !== undefined
    this.exactBase = base.logAppendTime ?? base.baseTimestamp
    this.baseTimestamp = Number(this.exactBase)
    this.isBaseExact = !this.hasAppendTime && Number.isSafeInteger(this.baseTimestamp)
    this.slots = index.slots
    this.offsetDeltas = index.offsetDeltas
    this.buffer = index.bytes.buffer
    this.byteOffset = index.bytes.byteOffset
    this.words = undefined
  }

  /** The key as a view of the batch's bytes, or null. */
  key(i: number): Uint8Array | null {
    return this.partAt(this.slots[this.slotOf(i) + keySlot]!)
  }

  /** The value as a view of the batch's bytes, or null for a tombstone. */
  value(i: number): Uint8Array | null {
    const slot = this.slotOf(i)
    const length = this.slots[slot + valueLengthSlot]!
    // Much faster than `subarray`, which asks the array for its species.
    return length < 0 ? null : new Uint8Array(this.buffer, this.byteOffset + this.slots[slot + valueSlot]!, length)
  }

  /**
   * Where the value begins in `bytes`. With `valueLength` this reaches a value without making an object for it, which takes
   * longer than to find it.
   */
  valueStart(i: number): number {
    return this.slots[this.slotOf(i) + valueSlot]!
  }

  /** How many bytes the value has; -1 for null. */
  valueLength(i: number): number {
    return this.slots[this.slotOf(i) + valueLengthSlot]!
  }

  /** Where the key begins in `bytes`; of no meaning where it is null. */
  keyStart(i: number): number {
    this.keyLength(i)
    return varintEnd
  }

  /** How many bytes the key has; -1 for null. */
  keyLength(i: number): number {
    const { bytes } = this
    return readVarint(bytes, this.slots[this.slotOf(i) + keySlot]!, bytes.length)
  }

  /**
   * The headers, read anew on each call; their values are views of the batch's bytes. Throws a ProtocolError
   * `BATCH_TOO_LARGE` where there are more than `headersMax`; `rawTail` has them all the same.
   */
  headers(i: number): readonly RecordHeader[] {
    const { bytes } = this
    let at = this.headersAt(this.slotOf(i))
    if (bytes[at] === 0) return noHeaders
    // Indexing has walked the same bytes, so nothing can be missing here.
    const end = bytes.length
    const count = readVarint(bytes, at, end)
    if (count > headersMax) {
      throw new ProtocolError(
        'BATCH_TOO_LARGE',
        `Record ${i} of its batch has ${count} headers, not up to ${headersMax}`
      )
    }
    at = varintEnd
    const words = (this.words ??= new DataView(this.buffer, this.byteOffset, end))
    // oxlint-disable-next-line unicorn/no-new-array -- a list that grows takes room for sixteen with its first element
    const headers = new Array<RecordHeader>(count)
    for (let h = 0; h < count; h++) {
      let raw = bytes[at++]!
      if (raw > 0x7f) {
        raw = readVarintRest(bytes, at, end, raw)
        at = varintEnd
      }
      const keyEnd = at + (raw >>> 1)
      const key = headerKey(words, at, keyEnd)
      at = keyEnd
      raw = bytes[at++]!
      if (raw > 0x7f) {
        raw = readVarintRest(bytes, at, end, raw)
        at = varintEnd
      }
      const length = raw >>> 1
      if ((raw & 1) === 1) headers[h] = [key, null]
      else {
        headers[h] = [key, new Uint8Array(this.buffer, this.byteOffset + at, length)]
        at += length
      }
    }
    return headers
  }

  /** The offset in the partition. */
  offset(i: number): bigint {
    const low = this.baseOffsetLow + this.offsetDelta(i)
    offsetWords[lowWord] = low
    offsetWords[1 - lowWord] = this.baseOffsetHigh + (low > 0xffffffff ? 1 : 0)
    return offsetValue[0]!
  }

  /** The offset, counted from the batch's base offset. */
  offsetDelta(i: number): number {
    this.slotOf(i)
    return this.offsetDeltas === undefined ? i : this.offsetDeltas[i]!
  }

  /** Milliseconds since 1970; -1 where the producer gave none. Beyond 2^53 the nearest number to `exactTimestamp`. */
  timestamp(i: number): number {
    const at = this.slots[this.slotOf(i) + timestampSlot]!
    const { bytes } = this
    let raw = bytes[at]!
    if (raw > 0x7f) {
      const second = bytes[at + 1]!
      if (second > 0x7f) return this.farTimestamp(at)
      raw = (raw & 0x7f) | (second << 7)
    }
    if (!this.isBaseExact) return this.farTimestamp(at)
    return this.baseTimestamp + ((raw >>> 1) ^ -(raw & 1))
  }

  /** As `timestamp`, exact also where a number is not: any int64, added as Java adds. */
  exactTimestamp(i: number): bigint {
    return this.exactTimestampAt(this.slots[this.slotOf(i) + timestampSlot]!)
  }

  /** Key, value and headers in the record's own encoding, to be written again without decoding them. */
  rawTail(i: number): Uint8Array {
    return this.bytes.subarray(this.slots[this.slotOf(i) + keySlot], this.endOf(i))
  }

  /** One record as an object that reads from this view. */
  record(i: number): KafkaRecord {
    this.slotOf(i)
    return new KafkaRecord(this, i)
  }

  /** A view of record `i` alone over its own copy of the bytes. */
  copy(i: number): RecordView {
    const slot = this.slotOf(i)
    const start = this.slots[slot + timestampSlot]!
    const slots = this.slots.slice(slot, slot + (1 << slotsShift))
    for (const position of [timestampSlot, keySlot, valueSlot]) slots[position]! -= start
    const bytes = this.bytes.slice(start, this.endOf(i))
    const { baseOffset, exactBase } = this
    const index = { bytes, count: 1, slots, offsetDeltas: Int32Array.of(this.offsetDelta(i)) }
    const logAppendTime = this.hasAppendTime ? exactBase : undefined
    return new RecordView({ baseOffset, baseTimestamp: exactBase, logAppendTime }, index)
  }

  *[Symbol.iterator](): IterableIterator<KafkaRecord> {
    for (let i = 0; i < this.count; i++) yield new KafkaRecord(this, i)
  }

  // The part of a record whose length stands at `at`; null where that is negative.
  private partAt(at: number): Uint8Array | null {
    const { bytes } = this
    let start = at + 1
    let raw = bytes[at]!
    if (raw > 0x7f) {
      const second = bytes[start]!
      if (second < 0x80) {
        raw = (raw & 0x7f) | (second << 7)
        start++
      } else {
        raw = readVarintRest(bytes, start, bytes.length, raw)
        start = varintEnd
      }
    }
    return (raw & 1) === 1 ? null : new Uint8Array(this.buffer, this.byteOffset + start, raw >>> 1)
  }

  private headersAt(slot: number): number {
    const length = this.slots[slot + valueLengthSlot]!
    const at = this.slots[slot + valueSlot]!
    return length > 0 ? at + length : at
  }

  // A timestamp that is more than one addition of numbers.
  private farTimestamp(at: number): number {
    if (this.hasAppendTime) return this.baseTimestamp
    if (this.isBaseExact) {
      const delta = readVarlong(this.bytes, at, this.bytes.length)
      if (Number.isSafeInteger(delta)) return this.baseTimestamp + delta
    }
    return Number(this.exactTimestampAt(at))
  }

  private exactTimestampAt(at: number): bigint {
    if (this.hasAppendTime) return this.exactBase
    return BigInt.asIntN(64, this.exactBase + readVarlongExact(this.bytes, at, this.bytes.length))
  }

  private endOf(i: number): number {
    const at = this.headersAt(this.slotOf(i))
    return this.bytes[at] === 0 ? at + 1 : skipHeaders(this.bytes, at, this.bytes.length, i)
  }

  private slotOf(i: number): number {
    if (!(i >= 0 && i < this.count)) throw new RangeError(`Record ${i} of a batch of ${this.count} was asked for`)
    return i << slotsShift
  }
}

/**
 * One record. Each getter reads from the bytes of the fetch response, which stay in memory as long as the record does;
 * keep a `copy()` of a record that must live long.
 */
export class KafkaRecord {
  private readonly view: RecordView
  private readonly i: number

  constructor(view: RecordView, i: number) {
    this.view = view
    this.i = i
  }

  get key(): Uint8Array | null {
    return this.view.key(this.i)
  }

  /** Null for a tombstone. */
  get value(): Uint8Array | null {
    return this.view.value(this.i)
  }

  /** Read anew on each access. */
  get headers(): readonly RecordHeader[] {
    return this.view.headers(this.i)
  }

  get offset(): bigint {
    return this.view.offset(this.i)
  }

  /** Milliseconds since 1970. */
  get timestamp(): number {
    return this.view.timestamp(this.i)
  }

  /** The same, exact also beyond 2^53. */
  get exactTimestamp(): bigint {
    return this.view.exactTimestamp(this.i)
  }

  /** The same record over its own memory. */
  copy(): KafkaRecord {
    return new KafkaRecord(this.view.copy(this.i), 0)
  }
}
