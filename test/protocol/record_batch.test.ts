// Batches that Kafka's own classes wrote are read as Kafka's own classes read them.
import { describe, expect, test } from 'vitest'
import {
  crc32c,
  decompressBatch,
  ProtocolError,
  readControlBatch,
  RecordBatch,
  RecordBatchBuilder,
  splitRecordBatches
} from 'kafka-once/protocol'
import {
  describeBatches,
  fromHex,
  gunzip,
  recordVectors,
  toHex,
  vectorNamed,
  withRunsJoined
} from './record_vectors.ts'

function batchOf(name: string): RecordBatch {
  return RecordBatch.parse(fromHex(vectorNamed(name).bytes))
}

async function recordsOf(name: string) {
  const batch = batchOf(name)
  await decompressBatch(batch, { gunzip })
  return batch.records()
}

describe('a batch of Kafka', () => {
  test.each(recordVectors)('is read: $name', async ({ bytes, batches }) => {
    expect(await describeBatches(fromHex(bytes))).toEqual(withRunsJoined(batches))
  })

  test('is read from the middle of other bytes', async () => {
    const bytes = fromHex(vectorNamed('plain').bytes)
    const frame = new Uint8Array(bytes.length + 20).fill(0xab)
    frame.set(bytes, 7)
    const batch = RecordBatch.parse(frame, 7)
    expect(batch.sizeInBytes).toBe(bytes.length)
    expect(await describeBatches(frame.subarray(7, 7 + bytes.length))).toEqual(vectorNamed('plain').batches)
    expect(toHex(batch.bytes)).toBe(vectorNamed('plain').bytes)
  })

  test('is read from a Buffer', async () => {
    const { bytes, batches } = vectorNamed('snappy of many blocks')
    expect(await describeBatches(Buffer.from(bytes, 'hex'))).toEqual(batches)
  })

  test('with a codec that Kafka does not have is refused by its number', () => {
    const bytes = fromHex(vectorNamed('gzip').bytes)
    const view = new DataView(bytes.buffer)
    view.setInt16(21, 5)
    view.setUint32(17, crc32c(bytes.subarray(21)))
    expect(() => decompressBatch(RecordBatch.parse(bytes), { gunzip })).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION', message: expect.stringContaining('codec 5') })
    )
  })

  test('in a format that is not known is refused with its number', () => {
    const bytes = fromHex(vectorNamed('plain').bytes)
    bytes[16] = 3
    expect(() => splitRecordBatches(bytes).next()).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED_VERSION', message: expect.stringContaining('format 3') })
    )
  })

  test('is not decompressed twice, nor when it is plain', async () => {
    expect(decompressBatch(batchOf('plain'), {})).toBeUndefined()
    const batch = batchOf('gzip')
    await decompressBatch(batch, { gunzip })
    expect(batch.needsDecompression).toBe(false)
    expect(decompressBatch(batch, {})).toBeUndefined()
  })

  test('is decompressed at once where the codec is here, in gzip later', () => {
    for (const name of ['snappy', 'lz4', 'zstd']) expect(decompressBatch(batchOf(name), {})).toBeUndefined()
    expect(decompressBatch(batchOf('gzip'), { gunzip })).toBeInstanceOf(Promise)
  })

  test('that is still compressed says so', () => {
    expect(() => batchOf('gzip').records()).toThrowError(/wait for decompressBatch/)
  })
})

describe('the records of a batch', () => {
  test('are found once', async () => {
    const batch = batchOf('plain')
    expect(batch.records()).toBe(batch.records())
  })

  test('can be iterated and asked for by number', async () => {
    const batch = batchOf('many records')
    const keys = [...batch.records()].map((record) => Buffer.from(record.key ?? []).toString())
    expect(keys).toEqual(Array.from({ length: 200 }, (_, i) => `key ${i}`))
    expect(Buffer.from(batch.recordAt(150).key ?? []).toString()).toBe('key 150')
    expect(batch.records().offsetDelta(150)).toBe(150)
  })

  test.each([-1, 200, 1e9, Number.NaN])('refuse the number %d', (i) => {
    const records = batchOf('many records').records()
    expect(() => records.value(i)).toThrow(RangeError)
    expect(() => records.record(i)).toThrow(RangeError)
    expect(() => records.timestamp(i)).toThrow(RangeError)
  })

  test.each([
    ['an array', (bytes: Uint8Array) => bytes],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)]
  ])('are views of the bytes they came from, and copies are not: %s', (_what, wrap) => {
    const bytes = wrap(fromHex(vectorNamed('headers').bytes))
    const record = RecordBatch.parse(bytes).recordAt(0)
    const copy = record.copy()
    const before = JSON.stringify([copy.key, copy.value, copy.headers])
    expect(JSON.stringify([record.key, record.value, record.headers])).toBe(before)
    const value = record.value ?? new Uint8Array()
    const start = value.byteOffset - bytes.byteOffset
    bytes.fill(0xff, start, start + value.length)
    expect(toHex(value)).toBe('ff')
    expect(toHex(record.value ?? new Uint8Array())).toBe('ff')
    expect(JSON.stringify([copy.key, copy.value, copy.headers])).toBe(before)
    expect(copy.value?.buffer.byteLength).toBeLessThan(100)
  })

  test.each(['headers', 'timestamps far apart', 'log append time', 'offsets with holes', 'gzip'])(
    'are the same as copies: %s',
    async (name) => {
      const records = await recordsOf(name)
      for (const record of records) {
        const copy = record.copy()
        expect([copy.offset, copy.timestamp]).toEqual([record.offset, record.timestamp])
        expect([copy.key, copy.value, copy.headers].map(String)).toEqual(
          [record.key, record.value, record.headers].map(String)
        )
      }
    }
  )
})

describe('the batches of a fetch response', () => {
  const bytes = fromHex(vectorNamed('several batches').bytes)
  const sizes = vectorNamed('several batches').batches.map((batch) => Number(batch['sizeInBytes']))
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((sum, size) => sum + size, 0))

  test('end without an error where the broker cut the last one off', () => {
    for (let length = 0; length <= bytes.length; length++) {
      const batches = splitRecordBatches(bytes.subarray(0, length))
      const whole = ends.filter((end) => end <= length)
      expect([...batches].map((batch) => batch.sizeInBytes)).toEqual(sizes.slice(0, whole.length))
      expect(batches.truncatedBytes).toBe(length - (whole.at(-1) ?? 0))
    }
  })

  test('are delivered up to a damaged one', () => {
    const damaged = bytes.slice()
    damaged[ends[1]! - 1]! ^= 1
    const batches = splitRecordBatches(damaged)
    expect(batches.next().value?.sizeInBytes).toBe(sizes[0])
    expect(() => batches.next()).toThrowError(
      expect.objectContaining({ code: 'CORRUPT_BATCH', offset: ends[0], message: expect.stringContaining('offset 0') })
    )
  })

  test('are none where there are no records', () => {
    expect([...splitRecordBatches(null)]).toEqual([])
    expect([...splitRecordBatches(new Uint8Array())]).toEqual([])
  })

  test('of one batch that is cut off are refused by parse', () => {
    expect(() => RecordBatch.parse(bytes.subarray(0, 100))).toThrowError(expect.objectContaining({ code: 'TRUNCATED' }))
  })
})

describe('a control batch', () => {
  test.each([
    ['commit marker', 'COMMIT', 9],
    ['abort marker', 'ABORT', 0],
    ['leader change', 'LEADER_CHANGE', undefined]
  ])('tells its kind: %s', (name, type, coordinatorEpoch) => {
    expect(readControlBatch(batchOf(name))).toMatchObject({ version: 0, type, coordinatorEpoch })
  })

  test('is not read from a batch of data', () => {
    expect(() => readControlBatch(batchOf('plain'))).toThrowError(/not a control batch/)
    expect(() => readControlBatch(batchOf('plain'))).not.toThrow(ProtocolError)
  })
})

describe('header keys', () => {
  test('are told apart, however alike they are', () => {
    const keys = [
      '',
      'a',
      'b',
      'aa',
      'ab',
      'ba',
      'aXa',
      'aYa',
      'ä',
      'ö',
      'aäa',
      'x'.repeat(64),
      'x'.repeat(65),
      '\ufeffmark',
      '\u{1f680}'
    ]
    for (let i = 0; i < 200; i++) keys.push(`a${String.fromCharCode(33 + (i % 90))}${i}a`)
    const builder = new RecordBatchBuilder()
    for (const order of [keys, keys.toReversed(), keys]) {
      builder.append(
        null,
        null,
        order.map((key) => [key, null] as const),
        0
      )
    }
    const seen = [...RecordBatch.parse(builder.finishPlain()).records()].map(({ headers }) =>
      headers.map(([key]) => key)
    )
    expect(seen).toEqual([keys, keys.toReversed(), keys])
  })
})
