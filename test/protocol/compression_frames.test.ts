// Frames of lz4 and zstd that the libraries of their inventors wrote are read as they were meant, by every way there is,
// and damaged or hostile ones are refused: never another error, a hang, or more memory than the limit allows.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecByName, ProtocolError, RecordBatch } from 'kafka-once/protocol'
import type { CompressionName, DecompressOptions } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import { fromHex, readVectors, toHex, vectorNamed } from './record_vectors.ts'

interface FrameVector {
  readonly name: string
  /** Hexadecimal. */
  readonly frame: string
  readonly length: number
  readonly sha256: string
}

type Way = [codec: CompressionName, way: string, options: DecompressOptions]

const bytesMax = 64 * 1024 * 1024
const mebibyte = 1024 * 1024
const runtime = nodeRuntime()
const { zstd } = runtime
const optionalPackage: DecompressOptions['optionalPackage'] = (name) => runtime.optionalPackage?.(name)
const pure: DecompressOptions = {}
const ways: readonly Way[] = [
  ['lz4', 'in JavaScript', pure],
  ['lz4', 'natively', { optionalPackage }],
  ['zstd', 'in JavaScript', pure],
  ...(zstd === undefined ? [] : [['zstd', 'by the platform', { zstd }] satisfies Way])
]

const vectors = { lz4: readVectors<FrameVector>('lz4.jsonl'), zstd: readVectors<FrameVector>('zstd.jsonl') }

function vectorsOf(codec: CompressionName): readonly FrameVector[] {
  return codec === 'lz4' ? vectors.lz4 : vectors.zstd
}

function frameOf(codec: CompressionName, name: string): Uint8Array {
  const found = vectorsOf(codec).find((vector) => vector.name === name)
  if (found === undefined) throw new Error(`no frame is named ${name}`)
  return fromHex(found.frame)
}

/** The output, or the refusal. Any other error fails the test. */
async function decode(
  codec: CompressionName,
  frame: Uint8Array,
  options: DecompressOptions,
  max = bytesMax
): Promise<Uint8Array | ProtocolError> {
  try {
    return await codecByName(codec).decompress(frame, max, options)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

async function refusal(codec: CompressionName, frame: Uint8Array, options = pure, max = bytesMax): Promise<string> {
  const before = process.memoryUsage().arrayBuffers
  const result = await decode(codec, frame, options, max)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(Math.max(16 * mebibyte, 2 * frame.length) + mebibyte)
  return result instanceof ProtocolError ? result.code : `${result.length} bytes`
}

const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd]

/** A block of zstd up to where its content begins. */
function block(type: number, size: number, isLast: boolean): number[] {
  const word = (size << 3) | (type << 1) | Number(isLast)
  return [word & 255, (word >> 8) & 255, word >> 16]
}

/** The header of a frame of lz4. Its checksum is found, since xxHash of our own would prove nothing. */
function lz4Header(flags: number, blockSize: number): number[] {
  const start = `04224d18${toHex(Uint8Array.of(flags, blockSize))}`
  const known = vectors.lz4.find(({ frame }) => frame.startsWith(start))
  return [...fromHex(known!.frame).subarray(0, 7)]
}

function lz4Frame(rest: readonly number[]): Uint8Array {
  return Uint8Array.from(lz4Header(0x60, 0x40).concat(rest))
}

function zstdFrame(...blocks: readonly number[]): Uint8Array {
  return Uint8Array.from([...zstdMagic, 0, 0x58, ...blocks])
}

function compressedBlock(...content: readonly number[]): Uint8Array {
  return zstdFrame(...block(2, content.length, true), ...content)
}

/** A frame of one byte that claims to have `size`. */
function sized(size: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, size, true)
  return Uint8Array.from([...zstdMagic, 0xe0, ...bytes, ...block(0, 1, true), 7])
}

function compressedIn(name: string): Uint8Array {
  return RecordBatch.parse(fromHex(vectorNamed(name).bytes)).compressedRecords
}

function changed(frame: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const copy = frame.slice()
  change(copy)
  return copy
}

describe.each(ways)('%s %s', (codec, _way, options) => {
  test.each(vectorsOf(codec))('reads $name', async ({ frame, length, sha256 }) => {
    const plain = await codecByName(codec).decompress(fromHex(frame), bytesMax, options)
    expect(plain).toHaveLength(length)
    expect(createHash('sha256').update(plain).digest('hex')).toBe(sha256)
  })

  test('allows exactly as much as the limit', async () => {
    for (const { name, frame, length } of vectorsOf(codec).filter((vector) => vector.length > 1)) {
      expect(await decode(codec, fromHex(frame), options, length), name).toHaveLength(length)
      expect(await decode(codec, fromHex(frame), options, length - 1), name).toMatchObject({ code: 'BATCH_TOO_LARGE' })
    }
  })

  test('refuses frames that are cut off anywhere', async () => {
    const frame = frameOf(codec, 'two frames')
    for (let length = 0; length < frame.length; length++) {
      const result = await decode(codec, frame.subarray(0, length), options)
      // A cut between two frames is none.
      if (result instanceof Uint8Array) expect(result).toHaveLength(500)
      else expect(result.code).toBe('MALFORMED')
    }
  })

  test('refuses bytes after a frame', async () => {
    for (const rest of [[0], [1, 2, 3, 4, 5, 6, 7, 8, 9], [0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255]]) {
      const frame = Uint8Array.from([...frameOf(codec, 'one byte'), ...rest])
      expect(await decode(codec, frame, options)).toMatchObject({ code: 'MALFORMED' })
    }
  })

  test('never does harm with one wrong bit', async () => {
    const names = codec === 'lz4' ? ['two frames', 'content size'] : ['two frames', 'one Huffman stream', 'level 9']
    for (const name of names) {
      const frame = frameOf(codec, name)
      for (let bit = 0; bit < Math.min(frame.length, 400) * 8; bit++) {
        const damaged = changed(frame, (bytes) => (bytes[bit >> 3]! ^= 1 << (bit & 7)))
        const result = await decode(codec, damaged, options, mebibyte)
        if (result instanceof Uint8Array) expect(result.length).toBeLessThanOrEqual(mebibyte)
      }
    }
  })

  test('never does harm with random bytes in a frame', async () => {
    const frame = frameOf(codec, codec === 'lz4' ? 'level 12' : 'level 19')
    await fc.assert(
      fc.asyncProperty(fc.nat(frame.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 }), async (at, bytes) => {
        const damaged = changed(frame, (copy) => copy.set(bytes.subarray(0, copy.length - at), at))
        const result = await decode(codec, damaged, options, mebibyte)
        if (result instanceof Uint8Array) expect(result.length).toBeLessThanOrEqual(mebibyte)
      }),
      { numRuns: 1000 }
    )
  })

  test('refuses checksums that do not match', async () => {
    const frame = frameOf(codec, codec === 'lz4' ? 'content checksum' : 'checksum')
    const damaged = changed(frame, (bytes) => (bytes[bytes.length - 1]! ^= 1))
    expect(await decode(codec, damaged, options)).toMatchObject({ code: 'MALFORMED' })
  })
})

describe('lz4', () => {
  test('refuses blocks that make no sense', async () => {
    for (const [what, rest] of [
      ['no end mark', []],
      ['a block that is cut off', [9, 0, 0, 0, 0x10]],
      ['a block larger than it may be', [1, 0, 1, 128]],
      ['an empty block', [0, 0, 0, 128, 1, 0, 0, 0]],
      ['literals past the end', [2, 0, 0, 0, 0x50, 7, 0, 0, 0, 0]],
      ['a length that does not end', [3, 0, 0, 0, 0xf0, 255, 255, 0, 0, 0, 0]],
      ['a copy of nothing before', [6, 0, 0, 0, 0x10, 7, 2, 0, 0x10, 8, 0, 0, 0, 0]],
      ['a copy at no distance', [6, 0, 0, 0, 0x10, 7, 0, 0, 0x10, 8, 0, 0, 0, 0]],
      ['a copy without a distance', [3, 0, 0, 0, 0x10, 7, 1, 0, 0, 0, 0]],
      ['no literals at the end', [5, 0, 0, 0, 0x10, 7, 1, 0, 0, 0, 0, 0]]
    ] as const) {
      expect(await refusal('lz4', lz4Frame(rest)), what).toBe('MALFORMED')
    }
  })

  test('refuses headers of another version, with a dictionary or of another size', async () => {
    const frame = frameOf('lz4', 'one byte')
    for (const [at, value] of [
      [4, 0x80],
      [4, 0x61],
      [5, 0x30],
      [6, 0x11]
    ] as const) {
      expect(
        await refusal(
          'lz4',
          changed(frame, (bytes) => (bytes[at] = value))
        )
      ).toBe('MALFORMED')
    }
  })

  test('refuses a copy out of an independent block', async () => {
    const frame = frameOf('lz4', 'linked blocks that reach across')
    const independent = changed(frame, (bytes) => bytes.set(lz4Header(0x60, 0x40)))
    expect(await refusal('lz4', independent)).toBe('MALFORMED')
  })

  test('refuses a content size that nothing stands behind', async () => {
    const frame = frameOf('lz4', 'content size')
    for (const size of [6001n, 2n ** 26n, 2n ** 63n]) {
      const lying = changed(frame, (bytes) => new DataView(bytes.buffer).setBigUint64(6, size, true))
      expect(await refusal('lz4', lying)).toBe('MALFORMED')
    }
  })

  test('refuses a small frame of much content at the limit', async () => {
    const fours = [0x1f, 7, 1, 0, ...Array.from({ length: 256 }, () => 255), 0, 0x10, 7]
    const whole = [fours.length & 255, fours.length >> 8, 0, 0, ...fours]
    const frame = lz4Frame([...Array.from({ length: 250 }, () => whole).flat(), 0, 0, 0, 0])
    expect(await refusal('lz4', frame, pure, mebibyte)).toBe('BATCH_TOO_LARGE')
    expect(await refusal('lz4', frame, { optionalPackage }, mebibyte)).toBe('BATCH_TOO_LARGE')
    expect(await decode('lz4', frame, pure)).toHaveLength(250 * (1 + 4 + 15 + 255 * 256 + 1))
  })

  test("reads the header checksum of Kafka's first clients only where they have written it", async () => {
    const old = compressedIn('format 0 lz4')
    const today = compressedIn('format 1 lz4')
    for (const options of [pure, { optionalPackage }]) {
      for (const magic of [0, 1]) expect(await decode('lz4', old, { ...options, magic })).toHaveLength(606)
      expect(await decode('lz4', old, { ...options, magic: 2 })).toMatchObject({ code: 'MALFORMED' })
      for (const magic of [0, 1, 2]) expect(await decode('lz4', today, { ...options, magic })).toHaveLength(702)
      const wrong = changed(old, (bytes) => (bytes[6]! ^= 0xff))
      expect(await decode('lz4', wrong, { ...options, magic: 0 })).toHaveLength(606)
      expect(await decode('lz4', wrong, { ...options, magic: 1 })).toMatchObject({ code: 'MALFORMED' })
    }
  })
})

describe('zstd', () => {
  test('refuses a block of many bytes in which each sequence copies the most, at once', async () => {
    // 20,000 sequences of 64 KiB each in twelve bytes: what a decoder without limits works on for seconds.
    const sequences = compressedBlock(0x09, 0x41, 128 + (20_000 >> 8), 20_000 & 255, 0b01010100, 0, 0, 52, 1)
    const started = process.cpuUsage()
    for (let i = 0; i < 100; i++) expect(await refusal('zstd', sequences)).toBe('MALFORMED')
    const { user, system } = process.cpuUsage(started)
    expect((user + system) / 1e6).toBeLessThan(5)
  })

  test('refuses blocks that make no sense', async () => {
    for (const [what, content] of [
      ['nothing', []],
      ['literals past the end', [0xa8, 1]],
      ['more literals than a block has', [0x0d, 0xff, 0xff, 1, 0]],
      ['Huffman codes that did not come', [0x0f | (1 << 4), 0x40, 0, 0x80, 0]],
      ['literals and nothing after them', [0x08, 7]],
      ['bytes after no sequences', [0x08, 7, 0, 0]],
      ['sequences without tables', [0x08, 7, 1]],
      ['reserved bits', [0x08, 7, 1, 1, 1]],
      ['tables that did not come', [0x08, 7, 1, 0xfc, 1]],
      ['an unknown code', [0x08, 7, 1, 0x54, 36, 0, 0, 1]],
      ['a table that is too precise', [0x08, 7, 1, 0x80, 15, 0, 0, 1]],
      ['sequences that have no end', [0x08, 7, 1, 0x54, 0, 0, 0, 0]],
      ['a copy from before the frame', [0x08, 7, 1, 0x54, 1, 2, 0, 0b111]],
      ['a copy before any literal', [0x08, 7, 1, 0x54, 0, 1, 0, 0x02]],
      ['more literals than there are', [0x08, 7, 1, 0x54, 5, 0, 0, 1]]
    ] as const) {
      expect(await refusal('zstd', compressedBlock(...content)), what).toBe('MALFORMED')
    }
  })

  test('refuses frames that make no sense', async () => {
    for (const [what, frame] of [
      ['a reserved bit', Uint8Array.from([...zstdMagic, 0x08, 0x58, ...block(0, 1, true), 7])],
      ['a dictionary', Uint8Array.from([...zstdMagic, 0x01, 0x58, 9, ...block(0, 1, true), 7])],
      ['a block of an unknown type', zstdFrame(...block(3, 1, true), 7)],
      ['a block that is too large', zstdFrame(...block(1, 128 * 1024 + 1, true), 7)],
      ['no last block', zstdFrame(...block(0, 1, false), 7)],
      ['a header that is cut off', Uint8Array.from([...zstdMagic, 0xe0, 1, 2, 3])],
      ['no checksum', Uint8Array.from([...zstdMagic, 0x04, 0x58, ...block(0, 1, true), 7])]
    ] as const) {
      expect(await refusal('zstd', frame), what).toBe('MALFORMED')
      if (zstd !== undefined) expect(await refusal('zstd', frame, { zstd }), what).toBe('MALFORMED')
    }
  })

  test('refuses a content size that nothing stands behind, before it takes memory', async () => {
    expect(await refusal('zstd', sized(2n))).toBe('MALFORMED')
    expect(await refusal('zstd', sized(2n ** 26n))).toBe('MALFORMED')
    expect(await refusal('zstd', sized(2n ** 26n + 1n))).toBe('BATCH_TOO_LARGE')
    expect(await refusal('zstd', sized(2n ** 64n - 1n))).toBe('BATCH_TOO_LARGE')
  })

  test('takes no more memory than the content needs for a window of any size', async () => {
    const frame = changed(frameOf('zstd', 'a window of 128 MiB'), (bytes) => (bytes[5] = 0xff))
    expect(await decode('zstd', frame, pure)).toHaveLength(6005)
    const before = process.memoryUsage().arrayBuffers
    if (zstd !== undefined) expect(await decode('zstd', frame, { zstd })).toHaveLength(6005)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * mebibyte)
  })

  test('refuses a small frame of much content at the limit', async () => {
    const repeated = Array.from({ length: 1000 }, () => [...block(1, 128 * 1024, false), 7]).flat()
    const frame = zstdFrame(...repeated, ...block(0, 0, true))
    expect(await refusal('zstd', frame)).toBe('BATCH_TOO_LARGE')
    if (zstd !== undefined) expect(await refusal('zstd', frame, { zstd })).toBe('BATCH_TOO_LARGE')
    expect(await decode('zstd', frame, pure, 128 * mebibyte)).toHaveLength(1000 * 128 * 1024)
  })

  test('reads a million empty frames without keeping them', async () => {
    const empty = zstdFrame(...block(0, 0, true))
    const frames = new Uint8Array(empty.length * 1_000_000)
    for (let at = 0; at < frames.length; at += empty.length) frames.set(empty, at)
    expect(await refusal('zstd', frames)).toBe('0 bytes')
  })
})
