// Keys and values can be reached without an object for each: by where they lie in the bytes of their batch, which is where
// the views of them lie too.

import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { decompressBatch, RecordBatch, splitRecordBatches } from 'kafka-once/protocol'
import type { RecordView } from 'kafka-once/protocol'
import { Dice } from '../faults/seeded.ts'
import { drawBatch } from './random_batches.ts'
import { fromHex, gunzip, gzip, recordVectors } from './record_vectors.ts'

const tools = { gzip, gunzip }
const seed = 4_400

function part(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(bytes.subarray(start, start + length))
}

/** How many keys and values are null, empty, or have bytes. */
interface Seen {
  nulls: number
  empty: number
  filled: number
}

function expectPlaces(view: RecordView, seen: Seen): void {
  for (let i = 0; i < view.count; i++) {
    const value = part(view.bytes, view.valueStart(i), view.valueLength(i))
    const key = part(view.bytes, view.keyStart(i), view.keyLength(i))
    const views = [view.key(i), view.value(i)]
    // As `toEqual`, which takes far longer over bytes.
    if (!isDeepStrictEqual([key, value], views)) expect([key, value]).toEqual(views)
    for (const one of [key, value]) seen[one === null ? 'nulls' : one.length === 0 ? 'empty' : 'filled']++
  }
}

describe('where keys and values lie', () => {
  test(`is where their views lie, in batches of the codecs that every version of Node has (seed ${seed})`, async () => {
    const dice = new Dice(seed)
    const seen: Seen = { nulls: 0, empty: 0, filled: 0 }
    for (const compression of ['none', 'gzip', 'snappy', 'lz4'] as const) {
      for (let times = 0; times < 40; times++) {
        const batch = RecordBatch.parse((await drawBatch(compression, tools, dice)).bytes)
        await decompressBatch(batch, tools)
        const view = batch.records()
        expectPlaces(view, seen)
        if (view.count > 0) expectPlaces(view.copy(view.count - 1), seen)
      }
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(100)
  })

  test('is where their views lie, in batches that Java wrote, of old formats too', async () => {
    const seen: Seen = { nulls: 0, empty: 0, filled: 0 }
    const formats = new Set<number>()
    for (const { bytes } of recordVectors) {
      for (const batch of splitRecordBatches(fromHex(bytes))) {
        formats.add(batch.magic)
        await decompressBatch(batch, tools)
        expectPlaces(batch.records(), seen)
      }
    }
    expect([...formats].toSorted((left, right) => left - right)).toEqual([0, 1, 2])
    expect(seen.filled).toBeGreaterThan(100)
  })

  test('of a record that is not there is refused', async () => {
    const view = RecordBatch.parse((await drawBatch('none', tools, new Dice(1))).bytes).records()
    for (const i of [-1, view.count, Number.NaN]) {
      expect(() => view.valueStart(i)).toThrow(RangeError)
      expect(() => view.valueLength(i)).toThrow(RangeError)
      expect(() => view.keyStart(i)).toThrow(RangeError)
      expect(() => view.keyLength(i)).toThrow(RangeError)
    }
  })
})
