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
