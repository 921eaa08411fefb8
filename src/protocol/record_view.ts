// Owns the records inside one batch: finds where each begins and ends, once and with every check, and makes keys,
// values and headers only when they are asked for. This is the hottest reading path, so it is plain code over positions
// and makes no object per record. A view pins the bytes it came from; `copy` lets go of them. KIP-98, KIP-82 (headers).
// Source: org.apache.kafka.common.record.internal.DefaultRecord.

import { ProtocolError } from './protocol_error.ts'
import { readVarint, readVarintRest, readVarlong, varintEnd } from './varint.ts'

/** One header of a record: its key and its value in bytes. Keys may repeat; the order is the producer's. */
export type RecordHeader = readonly [key: string, value: Uint8Array | null]

// What the index stores of each record, in this order.
const slotsShift = 3
const offsetDeltaSlot = 0
const timestampDeltaSlot = 1
const tailStartSlot = 2
const keyStartSlot = 3
const keyLengthSlot = 4
const valueStartSlot = 5
const valueLengthSlot = 6
const endSlot = 7

/** The smallest record: its length, attributes, two deltas, a null key, a null value and no headers. */
export const recordBytesMin = 7

/** Marks a timestamp delta that needs more than 32 bits and therefore stands in `wideDeltas`. */
const wideDelta = -0x80000000

/** Positions of all records of a batch; made by `indexRecords`. */
export interface RecordIndex {
  readonly bytes: Uint8Array
  readonly count: number
  readonly slots: Int32Array
  readonly wideDeltas: ReadonlyMap<number, number> | undefined
}

/** What the records of a batch have in common. */
export interface RecordBase {
  readonly baseOffset: bigint
  /** Milliseconds since 1970 to which the timestamp deltas are added. */
  readonly baseTimestamp: number
  /** The broker's time for all records, when the topic uses log append time. */
  readonly logAppendTime: number | undefined
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
  let wideDeltas: Map<number, number> | undefined
  let previousDelta = -1
  let at = 0
  // A byte beyond the end reads as undefined, which counts as zero here and is noticed with the next length.
  for (let i = 0, slot = 0; i < count; i++, slot += 8) {
    let raw = bytes[at++]!
    if (raw > 0x7f) {
      raw = readVarintRest(bytes, at, limit, raw)
      at = varintEnd
    }
    const length = (raw >>> 1) ^ -(raw & 1)
    if (length < recordBytesMin - 1 || length > limit - at) malformed(`its length is ${length} bytes`, i, at)
    const end = at + length

    raw = bytes[++at]!
    at++
    let timestampDelta = (raw >>> 1) ^ -(raw & 1)
    if (raw > 0x7f) {
      timestampDelta = readVarlong(bytes, at - 1, end)
      at = varintEnd
      if (timestampDelta !== timestampDelta >> 0 || timestampDelta === wideDelta) {
        wideDeltas ??= new Map()
        wideDeltas.set(i, timestampDelta)
        timestampDelta = wideDelta
      }
    }
    raw = bytes[at++]!
    if (raw > 0x7f) {
      raw = readVarintRest(bytes, at, end, raw)
      at = varintEnd
    }
    const offsetDelta = (raw >>> 1) ^ -(raw & 1)
    if (offsetDelta <= previousDelta || offsetDelta > lastOffsetDelta) malformed('its offset is out of order', i, at)
    previousDelta = offsetDelta
    slots[slot + offsetDeltaSlot] = offsetDelta
    slots[slot + timestampDeltaSlot] = timestampDelta
    slots[slot + tailStartSlot] = at
    at = indexTail(bytes, at, end, i, slots, slot)
  }
  if (at !== limit) {
    const message = `${limit - at} bytes are left after the last of the ${count} records of a batch`
    throw new ProtocolError('TRAILING_BYTES', message, { offset: at })
  }
  return { bytes, count, slots, wideDeltas }
}

// Key, value and headers of one record, which must end exactly at `end`.
function indexTail(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: number,
  slots: Int32Array,
  slot: number
): number {
  let at = start
  let raw = bytes[at++]!
  if (raw > 0x7f) {
    raw = readVarintRest(bytes, at, end, raw)
    at = varintEnd
  }
  const keyLength = (raw >>> 1) ^ -(raw & 1)
  slots[slot + keyStartSlot] = at
  slots[slot + keyLengthSlot] = keyLength
  if (keyLength > 0) at += keyLength
  if (keyLength < -1 || at >= end) malformed(`its key has ${keyLength} bytes`, record, at)

  raw = bytes[at++]!
  if (raw > 0x7f) {
    raw = readVarintRest(bytes, at, end, raw)
    at = varintEnd
  }
  const valueLength = (raw >>> 1) ^ -(raw & 1)
  slots[slot + valueStartSlot] = at
  slots[slot + valueLengthSlot] = valueLength
  if (valueLength > 0) at += valueLength
  if (valueLength < -1 || at >= end) malformed(`its value has ${valueLength} bytes`, record, at)

  if (bytes[at] === 0) at++
  else at = skipHeaders(bytes, at, end, record)
  if (at !== end) malformed(`it ends ${end - at} bytes before its length says`, record, at)
  slots[slot + endSlot] = end
  return end
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

/** The records of one batch by their number in it, 0 <= i < `count`. A number outside throws a RangeError. */
export class RecordView {
  /** How many records there are. */
  readonly count: number
  private readonly base: RecordBase
  private readonly index: RecordIndex
  private readonly bytes: Uint8Array
  private readonly slots: Int32Array

  constructor(base: RecordBase, index: RecordIndex) {
    this.count = index.count
    this.base = base
    this.index = index
    this.bytes = index.bytes
    this.slots = index.slots
  }

  /** The key as a view of the batch's bytes, or null. */
  key(i: number): Uint8Array | null {
    const slot = this.slotOf(i)
    const length = this.slots[slot + keyLengthSlot]!
    if (length < 0) return null
    const start = this.slots[slot + keyStartSlot]!
    return this.bytes.subarray(start, start + length)
  }

  /** The value as a view of the batch's bytes, or null for a tombstone. */
  value(i: number): Uint8Array | null {
    const slot = this.slotOf(i)
    const length = this.slots[slot + valueLengthSlot]!
    if (length < 0) return null
    const start = this.slots[slot + valueStartSlot]!
    return this.bytes.subarray(start, start + length)
  }

  /** The headers, read anew on each call; their values are views of the batch's bytes. */
  headers(i: number): RecordHeader[] {
    const slot = this.slotOf(i)
    const { bytes } = this
    const end = this.slots[slot + endSlot]!
    const valueLength = this.slots[slot + valueLengthSlot]!
    const start = this.slots[slot + valueStartSlot]! + (valueLength > 0 ? valueLength : 0)
    const headers: RecordHeader[] = []
    // Indexing has walked the same bytes, so nothing can be missing here.
    const count = readVarint(bytes, start, end)
    let at = varintEnd
    for (let h = 0; h < count; h++) {
      const keyLength = readVarint(bytes, at, end)
      const keyStart = varintEnd
      const length = readVarint(bytes, keyStart + keyLength, end)
      const valueStart = varintEnd
      at = valueStart + (length > 0 ? length : 0)
      const key = headerKey(bytes, keyStart, keyStart + keyLength)
      headers.push([key, length < 0 ? null : bytes.subarray(valueStart, at)])
    }
    return headers
  }

  /** The offset in the partition. */
  offset(i: number): bigint {
    return this.base.baseOffset + BigInt(this.offsetDelta(i))
  }

  /** The offset, counted from the batch's base offset. */
  offsetDelta(i: number): number {
    return this.slots[this.slotOf(i) + offsetDeltaSlot]!
  }

  /** Milliseconds since 1970; -1 where the producer gave none. */
  timestamp(i: number): number {
    const slot = this.slotOf(i)
    if (this.base.logAppendTime !== undefined) return this.base.logAppendTime
    const delta = this.slots[slot + timestampDeltaSlot]!
    if (delta !== wideDelta) return this.base.baseTimestamp + delta
    return this.base.baseTimestamp + this.index.wideDeltas!.get(i)!
  }

  /** Key, value and headers in the record's own encoding, to be written again without decoding them. */
  rawTail(i: number): Uint8Array {
    const slot = this.slotOf(i)
    return this.bytes.subarray(this.slots[slot + tailStartSlot], this.slots[slot + endSlot])
  }

  /** One record as an object that reads from this view. */
  record(i: number): KafkaRecord {
    this.slotOf(i)
    return new KafkaRecord(this, i)
  }

  /** A view of record `i` alone over its own copy of the bytes. */
  copy(i: number): RecordView {
    const slot = this.slotOf(i)
    const start = this.slots[slot + tailStartSlot]!
    const slots = this.slots.slice(slot, slot + (1 << slotsShift))
    for (const position of [tailStartSlot, keyStartSlot, valueStartSlot, endSlot]) slots[position]! -= start
    const wide = this.index.wideDeltas?.get(i)
    const wideDeltas = wide === undefined ? undefined : new Map([[0, wide]])
    return new RecordView(this.base, { bytes: new Uint8Array(this.rawTail(i)), count: 1, slots, wideDeltas })
  }

  *[Symbol.iterator](): IterableIterator<KafkaRecord> {
    for (let i = 0; i < this.count; i++) yield new KafkaRecord(this, i)
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
  get headers(): RecordHeader[] {
    return this.view.headers(this.i)
  }

  get offset(): bigint {
    return this.view.offset(this.i)
  }

  /** Milliseconds since 1970. */
  get timestamp(): number {
    return this.view.timestamp(this.i)
  }

  /** The same record over its own memory. */
  copy(): KafkaRecord {
    return new KafkaRecord(this.view.copy(this.i), 0)
  }
}

// A byte order mark is part of a key like any other character.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** How many header keys are remembered, and how long they may be. */
const knownKeysMax = 64
const knownKeyBytesMax = 64

// The same few keys come with every record of a topic: recognising one is faster than making its string again.
const knownKeys: string[] = Array.from({ length: knownKeysMax }, () => '')

function headerKey(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length === 0 || length > knownKeyBytesMax) return utf8.decode(bytes.subarray(start, end))
  const place = (bytes[start]! + bytes[end - 1]! * 3 + length * 7) % knownKeysMax
  const known = knownKeys[place]!
  if (known.length === length && isSpelled(bytes, start, known)) return known
  const key = utf8.decode(bytes.subarray(start, end))
  knownKeys[place] = key
  return key
}

// Only true for ASCII: any other character has more bytes than units, or a unit that is no byte.
function isSpelled(bytes: Uint8Array, start: number, known: string): boolean {
  for (let i = 0; i < known.length; i++) {
    const unit = known.charCodeAt(i)
    if (unit !== bytes[start + i] || unit > 0x7f) return false
  }
  return true
}
