// Batches that are written here are byte for byte those that Kafka's own builder writes from the same records.
import { describe, expect, test } from 'vitest'
import {
  assignBatchOffset,
  decompressBatch,
  encodeMarkerBatch,
  RecordBatch,
  RecordBatchBuilder,
  rewriteProducerState
} from 'kafka-once/protocol'
import type { RecordHeader } from 'kafka-once/protocol'
import { fromHex, gunzip, gzip, recordVectors, toHex, vectorNamed } from './record_vectors.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const time = 1_700_000_000_123

/** Vectors whose bytes depend on nothing but the records and the producer's state. */
const rebuilt = recordVectors.filter(({ name }) =>
  [
    'plain',
    'many records',
    'values of all varint sizes',
    'timestamps far apart',
    'headers',
    'idempotent',
    'commit marker',
    'abort marker'
  ].includes(name)
)

function rebuild(bytes: Uint8Array, raw: boolean): Uint8Array {
  const batch = RecordBatch.parse(bytes)
  const records = batch.records()
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < records.count; i++) {
    if (raw) builder.appendRaw(records, i)
    else builder.append(records.key(i), records.value(i), records.headers(i), records.timestamp(i))
  }
  const { producerId, producerEpoch, baseSequence, isTransactional, isControl } = batch
  const written = builder.finishPlain({ producerId, producerEpoch, baseSequence, isTransactional, isControl })
  assignBatchOffset(written, batch.baseOffset, batch.partitionLeaderEpoch)
  return written
}

function tiny(): RecordBatchBuilder {
  const builder = new RecordBatchBuilder()
  builder.append(null, text('x'), [], time)
  return builder
}

describe('a batch that is written', () => {
  test.each(rebuilt)('has the bytes of Kafka: $name', ({ bytes }) => {
    expect(toHex(rebuild(fromHex(bytes), false))).toBe(bytes)
  })

  test.each(rebuilt)('has the bytes of Kafka when records pass through undecoded: $name', ({ bytes }) => {
    expect(toHex(rebuild(fromHex(bytes), true))).toBe(bytes)
  })

  test.each(['COMMIT', 'ABORT'] as const)('has the bytes of Kafka as a marker: %s', (type) => {
    const vector = vectorNamed(`${type.toLowerCase()} marker`)
    const marker = encodeMarkerBatch({
      type,
      producerId: 42n,
      producerEpoch: 5,
      coordinatorEpoch: type === 'COMMIT' ? 9 : 0,
      timestamp: time,
      baseOffset: type === 'COMMIT' ? 12n : 13n,
      partitionLeaderEpoch: 6
    })
    expect(toHex(marker)).toBe(vector.bytes)
  })

  test.each(['gzip', 'snappy'] as const)('has its records again after %s', async (compression) => {
    const builder = new RecordBatchBuilder()
    for (let i = 0; i < 5000; i++) builder.append(text(`key ${i}`), text(`value ${i % 100}`), [], time + i)
    const plainBytes = builder.sizeInBytes
    const batch = RecordBatch.parse(await builder.finish({ compression, gzip, isTransactional: true }))
    expect(batch.compression).toBe(compression)
    expect(batch.isTransactional).toBe(true)
    expect(batch.sizeInBytes).toBeLessThan(plainBytes)
    await decompressBatch(batch, { gunzip })
    const records = batch.records()
    expect(records.count).toBe(5000)
    expect(toHex(records.value(4321)!)).toBe(toHex(text('value 21')))
    expect(batch.maxTimestamp).toBe(time + 4999)
  })

  test.each(['gzip', 'snappy'] as const)('stays as it is where %s would not make it smaller', async (compression) => {
    expect(await tiny().finish({ compression, gzip })).toEqual(tiny().finishPlain())
  })

  test('is refused without a codec, and can then be finished without', () => {
    const builder = new RecordBatchBuilder()
    builder.append(null, text('x'), [], time)
    expect(() => builder.finish({ compression: 'zstd' })).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION' })
    )
    expect(() => builder.finish({ compression: 'gzip' })).toThrowError(/pass the runtime's/)
    expect(RecordBatch.parse(builder.finishPlain()).recordCount).toBe(1)
  })

  test('is a bug when it is empty or finished already', () => {
    expect(() => new RecordBatchBuilder().finish()).toThrowError(/no records/)
    const builder = new RecordBatchBuilder()
    builder.append(null, null, [], time)
    builder.finishPlain()
    expect(() => builder.append(null, null, [], time)).toThrowError(/finished/)
    expect(() => builder.finish()).toThrowError(/finished/)
  })
})

describe('the size of a batch', () => {
  const headers: readonly RecordHeader[] = [
    ['plain', text('1')],
    ['grüße', null],
    ['', new Uint8Array()]
  ]
  const contents = [
    [null, null, []],
    [text('key'), text('value'), headers],
    [new Uint8Array(63), new Uint8Array(64), []],
    [new Uint8Array(8191), new Uint8Array(8192), headers],
    [null, new Uint8Array(100_000), []]
  ] as const

  test('is known exactly before a record is appended', () => {
    const builder = new RecordBatchBuilder({ initialBytes: 64, batchBytesMax: 8 * 1024 * 1024 })
    for (let i = 0; i < 300; i++) {
      const [key, value, recordHeaders] = contents[i % 4]!
      const timestamp = time + (i % 5) * 3_000_000_000 - 1000
      const expected = builder.sizeWith(key, value, recordHeaders, timestamp)
      builder.append(key, value, recordHeaders, timestamp)
      expect(builder.sizeInBytes).toBe(expected)
    }
    expect(builder.finishPlain().length).toBe(builder.sizeInBytes)
  })

  test('never exceeds its limit, which a record may use to the last byte', () => {
    for (const [key, value, recordHeaders] of contents) {
      const size = new RecordBatchBuilder().sizeWith(key, value, recordHeaders, time)
      const exact = new RecordBatchBuilder({ batchBytesMax: size })
      expect(exact.fits(key, value, recordHeaders, time)).toBe(true)
      expect(exact.tryAppend(key, value, recordHeaders, time)).toBe(true)
      expect(exact.tryAppend(null, null, [], time)).toBe(false)
      expect(exact.recordCount).toBe(1)
      expect(exact.finishPlain().length).toBe(size)

      const short = new RecordBatchBuilder({ batchBytesMax: size - 1 })
      expect(short.fits(key, value, recordHeaders, time)).toBe(false)
      expect(short.tryAppend(key, value, recordHeaders, time)).toBe(false)
      expect(() => short.append(key, value, recordHeaders, time)).toThrowError(
        expect.objectContaining({ code: 'BATCH_TOO_LARGE', message: expect.stringContaining(`${size} bytes`) })
      )
      expect(short.recordCount).toBe(0)
    }
  })

  test.each([Number.NaN, 1.5, Infinity, 2 ** 60])('does not go with the timestamp %d', (timestamp) => {
    expect(() => new RecordBatchBuilder().append(null, null, [], timestamp)).toThrowError(
      expect.objectContaining({ code: 'MALFORMED' })
    )
  })
})

describe('what the producer passes in', () => {
  test('may be overwritten after append', () => {
    const builder = new RecordBatchBuilder()
    const value = text('before')
    builder.append(value, value, [['h', value]], time)
    value.fill(0)
    const record = RecordBatch.parse(builder.finishPlain()).recordAt(0)
    expect(record.key).toEqual(text('before'))
    expect(record.value).toEqual(text('before'))
    expect(record.headers).toEqual([['h', text('before')]])
  })

  test.each(['key', 'value', 'header'])('is refused where it is text, which would be written as zeros: %s', (part) => {
    const builder = new RecordBatchBuilder()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
    const given = (name: string): Uint8Array => (name === part ? ('abc' as unknown as Uint8Array) : text('abc'))
    const refusal = expect.objectContaining({ code: 'INVALID_VALUE', message: expect.stringContaining('3 letters') })
    const headers: RecordHeader[] = [['h', given('header')]]
    expect(() => builder.append(given('key'), given('value'), headers, time)).toThrowError(refusal)
    builder.append(text('k'), text('v'), [], time)
    expect(RecordBatch.parse(builder.finishPlain()).recordCount).toBe(1)
  })
})

describe('a producer state that does not fit', () => {
  const misfits = [
    { producerEpoch: 32_768 },
    { producerEpoch: Number.NaN },
    { baseSequence: 2 ** 31 },
    { baseSequence: 1.5 },
    { producerId: 2n ** 63n }
  ]

  test.each(misfits)('is refused and not wrapped, and the batch can then be finished: %s', (state) => {
    const builder = new RecordBatchBuilder()
    builder.append(null, text('x'), [], time)
    const refusal = expect.objectContaining({ code: 'INVALID_VALUE' })
    expect(() => builder.finishPlain(state)).toThrowError(refusal)
    expect(() => builder.finish({ ...state, compression: 'snappy' })).toThrowError(refusal)
    const batch = builder.finishPlain()
    expect(() => rewriteProducerState(batch, state)).toThrowError(refusal)
  })

  test('and so is an offset or a leader epoch', () => {
    const builder = new RecordBatchBuilder()
    builder.append(null, text('x'), [], time)
    const batch = builder.finishPlain()
    for (const [offset, epoch] of [
      [2n ** 63n, 0],
      [0n, 2 ** 31]
    ] as const) {
      expect(() => assignBatchOffset(batch, offset, epoch)).toThrowError(
        expect.objectContaining({ code: 'INVALID_VALUE' })
      )
    }
    expect(RecordBatch.parse(batch).baseOffset).toBe(0n)
  })
})

describe('a batch that is sent again under a new epoch', () => {
  test.each([
    ['an array', (bytes: Uint8Array) => bytes],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)]
  ])('differs in the producer state alone and leaves the first one alone: %s', (_what, wrap) => {
    const original = wrap(fromHex(vectorNamed('transactional').bytes))
    const kept = Uint8Array.from(original)
    const changed = rewriteProducerState(original, { producerId: 43n, producerEpoch: 0, baseSequence: 0 })
    expect(toHex(original)).toBe(toHex(kept))
    const batch = RecordBatch.parse(changed)
    expect([batch.producerId, batch.producerEpoch, batch.baseSequence]).toEqual([43n, 0, 0])
    expect(batch.isTransactional).toBe(true)
    const same = RecordBatch.parse(original)
    const back = rewriteProducerState(changed, same)
    expect(toHex(back)).toBe(toHex(kept))
  })
})
