// Owns the blocks of lz4: literals and copies of what came up to 64 KiB before. Both directions are hot, so they are
// plain code over positions. Source: the description of the LZ4 block format, version 1.5.1.

import { loopBytesMax, repeatBytes, undecodable } from './decoding.ts'

/** The shortest copy. */
const matchBytesMin = 4

/** A block ends with at least this many literals, and the last copy begins at least `limitBytes` before the end. */
const lastLiterals = 5
const limitBytes = 12

/** Where a block is decoded to. */
export interface BlockOutput {
  readonly bytes: Uint8Array
  /** Copies may reach back to here. */
  readonly windowStart: number
  /** The block must not write beyond this position. */
  readonly limit: number
}

/**
 * Decodes the block between `start` and `end` to position `to` of the output, and answers where it ends there; -1 where
 * it goes beyond the limit. Throws a ProtocolError `MALFORMED`.
 */
export function decompressBlock(
  source: Uint8Array,
  start: number,
  end: number,
  output: BlockOutput,
  to: number
): number {
  const { bytes, windowStart, limit } = output
  let at = start
  let out = to
  for (;;) {
    if (at >= end) throw undecodable('lz4', 'a block is cut off', at)
    const token = source[at++]!
    let length = token >>> 4
    if (length === 15) {
      for (let more = 255; more === 255;) {
        if (at >= end) throw undecodable('lz4', 'a length is cut off', at)
        more = source[at++]!
        length += more
      }
    }
    if (length > end - at) throw undecodable('lz4', 'literals run past their block', at)
    if (length > limit - out) return -1
    if (length > loopBytesMax) {
      bytes.set(source.subarray(at, at + length), out)
      at += length
      out += length
    } else {
      for (const stop = at + length; at < stop;) bytes[out++] = source[at++]!
    }
    if (at === end) return out

    if (end - at < 2) throw undecodable('lz4', 'a copy is cut off', at)
    const distance = source[at]! | (source[at + 1]! << 8)
    at += 2
    if (distance === 0 || distance > out - windowStart) {
      throw undecodable('lz4', 'a copy reaches before what it may copy', at)
    }
    length = (token & 15) + matchBytesMin
    if (length === 15 + matchBytesMin) {
      for (let more = 255; more === 255;) {
        if (at >= end) throw undecodable('lz4', 'a length is cut off', at)
        more = source[at++]!
        length += more
      }
    }
    if (length > limit - out) return -1
    repeatBytes(bytes, out, distance, length)
    out += length
  }
}

/** Positions by the hash of the four bytes there; used for one block at a time. */
const tableBitsMax = 13
const table = new Uint16Array(1 << tableBitsMax)

/** After 64 places without a copy two bytes are stepped over, after 128 three, and so on. */
const skipShift = 6

/**
 * Encodes the block between `start` and `end`, of at most 64 KiB, to position `to` of the output and answers where it
 * ends there; -1 where it would take as much room as the block itself.
 */
export function compressBlock(source: Uint8Array, start: number, end: number, output: Uint8Array, to: number): number {
  const size = end - start
  const view = new DataView(source.buffer, source.byteOffset, source.length)
  if (size <= limitBytes) return -1
  const tableBits = Math.min(tableBitsMax, Math.max(8, 31 - Math.clz32(size)))
  const shift = 32 - tableBits
  table.fill(0, 0, 1 << tableBits)
  const outputLimit = to + size
  const copyLimit = end - lastLiterals
  const searchLimit = end - limitBytes
  let out = to
  let anchor = start
  let at = start + 1
  while (at < searchLimit) {
    let searched = 1 << skipShift
    let found = start
    for (; at < searchLimit; at += searched++ >> skipShift) {
      const word = view.getInt32(at, true)
      const place = Math.imul(word, 0x9e3779b1) >>> shift
      found = start + table[place]!
      table[place] = at - start
      if (view.getInt32(found, true) === word && found < at) break
    }
    if (at >= searchLimit) break
    while (at > anchor && found > start && source[at - 1] === source[found - 1]) {
      at--
      found--
    }
    const distance = at - found
    let stop = at + matchBytesMin
    for (let from = found + matchBytesMin; stop < copyLimit && source[stop] === source[from]; from++) stop++
    out = writeSequence(source, anchor, at, output, out, stop - at - matchBytesMin, outputLimit)
    if (out < 0) return -1
    output[out++] = distance & 0xff
    output[out++] = distance >>> 8
    if (stop - at - matchBytesMin >= 15) out = writeLength(output, out, stop - at - matchBytesMin - 15)
    anchor = stop
    at = stop
    if (at < searchLimit) table[Math.imul(view.getInt32(at - 2, true), 0x9e3779b1) >>> shift] = at - 2 - start
  }
  out = writeSequence(source, anchor, end, output, out, 0, outputLimit)
  return out
}

// The token and the literals; -1 where they, a copy and its length do not fit.
function writeSequence(
  source: Uint8Array,
  from: number,
  stop: number,
  output: Uint8Array,
  to: number,
  copyLength: number,
  limit: number
): number {
  const length = stop - from
  let out = to
  if (out + length + ((length / 255) | 0) + ((copyLength / 255) | 0) + 6 > limit) return -1
  output[out++] = (Math.min(length, 15) << 4) | Math.min(copyLength, 15)
  if (length >= 15) out = writeLength(output, out, length - 15)
  if (length > loopBytesMax) {
    output.set(source.subarray(from, stop), out)
    return out + length
  }
  for (let at = from; at < stop;) output[out++] = source[at++]!
  return out
}

function writeLength(output: Uint8Array, to: number, rest: number): number {
  let out = to
  let left = rest
  for (; left >= 255; left -= 255) output[out++] = 255
  output[out++] = left
  return out
}
