// Owns what is asked of packages that users may install for speed, or for zstd on old platforms: their names, the
// functions that are used of them, and a look whether they are there. Nothing is imported here; a Runtime does that.

import type { GivenTools } from './codec.ts'

/** Packages that are used where they are installed, as package.json lists them. */
export const optionalPackages = Object.freeze({
  snappy: 'snappy',
  lz4: 'lz4-napi',
  zstd: '@bokuweb/zstd-wasm',
  crc32c: '@node-rs/crc32'
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

/** What is made of one package, once. */
class Adapter<T extends object> {
  private readonly name: string
  private readonly adapt: (api: object) => T | Promise<T>
  private readonly made = new WeakMap<object, T | Promise<T>>()

  constructor(name: string, adapt: (api: object) => T | Promise<T>) {
    this.name = name
    this.adapt = adapt
  }

  /** Undefined where the package is not here; a promise only until it is ready. */
  find(tools: GivenTools): Found<T> {
    const found = tools.optionalPackage?.(this.name)
    if (found instanceof Promise) return found.then((api) => (api === undefined ? undefined : this.of(api)))
    return found === undefined ? undefined : this.of(found)
  }

  private of(api: object): T | Promise<T> {
    const known = this.made.get(api)
    if (known !== undefined) return known
    const made = this.adapt(api)
    this.made.set(api, made)
    if (made instanceof Promise) {
      const keep = (ready: T): void => void this.made.set(api, ready)
      // Whoever asked gets the refusal; this is only about the next time.
      made.then(keep, () => {})
    }
    return made
  }
}

const snappy = new Adapter<NativeSnappy>(optionalPackages.snappy, (api) => {
  const compress = functionOf(api, 'compressSync')
  const uncompress = functionOf(api, 'uncompressSync')
  return {
    compress: (bytes) => toBytes(compress(toBuffer(bytes))),
    uncompress: (block) => toBytes(uncompress(toBuffer(block), { asBuffer: true }))
  }
})

const lz4 = new Adapter<NativeLz4>(optionalPackages.lz4, (api) => {
  const compress = functionOf(api, 'compressFrameSync')
  const decompress = functionOf(api, 'decompressFrameSync')
  return {
    compress: (bytes) => toBytes(compress(toBuffer(bytes))),
    decompress: (frame) => toBytes(decompress(toBuffer(frame)))
  }
})

const zstd = new Adapter<WasmZstd>(optionalPackages.zstd, async (api) => {
  const compress = functionOf(api, 'compress')
  await functionOf(api, 'init')()
  return { compress: (bytes, level) => toBytes(compress(bytes, level)) }
})

export function nativeSnappy(tools: GivenTools): Found<NativeSnappy> {
  return snappy.find(tools)
}

export function nativeLz4(tools: GivenTools): Found<NativeLz4> {
  return lz4.find(tools)
}

export function wasmZstd(tools: GivenTools): Found<WasmZstd> {
  return zstd.find(tools)
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
