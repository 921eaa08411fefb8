// Offsets and timestamps are int64 in Kafka: at their ends, and beyond what a number holds, they are what Java computes.
import crc32 from 'crc-32'
import { describe, expect, test } from 'vitest'
import { assignBatchOffset, crc32c, RecordBatch, RecordBatchBuilder } from 'kafka-once/protocol'
import { fromHex, vectorNamed } from './record_vectors.ts'

const longMax = 2n ** 63n - 1n
const longMin = -(2n ** 63n)

/** A batch of empty records with these encoded timestamp deltas. */
function batchOf(baseTimestamp: bigint, deltas: readonly (readonly number[])[]): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < deltas.length; i++) builder.append(null, null, [], 0)
  const records = deltas.flatMap((delta, i) => [(5 + delta.length) * 2, 0, ...delta, i * 2, 1, 1, 0])
  const bytes = Uint8Array.from([...builder.finishPlain().subarray(0, 61), ...records])
  const view = new DataView(bytes.buffer)
  view.setInt32(8, bytes.length - 12)
  view.setBigInt64(27, baseTimestamp)
  view.setBigInt64(35, baseTimestamp)
  view.setUint32(17, crc32c(bytes.subarray(21)))
  return bytes
}

function timesIn(bytes: Uint8Array): (readonly [exact: bigint, nearest: number])[] {
  return [...RecordBatch.parse(bytes).records()].map(({ exactTimestamp, timestamp }) => [exactTimestamp, timestamp])
}

const filled = Array.from({ length: 9 }, () => 0xff)

describe('a timestamp', () => {
  test('that no number has is exact, and its number the nearest', () => {
    const first = 2n ** 53n + 1n
    const bytes = batchOf(first, [[0], [2], [4]])
    expect(timesIn(bytes)).toEqual([first, first + 1n, first + 2n].map((exact) => [exact, Number(exact)]))
    expect(RecordBatch.parse(bytes)).toMatchObject({ exactBaseTimestamp: first, exactMaxTimestamp: first })
  })

  test('goes on from the first int64 after the last one', () => {
    expect(timesIn(batchOf(longMax, [[0], [2]]))).toEqual([
      [longMax, Number(longMax)],
      [longMin, Number(longMin)]
    ])
    // Zigzag of the smallest int64: Java writes it for the last time after -1.
    const smallest = [...filled, 1]
    expect(timesIn(batchOf(-1n, [[0], smallest]))).toEqual([
      [-1n, -1],
      [longMax, Number(longMax)]
    ])
  })

  test('loses what its delta has beyond 64 bits', () => {
    expect(timesIn(batchOf(5n, [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]]))).toEqual([[5n, 5]])
  })

  test('stays exact in a copy of its record', () => {
    const copy = RecordBatch.parse(batchOf(longMax, [[0], [1]]))
      .records()
      .copy(1)
    expect([copy.exactTimestamp(0), copy.timestamp(0)]).toEqual([longMax - 1n, Number(longMax)])
  })

  test('is written exactly also where its delta is no number', () => {
    const builder = new RecordBatchBuilder()
    const times = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1]
    for (const time of times) builder.append(null, null, [], time)
    expect(timesIn(builder.finishPlain())).toEqual(times.map((time) => [BigInt(time), time]))
  })

  test('that no number has is refused where it would be written again', () => {
    const view = RecordBatch.parse(batchOf(2n ** 53n + 1n, [[0]])).records()
    const refusal = expect.objectContaining({ code: 'MALFORMED' })
    expect(() => new RecordBatchBuilder().appendRaw(view, 0)).toThrow(refusal)
  })

  test('is exact in the old format too', () => {
    const bytes = fromHex(vectorNamed('format 1 none').bytes)
    const view = new DataView(bytes.buffer)
    const end = 12 + view.getInt32(8)
    view.setBigInt64(18, longMax)
    view.setInt32(12, crc32.buf(bytes.subarray(16, end)))
    const second = view.getBigInt64(end + 18)
    const batch = RecordBatch.parse(bytes)
    expect(timesIn(bytes).slice(0, 2)).toEqual([longMax, second].map((exact) => [exact, Number(exact)]))
    expect(batch.exactMaxTimestamp).toBe(longMax)
  })
})

describe('an offset', () => {
  test.each([0n, -1n, -2n, 0xfffffffen, 0xffffffffn, 2n ** 53n, longMax - 2n, longMin])(
    'is the base %d and the delta, also where its lower half overflows',
    (base) => {
      const bytes = batchOf(0n, [[0], [0], [0]])
      assignBatchOffset(bytes, base, 0)
      expect([...RecordBatch.parse(bytes).records()].map(({ offset }) => offset)).toEqual([base, base + 1n, base + 2n])
    }
  )

  test('goes on from the first int64 after the last one', () => {
    const bytes = batchOf(0n, [[0], [0]])
    assignBatchOffset(bytes, longMax, 0)
    const batch = RecordBatch.parse(bytes)
    expect([batch.records().offset(0), batch.records().offset(1), batch.lastOffset]).toEqual([
      longMax,
      longMin,
      longMin
    ])
  })
})
