// Owns the targets that records are: batches and old message sets with their views, what a codec decompresses, and
// control records. Seeds are what Kafka's own classes wrote, batches of our own writer, and bombs.

import { gunzipNow, gzipNow } from '../../src/runtime/node_zlib.ts'
import { decompressBatch, type CompressionName } from '../../src/protocol/compression/index.ts'
import { readControlBatch, readControlRecord } from '../../src/protocol/control_record.ts'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { RecordBatch, splitRecordBatches } from '../../src/protocol/record_batch.ts'
import { RecordBatchBuilder } from '../../src/protocol/record_batch_writer.ts'
import { Dice } from '../faults/seeded.ts'
import { damagedBatchIn, resealed } from './checksums.ts'
import { legacyTargets } from './legacy_targets.ts'
import { keptLines } from './message_targets.ts'
import { inputBytesMax, splice } from './mutator.ts'
import { fixedMarks, type Mark, type Seed } from './seed.ts'
import type { Target, TargetGroup } from './target.ts'
import { bombs } from './bombs.ts'

/** The limit that is named to decompression; what may be allocated does not depend on it. */
export const decompressedBytesMax = 1024 * 1024

const compressions: readonly CompressionName[] = ['gzip', 'snappy', 'lz4', 'zstd']
const headerBytes = 61

/** A vector of the record tests. */
interface KeptRecords {
  readonly name: string
  readonly bytes: string
}

/** A vector of the tests of codecs. */
interface KeptPayload {
  readonly frame: string
}

export async function recordGroups(seed: number): Promise<TargetGroup[]> {
  const dice = new Dice(seed)
  const kept = keptLines<KeptRecords>('records.jsonl').map(({ bytes }) => new Uint8Array(Buffer.from(bytes, 'hex')))
  const built = [...kept.filter(({ length }) => length <= inputBytesMax), ...(await builtBatches(dice))]
  const compressed = compressions.map((name) => codecTarget(name, built))
  return [
    { name: 'batches', share: 12, targets: [batchTarget(built.map(batchSeed))] },
    { name: 'codecs', share: 10, targets: compressed },
    { name: 'old formats', share: 6, targets: legacyTargets(kept, readBatches) },
    { name: 'control records', share: 2, targets: [controlTarget()] }
  ]
}

/** Reads all there is. */
async function readRest(batch: RecordBatch, batches: Iterable<RecordBatch>, first: Promise<void>): Promise<unknown> {
  await first
  readRecords(batch)
  for (const next of batches) {
    await decompressBatch(next, tools)
    readRecords(next)
  }
  return undefined
}

const tools = {
  decompressedBytesMax,
  // zlib's own thread would hide how long it takes.
  gunzip: (bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> =>
    new Promise((resolve) => {
      resolve(gunzipNow(bytes, bytesMax))
    })
}

function readBatches(bytes: Uint8Array): unknown {
  const batches = splitRecordBatches(bytes)
  for (const batch of batches) {
    const ready = decompressBatch(batch, tools)
    if (ready instanceof Promise) return readRest(batch, batches, ready)
    readRecords(batch)
  }
  return undefined
}

/** All that a consumer or a user may ask of records. */
function readRecords(batch: RecordBatch): void {
  void [batch.lastOffset, batch.compression, batch.timestampType, batch.hasDeleteHorizon]
  const records = batch.records()
  for (let i = 0; i < records.count; i++) {
    const parts = [records.key(i), records.value(i), records.rawTail(i)]
    for (const [, value] of records.headers(i)) parts.push(value)
    if (parts.some((part) => part !== null && part.byteLength > records.rawTail(i).byteLength)) {
      throw new Error(`Record ${i} is longer than itself`)
    }
    void [records.offset(i), records.timestamp(i)]
    if (i % 16 === 0 && records.copy(i).value(0)?.byteLength !== records.value(i)?.byteLength) {
      throw new Error(`The copy of record ${i} has another value`)
    }
  }
  if (batch.isControl && batch.recordCount > 0) readControlBatch(batch)
}

function batchTarget(seeds: readonly Seed[]): Target {
  return {
    name: 'record batches',
    seeds,
    read: readBatches,
    finish: (bytes, dice) => (dice.next() < 0.8 ? resealed(bytes, dice.next() < 0.8) : bytes),
    check(bytes, outcome) {
      const damaged = 'value' in outcome ? damagedBatchIn(bytes) : undefined
      if (damaged !== undefined) throw new Error(`The batch at ${damaged} was read in spite of its checksum`)
    }
  }
}

/** One codec alone: the input is the payload of a batch whose checksum is right. */
function codecTarget(name: CompressionName, batches: readonly Uint8Array[]): Target {
  const id = ['none', 'gzip', 'snappy', 'lz4', 'zstd'].indexOf(name)
  const payloads = batches.filter((bytes) => isCompressedBy(bytes, id)).map((bytes) => bytes.subarray(headerBytes))
  const seeds = [...payloads, ...keptPayloads(name), ...bombs(name)].map(payloadSeed)
  return { name, seeds, read: (bytes) => decompressBatch(RecordBatch.parse(wrapped(bytes, id)), tools) }
}

/** Frames with all that their formats have, which Kafka's own compressors do not use. */
function keptPayloads(name: CompressionName): Uint8Array[] {
  if (name !== 'lz4' && name !== 'zstd') return []
  const frames = keptLines<KeptPayload>(`${name}.jsonl`).map(({ frame }) => new Uint8Array(Buffer.from(frame, 'hex')))
  return frames.filter(({ length }) => length <= inputBytesMax)
}

function isCompressedBy(bytes: Uint8Array, id: number): boolean {
  return bytes.length > headerBytes && bytes[16] === 2 && (bytes[22]! & 7) === id
}

function wrapped(payload: Uint8Array, id: number): Uint8Array {
  const batch = new Uint8Array(headerBytes + payload.length)
  batch[16] = 2
  batch[22] = id
  batch[60] = 1
  batch.set(payload, headerBytes)
  return resealed(batch, true)
}

/** What codecs write about sizes stands in the first bytes, and wherever a block begins. */
function payloadSeed(bytes: Uint8Array): Seed {
  const marks: Mark[] = []
  for (let at = 0; at < Math.min(bytes.length - 8, 40); at++) {
    marks.push({ at, width: 1, kind: 'uvarint' }, { at, width: 4, kind: 'fixed' }, { at, width: 1, kind: 'fixed' })
  }
  return { bytes, marks }
}

const batchFields = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 1],
  [21, 2],
  [23, 4],
  [27, 8],
  [35, 8],
  [43, 8],
  [51, 2],
  [53, 4],
  [57, 4],
  [57, 4]
] as const

/** The header's fields, and in plain batches the numbers of the first records. */
function batchSeed(bytes: Uint8Array): Seed {
  const marks = fixedMarks(bytes, batchFields)
  const isPlain = bytes[16] === 2 && (bytes[22]! & 7) === 0
  return { bytes, marks: isPlain ? [...marks, ...varintMarks(bytes)] : marks }
}

/** Where varints may stand in the first records: every byte that could be one, with its continuation. */
function varintMarks(bytes: Uint8Array): Mark[] {
  const marks: Mark[] = []
  for (let at = headerBytes; at < Math.min(bytes.length, headerBytes + 60); at++) {
    let width = 1
    while (bytes[at + width - 1]! > 0x7f && at + width < bytes.length && width < 5) width++
    marks.push({ at, width, kind: 'zigzag' })
  }
  return marks
}

async function builtBatches(dice: Dice): Promise<Uint8Array[]> {
  const batches: Uint8Array[] = []
  for (const compression of ['none', ...compressions] as const) {
    for (const count of [1, 3, 40]) {
      const builder = new RecordBatchBuilder({})
      for (let i = 0; i < count; i++) append(builder, i, dice)
      const options = { compression, producerId: 7n, producerEpoch: 3, baseSequence: 9, isTransactional: count === 3 }
      const batch = await finished(builder, options)
      if (batch !== undefined) batches.push(batch)
    }
  }
  const [plain] = batches
  const several = batches.slice(0, 6).reduce((all, batch) => splice(all, all.length, 0, batch), new Uint8Array(0))
  return plain === undefined ? batches : [...batches, several]
}

async function finished(
  builder: RecordBatchBuilder,
  options: Parameters<RecordBatchBuilder['finish']>[0]
): Promise<Uint8Array | undefined> {
  try {
    return await builder.finish({ ...options, gzip: (bytes, level) => Promise.resolve(gzipNow(bytes, level)) })
  } catch (error) {
    // This codec compresses with a package only that is not here; Kafka's own bytes are seeds all the same.
    if (error instanceof ProtocolError && error.code === 'UNSUPPORTED_COMPRESSION') return undefined
    throw error
  }
}

function append(builder: RecordBatchBuilder, i: number, dice: Dice): void {
  const value = new TextEncoder().encode(`value ${dice.between(0, 9)} `.repeat(dice.between(0, 30)))
  const key = i % 3 === 0 ? null : new TextEncoder().encode(`key ${i}`)
  const headers =
    i % 4 === 1
      ? ([
          ['trace', value.subarray(0, 9)],
          ['empty', null]
        ] as const)
      : []
  builder.append(key, i % 7 === 6 ? null : value, headers, 1_700_000_000_000 + dice.between(-5, 5_000_000))
}

/** Key and value of a control record: a byte for the length of the key, the key, the value. */
function controlTarget(): Target {
  const seeds = [
    [4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9],
    [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    [4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0],
    [4, 0, 5, 0, 99, 1],
    [0]
  ].map((bytes): Seed => {
    const content = Uint8Array.from(bytes)
    return {
      bytes: content,
      marks: fixedMarks(content, [
        [0, 1],
        [1, 2],
        [3, 2],
        [5, 2],
        [7, 4]
      ])
    }
  })
  return {
    name: 'control record',
    seeds,
    read(bytes) {
      const keyLength = bytes[0] ?? 0
      const key = keyLength === 0xff ? null : bytes.subarray(1, 1 + keyLength)
      const value = bytes.length > 1 + keyLength ? bytes.subarray(1 + keyLength) : null
      return readControlRecord(key, value)
    }
  }
}
