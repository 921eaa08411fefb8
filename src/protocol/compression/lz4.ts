// Owns lz4 for records: frames as Kafka's clients write them, of independent blocks of 64 KiB without a checksum, and
// all frames that others may write, dependent blocks, checksums and several frames included. The first clients of Kafka
// computed the checksum of the frame's header over too many bytes; the old formats still hold such frames. KAFKA-3160.
// Source: the description of the LZ4 frame format, version 1.6.4, and Kafka's Lz4BlockInputStream.

import type { CompressionCodec, DecompressOptions, GivenTools } from './codec.ts'
import { decodeInto, tooLarge, uint32At, undecodable } from './decoding.ts'
import { compressBlock, decompressBlock } from './lz4_block.ts'
import { nativeLz4 } from './natives.ts'
import type { NativeLz4 } from './natives.ts'
import { xxhash32 } from './xxhash32.ts'

const frameMagic = 0x184d2204
const skippableMagic = 0x184d2a50

/** Bits of the first descriptor byte. */
const flags = Object.freeze({
  version: 0xc0,
  independent: 0x20,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  dictionary: 0x01
} as const)

/** What Kafka writes: version 1, independent blocks, and blocks of up to 64 KiB. */
const ownFlags = 0x60
const ownBlockSize = 0x40
const ownBlockBytes = 64 * 1024

/** The bit of a block's size that marks it as stored as it is. */
const storedBit = 0x80000000

/** No byte of a block stands for more than this many bytes. */
const expansionMax = 255

export const lz4Codec: CompressionCodec = Object.freeze({
  id: 3,
  name: 'lz4',

  compress(bytes, tools) {
    return withNative(tools, (native) => (native === undefined ? compressFrame(bytes) : native.compress(bytes)))
  },

  decompress(bytes, bytesMax, options) {
    const size = measure(bytes, bytesMax, options)
    // The native decoder has no limit of its own, and refuses Kafka's first header checksums.
    if (size.hasOldChecksum || size.frames !== 1 || size.bound > bytesMax)
      return decompressFrames(bytes, bytesMax, size)
    return withNative(options, (native) => {
      if (native === undefined) return decompressFrames(bytes, bytesMax, size)
      return decompressNative(native, bytes)
    })
  }
} satisfies CompressionCodec)

function withNative(
  tools: GivenTools,
  act: (native: NativeLz4 | undefined) => Uint8Array
): Uint8Array | Promise<Uint8Array> {
  const native = nativeLz4(tools)
  return native instanceof Promise ? native.then(act) : act(native)
}

function decompressNative(native: NativeLz4, bytes: Uint8Array): Uint8Array {
  try {
    return native.decompress(bytes)
  } catch (cause) {
    throw undecodable('lz4', cause instanceof Error ? cause.message : 'the native decoder refused it', 0)
  }
}

function compressFrame(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / ownBlockBytes)
  const output = new Uint8Array(7 + bytes.length + blocks * 4 + 4)
  const view = new DataView(output.buffer)
  view.setUint32(0, frameMagic, true)
  output[4] = ownFlags
  output[5] = ownBlockSize
  output[6] = headerChecksum(output, 4, 6)
  let out = 7
  for (let at = 0; at < bytes.length; at += ownBlockBytes) {
    const stop = Math.min(at + ownBlockBytes, bytes.length)
    const end = compressBlock(bytes, at, stop, output, out + 4)
    if (end >= 0) {
      view.setUint32(out, end - out - 4, true)
      out = end
    } else {
      view.setUint32(out, storedBit + stop - at, true)
      output.set(bytes.subarray(at, stop), out + 4)
      out += 4 + stop - at
    }
  }
  return output.subarray(0, out + 4)
}

/** What a frame's header says. */
interface FrameHeader {
  readonly flags: number
  readonly blockBytesMax: number
  /** Undefined where the header does not tell. */
  readonly contentSize: number | undefined
  /** Where the first block begins. */
  readonly end: number
  readonly hasOldChecksum: boolean
}

function readHeader(bytes: Uint8Array, at: number, magic: number): FrameHeader {
  if (bytes.length - at < 7) throw undecodable('lz4', 'the header of a frame is cut off', at)
  const bits = bytes[at + 4]!
  if ((bits & flags.version) !== 0x40) throw undecodable('lz4', `a frame has version ${bits >>> 6}`, at + 4)
  if ((bits & flags.dictionary) !== 0) throw undecodable('lz4', 'a frame needs a dictionary', at + 4)
  const blockSize = (bytes[at + 5]! >>> 4) & 7
  if (blockSize < 4) throw undecodable('lz4', `a frame has the unknown block size ${blockSize}`, at + 5)
  const hasSize = (bits & flags.contentSize) !== 0
  const checksumAt = at + (hasSize ? 14 : 6)
  if (checksumAt >= bytes.length) throw undecodable('lz4', 'the header of a frame is cut off', at)
  const isRight = bytes[checksumAt] === headerChecksum(bytes, at + 4, checksumAt)
  // Java takes any checksum in format 0; in format 1 only the right one, though others have written the old one there.
  if (!isRight && magic !== 0 && !(magic === 1 && bytes[checksumAt] === headerChecksum(bytes, at, checksumAt))) {
    throw undecodable('lz4', 'the header of a frame has a wrong checksum', checksumAt)
  }
  return {
    flags: bits,
    blockBytesMax: 1 << (8 + 2 * blockSize),
    contentSize: hasSize ? uint32At(bytes, at + 6) + uint32At(bytes, at + 10) * 2 ** 32 : undefined,
    end: checksumAt + 1,
    hasOldChecksum: !isRight
  }
}

function headerChecksum(bytes: Uint8Array, start: number, end: number): number {
  return (xxhash32(bytes, start, end) >>> 8) & 0xff
}

/** What the frames may hold, found without decoding a block. */
interface Measured {
  /** Frames with content. */
  readonly frames: number
  /** The most bytes that they can stand for. */
  readonly bound: number
  readonly hasOldChecksum: boolean
  readonly magic: number
}

// Also makes sure that all lengths are within the bytes, so that decoding need not look again.
function measure(bytes: Uint8Array, bytesMax: number, options: DecompressOptions): Measured {
  const magic = options.magic ?? 2
  let frames = 0
  let bound = 0
  let certain = 0
  let hasOldChecksum = false
  if (bytes.length === 0) throw undecodable('lz4', 'there is no frame', 0)
  for (let at = 0; at < bytes.length;) {
    const skipped = skippableEnd(bytes, at)
    if (skipped !== undefined) {
      at = skipped
      continue
    }
    const header = readHeader(bytes, at, magic)
    frames++
    hasOldChecksum ||= header.hasOldChecksum
    const frame = measureBlocks(bytes, header)
    certain += header.contentSize ?? frame.least
    if (certain > bytesMax) throw tooLarge('lz4', bytesMax)
    if (header.contentSize !== undefined && header.contentSize > frame.bound) {
      throw undecodable('lz4', `a frame cannot hold the ${header.contentSize} bytes that it claims`, at)
    }
    bound += header.contentSize ?? frame.bound
    at = frame.end
  }
  return { frames, bound, hasOldChecksum, magic }
}

interface MeasuredBlocks {
  /** The most bytes that they can stand for, and the fewest. */
  readonly bound: number
  readonly least: number
  readonly end: number
}

function measureBlocks(bytes: Uint8Array, header: FrameHeader): MeasuredBlocks {
  const checksumBytes = (header.flags & flags.blockChecksum) !== 0 ? 4 : 0
  let bound = 0
  let least = 0
  let at = header.end
  for (;;) {
    if (bytes.length - at < 4) throw undecodable('lz4', 'a frame is cut off', at)
    const word = uint32At(bytes, at)
    at += 4
    if (word === 0) break
    const size = word % storedBit
    if (size > header.blockBytesMax) throw undecodable('lz4', `a block claims ${size} bytes`, at)
    if (size + checksumBytes > bytes.length - at) throw undecodable('lz4', 'a block is cut off', at)
    bound += word >= storedBit ? size : Math.min(header.blockBytesMax, size * expansionMax)
    least += word >= storedBit ? size : 0
    at += size + checksumBytes
  }
  if ((header.flags & flags.contentChecksum) !== 0) at += 4
  if (at > bytes.length) throw undecodable('lz4', 'the checksum of a frame is cut off', at)
  return { bound, least, end: at }
}

/** The end of a frame that carries no content; undefined for one that does. */
function skippableEnd(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < 8) throw undecodable('lz4', 'a frame is cut off', at)
  const magic = uint32At(bytes, at)
  if (magic === frameMagic) return undefined
  if (magic - (magic % 16) !== skippableMagic) throw undecodable('lz4', 'it does not begin as a frame does', at)
  const end = at + 8 + uint32At(bytes, at + 4)
  if (end > bytes.length) throw undecodable('lz4', 'a frame is cut off', at)
  return end
}

function decompressFrames(bytes: Uint8Array, bytesMax: number, size: Measured): Uint8Array {
  return decodeInto(Math.min(size.bound, bytesMax), (output) => {
    let out = 0
    for (let at = 0; at < bytes.length;) {
      const skipped = skippableEnd(bytes, at)
      if (skipped !== undefined) {
        at = skipped
        continue
      }
      const header = readHeader(bytes, at, size.magic)
      const start = out
      ;[at, out] = decompressBlocks(bytes, header, output, start, bytesMax)
      if (header.contentSize !== undefined && header.contentSize !== out - start) {
        throw undecodable('lz4', `a frame has not the ${header.contentSize} bytes that it claims`, at)
      }
      if ((header.flags & flags.contentChecksum) === 0) continue
      if (xxhash32(output, start, out) !== uint32At(bytes, at)) {
        throw undecodable('lz4', 'the content of a frame has a wrong checksum', at)
      }
      at += 4
    }
    return out
  })
}

// Answers the positions behind the end mark and behind the content.
function decompressBlocks(
  bytes: Uint8Array,
  header: FrameHeader,
  output: Uint8Array,
  start: number,
  bytesMax: number
): [at: number, out: number] {
  const isIndependent = (header.flags & flags.independent) !== 0
  const checksumBytes = (header.flags & flags.blockChecksum) !== 0 ? 4 : 0
  let out = start
  let at = header.end
  for (;;) {
    const word = uint32At(bytes, at)
    at += 4
    if (word === 0) return [at, out]
    const end = at + (word % storedBit)
    if (checksumBytes > 0 && xxhash32(bytes, at, end) !== uint32At(bytes, end)) {
      throw undecodable('lz4', 'a block has a wrong checksum', at)
    }
    const limit = Math.min(out + header.blockBytesMax, output.length)
    if (word >= storedBit) {
      if (end - at > limit - out) throw overflow(limit, output, bytesMax, at)
      output.set(bytes.subarray(at, end), out)
      out += end - at
    } else {
      const windowStart = isIndependent ? out : start
      const next = decompressBlock(bytes, at, end, { bytes: output, windowStart, limit }, out)
      if (next < 0) throw overflow(limit, output, bytesMax, at)
      out = next
    }
    at = end + checksumBytes
  }
}

// A block has more content than its frame allows, or than the caller does.
function overflow(limit: number, output: Uint8Array, bytesMax: number, at: number): Error {
  if (limit === output.length && output.length === bytesMax) return tooLarge('lz4', bytesMax)
  return undecodable('lz4', 'a block has more content than its frame allows', at)
}
