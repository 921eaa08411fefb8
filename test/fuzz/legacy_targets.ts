// Owns the targets that the formats before Kafka 0.11 are: sets of messages, and the sets inside of compressed wrappers,
// whose own checksum is right. Seeds are what Kafka's own classes wrote.

import { decompressBatch } from '../../src/protocol/compression/index.ts'
import { splitRecordBatches } from '../../src/protocol/record_batch.ts'
import { gzipNow } from '../../src/runtime/node_zlib.ts'
import { damagedBatchIn, resealedMessages } from './checksums.ts'
import { inputBytesMax } from './mutator.ts'
import { fixedMarks, type Seed } from './seed.ts'
import type { Target } from './target.ts'

const gzip = 1
const wrapperBytes = [26, 34] as const

export function legacyTargets(kept: readonly Uint8Array[], read: (bytes: Uint8Array) => unknown): Target[] {
  const old = kept.filter((bytes) => bytes[16]! < 2 && bytes.length <= inputBytesMax)
  const sets = old.map(setSeed)
  const plain = old.filter((bytes) => (bytes[17]! & 7) === 0).map(setSeed)
  return [
    {
      name: 'old message sets',
      seeds: sets,
      read,
      finish: (bytes, dice) => (dice.next() < 0.9 ? resealedMessages(bytes) : bytes),
      check(bytes, outcome) {
        const damaged = 'value' in outcome ? damagedBatchIn(bytes) : undefined
        if (damaged !== undefined) throw new Error(`The message at ${damaged} was read in spite of its checksum`)
      }
    },
    {
      name: 'old compressed sets',
      seeds: [...plain, ...insideOf(old).map(setSeed)],
      read: (bytes) => read(wrapped(bytes)),
      finish: (bytes, dice) => (dice.next() < 0.9 ? resealedMessages(bytes) : bytes)
    }
  ]
}

/** What is compressed in the kept wrappers that decompress at once. */
function insideOf(kept: readonly Uint8Array[]): Uint8Array[] {
  const inside: Uint8Array[] = []
  for (const bytes of kept) {
    const first = splitRecordBatches(bytes).next()
    if (first.done === true || !first.value.needsDecompression || first.value.compressionId === gzip) continue
    const { value: batch } = first
    const accept = batch.acceptDecompressed.bind(batch)
    batch.acceptDecompressed = (records) => {
      inside.push(records.slice(0, inputBytesMax))
      accept(records)
    }
    void decompressBatch(batch, {})
  }
  return inside
}

/** A wrapper in the format of the first message, as of offset 1000, in gzip. */
function wrapped(set: Uint8Array): Uint8Array {
  const magic = set.length > 16 && set[16] === 0 ? 0 : 1
  const compressed = gzipNow(set, 1)
  const start = wrapperBytes[magic]
  const bytes = new Uint8Array(start + compressed.length)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(0, 1_000n)
  view.setInt32(8, bytes.length - 12)
  bytes[16] = magic
  bytes[17] = gzip
  view.setInt32(start - 8, -1)
  view.setInt32(start - 4, compressed.length)
  bytes.set(compressed, start)
  return resealedMessages(bytes)
}

/** The numbers of the first messages. */
function setSeed(bytes: Uint8Array): Seed {
  const places: [number, number][] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0, i = 0; i < 8 && at + 26 <= bytes.length; i++) {
    const size = view.getInt32(at + 8)
    if (size < 14 || bytes[at + 16]! > 1) break
    const key = at + (bytes[at + 16] === 0 ? 18 : 26)
    const keyLength = key + 4 <= bytes.length ? Math.max(view.getInt32(key), 0) : 0
    places.push([at, 8], [at + 8, 4], [at + 16, 1], [at + 17, 1])
    if (bytes[at + 16] === 1) places.push([at + 18, 8])
    places.push([key, 4], [key + 4 + keyLength, 4])
    at += 12 + size
  }
  return { bytes, marks: fixedMarks(bytes, places) }
}
