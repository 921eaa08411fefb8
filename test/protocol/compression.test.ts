// Codecs read what other implementations write, and others can take their place.
import { describe, expect, test } from 'vitest'
import {
  codecById,
  codecByName,
  decompressBatch,
  RecordBatch,
  RecordBatchBuilder,
  registerCodec
} from 'kafka-once/protocol'
import type { CompressionCodec } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import { fromHex, gunzip, gzip, toHex, vectorNamed } from './record_vectors.ts'

const snappy = codecByName('snappy')
const codecOptions = {}
const bytesMax = 10 * 1024 * 1024

describe('snappy', () => {
  test('reads a raw block, as some clients write it', async () => {
    // By hand from the format description: a literal of five bytes, then a copy of 15 bytes from five bytes before.
    const block = Uint8Array.from([20, 4 << 2, ...Buffer.from('abcde'), 0x02 | (14 << 2), 5, 0])
    expect(Buffer.from(await snappy.decompress(block, bytesMax, codecOptions)).toString()).toBe('abcdeabcdeabcdeabcde')
  })

  test('reads literals with lengths of one to four bytes', async () => {
    for (const [extra, length] of [
      [1, 200],
      [2, 3000],
      [3, 70_000],
      [4, 70_000]
    ] as const) {
      const text = Buffer.alloc(length, 'xyz')
      const size = Buffer.alloc(4)
      size.writeUInt32LE(length - 1)
      const preamble: number[] = []
      for (let rest = length; rest > 0; rest >>>= 7) preamble.push((rest & 127) | (rest > 127 ? 128 : 0))
      const block = Uint8Array.from([...preamble, (59 + extra) << 2, ...size.subarray(0, extra), ...text])
      expect(toHex(await snappy.decompress(block, bytesMax, codecOptions))).toBe(toHex(text))
    }
  })

  test('reads framed streams that follow one another', async () => {
    const one = await snappy.compress(Buffer.from('one one one one one'), codecOptions)
    const two = await snappy.compress(Buffer.alloc(100_000, 'two'), codecOptions)
    const both = await snappy.decompress(Buffer.concat([one, two]), bytesMax, codecOptions)
    expect(Buffer.from(both).toString()).toBe(`one one one one one${'two'.repeat(34_000).slice(0, 100_000)}`)
  })

  test('writes framed blocks of 32 KiB', async () => {
    const framed = Buffer.from(await snappy.compress(new Uint8Array(100_000), codecOptions))
    expect(framed.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001')
    let blocks = 0
    for (let at = 16; at < framed.length; at += 4 + framed.readInt32BE(at)) blocks++
    expect(blocks).toBe(4)
    expect(toHex(await snappy.decompress(framed, bytesMax, codecOptions))).toBe('00'.repeat(100_000))
  })

  test('answers the same from a Buffer and from an array, at any position', async () => {
    const framed = await snappy.compress(Buffer.from('some text, some text'), codecOptions)
    const padded = Buffer.concat([Buffer.from('???'), framed]).subarray(3)
    for (const bytes of [padded, new Uint8Array(padded)]) {
      expect(Buffer.from(await snappy.decompress(bytes, bytesMax, codecOptions)).toString()).toBe(
        'some text, some text'
      )
    }
  })
})

/** Contents that codecs treat in different ways, by what they are. */
const contents: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['one byte', Uint8Array.of(7)],
  ['twelve bytes', Buffer.from('abcabcabcabc')],
  ['one byte again and again', new Uint8Array(200_000).fill(65)],
  ['text of one block', Buffer.from('some text, some more text, '.repeat(2000))],
  ['text of many blocks', Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i * 7919} `).join(''))],
  ['noise', noise(150_000)],
  ['noise that comes twice', Buffer.concat([noise(60_000), noise(60_000)])]
]

function noise(length: number): Uint8Array {
  let seed = 1
  return Uint8Array.from({ length }, () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 16)
}

const runtime = nodeRuntime()
const tools = { gzip, gunzip, zstd: runtime.zstd }
const native = { ...tools, optionalPackage: (name: string) => runtime.optionalPackage?.(name) }

describe('what is written natively and in JavaScript', () => {
  test.each(contents)('is read by the other as well: %s', async (_what, plain) => {
    for (const name of ['gzip', 'snappy', 'lz4'] as const) {
      const codec = codecByName(name)
      for (const writer of [tools, native]) {
        const compressed = await codec.compress(plain, writer)
        for (const reader of [tools, native]) {
          const read = await codec.decompress(compressed, bytesMax, reader)
          expect(Buffer.compare(read, plain), name).toBe(0)
        }
      }
    }
  })

  test.each(contents)('is read from any position of larger memory: %s', async (_what, plain) => {
    for (const name of ['snappy', 'lz4', 'zstd'] as const) {
      const codec = codecByName(name)
      const shifted = Buffer.concat([Buffer.from('???'), plain]).subarray(3)
      const compressed = Buffer.concat([Buffer.from('?'), await codec.compress(shifted, native)]).subarray(1)
      for (const reader of [{}, native]) {
        expect(Buffer.compare(await codec.decompress(compressed, bytesMax, reader), plain), name).toBe(0)
      }
    }
  })

  test('is the same to the decoder of zstd, whoever compressed it', async () => {
    const zstd = codecByName('zstd')
    const { optionalPackage } = native
    // On Node 22.15 and later the platform writes, before that the package; the latter can be asked everywhere.
    for (const writer of [native, { optionalPackage }]) {
      for (const [what, plain] of contents) {
        const compressed = await zstd.compress(plain, writer)
        for (const reader of [{}, native]) {
          expect(Buffer.compare(await zstd.decompress(compressed, bytesMax, reader), plain), what).toBe(0)
        }
      }
    }
  })
})

describe('an optional package', () => {
  const names = ['snappy', 'lz4-napi', '@bokuweb/zstd-wasm']

  test('is looked for once and then known at once', async () => {
    for (const name of names) {
      const found = await runtime.optionalPackage?.(name)
      expect(found, name).toBeTypeOf('object')
      expect(runtime.optionalPackage?.(name)).toBe(found)
    }
  })

  test('that is not installed is missed at once from the second time on, without an error', async () => {
    expect(await runtime.optionalPackage?.('kafka-once-no-such-package')).toBeUndefined()
    expect(runtime.optionalPackage?.('kafka-once-no-such-package')).toBeUndefined()
  })

  test('is left alone where the runtime is told so', () => {
    for (const name of names) expect(nodeRuntime({ optionalPackages: false }).optionalPackage?.(name)).toBeUndefined()
  })

  test('of another version than the one that is known is named', async () => {
    const codec = codecByName('snappy')
    expect(() => codec.compress(new Uint8Array(9), { optionalPackage: () => ({ compress: 1 }) })).toThrowError(
      /has no function compressSync/
    )
  })

  test('or a newer Node is what zstd needs to compress, and the error says so', () => {
    const without = { ...tools, zstd: undefined, optionalPackage: () => undefined }
    expect(() => codecByName('zstd').compress(new Uint8Array(9), without)).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED_COMPRESSION',
        message: expect.stringMatching(/Node 22\.15.*@bokuweb\/zstd-wasm/)
      })
    )
  })
})

describe('a codec', () => {
  test('can be added and is used by its number', async () => {
    const batch = RecordBatch.parse(fromHex(vectorNamed('lz4').bytes))
    const plain = RecordBatch.parse(fromHex(vectorNamed('many records').bytes))
    const seen: [length: number, bytesMax: number][] = []
    const pretended: CompressionCodec = {
      id: 3,
      name: 'lz4',
      compress: (bytes) => bytes,
      decompress(bytes, max) {
        seen.push([bytes.length, max])
        return plain.compressedRecords
      }
    }
    const before = codecById(3)
    registerCodec(pretended)
    try {
      expect(codecById(3)).toBe(pretended)
      expect(decompressBatch(batch, { decompressedBytesMax: 12345 })).toBeUndefined()
      expect(seen).toEqual([[batch.sizeInBytes - 61, 12345]])
    } finally {
      registerCodec(before)
    }
  })

  test.each([0, 8, 1.5, Number.NaN])('has no number %d', (id) => {
    expect(() => registerCodec({ ...snappy, id })).toThrow(RangeError)
  })

  test('cannot have the name of another one, nor lack a function', () => {
    expect(() => registerCodec({ ...snappy, name: 'lz4' })).toThrow(/Codec 2 is snappy, not lz4/)
    for (const method of ['compress', 'decompress'] as const) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
      const partial = { ...snappy, [method]: undefined } as unknown as CompressionCodec
      expect(() => registerCodec(partial)).toThrow(`A codec needs a function ${method}`)
    }
    expect(codecById(2)).toBe(snappy)
  })

  test.each(['brotli', 'none'])('is not found by the name %s', (name) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
    expect(() => codecByName(name as 'lz4')).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION', message: expect.stringContaining(`name ${name}`) })
    )
  })

  test.each(['text', undefined, new ArrayBuffer(9)])('that answers with no bytes is told so: %j', async (answer) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
    const wrong = (): Uint8Array => answer as unknown as Uint8Array
    registerCodec({ ...snappy, compress: wrong, decompress: wrong })
    try {
      const batch = RecordBatch.parse(fromHex(vectorNamed('snappy').bytes))
      expect(() => decompressBatch(batch, {})).toThrow(/snappy .* answered with something else than bytes/)
      expect(batch.needsDecompression).toBe(true)
      const builder = new RecordBatchBuilder()
      builder.append(null, new Uint8Array(200), [], 1)
      expect(() => builder.finish({ compression: 'snappy' })).toThrow(/answered with something else than bytes/)
    } finally {
      registerCodec(snappy)
    }
  })

  test('that does not keep to the limit is held to it', () => {
    registerCodec({ ...snappy, decompress: () => new Uint8Array(101) })
    try {
      const batch = RecordBatch.parse(fromHex(vectorNamed('snappy').bytes))
      expect(() => decompressBatch(batch, { decompressedBytesMax: 100 })).toThrowError(
        expect.objectContaining({ code: 'BATCH_TOO_LARGE' })
      )
    } finally {
      registerCodec(snappy)
    }
  })

  test('is gzip only with the functions of a runtime', async () => {
    const batch = RecordBatch.parse(fromHex(vectorNamed('gzip').bytes))
    await expect(decompressBatch(batch, {})).rejects.toMatchObject({
      code: 'UNSUPPORTED_COMPRESSION',
      message: expect.stringContaining('gunzip')
    })
    await decompressBatch(batch, { gunzip })
    expect(batch.records().count).toBe(120)
  })
})
