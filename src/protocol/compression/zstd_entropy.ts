// Owns the entropy codes of zstd: tables of finite state entropy and of Huffman codes, read from their descriptions, and
// streams of Huffman codes. Streams are read backwards, from the last byte's highest bit on. Source: RFC 8878, 4.1, 4.2.

import { undecodable } from './decoding.ts'

/** A table of finite state entropy. */
export interface FseTable {
  /** Bits of a state. */
  log: number
  /** Per state: the symbol in the low byte, then the bits to read, then what they are added to for the next state. */
  readonly entries: Uint32Array
}

/** Huffman codes by the next `log` bits: the symbol in the low byte, the length of its code above. */
export interface HuffmanTable {
  log: number
  readonly entries: Uint16Array
}

const fseLogMin = 5
const huffmanLogMax = 11
const weightLogMax = 6

/** Where the last table that was read ends in its bytes. */
export let tableEnd = 0

export function newFseTable(logMax: number): FseTable {
  return { log: 0, entries: new Uint32Array(1 << logMax) }
}

export function newHuffmanTable(): HuffmanTable {
  return { log: 0, entries: new Uint16Array(1 << huffmanLogMax) }
}

const counts = new Int16Array(256)
const nextStates = new Uint16Array(256)

/** Reads the description of a table from `at` on and builds it; `tableEnd` is then behind it. */
export function readFseTable(table: FseTable, bytes: Uint8Array, at: number, end: number, symbolMax: number): void {
  if (at >= end) throw undecodable('zstd', 'a table is cut off', at)
  const log = fseLogMin + (bytes[at]! & 15)
  if (1 << log > table.entries.length) throw undecodable('zstd', 'a table is too precise', at)
  let bit = at * 8 + 4
  let left = 1 << log
  let symbol = 0
  while (left > 0 && symbol <= symbolMax) {
    const width = 32 - Math.clz32(left + 1)
    let value = forwardBits(bytes, bit, width)
    const lowMask = (1 << (width - 1)) - 1
    const threshold = (1 << width) - 2 - left
    if ((value & lowMask) < threshold) {
      value &= lowMask
      bit += width - 1
    } else {
      if (value > lowMask) value -= threshold
      bit += width
    }
    counts[symbol++] = value - 1
    left -= Math.abs(value - 1)
    if (value !== 1) continue
    for (let zeros = 3; zeros === 3; bit += 2) {
      zeros = forwardBits(bytes, bit, 2)
      for (let i = 0; i < zeros && symbol <= symbolMax; i++) counts[symbol++] = 0
    }
  }
  tableEnd = (bit + 7) >>> 3
  if (left !== 0 || tableEnd > end) throw undecodable('zstd', 'a table makes no sense', at)
  buildFseTable(table, counts, symbol, log)
}

/** Builds a table from how often each of the first `symbols` symbols comes; -1 stands for less than once. */
export function buildFseTable(table: FseTable, frequencies: Int16Array, symbols: number, log: number): void {
  const { entries } = table
  const size = 1 << log
  const mask = size - 1
  const step = (size >>> 1) + (size >>> 3) + 3
  let high = size
  for (let symbol = 0; symbol < symbols; symbol++) {
    if (frequencies[symbol]! >= 0) {
      nextStates[symbol] = frequencies[symbol]!
    } else {
      entries[--high] = symbol
      nextStates[symbol] = 1
    }
  }
  let position = 0
  for (let symbol = 0; symbol < symbols; symbol++) {
    for (let i = 0; i < frequencies[symbol]!; i++) {
      entries[position] = symbol
      do position = (position + step) & mask
      while (position >= high)
    }
  }
  for (let state = 0; state < size; state++) {
    const symbol = entries[state]!
    const next = nextStates[symbol]!++
    const bits = log - 31 + Math.clz32(next)
    entries[state] = (symbol | (bits << 8) | (((next << bits) - size) << 16)) >>> 0
  }
  table.log = log
}

/** A table that has but one symbol. */
export function singleFseTable(table: FseTable, symbol: number): void {
  table.log = 0
  table.entries[0] = symbol
}

const weights = new Uint8Array(256)
const weightTable = newFseTable(weightLogMax)

/** Reads the description of Huffman codes from `at` on; `tableEnd` is then behind it. */
export function readHuffmanTable(table: HuffmanTable, bytes: Uint8Array, at: number, end: number): void {
  if (at >= end) throw undecodable('zstd', 'a table is cut off', at)
  const header = bytes[at]!
  let count = header - 127
  let stop = at + 1 + header
  if (header >= 128) {
    stop = at + 1 + ((count + 1) >> 1)
    if (stop > end) throw undecodable('zstd', 'a table is cut off', at)
    for (let i = 0; i < count; i++) weights[i] = (bytes[at + 1 + (i >> 1)]! >>> (i & 1 ? 0 : 4)) & 15
  } else {
    if (stop > end) throw undecodable('zstd', 'a table is cut off', at)
    readFseTable(weightTable, bytes, at + 1, stop, huffmanLogMax + 1)
    count = readWeights(bytes, tableEnd, stop)
  }
  buildHuffmanTable(table, count, at)
  tableEnd = stop
}

// Two states take turns until the bits are used up; answers how many weights there are.
function readWeights(bytes: Uint8Array, start: number, end: number): number {
  const { entries, log } = weightTable
  const last = start < end ? bytes[end - 1]! : 0
  if (last === 0) throw undecodable('zstd', 'a table has no end', end)
  let bit = end * 8 - 1 - Math.clz32(last) + 24
  const first = start * 8
  let state = backwardBits(bytes, (bit -= log), log, first)
  let other = backwardBits(bytes, (bit -= log), log, first)
  if (bit < first) throw undecodable('zstd', 'a table is cut off', end)
  for (let count = 0; count < 254;) {
    const entry = entries[state]!
    weights[count++] = entry & 0xff
    const width = (entry >>> 8) & 0xff
    bit -= width
    state = other
    if (bit < first) {
      weights[count++] = entries[state]! & 0xff
      return count
    }
    other = (entry >>> 16) + backwardBits(bytes, bit, width, first)
  }
  throw undecodable('zstd', 'a table has too many weights', start)
}

// The weight of the last symbol is what is missing to a power of two.
function buildHuffmanTable(table: HuffmanTable, count: number, at: number): void {
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (weights[i]! > huffmanLogMax) throw undecodable('zstd', 'a code is too long', at)
    if (weights[i]! > 0) sum += 1 << (weights[i]! - 1)
  }
  const log = 32 - Math.clz32(sum)
  const missing = (1 << log) - sum
  if (sum === 0 || log > huffmanLogMax || (missing & (missing - 1)) !== 0) {
    throw undecodable('zstd', 'the codes of a table are not complete', at)
  }
  weights[count] = 32 - Math.clz32(missing)
  const { entries } = table
  let place = 0
  for (let weight = 1; weight <= log; weight++) {
    const span = 1 << (weight - 1)
    for (let symbol = 0; symbol <= count; symbol++) {
      if (weights[symbol] !== weight) continue
      entries.fill(symbol | ((log + 1 - weight) << 8), place, place + span)
      place += span
    }
  }
  table.log = log
}

/**
 * Decodes a stream of Huffman codes between `start` and `end` to fill the output from `from` up to `to`. There must be
 * `paddingBytes` around the stream, since words are read that reach beyond it.
 */
export function readHuffmanStream(
  table: HuffmanTable,
  view: DataView,
  start: number,
  end: number,
  output: Uint8Array,
  from: number,
  to: number
): void {
  const { entries, log } = table
  const mask = (1 << log) - 1
  const shift = 2 * huffmanLogMax - log
  // Bits from before the stream may be looked at, but a sound stream does not use them up.
  let bit = streamEnd(view, start, end) - 2 * huffmanLogMax
  let out = from
  for (const last = to - 1; out < last; out += 2) {
    const word = view.getUint32(bit >>> 3, true) >>> (bit & 7)
    const first = entries[(word >>> shift) & mask]!
    const width = first >>> 8
    const second = entries[(word >>> (shift - width)) & mask]!
    bit -= width + (second >>> 8)
    output[out] = first
    output[out + 1] = second
    if (bit < start * 8 - 2 * huffmanLogMax) break
  }
  if (out < to) {
    const word = view.getUint32(bit >>> 3, true) >>> (bit & 7)
    const entry = entries[(word >>> shift) & mask]!
    bit -= entry >>> 8
    output[out++] = entry
  }
  if (out < to || bit !== start * 8 - 2 * huffmanLogMax) {
    throw undecodable('zstd', 'a stream does not end where it should', end)
  }
}

/** How many bytes must lie around what is read backwards. */
export const paddingBytes = 16

/** The position of the first bit of a stream: below the highest bit of its last byte. */
export function streamEnd(view: DataView, start: number, end: number): number {
  const last = start < end ? view.getUint8(end - 1) : 0
  if (last === 0) throw undecodable('zstd', 'a stream has no end', end)
  return end * 8 - 8 + 31 - Math.clz32(last)
}

// Up to 16 bits from the position `bit` on, lowest first.
function forwardBits(bytes: Uint8Array, bit: number, width: number): number {
  const at = bit >>> 3
  return ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) >>> (bit & 7)) & ((1 << width) - 1)
}

// The same of a stream that is read backwards: what lies before its first bit is zero.
function backwardBits(bytes: Uint8Array, bit: number, width: number, first: number): number {
  if (bit >= first) return forwardBits(bytes, bit, width)
  const missing = Math.min(first - bit, width)
  return forwardBits(bytes, first, width - missing) << missing
}
