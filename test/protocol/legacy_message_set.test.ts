// Messages of the formats before Kafka 0.11 that are cut off, damaged or hostile are never read as something else.
import { crc32, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decompressBatch, ProtocolError, RecordBatch, splitRecordBatches } from 'kafka-once/protocol'
import { fromHex, gunzip, recordVectors, toHex, vectorNamed } from './record_vectors.ts'

const old = recordVectors.filter(({ name, batches }) => batches[0]?.magic !== 2 && !/many blocks/.test(name))

/** What is in the bytes, record by record, and why it ends early where it does. Any other error fails the test. */
async function read(
  bytes: Uint8Array,
  decompressedBytesMax = 1 << 20
): Promise<{ records: string[]; refusal?: string }> {
  const records: string[] = []
  try {
    for (const batch of splitRecordBatches(bytes)) {
      await decompressBatch(batch, { gunzip, decompressedBytesMax })
      for (const { offset, timestamp, key, value } of batch.records()) {
        records.push([offset, timestamp, key && toHex(key), value && toHex(value)].join(' '))
      }
    }
    return { records }
  } catch (error) {
    if (error instanceof ProtocolError) return { records, refusal: error.code }
    throw error
  }
}

interface Message {
  readonly offset: bigint
  readonly magic?: number
  readonly attributes?: number
  readonly timestamp?: bigint
  readonly value?: Uint8Array | null
}

/** A message by hand, from the description of the format. */
function message({ offset, magic = 1, attributes = 0, timestamp = 5n, value = Buffer.from('v') }: Message): Buffer {
  const content = Buffer.alloc(magic === 0 ? 2 : 10)
  content[0] = magic
  content[1] = attributes
  if (magic !== 0) content.writeBigInt64BE(timestamp, 2)
  const lengths = Buffer.alloc(8)
  lengths.writeInt32BE(-1)
  lengths.writeInt32BE(value === null ? -1 : value.length, 4)
  const body = Buffer.concat([content, lengths, value ?? Buffer.alloc(0)])
  const head = Buffer.alloc(16)
  head.writeBigInt64BE(offset)
  head.writeInt32BE(body.length + 4, 8)
  head.writeUInt32BE(crc32(body), 12)
  return Buffer.concat([head, body])
}

const gzipped = (inner: readonly Uint8Array[]): Buffer => gzipSync(Buffer.concat(inner))

describe('messages that are cut off', () => {
  test.each(old)('are left out, and nothing else: $name', async ({ bytes }) => {
    const whole = fromHex(bytes)
    const all = (await read(whole)).records
    for (let length = 0; length < whole.length; length++) {
      const { records, refusal } = await read(whole.subarray(0, length))
      expect(refusal).toBeUndefined()
      expect(records).toEqual(all.slice(0, records.length))
      expect(records.length).toBeLessThan(all.length)
    }
  })

  test('are refused by parse where none is whole', () => {
    const whole = fromHex(vectorNamed('format 1 none').bytes)
    expect(() => RecordBatch.parse(whole.subarray(0, 40))).toThrowError(expect.objectContaining({ code: 'TRUNCATED' }))
  })
})

describe('messages with one wrong bit', () => {
  test.each(old)('are refused by their checksum, and those before them are read: $name', async ({ bytes }) => {
    const whole = fromHex(bytes)
    const all = (await read(whole)).records
    const contents = new Set(all.map((record) => record.replace(/^\d+ /, '')))
    for (let bit = 0; bit < whole.length * 8; bit += 3) {
      const damaged = whole.slice()
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      const { records, refusal } = await read(damaged)
      // Offsets, and sizes that leave too little, are outside the checksum.
      if (refusal === undefined) expect(records.length).toBeLessThanOrEqual(all.length)
      for (const record of records) expect(contents).toContain(record.replace(/^-?\d+ /, ''))
    }
  })

  test('inside of a compressed set are refused too', async () => {
    const inner = message({ offset: 0n })
    inner[inner.length - 1]! ^= 1
    const wrapper = message({ offset: 7n, attributes: 1, value: gzipped([message({ offset: 0n }), inner]) })
    expect(await read(wrapper)).toEqual({ records: [], refusal: 'CORRUPT_BATCH' })
  })
})

describe('a compressed set', () => {
  const wrapped = (inner: readonly Uint8Array[], outer: Partial<Message> = {}): Buffer =>
    message({ offset: 100n, attributes: 1, value: gzipped(inner), ...outer })

  test('has offsets that count back from its last one', async () => {
    const { records } = await read(wrapped([0n, 1n, 4n].map((offset) => message({ offset }))))
    expect(records.map((record) => record.split(' ')[0])).toEqual(['96', '97', '100'])
  })

  test('of a producer that does not know its offset counts from 0', async () => {
    const { records } = await read(
      wrapped(
        [0n, 1n].map((offset) => message({ offset })),
        { offset: 0n }
      )
    )
    expect(records.map((record) => record.split(' ')[0])).toEqual(['0', '1'])
  })

  test('may hold messages of format 0, which have no timestamp', async () => {
    const { records } = await read(wrapped([message({ offset: 0n, magic: 0 }), message({ offset: 1n })]))
    expect(records.map((record) => record.split(' ')[1])).toEqual(['-1', '5'])
  })

  test('gives all its messages the time of the log where the topic asks for it', async () => {
    const { records } = await read(wrapped([message({ offset: 0n })], { attributes: 9, timestamp: 77n }))
    expect(records[0]?.split(' ')[1]).toBe('77')
  })

  test('leaves out a last message that is cut off, as Kafka does', async () => {
    const { records } = await read(wrapped([message({ offset: 0n }), message({ offset: 1n }).subarray(0, 20)]))
    expect(records).toHaveLength(1)
  })

  test.each([
    ['nothing', wrapped([])],
    ['null', message({ offset: 1n, attributes: 1, value: null })],
    ['another compressed set', wrapped([wrapped([message({ offset: 0n })], { offset: 0n })])],
    ['messages of a later format', wrapped([message({ offset: 0n, magic: 2 })])],
    ['more offsets than there are before its own', wrapped([message({ offset: 101n })])],
    ['offsets that do not ascend', wrapped([message({ offset: 3n }), message({ offset: 3n })])],
    ['a message of an impossible size', wrapped([Buffer.alloc(30)])],
    ['something in zstd', message({ offset: 1n, attributes: 4 })]
  ])('is refused when it holds %s', async (_what, bytes) => {
    expect(await read(bytes)).toEqual({ records: [], refusal: 'MALFORMED' })
  })

  test('of much content is refused at the limit', async () => {
    const bytes = wrapped([message({ offset: 0n, value: Buffer.alloc(3 << 20) })])
    expect(await read(bytes)).toEqual({ records: [], refusal: 'BATCH_TOO_LARGE' })
    expect((await read(bytes, 4 << 20)).records).toHaveLength(1)
  })
})

describe('plain messages', () => {
  test('that follow one another are one batch, up to one that is different', () => {
    const set = Buffer.concat([
      message({ offset: 1n }),
      message({ offset: 5n }),
      message({ offset: 5n }), // not after the one before
      message({ offset: 6n, magic: 0 }),
      message({ offset: 7n, magic: 0 }),
      message({ offset: 8n, attributes: 8, timestamp: 9n }),
      message({ offset: 9n, attributes: 8, timestamp: 9n }),
      message({ offset: 10n, attributes: 8, timestamp: 10n }),
      message({ offset: 2n ** 40n, attributes: 8, timestamp: 10n })
    ])
    expect([...splitRecordBatches(set)].map(({ baseOffset, recordCount }) => [baseOffset, recordCount])).toEqual([
      [1n, 2],
      [5n, 1],
      [6n, 2],
      [8n, 2],
      [10n, 1],
      [2n ** 40n, 1]
    ])
  })

  test('are read some at a time, however many there are', () => {
    const one = message({ offset: 0n, value: Buffer.alloc(1000) })
    const set = Buffer.concat(Array.from({ length: 1000 }, () => one))
    const view = new DataView(set.buffer, set.byteOffset)
    for (let i = 0; i < 1000; i++) view.setBigInt64(i * one.length, BigInt(i))
    const counts = [...splitRecordBatches(set)].map(({ recordCount }) => recordCount)
    expect(counts.reduce((sum, count) => sum + count)).toBe(1000)
    expect(Math.max(...counts)).toBeLessThan(200)
    expect(Math.min(...counts.slice(0, -1))).toBeGreaterThan(100)
  })

  test('of random bytes never do harm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 80 }),
        async (magic, attributes, rest) => {
          const bytes = Buffer.concat([Buffer.alloc(16), Uint8Array.of(magic, attributes), rest])
          bytes.writeInt32BE(bytes.length - 12, 8)
          bytes.writeUInt32BE(crc32(bytes.subarray(16)), 12)
          await read(bytes)
        }
      ),
      { numRuns: 3000 }
    )
  })
})
