// Owns what zlib does here: on the caller's own thread, for a runtime whose time is not real, since what runs elsewhere
// ends when it likes; and zstd, which only newer versions of Node have.

import * as zlib from 'node:zlib'
import type { PlatformZstd } from './runtime.ts'

/** Throws `ERR_BUFFER_TOO_LARGE` when the output would exceed `bytesMax`. */
export function gunzipNow(bytes: Uint8Array, bytesMax: number): Uint8Array {
  return zlib.gunzipSync(bytes, { maxOutputLength: Math.max(bytesMax, 1) })
}

/** With zlib's smallest tables: they are made anew for each call, which was most of its cost. */
export function gzipNow(bytes: Uint8Array, level: number): Uint8Array {
  return zlib.gzipSync(bytes, { level, windowBits: 9, memLevel: 1, chunkSize: 4096 })
}

/**
 * A gzip stream that holds the bytes as they are (RFC 1951, 3.2.4; RFC 1952): what gzip makes of content that does not get
 * smaller, at a small part of the cost.
 */
export function gzipStoredNow(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / storedBytesMax))
  const stream = new Uint8Array(storedHead.length + 5 * blocks + bytes.length + 8)
  const view = new DataView(stream.buffer)
  stream.set(storedHead)
  let at = storedHead.length
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * storedBytesMax, (i + 1) * storedBytesMax)
    view.setUint8(at, i === blocks - 1 ? 1 : 0)
    view.setUint16(at + 1, block.length, true)
    view.setUint16(at + 3, block.length ^ 0xffff, true)
    stream.set(block, at + 5)
    at += 5 + block.length
  }
  view.setUint32(at, zlib.crc32(bytes), true)
  view.setUint32(at + 4, bytes.length, true)
  return stream
}

/** Magic, deflate, no flags, no time, no hint, an unknown system. */
const storedHead: readonly number[] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
const storedBytesMax = 0xffff

/** Larger pieces than zlib's 16 KiB, so that an output consists of few of them. */
export const zlibChunkBytes = 128 * 1024

interface ZstdOptions {
  readonly chunkSize: number
  readonly maxOutputLength?: number
  readonly params?: Readonly<Record<number, number>>
  readonly pledgedSrcSize?: number
}

/** ZSTD_c_compressionLevel of zstd's own interface. */
const levelParameter = 100

/** Undefined before Node 22.15. */
export const nodeZstd: PlatformZstd | undefined = findZstd()

function findZstd(): PlatformZstd | undefined {
  const compress = zlibFunction('zstdCompress')
  const decompress = zlibFunction('zstdDecompress')
  if (compress === undefined || decompress === undefined) return undefined
  return Object.freeze({
    decompress: (frame, bytesMax) =>
      decompress(frame, { maxOutputLength: Math.max(bytesMax, 1), chunkSize: zlibChunkBytes }),
    compress: (bytes, level) =>
      compress(bytes, { params: { [levelParameter]: level }, pledgedSrcSize: bytes.length, chunkSize: zlibChunkBytes })
  } satisfies PlatformZstd)
}

// By its name, since the types are those of Node 20, which has neither function.
function zlibFunction(name: string): ((bytes: Uint8Array, options: ZstdOptions) => Promise<Uint8Array>) | undefined {
  const found: unknown = Reflect.get(zlib, name)
  if (typeof found !== 'function') return undefined
  return (bytes, options) =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Uint8Array): void => (error === null ? resolve(result) : reject(error))
      Reflect.apply(found, zlib, [bytes, options, done])
    })
}
