// The checksum is CRC-32C however it is computed: for every length around the edges of what is done at once, wherever the
// bytes lie, and in engines that have less.
import castagnoli from 'crc-32/crc32c.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { crc32c, useCrc32c, useNativeCrc32c } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import { nativeCrc32c } from '../../src/protocol/crc32c.ts'
import { foldModule } from '../../src/protocol/crc32c_module.ts'
import { makeVectorCrc32c } from '../../src/protocol/crc32c_vectors.ts'

/** As the standard says it, a bit at a time. */
function reference(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}

function noise(length: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 16
  })
}

const data = noise(200_000)
const rest = (bytes: Uint8Array, seed: number): number => castagnoli.buf(bytes, seed)

/** Around a block of either size, around what fits into the module's memory at once, and several of everything. */
const edges = [1024, 2048, 4096, 5120, 8192, 61_440, 62_464, 122_880, 128_000].flatMap((length) => {
  return [length - 1, length, length + 1]
})
const lengths = [...Array.from({ length: 301 }, (_, length) => length), ...edges]

afterEach(() => vi.unstubAllGlobals())

describe('the checksum', () => {
  test('of any length is the one of the standard, before and after it is computed in vectors', () => {
    for (const length of lengths) {
      const bytes = data.subarray(length % 31, (length % 31) + length)
      expect(crc32c(bytes)).toBe(reference(bytes))
    }
    for (let i = 0; i < 10; i++) crc32c(data)
    for (const length of lengths) {
      const bytes = data.subarray(length % 29, (length % 29) + length)
      expect(crc32c(bytes)).toBe(reference(bytes))
    }
  })

  test.each([
    ['the standard itself, 32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['the standard itself, 32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['the standard itself, 0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e]
  ])('is that of %s', (_what, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })
})

describe('the checksum in vectors', () => {
  const vectors = makeVectorCrc32c(rest)!

  test('of any length is the one of the standard', () => {
    for (const length of lengths) {
      const bytes = data.subarray(length % 37, (length % 37) + length)
      expect(vectors(bytes) >>> 0).toBe(reference(bytes))
    }
  })

  test('sees every single changed bit', () => {
    const bytes = noise(5_000, 7)
    const before = vectors(bytes) >>> 0
    for (let bit = 0; bit < bytes.length * 8; bit += 61) {
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
      expect(vectors(bytes) >>> 0).not.toBe(before)
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
    }
    expect(vectors(bytes) >>> 0).toBe(before)
  })

  test('takes Buffers, and memory that is shared', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(6_000))
    shared.set(data.subarray(0, 6_000))
    expect(vectors(shared) >>> 0).toBe(reference(shared))
    expect(vectors(Buffer.from(shared)) >>> 0).toBe(reference(shared))
  })

  test('is the same without the relaxed instruction', () => {
    const engine: Engine = Reflect.get(globalThis, 'WebAssembly')
    const relaxed = foldModule(true)
    vi.stubGlobal('WebAssembly', {
      Module: engine.Module,
      Instance: engine.Instance,
      validate: (bytes: Uint8Array) => bytes.length !== relaxed.length && engine.validate(bytes)
    })
    const plain = makeVectorCrc32c(rest)!
    for (const length of edges) expect(plain(data.subarray(0, length)) >>> 0).toBe(reference(data.subarray(0, length)))
  })

  test.each([
    ['there is no WebAssembly', undefined],
    [
      'modules may not be compiled',
      {
        validate: () => true,
        Module: () => {
          throw new Error('Refused to compile')
        }
      }
    ]
  ])('is not there where %s', (_what, engine) => {
    vi.stubGlobal('WebAssembly', engine)
    expect(makeVectorCrc32c(rest)).toBeUndefined()
  })
})

async function find(): Promise<object> {
  return (await nodeRuntime().optionalPackage?.('@node-rs/crc32'))!
}

describe('the native checksum', () => {
  test('agrees with WebAssembly, with crc-32 and with the standard on every length, wherever the bytes lie', async () => {
    const native = nativeCrc32c(await find())!
    const vectors = makeVectorCrc32c(rest)!
    let at = 1
    for (const length of [...lengths, ...lengths]) {
      at = (Math.imul(at, 48_271) >>> 0) % 60_000
      const bytes = data.subarray(at, at + length)
      const expected = reference(bytes)
      const found = { native: native(bytes) >>> 0, vectors: vectors(bytes) >>> 0, plain: rest(bytes, 0) >>> 0 }
      expect(found, `${length} bytes at ${at}`).toEqual({ native: expected, vectors: expected, plain: expected })
    }
  })

  test('takes Buffers, and memory that is shared', async () => {
    const native = nativeCrc32c(await find())!
    const shared = new Uint8Array(new SharedArrayBuffer(6_000))
    shared.set(data.subarray(0, 6_000))
    expect(native(shared) >>> 0).toBe(reference(shared))
    expect(native(Buffer.from(shared)) >>> 0).toBe(reference(shared))
  })

  test.each([
    ['lacks the function', {}],
    ['computes another checksum', { crc32c: () => 1 }],
    [
      'throws',
      {
        crc32c: () => {
          throw new Error('Not built for this machine')
        }
      }
    ]
  ])('is left alone where the package %s', (_what, api) => {
    expect(nativeCrc32c(api)).toBeUndefined()
  })

  test('becomes the default where it is installed, but not in place of what the user gave', async () => {
    let calls = 0
    const package_ = { crc32c: (bytes: Uint8Array) => (calls++, castagnoli.buf(bytes)) }
    let own = 0
    useCrc32c((bytes) => (own++, castagnoli.buf(bytes)))
    useNativeCrc32c({ optionalPackage: () => undefined })
    useNativeCrc32c({ optionalPackage: () => Promise.reject(new Error('Not here')) })
    await Promise.resolve()
    useNativeCrc32c({ optionalPackage: () => Promise.resolve(undefined) })
    await Promise.resolve()
    useNativeCrc32c({ optionalPackage: () => Promise.resolve(package_) })
    await Promise.resolve()
    const before = { calls, own }
    crc32c(data)
    expect({ calls, own }).toEqual({ calls: before.calls, own: before.own + 1 })
    useCrc32c(undefined)
    const atRestore = { calls, own }
    expect(crc32c(data)).toBe(reference(data))
    expect({ calls, own }).toEqual({ calls: atRestore.calls + 1, own: atRestore.own })
  })
})

interface Engine {
  validate(bytes: Uint8Array): boolean
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => object
}
