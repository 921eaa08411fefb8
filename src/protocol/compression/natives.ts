// Owns what is asked of packages that users may install for speed, or for zstd on old platforms: their names, the
// functions that are used of them, and a look whether they are there. Nothing is imported here; a Runtime does that.

import type { GivenTools } from './codec.ts'

/** Packages that are used where they are installed, as package.json lists them. */
export const optionalPackages = Object.freeze({
  snappy: 'snappy',
  lz4: 'lz4-napi',
  zstd: '@bokuweb/zstd-wasm'
} as const)

/** Raw blocks of snappy. */
export interface NativeSnappy {
  compress(bytes: Uint8Array): Uint8Array
  uncompress(block: Uint8Array): Uint8Array
}

/** Frames of lz4. */
export interface NativeLz4 {
  compress(bytes: Uint8Array): Uint8Array
  decompress(frame: Uint8Array): Uint8Array
}

/** zstd in WebAssembly, ready to be called. */
export interface WasmZstd {
  compress(bytes: Uint8Array, level: number): Uint8Array
}

type Found<T> = T | undefined | Promise<T | undefined>
type Callable = (...args: readonly unknown[]) => unknown

export function nativeSnappy(tools: GivenTools): Found<NativeSnappy> {
  return adapted(tools, optionalPackages.snappy, (api) => {
    const compress = functionOf(api, 'compressSync')
    const uncompress = functionOf(api, 'uncompressSync')
    return {
      compress: (bytes) => toBytes(compress(toBuffer(bytes))),
      uncompress: (block) => toBytes(uncompress(toBuffer(block), { asBuffer: true }))
    }
  })
}

export function nativeLz4(tools: GivenTools): Found<NativeLz4> {
  return adapted(tools, optionalPackages.lz4, (api) => {
    const compress = functionOf(api, 'compressFrameSync')
    const decompress = functionOf(api, 'decompressFrameSync')
    return {
      compress: (bytes) => toBytes(compress(toBuffer(bytes))),
      decompress: (frame) => toBytes(decompress(toBuffer(frame)))
    }
  })
}

export function wasmZstd(tools: GivenTools): Found<WasmZstd> {
  return adapted(tools, optionalPackages.zstd, async (api) => {
    const compress = functionOf(api, 'compress')
    await functionOf(api, 'init')()
    return { compress: (bytes, level) => toBytes(compress(bytes, level)) }
  })
}

/** What was made of a package, or is being made, by the package. */
const adapters = new WeakMap<object, unknown>()

function adapted<T extends object>(tools: GivenTools, name: string, adapt: (api: object) => T | Promise<T>): Found<T> {
  const found = tools.optionalPackage?.(name)
  if (found === undefined) return undefined
  if (found instanceof Promise) return found.then((api) => (api === undefined ? undefined : adapterOf(api, adapt)))
  return adapterOf(found, adapt)
}

function adapterOf<T extends object>(api: object, adapt: (api: object) => T | Promise<T>): T | Promise<T> {
  const known = adapters.get(api)
  // Each package has one adapter, which the same function made.
  if (known !== undefined) return known as T | Promise<T>
  const made = adapt(api)
  adapters.set(api, made)
  if (made instanceof Promise) made.then((ready) => adapters.set(api, ready)).catch(() => {})
  return made
}

function functionOf(api: object, name: string): Callable {
  const found: unknown = Reflect.get(api, name)
  if (typeof found === 'function') return (...args) => Reflect.apply(found, api, args)
  throw new TypeError(`An installed package for compression has no function ${name}: install the version that fits`)
}

// The packages' own checks know Node's class only.
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function toBytes(result: unknown): Uint8Array {
  if (result instanceof Uint8Array) return result
  throw new TypeError('An installed package for compression answered with something else than bytes')
}
