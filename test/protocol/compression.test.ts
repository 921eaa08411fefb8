// Codecs read what other implementations write, and others can take their place.
import { describe, expect, test } from 'vitest'
import { codecById, codecByName, decompressBatch, RecordBatch, registerCodec } from 'kafka-once/protocol'
import type { CompressionCodec } from 'kafka-once/protocol'
import { fromHex, gunzip, toHex, vectorNamed } from './record_vectors.ts'

const snappy = codecByName('snappy')
const codecOptions = { gzip: undefined, gunzip: undefined, level: undefined }
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
    registerCodec(pretended)
    expect(codecById(3)).toBe(pretended)
    expect(decompressBatch(batch, { decompressedBytesMax: 12345 })).toBeUndefined()
    expect(seen).toEqual([[batch.sizeInBytes - 61, 12345]])
  })

  test.each([0, 8, 1.5, Number.NaN])('has no number %d', (id) => {
    expect(() => registerCodec({ ...snappy, id })).toThrow(RangeError)
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
