// Owns snappy for records: the framing of xerial's Java library, in which Kafka's clients write, and raw blocks, which
// some other clients write. The blocks themselves are snappyjs's work, but only after a walk over their tags has shown
// that they are sound: it trusts lengths and distances that a hostile block can choose so that it never ends.
// Source: org.xerial.snappy.SnappyOutputStream and the format description of google/snappy.

import snappyjs from 'snappyjs'
import type { CompressionCodec, GivenTools } from './codec.ts'
import { tooLarge, undecodable } from './decoding.ts'
import { nativeSnappy } from './natives.ts'
import type { NativeSnappy } from './natives.ts'

/** 0x82 "SNAPPY" 0x00, version 1, readable since version 1. */
const xerialHeader = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1)
const xerialMagicBytes = 8

/** Uncompressed bytes of one block, the most that readers with a fixed buffer take. */
const blockBytes = 32 * 1024

export const snappyCodec: CompressionCodec = Object.freeze({
  id: 2,
  name: 'snappy',

  compress(bytes, tools) {
    return withNative(tools, (native) => compress(bytes, native))
  },

  decompress(bytes, bytesMax, tools) {
    return withNative(tools, (native) => decompress(bytes, bytesMax, native))
  }
} satisfies CompressionCodec)

function withNative(
  tools: GivenTools,
  act: (native: NativeSnappy | undefined) => Uint8Array
): Uint8Array | Promise<Uint8Array> {
  const native = nativeSnappy(tools)
  return native instanceof Promise ? native.then(act) : act(native)
}

function compress(bytes: Uint8Array, native: NativeSnappy | undefined): Uint8Array {
  const blocks: Uint8Array[] = []
  let size = xerialHeader.length
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const plain = bytes.subarray(at, at + blockBytes)
    const block = native === undefined ? snappyjs.compress(plain) : native.compress(plain)
    blocks.push(block)
    size += 4 + block.length
  }
  const output = new Uint8Array(size)
  const view = new DataView(output.buffer)
  output.set(xerialHeader)
  let at = xerialHeader.length
  for (const block of blocks) {
    view.setInt32(at, block.length)
    output.set(block, at + 4)
    at += 4 + block.length
  }
  return output
}

function decompress(bytes: Uint8Array, bytesMax: number, native: NativeSnappy | undefined): Uint8Array {
  const sizeOf = (block: Uint8Array): number => (native === undefined ? checkedSize(block) : readPreamble(block).size)
  if (!startsWith(bytes, 0, xerialMagicBytes)) {
    if (sizeOf(bytes) > bytesMax) throw tooLarge('snappy', bytesMax)
    return uncompress(bytes, native)
  }
  let total = 0
  for (let block = nextBlock(bytes, 0); block !== undefined; block = nextBlock(bytes, block.end)) {
    total += sizeOf(bytes.subarray(block.start, block.end))
    if (total > bytesMax) throw tooLarge('snappy', bytesMax)
  }
  const output = new Uint8Array(total)
  let out = 0
  for (let block = nextBlock(bytes, 0); block !== undefined; block = nextBlock(bytes, block.end)) {
    const plain = uncompress(bytes.subarray(block.start, block.end), native)
    output.set(plain, out)
    out += plain.length
  }
  return output
}

function uncompress(block: Uint8Array, native: NativeSnappy | undefined): Uint8Array {
  if (native === undefined) return snappyjs.uncompress(block)
  try {
    return native.uncompress(block)
  } catch (cause) {
    throw undecodable('snappy', cause instanceof Error ? cause.message : 'the native decoder refused it', 0)
  }
}

/** The next block of xerial's framing from `from` on; undefined at the end. */
function nextBlock(bytes: Uint8Array, from: number): { readonly start: number; readonly end: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = from
  // Java's reader also takes several streams one after the other.
  while (startsWith(bytes, at, xerialMagicBytes)) {
    at += xerialHeader.length
    if (at > bytes.length) throw undecodable('snappy', 'its header is cut off', bytes.length)
    if (view.getInt32(at - 4) > 1) throw undecodable('snappy', 'its framing is newer than version 1', at - 4)
  }
  if (at === bytes.length) return undefined
  if (bytes.length - at < 4) throw undecodable('snappy', 'the size of a block is cut off', at)
  const size = view.getInt32(at)
  at += 4
  if (size < 0 || size > bytes.length - at) throw undecodable('snappy', `a block claims ${size} bytes`, at)
  return { start: at, end: at + size }
}

/** Walks over the tags of a raw block and answers how many bytes it stands for; refuses all that is not sound. */
function checkedSize(block: Uint8Array): number {
  const preamble = readPreamble(block)
  const end = block.length
  let at = preamble.end
  let produced = 0
  while (at < end) {
    const tag = block[at++]!
    const kind = tag & 3
    let length: number
    if (kind === 0) {
      length = tag >>> 2
      if (length >= 60) {
        const extra = length - 59
        // snappyjs wants four bytes after the tag, which any literal that needs such a length has.
        if (end - at < 4) throw undecodable('snappy', 'a literal is cut off', at)
        length = littleEndian(block, at, extra)
        at += extra
      }
      length += 1
      if (length > end - at) throw undecodable('snappy', 'a literal runs past the block', at)
      at += length
    } else {
      const distanceBytes = kind === 3 ? 4 : kind
      if (end - at < distanceBytes) throw undecodable('snappy', 'a copy is cut off', at)
      length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
      const distance = littleEndian(block, at, distanceBytes) + (kind === 1 ? (tag >>> 5) * 256 : 0)
      if (distance === 0 || distance > produced) throw undecodable('snappy', 'a copy reaches before the block', at)
      at += distanceBytes
    }
    produced += length
    if (produced > preamble.size) break
  }
  if (produced !== preamble.size) throw undecodable('snappy', `it has not the ${preamble.size} bytes it claims`, at)
  return produced
}

function readPreamble(block: Uint8Array): { size: number; end: number } {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i]
    if (byte === undefined) break
    size += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { size, end: i + 1 }
  }
  throw undecodable('snappy', 'its length is cut off', 0)
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}

function startsWith(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== xerialHeader[i]) return false
  return true
}
