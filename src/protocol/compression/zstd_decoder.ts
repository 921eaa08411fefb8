// Owns the decoding of zstd where the platform cannot do it. Writes into the output that it is given and nowhere else,
// so that neither memory nor time can exceed what the caller allows, whatever the bytes say. Source: RFC 8878.

import { decodeInto, loopBytesMax, repeatBytes, tooLarge, uint32At, undecodable } from './decoding.ts'
import {
  buildFseTable,
  newFseTable,
  newHuffmanTable,
  readFseTable,
  readHuffmanStream,
  paddingBytes,
  readHuffmanTable,
  singleFseTable,
  streamEnd,
  tableEnd
} from './zstd_entropy.ts'
import type { FseTable } from './zstd_entropy.ts'
import { blockBytesMax, blockTypes, nextFrame } from './zstd_frame.ts'
import type { ZstdFrame } from './zstd_frame.ts'
import { xxhash64Low } from './xxhash64.ts'

/** How one of the three numbers of a sequence is coded. */
interface Kind {
  readonly symbolMax: number
  readonly predefined: FseTable
  /** Of the table that was read last. */
  readonly own: FseTable
}

function kind(logMax: number, predefinedLog: number, frequencies: readonly number[]): Kind {
  const predefined = newFseTable(predefinedLog)
  buildFseTable(predefined, Int16Array.from(frequencies), frequencies.length, predefinedLog)
  return { symbolMax: frequencies.length - 1, predefined, own: newFseTable(logMax) }
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1)
const rare = (count: number): number[] => Array.from({ length: count }, () => -1)

/** The most bits of a state of literal lengths, offsets and copy lengths. */
const logMaxes = [9, 8, 9] as const

// Made when the first frame comes.
let kinds: { readonly literals: Kind; readonly offsets: Kind; readonly copies: Kind } | undefined

function makeKinds(): NonNullable<typeof kinds> {
  const twos = Array.from({ length: 9 }, () => 2)
  const literals = [4, 3, ...twos, 2, 2, ...ones(3), ...twos, 3, 2, ...ones(5), ...rare(4)]
  const offsets = [...ones(6), 2, 2, 2, ...ones(15), ...rare(5)]
  // RFC 8878 defines an offset code 31 that no predefined table has.
  const copies = [1, 4, 3, ...Array.from({ length: 6 }, () => 2), ...ones(37), ...rare(7)]
  return {
    literals: kind(logMaxes[0], 6, literals),
    offsets: { ...kind(logMaxes[1], 5, offsets), symbolMax: 31 },
    copies: kind(logMaxes[2], 6, copies)
  }
}

// The first code of each list whose numbers need bits besides, and how many bits.
const literalBits = codeBits(16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
const copyBits = codeBits(32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
const literalBases = codeBases(literalBits, 0)
const copyBases = codeBases(copyBits, 3)

function codeBits(plain: number, wider: readonly number[]): Uint8Array {
  return Uint8Array.from([...Array.from({ length: plain }, () => 0), ...wider])
}

function codeBases(bits: Uint8Array, first: number): Uint32Array {
  const bases = new Uint32Array(bits.length)
  let base = first
  for (let code = 0; code < bits.length; code++) {
    bases[code] = base
    base += 1 << bits[code]!
  }
  return bases
}

/**
 * Decompresses all frames. `capacity` is what measureFrames answered. Throws a ProtocolError: `BATCH_TOO_LARGE` where
 * they hold more than `bytesMax` bytes, or `MALFORMED`.
 */
export function decompressZstd(bytes: Uint8Array, capacity: number, bytesMax: number): Uint8Array {
  const padded = new Uint8Array(bytes.length + 2 * paddingBytes)
  padded.set(bytes, paddingBytes)
  return decodeInto(capacity, (output) => {
    let out = 0
    for (let frame = nextFrame(bytes, 0); frame !== undefined; frame = nextFrame(bytes, frame.end)) {
      out = decodeFrame(padded, frame, output, out, bytesMax)
    }
    return out
  })
}

// Memory that is used again; decoding never waits, so no two frames meet in it.
const huffman = newHuffmanTable()
let literalMemory: Uint8Array | undefined

/** What blocks of one frame leave to the next. */
interface FrameState {
  /** The frames with padding around them. */
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly output: Uint8Array
  readonly frameStart: number
  readonly bytesMax: number
  out: number
  hasHuffman: boolean
  tables: { literals: FseTable; offsets: FseTable; copies: FseTable } | undefined
  offset1: number
  offset2: number
  offset3: number
  /** The literals of the present block. */
  literals: Uint8Array
  literalAt: number
  literalEnd: number
}

function decodeFrame(bytes: Uint8Array, frame: ZstdFrame, output: Uint8Array, start: number, bytesMax: number): number {
  const state: FrameState = {
    bytes,
    view: new DataView(bytes.buffer),
    output,
    frameStart: start,
    bytesMax,
    out: start,
    hasHuffman: false,
    tables: undefined,
    offset1: 1,
    offset2: 4,
    offset3: 8,
    literals: bytes,
    literalAt: 0,
    literalEnd: 0
  }
  let at = frame.blocks + paddingBytes
  for (let isLast = false; !isLast;) {
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    const type = (header >>> 1) & 3
    const size = header >>> 3
    at += 3
    if (type === blockTypes.compressed) {
      decodeBlock(state, at, at + size)
    } else {
      if (size > output.length - state.out) throw overflow(state, at)
      if (type === blockTypes.raw) output.set(bytes.subarray(at, at + size), state.out)
      else output.fill(bytes[at]!, state.out, state.out + size)
      state.out += size
    }
    at += type === blockTypes.repeated ? 1 : size
    isLast = (header & 1) !== 0
  }
  if (frame.contentSize !== undefined && frame.contentSize !== state.out - start) {
    throw undecodable('zstd', `a frame has not the ${frame.contentSize} bytes that it claims`, frame.start)
  }
  if (frame.hasChecksum && xxhash64Low(output, start, state.out) !== uint32At(bytes, at)) {
    throw undecodable('zstd', 'the content of a frame has a wrong checksum', at)
  }
  return state.out
}

function decodeBlock(state: FrameState, start: number, end: number): void {
  const at = readLiterals(state, start, end)
  const limit = Math.min(state.out + blockBytesMax, state.output.length)
  const stop = decodeSequences(state, at, end, limit)
  const left = state.literalEnd - state.literalAt
  if (left > limit - stop) throw overflow(state, end)
  copyBytes(state.literals, state.literalAt, state.output, stop, left)
  state.out = stop + left
}

// Answers where the sequences begin.
function readLiterals(state: FrameState, start: number, end: number): number {
  const { bytes } = state
  if (end - start < 2) throw undecodable('zstd', 'a block is too short', start)
  const head = bytes[start]!
  const type = head & 3
  const format = (head >>> 2) & 3
  if (type >= 2) return readHuffmanLiterals(state, start, end, format, type === 3)
  const headerBytes = format === 3 ? 3 : format === 1 ? 2 : 1
  if (headerBytes > end - start) throw undecodable('zstd', 'literals are cut off', start)
  const word = uint32At(bytes, start)
  const size = headerBytes === 1 ? head >>> 3 : headerBytes === 2 ? (word >>> 4) & 0xfff : (word >>> 4) & 0xfffff
  if (size > blockBytesMax) throw undecodable('zstd', `a block claims ${size} literals`, start)
  const at = start + headerBytes
  const storedBytes = type === 0 ? size : 1
  if (storedBytes > end - at) throw undecodable('zstd', 'literals are cut off', at)
  if (type === 0) {
    state.literals = bytes
    state.literalAt = at
  } else {
    state.literals = (literalMemory ??= new Uint8Array(blockBytesMax)).fill(bytes[at]!, 0, size)
    state.literalAt = 0
  }
  state.literalEnd = state.literalAt + size
  return at + storedBytes
}

function readHuffmanLiterals(
  state: FrameState,
  start: number,
  end: number,
  format: number,
  isSameTable: boolean
): number {
  const { bytes } = state
  const headerBytes = format === 3 ? 5 : format === 2 ? 4 : 3
  if (headerBytes > end - start) throw undecodable('zstd', 'literals are cut off', start)
  const width = format === 3 ? 18 : format === 2 ? 14 : 10
  const word = uint32At(bytes, start)
  const size = (word >>> 4) & ((1 << width) - 1)
  const storedBytes =
    format === 3 ? (word >>> 22) | (bytes[start + 4]! << 10) : (word >>> (4 + width)) & ((1 << width) - 1)
  if (size > blockBytesMax) throw undecodable('zstd', `a block claims ${size} literals`, start)
  let at = start + headerBytes
  const stop = at + storedBytes
  if (stop > end) throw undecodable('zstd', 'literals are cut off', at)
  if (!isSameTable) {
    readHuffmanTable(huffman, bytes, at, stop)
    at = tableEnd
    state.hasHuffman = true
  }
  if (!state.hasHuffman) throw undecodable('zstd', 'literals use a table that did not come', at)
  const literals = (literalMemory ??= new Uint8Array(blockBytesMax))
  if (format === 0) readHuffmanStream(huffman, state.view, at, stop, literals, 0, size)
  else readFourStreams(state, at, stop, literals, size)
  state.literals = literals
  state.literalAt = 0
  state.literalEnd = size
  return stop
}

function readFourStreams(state: FrameState, start: number, end: number, literals: Uint8Array, size: number): void {
  const { bytes, view } = state
  const part = (size + 3) >> 2
  if (end - start < 10 || part * 3 > size) throw undecodable('zstd', 'four streams are cut off', start)
  let at = start + 6
  for (let i = 0; i < 4; i++) {
    const stop = i === 3 ? end : at + (bytes[start + 2 * i]! | (bytes[start + 2 * i + 1]! << 8))
    if (stop > end) throw undecodable('zstd', 'a stream is cut off', at)
    readHuffmanStream(huffman, view, at, stop, literals, part * i, i === 3 ? size : part * (i + 1))
    at = stop
  }
}

// How one of the three tables of a block is given; answers the table, and `tableEnd` tells where what follows begins.
let tableAt = 0

function readTable(mode: number, of: Kind, previous: FseTable | undefined, bytes: Uint8Array, end: number): FseTable {
  switch (mode) {
    case 0:
      return of.predefined
    case 1:
      if (tableAt >= end || bytes[tableAt]! > of.symbolMax) throw undecodable('zstd', 'a code is unknown', tableAt)
      singleFseTable(of.own, bytes[tableAt++]!)
      return of.own
    case 2:
      readFseTable(of.own, bytes, tableAt, end, of.symbolMax)
      tableAt = tableEnd
      return of.own
    default:
      if (previous === undefined) throw undecodable('zstd', 'a block uses a table that did not come', tableAt)
      return previous
  }
}

// Reads the tables and all sequences, and carries them out. Answers where the output ends.
function decodeSequences(state: FrameState, start: number, end: number, limit: number): number {
  const { bytes } = state
  if (start >= end) throw undecodable('zstd', 'a block has no sequences', start)
  let count = bytes[start]!
  tableAt = start + 1
  if (count === 255) {
    count = 0x7f00 + (bytes[start + 1]! | (bytes[start + 2]! << 8))
    tableAt = start + 3
  } else if (count > 127) {
    count = (count - 128) * 256 + bytes[start + 1]!
    tableAt = start + 2
  }
  if (count === 0) {
    if (tableAt !== end) throw undecodable('zstd', 'bytes are left after a block', tableAt)
    return state.out
  }
  if (tableAt >= end) throw undecodable('zstd', 'the sequences of a block are cut off', start)
  const modes = bytes[tableAt++]!
  if ((modes & 3) !== 0) throw undecodable('zstd', 'a block uses reserved bits', tableAt - 1)
  kinds ??= makeKinds()
  const { tables } = state
  const literals = readTable(modes >>> 6, kinds.literals, tables?.literals, bytes, end)
  const offsets = readTable((modes >>> 4) & 3, kinds.offsets, tables?.offsets, bytes, end)
  const copies = readTable((modes >>> 2) & 3, kinds.copies, tables?.copies, bytes, end)
  state.tables = { literals, offsets, copies }
  return runSequences(state, state.tables, count, tableAt, end, limit)
}

// Words of 32 bits are read at any bit, of which 25 are certain.
const wordBits = 25

function runSequences(
  state: FrameState,
  tables: NonNullable<FrameState['tables']>,
  count: number,
  start: number,
  end: number,
  limit: number
): number {
  const { view, output, frameStart, literals, literalEnd } = state
  const { literals: literalTable, offsets: offsetTable, copies: copyTable } = tables
  const literalEntries = literalTable.entries
  const offsetEntries = offsetTable.entries
  const copyEntries = copyTable.entries
  const first = start * 8
  let { out, literalAt } = state
  let bit = streamEnd(view, start, end) - literalTable.log
  let literalState = bitsAt(view, bit, literalTable.log)
  let offsetState = bitsAt(view, (bit -= offsetTable.log), offsetTable.log)
  let copyState = bitsAt(view, (bit -= copyTable.log), copyTable.log)
  for (let left = count; left > 0; left--) {
    if (bit < first) throw undecodable('zstd', 'sequences are cut off', start)
    const literalEntry = literalEntries[literalState]!
    const offsetEntry = offsetEntries[offsetState]!
    const copyEntry = copyEntries[copyState]!
    const offsetCode = offsetEntry & 0xff
    bit -= offsetCode
    const offset =
      offsetCode <= wordBits ? (1 << offsetCode) + bitsAt(view, bit, offsetCode) : wideOffset(view, bit, offsetCode)
    const copyWidth = copyBits[copyEntry & 0xff]!
    const literalWidth = literalBits[literalEntry & 0xff]!
    bit -= copyWidth
    const copyLength = copyBases[copyEntry & 0xff]! + bitsAt(view, bit, copyWidth)
    bit -= literalWidth
    const literalLength = literalBases[literalEntry & 0xff]! + bitsAt(view, bit, literalWidth)
    if (left > 1) {
      const literalNext = (literalEntry >>> 8) & 0xff
      const copyNext = (copyEntry >>> 8) & 0xff
      const offsetNext = (offsetEntry >>> 8) & 0xff
      literalState = (literalEntry >>> 16) + bitsAt(view, (bit -= literalNext), literalNext)
      copyState = (copyEntry >>> 16) + bitsAt(view, (bit -= copyNext), copyNext)
      offsetState = (offsetEntry >>> 16) + bitsAt(view, (bit -= offsetNext), offsetNext)
    }
    const distance = resolveOffset(state, offset, literalLength)
    if (literalLength > literalEnd - literalAt) throw undecodable('zstd', 'a block has too few literals', start)
    if (literalLength + copyLength > limit - out) throw overflow(state, start)
    copyBytes(literals, literalAt, output, out, literalLength)
    literalAt += literalLength
    out += literalLength
    if (distance < 1 || distance > out - frameStart) throw undecodable('zstd', 'a copy reaches before the frame', start)
    repeatBytes(output, out, distance, copyLength)
    out += copyLength
  }
  if (bit !== first) throw undecodable('zstd', 'sequences do not end where they should', end)
  state.literalAt = literalAt
  return out
}

// Up to 25 bits from the position `bit` on, lowest first.
function bitsAt(view: DataView, bit: number, width: number): number {
  return (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << width) - 1)
}

function wideOffset(view: DataView, bit: number, code: number): number {
  const high = bitsAt(view, bit + 16, code - 16)
  return 2 ** code + high * 65536 + bitsAt(view, bit, 16)
}

// The distance that an offset stands for: the three smallest repeat earlier ones.
function resolveOffset(state: FrameState, offset: number, literalLength: number): number {
  let distance = offset - 3
  if (offset <= 3) {
    const place = literalLength === 0 ? offset : offset - 1
    if (place === 0) return state.offset1
    distance = place === 1 ? state.offset2 : place === 2 ? state.offset3 : state.offset1 - 1
    if (place > 1) state.offset3 = state.offset2
  } else {
    state.offset3 = state.offset2
  }
  state.offset2 = state.offset1
  state.offset1 = distance
  return distance
}

function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length > loopBytesMax) target.set(source.subarray(from, from + length), to)
  else for (let i = 0; i < length; i++) target[to + i] = source[from + i]!
}

// More content than a block may have, than its frame says, or than the caller allows.
function overflow(state: FrameState, at: number): Error {
  if (state.output.length === state.bytesMax) return tooLarge('zstd', state.bytesMax)
  return undecodable('zstd', 'a block has more content than it may', at)
}
