// Owns the reading of message formats 0 and 1, in which Kafka stored records before 0.11 and in which old topics still
// hold them: sets of messages with a checksum each, and compressed sets inside of one message, the wrapper. What is read
// is written again as records of format 2, so that nothing behind this file has to know. Never writes the old formats.
// KIP-31 (relative offsets), KIP-32 (timestamps).
// Source: org.apache.kafka.common.record.internal.{AbstractLegacyRecordBatch, LegacyRecord}.

import crc32 from 'crc-32'
import { ProtocolError } from './protocol_error.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

/** Positions in a message and what is in front of it, in bytes from the start of its offset (int64). */
export const legacyLayout = Object.freeze({
  offset: 0,
  messageSize: 8,
  crc: 12,
  magic: 16,
  attributes: 17,
  /** Format 1 only. */
  timestamp: 18
} as const)

/** Smallest messages of each format, without offset and size: no key and no value. */
const messageBytesMin = [14, 22] as const

const compressionMask = 0x07
const logAppendTime = 0x08
const zstd = 4
const noTimestamp = -1n

/** Messages that are not compressed are read together up to this many bytes, so that few batches have many records. */
const runBytesMax = 128 * 1024

/** The most that an offset of format 2 can lie behind its base. */
const offsetDeltaMax = 0x7fffffff

/** Messages that can be told as one batch of format 2: a run of plain ones, or one wrapper. */
export interface LegacySet {
  /** 0 or 1. */
  readonly magic: number
  /** How many bytes the messages take. */
  readonly size: number
  /** The bits of format 2 that mean the same: compression and log append time. */
  readonly attributes: number
  /** The offset of a wrapper is the last one inside. */
  readonly lastOffset: bigint
  /** Of a wrapper its own, which is the highest inside; -1 in format 0. */
  readonly maxTimestamp: bigint
  /** The records, or the compressed set that has them. */
  readonly content: LegacyRecords | Uint8Array
}

/** Records in the encoding of format 2. */
export interface LegacyRecords {
  readonly bytes: Uint8Array
  readonly count: number
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** Milliseconds since 1970 to which the records' timestamps are relative. */
  readonly baseTimestamp: bigint
}

/**
 * Where the message at `at` ends; undefined where it does not end within the bytes. Throws a ProtocolError `MALFORMED`
 * where its size is impossible.
 */
export function legacyMessageEnd(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at <= legacyLayout.magic) return undefined
  const size = int32At(bytes, at + legacyLayout.messageSize)
  const magic = bytes[at + legacyLayout.magic]!
  if (size < messageBytesMin[magic === 0 ? 0 : 1]) throw malformed(`a message claims a size of ${size} bytes`, at)
  const end = at + legacyLayout.crc + size
  return end > bytes.length ? undefined : end
}

/**
 * Reads the messages from `at` on that can be told as one batch. The first one must end within the bytes. Throws a
 * ProtocolError: `CORRUPT_BATCH` where the first has a wrong checksum, or `MALFORMED`.
 */
export function readLegacySet(bytes: Uint8Array, at: number): LegacySet {
  const message = new MessageCursor(bytes)
  message.verify(at)
  if ((message.attributes & compressionMask) !== 0) return wrapper(bytes, message)
  const { magic, attributes, timestamp } = message
  const first = { offset: message.offset, timestamp }
  const hasAppendTime = (attributes & logAppendTime) !== 0
  let maxTimestamp = timestamp
  let lastOffset = message.offset
  let end = message.end
  // Whatever does not belong, damaged messages too, is looked at again as the first of its own set.
  while (end - at < runBytesMax && bytes[end + legacyLayout.magic] === magic) {
    if (bytes[end + legacyLayout.attributes] !== attributes || !message.isSound(end)) break
    if (hasAppendTime && message.timestamp !== timestamp) break
    if (message.offset <= lastOffset || message.offset - first.offset > offsetDeltaMax) break
    if (message.timestamp > maxTimestamp) maxTimestamp = message.timestamp
    lastOffset = message.offset
    end = message.end
  }
  const content = asRecords(bytes, at, end, 0n)
  return { magic, size: end - at, attributes: attributes & logAppendTime, lastOffset, maxTimestamp, content }
}

function wrapper(bytes: Uint8Array, message: MessageCursor): LegacySet {
  const { start, end, magic, offset, attributes, timestamp, valueStart, valueLength } = message
  if ((attributes & compressionMask) === zstd) throw malformed('zstd is not known in these formats', start)
  if (valueLength < 0) throw malformed('a compressed set is null', start)
  return {
    magic,
    size: end - start,
    attributes: attributes & (compressionMask | logAppendTime),
    lastOffset: offset,
    maxTimestamp: timestamp,
    content: bytes.subarray(valueStart, valueStart + valueLength)
  }
}

/**
 * Reads the messages that a wrapper held, decompressed. A last message that is cut off is left out, as Kafka does.
 * Throws a ProtocolError: `CORRUPT_BATCH` for a wrong checksum, or `MALFORMED`.
 */
export function readWrappedSet(plain: Uint8Array, outer: LegacySet): LegacyRecords {
  const message = new MessageCursor(plain)
  let end = 0
  for (let next = legacyMessageEnd(plain, 0); next !== undefined; next = legacyMessageEnd(plain, end)) {
    message.verify(end)
    if ((message.attributes & compressionMask) !== 0) throw malformed('a compressed set holds another', end)
    end = next
  }
  if (end === 0) throw malformed('a compressed set holds no message', 0)
  if (outer.magic === 0) return asRecords(plain, 0, end, 0n)
  // Offsets inside count from the first one, and the wrapper has that of the last one. Some producers leave it at 0.
  if (outer.lastOffset !== 0n && outer.lastOffset < message.offset) {
    throw malformed(`a compressed set of ${message.offset} offsets ends at offset ${outer.lastOffset}`, 0)
  }
  return asRecords(plain, 0, end, outer.lastOffset === 0n ? 0n : outer.lastOffset - message.offset)
}

/** One message at a time of a set. The object is used again for each, since a set can have millions. */
class MessageCursor {
  start = 0
  end = 0
  offset = 0n
  magic = 0
  attributes = 0
  /** -1 in format 0. */
  timestamp = noTimestamp
  keyStart = 0
  /** -1 for null, as `valueLength`. */
  keyLength = -1
  valueStart = 0
  valueLength = -1
  private readonly bytes: Uint8Array
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Goes to the message at `at`, which must end within the bytes, and checks all of it. */
  verify(at: number): void {
    const end = legacyMessageEnd(this.bytes, at)
    if (end === undefined) throw malformed('a message is cut off', at)
    const claimed = this.view.getUint32(at + legacyLayout.crc)
    if (claimed !== crc32.buf(this.bytes.subarray(at + legacyLayout.magic, end)) >>> 0) {
      const where = `The message at offset ${this.view.getBigInt64(at)}`
      const message = `${where} was damaged: its checksum does not match. Fetch it again`
      throw new ProtocolError('CORRUPT_BATCH', message, { offset: at })
    }
    this.read(at, end)
  }

  /** As `verify`, but answers false for a message that is damaged or does not end within the bytes. */
  isSound(at: number): boolean {
    try {
      if (legacyMessageEnd(this.bytes, at) === undefined) return false
      this.verify(at)
      return true
    } catch {
      return false
    }
  }

  /** Goes to the message between `at` and `end`, whose checksum is right. */
  read(at: number, end: number): void {
    const { bytes } = this
    const magic = bytes[at + legacyLayout.magic]!
    if (magic > 1) throw malformed(`a message has the format ${magic}`, at)
    const keyAt = at + legacyLayout.timestamp + (magic === 1 ? 8 : 0)
    const keyLength = int32At(bytes, keyAt)
    const valueAt = keyAt + 4 + Math.max(keyLength, 0)
    if (keyLength < -1 || valueAt + 4 > end) throw malformed(`a key has ${keyLength} bytes`, at)
    const valueLength = int32At(bytes, valueAt)
    const valueEnd = valueAt + 4 + Math.max(valueLength, 0)
    if (valueLength < -1 || valueEnd !== end) throw malformed(`a value has ${valueLength} bytes`, at)
    this.start = at
    this.end = end
    this.offset = this.view.getBigInt64(at)
    this.magic = magic
    this.attributes = bytes[at + legacyLayout.attributes]! & (magic === 1 ? 0xff : compressionMask)
    this.timestamp = magic === 1 ? this.view.getBigInt64(at + legacyLayout.timestamp) : noTimestamp
    this.keyStart = keyAt + 4
    this.keyLength = keyLength
    this.valueStart = valueAt + 4
    this.valueLength = valueLength
  }
}

/** What the deltas of format 2 are counted from. */
interface First {
  offset: bigint
  timestamp: bigint
}

// Added to the first one as Java adds, so that what wraps around comes back.
function timestampDelta(message: MessageCursor, first: First): number | bigint {
  const delta = BigInt.asIntN(64, message.timestamp - first.timestamp)
  const near = Number(delta)
  return Number.isSafeInteger(near) ? near : delta
}

// The messages between `start` and `end`, which were verified, in the encoding of format 2.
function asRecords(bytes: Uint8Array, start: number, end: number, offsetBase: bigint): LegacyRecords {
  const message = new MessageCursor(bytes)
  const first: First = { offset: 0n, timestamp: 0n }
  let size = 0
  let count = 0
  let previous = -1
  for (let at = start; at < end; at = message.end) {
    message.read(at, at + legacyLayout.crc + int32At(bytes, at + legacyLayout.messageSize))
    if (count++ === 0) {
      first.offset = message.offset
      first.timestamp = message.timestamp
    }
    const delta = Number(message.offset - first.offset)
    if (delta <= previous || delta > offsetDeltaMax) throw malformed('offsets do not ascend', at)
    previous = delta
    const body = bodySize(message, timestampDelta(message, first), delta)
    size += varintSize(body) + body
  }
  const records = new Uint8Array(size)
  let to = 0
  for (let at = start; at < end; at = message.end) {
    message.read(at, at + legacyLayout.crc + int32At(bytes, at + legacyLayout.messageSize))
    to = writeRecord(records, to, bytes, message, first)
  }
  const baseOffset = offsetBase + first.offset
  const lastOffset = baseOffset + BigInt(previous)
  return { bytes: records, count, baseOffset, lastOffset, baseTimestamp: first.timestamp }
}

function writeRecord(
  target: Uint8Array,
  start: number,
  bytes: Uint8Array,
  message: MessageCursor,
  first: First
): number {
  const delta = timestampDelta(message, first)
  const offsetDelta = Number(message.offset - first.offset)
  let at = writeVarint(target, start, bodySize(message, delta, offsetDelta))
  target[at++] = 0
  at = writeVarlong(target, at, delta)
  at = writeVarint(target, at, offsetDelta)
  at = writePart(target, at, bytes, message.keyStart, message.keyLength)
  at = writePart(target, at, bytes, message.valueStart, message.valueLength)
  target[at++] = 0
  return at
}

// Attributes, both deltas, key, value, and the number of headers.
function bodySize(message: MessageCursor, delta: number | bigint, offsetDelta: number): number {
  const deltas = varlongSize(delta) + varintSize(offsetDelta)
  return 2 + deltas + partSize(message.keyLength) + partSize(message.valueLength)
}

function partSize(length: number): number {
  return varintSize(length) + Math.max(length, 0)
}

function writePart(target: Uint8Array, at: number, bytes: Uint8Array, start: number, length: number): number {
  const end = writeVarint(target, at, length)
  if (length <= 0) return end
  target.set(bytes.subarray(start, start + length), end)
  return end + length
}

function int32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function malformed(what: string, offset: number): ProtocolError {
  return new ProtocolError('MALFORMED', `A message set in an old format cannot be read: ${what}`, { offset })
}
