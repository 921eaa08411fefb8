// Owns the variable-length integers inside record batches: zigzag, seven bits a byte, at most five bytes for an int32
// and ten for an int64. Plain code over positions, because every record has at least six of them.
// Source: org.apache.kafka.common.utils.ByteUtils.

import { ProtocolError } from './protocol_error.ts'

/** Where the last number read by a function of this file ended. Read it at once: the next call overwrites it. */
export let varintEnd = 0

/**
 * Reads the rest of a number whose first byte, `first`, has its top bit set and stands before `at`. The caller looks at
 * the first byte itself, since most numbers have no second one. Answers the number before zigzag, as 32 bits, and leaves
 * the next position in `varintEnd`. Throws a ProtocolError `MALFORMED` where the number reaches `limit` or has more than
 * five bytes.
 */
export function readVarintRest(bytes: Uint8Array, at: number, limit: number, first: number): number {
  if (at < limit) {
    const second = bytes[at]!
    if (second < 0x80) {
      varintEnd = at + 1
      return (first & 0x7f) | (second << 7)
    }
  }
  return readLongVarint(bytes, at, limit, first)
}

/** Reads a zigzag int32 at `at`; leaves the next position and throws as `readVarintRest` does. */
export function readVarint(bytes: Uint8Array, at: number, limit: number): number {
  if (at >= limit) throw malformed(at)
  let raw = bytes[at]!
  if (raw < 0x80) varintEnd = at + 1
  else raw = readVarintRest(bytes, at + 1, limit, raw)
  return (raw >>> 1) ^ -(raw & 1)
}

function readLongVarint(bytes: Uint8Array, start: number, limit: number, first: number): number {
  let value = first & 0x7f
  let at = start
  for (let shift = 7; shift < 35; shift += 7) {
    if (at >= limit) throw malformed(at)
    const byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = at
      return value
    }
  }
  throw malformed(at)
}

/**
 * Reads a zigzag int64 at `at` and leaves the next position in `varintEnd`; numbers beyond 2^53 come out rounded. Throws
 * a ProtocolError `MALFORMED` where the number reaches `limit` or has more than ten bytes.
 */
export function readVarlong(bytes: Uint8Array, start: number, limit: number): number {
  let low = 0
  let high = 0
  let at = start
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= limit) throw malformed(at)
    const byte = bytes[at++]!
    if (shift < 28) low |= (byte & 0x7f) << shift
    else high += (byte & 0x7f) * 2 ** (shift - 28)
    if (byte < 0x80) {
      varintEnd = at
      const half = high * 0x8000000 + (low >>> 1)
      return low & 1 ? -half - 1 : half
    }
  }
  throw malformed(at)
}

/** As `readVarlong`, exact. What goes beyond 64 bits is dropped, as in Java. */
export function readVarlongExact(bytes: Uint8Array, start: number, limit: number): bigint {
  readVarlong(bytes, start, limit)
  let raw = 0n
  for (let at = varintEnd - 1; at >= start; at--) raw = (raw << 7n) | BigInt(bytes[at]! & 0x7f)
  raw = BigInt.asUintN(64, raw)
  return (raw >> 1n) ^ -(raw & 1n)
}

/**
 * Passes over the rest of an int64 whose first two bytes have their top bits set and stand before `at`; answers the
 * position after it. Throws as `readVarlong` does.
 */
export function skipVarlongRest(bytes: Uint8Array, at: number, limit: number): number {
  readVarlong(bytes, at - 2, limit)
  return varintEnd
}

function malformed(offset: number): ProtocolError {
  return new ProtocolError('MALFORMED', 'A number in a record is cut off or too long', { offset })
}

/** How many bytes `writeVarint` uses. */
export function varintSize(value: number): number {
  return zigzagSize((value << 1) ^ (value >> 31))
}

function zigzagSize(raw: number): number {
  if ((raw & 0xffffff80) === 0) return 1
  if ((raw & 0xffffc000) === 0) return 2
  if ((raw & 0xffe00000) === 0) return 3
  return (raw & 0xf0000000) === 0 ? 4 : 5
}

/** Numbers from 0 to below this have one or two bytes. */
export const lengthMaxShort = 0x2000

/** As `varintSize`, of a number that is not negative. */
export function lengthSize(length: number): number {
  return length < 0x40 ? 1 : length < lengthMaxShort ? 2 : zigzagSize(length << 1)
}

/** Writes a zigzag int32 and answers the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeZigzag(bytes, at, ((value << 1) ^ (value >> 31)) >>> 0)
}

function writeZigzag(bytes: Uint8Array, start: number, value: number): number {
  let raw = value
  let at = start
  while (raw > 0x7f) {
    bytes[at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  bytes[at++] = raw
  return at
}

/** As `writeVarint`, of a number that is not negative. */
export function writeLength(bytes: Uint8Array, at: number, length: number): number {
  if (length < 0x40) {
    bytes[at] = length << 1
    return at + 1
  }
  if (length >= lengthMaxShort) return writeZigzag(bytes, at, (length << 1) >>> 0)
  bytes[at] = (length << 1) | 0x80
  bytes[at + 1] = length >>> 6
  return at + 2
}

/** How many bytes `writeVarlong` uses. */
export function varlongSize(value: number | bigint): number {
  if (isInt32(value)) return varintSize(value)
  let size = 1
  for (let raw = zigzag(value); raw > 0x7fn; raw >>= 7n) size++
  return size
}

/** Writes a zigzag int64, a bigint or a whole number within 2^53, and answers the position after it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number | bigint): number {
  if (isInt32(value)) return writeVarint(bytes, at, value)
  let raw = zigzag(value)
  let position = at
  for (; raw > 0x7fn; raw >>= 7n) bytes[position++] = Number(raw & 0x7fn) | 0x80
  bytes[position++] = Number(raw)
  return position
}

function isInt32(value: number | bigint): value is number {
  return typeof value === 'number' && value === value >> 0
}

// Only for what does not fit into 32 bits, which in practice is nothing: a difference of more than 24 days in a batch.
function zigzag(value: number | bigint): bigint {
  const wide = BigInt(value)
  return wide < 0n ? -2n * wide - 1n : 2n * wide
}

/** `to - from` of two whole numbers within 2^53: a bigint where no number has it exactly. */
export function exactDifference(to: number, from: number): number | bigint {
  const difference = to - from
  return Number.isSafeInteger(difference) ? difference : BigInt(to) - BigInt(from)
}
