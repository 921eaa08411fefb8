// Damaged and hostile batches are refused with a ProtocolError: never another error, a hang or a large allocation.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  crc32c,
  decompressBatch,
  headersMax,
  ProtocolError,
  RecordBatch,
  RecordBatchBuilder
} from 'kafka-once/protocol'
import { splitRecordBatches } from 'kafka-once/protocol'
import { fromHex, gunzip, gzip, recordVectors, vectorNamed } from './record_vectors.ts'

const readable = recordVectors.filter(({ name, batches }) => batches[0]?.magic === 2 && name !== 'several batches')
const small = readable.filter(({ bytes }) => bytes.length < 1600)
const memoryLimit = { decompressedBytesMax: 1024 * 1024 }

/** Gives bytes the length and the checksum of a sound batch, so that only deeper checks can refuse them. */
function reseal(bytes: Uint8Array): Uint8Array {
  const sealed = bytes.slice()
  const view = new DataView(sealed.buffer)
  view.setInt32(8, sealed.length - 12)
  view.setUint32(17, crc32c(sealed.subarray(21)))
  return sealed
}

/** Reads all there is in a batch; the refusal where there is one. Any other error fails the test. */
async function readAll(bytes: Uint8Array): Promise<ProtocolError | 'read'> {
  try {
    for (const batch of splitRecordBatches(bytes)) {
      await decompressBatch(batch, { gunzip, ...memoryLimit })
      for (const record of batch.records()) {
        for (const [key, value] of record.headers) void [key.length, value?.length]
        void [record.key?.length, record.value?.length, record.timestamp, record.offset]
      }
    }
    return 'read'
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

function claiming(name: string, change: (view: DataView) => void): Uint8Array {
  const bytes = fromHex(vectorNamed(name).bytes)
  change(new DataView(bytes.buffer))
  return reseal(bytes)
}

async function bomb(attributes: number, compressed: Uint8Array): Promise<ProtocolError | 'read'> {
  const bytes = new Uint8Array(61 + compressed.length)
  bytes.set(compressed, 61)
  const view = new DataView(bytes.buffer)
  view.setInt8(16, 2)
  view.setInt16(21, attributes)
  view.setInt32(57, 1)
  return readAll(reseal(bytes))
}

function snappyBlock(claimedBytes: number, ...tags: number[]): Uint8Array {
  const preamble: number[] = []
  for (let rest = claimedBytes; ; rest = Math.floor(rest / 128)) {
    preamble.push(rest > 127 ? (rest % 128) | 128 : rest)
    if (rest <= 127) return Uint8Array.from([...preamble, ...tags])
  }
}

function withHeaders(count: number): RecordBatch {
  const builder = new RecordBatchBuilder({ batchBytesMax: 16 * 1024 * 1024 })
  const headers = Array.from({ length: count }, () => ['', null] as const)
  builder.append(null, null, headers, 0)
  return RecordBatch.parse(builder.finishPlain({}), 0)
}

describe('a batch cut off at any length', () => {
  test('with more headers in one record than anybody makes are found, and their headers are refused', () => {
    const few = withHeaders(1_000).records()
    expect(few.headers(0)).toHaveLength(1_000)
    const many = withHeaders(headersMax + 1).records()
    expect(() => many.headers(0)).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE', message: expect.stringMatching(/has 1000001 headers/) })
    )
    expect(many.rawTail(0).length).toBeGreaterThan(2 * headersMax)
  })

  test.each(small)('is truncated: $name', ({ bytes }) => {
    const whole = fromHex(bytes)
    for (let length = 0; length < whole.length; length++) {
      const part = whole.subarray(0, length)
      expect(() => RecordBatch.parse(part)).toThrowError(expect.objectContaining({ code: 'TRUNCATED' }))
      expect([...splitRecordBatches(part)]).toEqual([])
    }
  })

  test.each(small.filter(({ batches }) => batches[0]?.['recordCount'] !== 0))(
    'is refused, also when its length and checksum are right: $name',
    async ({ bytes }) => {
      const whole = fromHex(bytes)
      for (let length = 61; length < whole.length; length++) {
        expect(await readAll(reseal(whole.subarray(0, length)))).toBeInstanceOf(ProtocolError)
      }
    }
  )

  test('is refused when it has bytes too many', async () => {
    for (const { bytes } of small) {
      const longer = new Uint8Array(bytes.length / 2 + 1)
      longer.set(fromHex(bytes))
      const batch = RecordBatch.parse(reseal(longer))
      if (batch.compression === 'none') expect(await readAll(reseal(longer))).toMatchObject({ code: 'TRAILING_BYTES' })
    }
  })
})

describe('a batch with one wrong bit', () => {
  // Kafka's checksum does not cover the offset, the length, the leader epoch and the format.
  test.each(small)('is refused by its checksum: $name', async ({ bytes }) => {
    const whole = fromHex(bytes)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const at = bit >> 3
      const damaged = whole.slice()
      damaged[at]! ^= 1 << (bit & 7)
      if (at < 8 || (at >= 12 && at < 16)) {
        expect(await readAll(damaged)).toBe('read')
      } else if (at >= 17) {
        expect(await readAll(damaged)).toMatchObject({ code: 'CORRUPT_BATCH' })
      } else {
        expect(() => RecordBatch.parse(damaged)).toThrow(ProtocolError)
      }
    }
  })

  test.each(small)('never does harm when its checksum is right: $name', async ({ bytes }) => {
    const whole = fromHex(bytes)
    let refused = 0
    for (let bit = 21 * 8; bit < whole.length * 8; bit++) {
      const damaged = whole.slice()
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      if ((await readAll(reseal(damaged))) !== 'read') refused++
    }
    expect(refused).toBeGreaterThan(0)
  })
})

describe('a batch of random bytes', () => {
  test('never does harm, whatever its codec', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 0, max: 7 }),
        fc.integer(),
        fc.nat(300),
        async (records, attributes, recordCount, lastOffsetDelta) => {
          const bytes = new Uint8Array(61 + records.length)
          bytes.set(records, 61)
          const view = new DataView(bytes.buffer)
          view.setInt8(16, 2)
          view.setInt16(21, attributes)
          view.setInt32(23, lastOffsetDelta)
          view.setInt32(57, recordCount)
          await readAll(reseal(bytes))
        }
      ),
      { numRuns: 2000 }
    )
  })
})

describe('a batch that claims too much', () => {
  test.each(['plain', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'of records is refused before memory is taken: %s',
    async (name) => {
      const bytes = claiming(name, (view) => {
        view.setInt32(57, 0x7fffffff)
        view.setInt32(23, 0x7fffffff)
      })
      const before = process.memoryUsage().arrayBuffers
      expect(await readAll(bytes)).toMatchObject({ code: 'MALFORMED', message: expect.stringContaining('cannot hold') })
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
    }
  )

  test.each([
    ['a negative number of records', -1, 5],
    ['more records than offsets', 6, 4],
    ['a negative last offset', 0, -1]
  ])('is refused: %s', (_what, recordCount, lastOffsetDelta) => {
    const bytes = claiming('plain', (view) => {
      view.setInt32(57, recordCount)
      view.setInt32(23, lastOffsetDelta)
    })
    expect(() => RecordBatch.parse(bytes)).toThrowError(expect.objectContaining({ code: 'MALFORMED' }))
  })

  test.each([-1, 0, 48, -0x80000000])('is refused with the length %i', (length) => {
    const bytes = fromHex(vectorNamed('plain').bytes)
    new DataView(bytes.buffer).setInt32(8, length)
    expect(() => splitRecordBatches(bytes).next()).toThrowError(expect.objectContaining({ code: 'MALFORMED' }))
  })

  test.each([5, 6, 7])('is refused with codec %i', async (codec) => {
    const bytes = claiming('snappy', (view) => view.setInt16(21, codec))
    expect(await readAll(bytes)).toMatchObject({ code: 'UNSUPPORTED_COMPRESSION' })
  })
})

describe('a small batch of much content', () => {
  test('is refused at the limit in gzip', async () => {
    expect(await bomb(1, await gzip(new Uint8Array(2 * 1024 * 1024), 9))).toMatchObject({ code: 'BATCH_TOO_LARGE' })
  })

  test('is refused in gzip when it is none', async () => {
    expect(await bomb(1, Uint8Array.from([1, 2, 3]))).toMatchObject({ code: 'MALFORMED' })
    expect(await bomb(1, new Uint8Array())).toMatchObject({ code: 'MALFORMED' })
  })

  test('is refused at the limit in snappy', async () => {
    // One literal, then copies of 64 bytes at a distance of 1.
    const copies = Array.from({ length: 20_000 }, () => [0xfe, 1, 0]).flat()
    expect(await bomb(2, snappyBlock(1 + 20_000 * 64, 0, 7, ...copies))).toMatchObject({ code: 'BATCH_TOO_LARGE' })
  })

  test.each([
    ['a size that nothing stands behind', snappyBlock(1024 * 1024, 0, 7)],
    ['a size beyond 32 bits', snappyBlock(2 ** 34, 0, 7)],
    ['a size that does not end', Uint8Array.of(255, 255, 255, 255, 255, 255)],
    ['less than there is', snappyBlock(1, 4, 7, 7)],
    ['a literal that goes backwards', snappyBlock(100, 63 << 2, 0xf0, 0xff, 0xff, 0xff, 0, 0, 0, 0)],
    ['a literal past the end', snappyBlock(100, 99 << 2)],
    ['a literal whose length is cut off', snappyBlock(100, 62 << 2, 1)],
    ['a copy from before the block', snappyBlock(8, 0, 7, 0x01 | (3 << 2), 2)],
    ['a copy at no distance', snappyBlock(8, 0, 7, 0x02 | (6 << 2), 0, 0)],
    ['a far copy with a sign', snappyBlock(8, 0, 7, 0x03 | (6 << 2), 0, 0, 0, 0x80)],
    ['a copy that is cut off', snappyBlock(8, 0, 7, 0x01)],
    ['nothing', new Uint8Array()]
  ])('is refused in snappy when it claims %s', async (_what, block) => {
    expect(await bomb(2, block)).toMatchObject({ code: 'MALFORMED' })
    const framed = new Uint8Array(20 + block.length)
    framed.set([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1])
    new DataView(framed.buffer).setInt32(16, block.length)
    framed.set(block, 20)
    expect(await bomb(2, framed)).toMatchObject({ code: 'MALFORMED' })
  })

  test.each([
    ['cut off', [0, 0, 0, 1]],
    ['of a newer version', [0, 0, 0, 2, 0, 0, 0, 2]],
    ['with a negative block', [0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255]],
    ['with a block past the end', [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]],
    ['with a block size cut off', [0, 0, 0, 1, 0, 0, 0, 1, 0, 0]]
  ])('is refused in snappy framing that is %s', async (_what, rest) => {
    const framed = Uint8Array.from([0x82, ...Buffer.from('SNAPPY'), 0, ...rest])
    expect(await bomb(2, framed)).toMatchObject({ code: 'MALFORMED' })
  })
})
