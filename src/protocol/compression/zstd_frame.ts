// Owns the frames of zstd: their headers, where their blocks lie, and how much they can stand for at most, all found
// without decoding. Whoever decodes them afterwards, here or in the platform, meets no length that is not within the
// bytes. Source: RFC 8878.

import { tooLarge, uint32At, undecodable } from './decoding.ts'

const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50

/** No block stands for more than this. */
export const blockBytesMax = 128 * 1024

/** The smallest exponent of a window. */
const windowLogMin = 10

/** Types of blocks. */
export const blockTypes = Object.freeze({ raw: 0, repeated: 1, compressed: 2 } as const)

/** One frame with content. */
export interface ZstdFrame {
  readonly start: number
  /** The header of the first block. */
  readonly blocks: number
  readonly end: number
  /** Undefined where the header does not tell. */
  readonly contentSize: number | undefined
  /** The most bytes that the frame can stand for, and the fewest. */
  readonly bound: number
  readonly least: number
  readonly hasChecksum: boolean
  /** Where the size of the window stands; undefined where the content is its window. */
  readonly windowAt: number | undefined
}

/** The next frame with content from `at` on; undefined where none follows. Throws a ProtocolError `MALFORMED`. */
export function nextFrame(bytes: Uint8Array, at: number): ZstdFrame | undefined {
  let start = at
  while (start < bytes.length) {
    if (bytes.length - start < 8) throw undecodable('zstd', 'a frame is cut off', start)
    const magic = uint32At(bytes, start)
    if (magic === frameMagic) return readFrame(bytes, start)
    if (magic - (magic % 16) !== skippableMagic) throw undecodable('zstd', 'it does not begin as a frame does', start)
    const end = start + 8 + uint32At(bytes, start + 4)
    if (end > bytes.length) throw undecodable('zstd', 'a frame is cut off', start)
    start = end
  }
  return undefined
}

function readFrame(bytes: Uint8Array, start: number): ZstdFrame {
  const descriptor = bytes[start + 4]!
  if ((descriptor & 0x08) !== 0) throw undecodable('zstd', 'a frame uses a reserved bit', start + 4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!
  const dictionaryAt = start + (isSingleSegment ? 5 : 6)
  const blocks = dictionaryAt + dictionaryBytes + sizeBytes
  if (blocks > bytes.length) throw undecodable('zstd', 'the header of a frame is cut off', start)
  if (littleEndian(bytes, dictionaryAt, dictionaryBytes) !== 0) {
    throw undecodable('zstd', 'a frame needs a dictionary', dictionaryAt)
  }
  const size = littleEndian(bytes, dictionaryAt + dictionaryBytes, sizeBytes)
  const contentSize = sizeBytes === 0 ? undefined : size + (sizeBytes === 2 ? 256 : 0)
  const hasChecksum = (descriptor & 0x04) !== 0
  const { bound, least, end } = measureBlocks(bytes, blocks)
  if (end + (hasChecksum ? 4 : 0) > bytes.length) throw undecodable('zstd', 'the checksum of a frame is cut off', end)
  return {
    start,
    blocks,
    end: end + (hasChecksum ? 4 : 0),
    contentSize,
    bound,
    least,
    hasChecksum,
    windowAt: isSingleSegment ? undefined : start + 5
  }
}

function measureBlocks(bytes: Uint8Array, start: number): Pick<ZstdFrame, 'bound' | 'least' | 'end'> {
  let bound = 0
  let least = 0
  let at = start
  for (;;) {
    if (bytes.length - at < 3) throw undecodable('zstd', 'a frame is cut off', at)
    const header = littleEndian(bytes, at, 3)
    const type = (header >>> 1) & 3
    const size = header >>> 3
    at += 3
    if (size > blockBytesMax) throw undecodable('zstd', `a block claims ${size} bytes`, at)
    if (type > blockTypes.compressed) throw undecodable('zstd', 'a block has an unknown type', at)
    const storedBytes = type === blockTypes.repeated ? 1 : size
    if (storedBytes > bytes.length - at) throw undecodable('zstd', 'a block is cut off', at)
    bound += type === blockTypes.compressed ? blockBytesMax : size
    least += type === blockTypes.compressed ? 0 : size
    at += storedBytes
    if ((header & 1) !== 0) return { bound, least, end: at }
  }
}

/**
 * How many bytes of output all frames together need at most, not more than `bytesMax`, and the frame where there is but
 * one. Throws a ProtocolError: `BATCH_TOO_LARGE` where a frame says that it has more, or `MALFORMED`.
 */
export function measureFrames(
  bytes: Uint8Array,
  bytesMax: number
): { readonly capacity: number; readonly single: ZstdFrame | undefined } {
  if (bytes.length === 0) throw undecodable('zstd', 'there is no frame', 0)
  let capacity = 0
  let certain = 0
  let single: ZstdFrame | undefined
  let frames = 0
  for (let frame = nextFrame(bytes, 0); frame !== undefined; frame = nextFrame(bytes, frame.end)) {
    const { contentSize, bound, least } = frame
    certain += contentSize ?? least
    if (certain > bytesMax) throw tooLarge('zstd', bytesMax)
    if (contentSize !== undefined && contentSize > bound) {
      throw undecodable('zstd', `a frame cannot hold the ${contentSize} bytes that it claims`, frame.start)
    }
    capacity += contentSize ?? bound
    frames++
    single = frames === 1 ? frame : undefined
  }
  return { capacity: Math.min(capacity, bytesMax), single }
}

/**
 * The frame alone, with a window that is no larger than what it can hold. A compressor that is not told how much will
 * come asks for up to 128 MiB of a decompressor that then gets a few KiB.
 */
export function withTightWindow(bytes: Uint8Array, frame: ZstdFrame, capacity: number): Uint8Array {
  const alone = bytes.subarray(frame.start, frame.end)
  if (frame.windowAt === undefined) return alone
  const exponent = Math.ceil(Math.log2(Math.max(capacity, blockBytesMax)))
  const descriptor = (exponent - windowLogMin) << 3
  if (bytes[frame.windowAt]! <= descriptor) return alone
  const tight = alone.slice()
  tight[frame.windowAt - frame.start] = descriptor
  return tight
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}
