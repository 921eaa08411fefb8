// Owns compressed bytes that stand for far more than themselves, or say so: made by hand where a format is simple.

import { gzipNow } from '../../src/runtime/node_zlib.ts'
import type { CompressionName } from '../../src/protocol/compression/index.ts'
import { uvarint } from './mutator.ts'

const mebibyte = 1024 * 1024

/** Payloads for one codec. */
export function bombs(name: CompressionName): Uint8Array[] {
  switch (name) {
    case 'gzip':
      return [gzipNow(new Uint8Array(2 * mebibyte), 9), gzipNow(new Uint8Array(4 * mebibyte), 9)]
    case 'snappy':
      return [snappyBomb(mebibyte, 500), snappyBomb(2 ** 32 - 1, 10), snappyBomb(64 * 2_000 + 1, 2_000)]
    case 'lz4':
      return [lz4Bomb(0x40, 200), lz4Bomb(0x70, 1_000), lz4Bomb(0x70, 6_000)]
    case 'zstd':
      return [zstdBomb(7), zstdBomb(10), zstdBomb(1_000)]
    default:
      return []
  }
}

/** One literal, then copies of 64 bytes at a distance of 1. */
function snappyBomb(claimed: number, copies: number): Uint8Array {
  const tags = Array.from({ length: copies }, () => [0xfe, 1, 0])
  return Uint8Array.from([...uvarint(claimed), 0, 7, ...tags.flat()])
}

/** A frame of one block: a literal, then one match whose length goes on for many bytes of 255. */
function lz4Bomb(blockSizeBits: number, lengthBytes: number): Uint8Array {
  const block = [0x1f, 7, 1, 0, ...Array.from({ length: lengthBytes }, () => 255), 0, 0x50, 1, 2, 3, 4, 5]
  const size = [block.length & 0xff, (block.length >> 8) & 0xff, 0, 0]
  // 0x82 is the header's checksum for version 1, independent blocks of 64 KiB; another size makes it a wrong one.
  return Uint8Array.from([0x04, 0x22, 0x4d, 0x18, 0x60, blockSizeBits, 0x82, ...size, ...block, 0, 0, 0, 0])
}

/** A frame without a content size, of blocks that are one byte 128 KiB times. */
function zstdBomb(blocks: number): Uint8Array {
  const size = 128 * 1024
  const header = (isLast: boolean): number[] => {
    const bits = (isLast ? 1 : 0) | (1 << 1) | (size << 3)
    return [bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff, 7]
  }
  const body = Array.from({ length: blocks }, (_, i) => header(i === blocks - 1))
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, ...body.flat()])
}
