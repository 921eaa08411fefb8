// Kafka's own classes read what is written here, what they write is read here, and its tables are ours.
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { encodeMarkerBatch, kafkaErrors, RecordBatchBuilder, rewriteProducerState } from 'kafka-once/protocol'
import type { FinishBatchOptions, RecordHeader } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import { describeJars } from '../broker/real_kafka.ts'
import { javaRecords } from './record_peer.ts'
import { describeBatches, fromHex, gzip, parseLines, recordVectors, toHex, withRunsJoined } from './record_vectors.ts'
import type { BatchDescription, RecordVector } from './record_vectors.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const time = 1_700_000_000_123

function fill(builder: RecordBatchBuilder, count: number): RecordBatchBuilder {
  const headers: readonly RecordHeader[] = [
    ['trace', text('id')],
    ['grüße 你好 🚀', null]
  ]
  for (let i = 0; i < count; i++) {
    const key = i % 7 === 0 ? null : text(`key ${i}`)
    const value = i % 11 === 0 ? null : text('a value that repeats '.repeat(i % 40))
    builder.append(key, value, i % 5 === 0 ? headers : [], time + (i % 3) * 5_000_000_000 - i * 9)
  }
  return builder
}

const runtime = nodeRuntime()
const pure = { gzip }
const native = { zstd: runtime.zstd, optionalPackage: (name: string) => runtime.optionalPackage?.(name) }
const ways = [
  ['none', pure],
  ['gzip', pure],
  ['snappy', pure],
  ['snappy', native],
  ['lz4', pure],
  ['lz4', native],
  ['zstd', native]
] as const

async function ourBatches(): Promise<Map<string, Uint8Array>> {
  const batches = new Map<string, Uint8Array>()
  const producer = { producerId: 7_000_000_000n, producerEpoch: 3, baseSequence: 0x7fffffff }
  const variants: FinishBatchOptions[] = [{}, producer, { ...producer, isTransactional: true }]
  for (const [compression, tools] of ways) {
    for (const [i, variant] of variants.entries()) {
      for (const count of [1, 3, 5000]) {
        const builder = fill(new RecordBatchBuilder({ batchBytesMax: 1 << 24 }), count)
        const name = `${compression} ${tools === native ? 'natively ' : ''}${i} ${count}`
        batches.set(name, await builder.finish({ ...variant, ...tools, compression }))
      }
    }
  }
  const state = { producerId: 1n, producerEpoch: 32767, baseSequence: 12 }
  batches.set('rewritten', rewriteProducerState(batches.get('snappy 2 5000')!, state))
  for (const type of ['COMMIT', 'ABORT'] as const) {
    const marker = { type, producerId: 5n, producerEpoch: 2, coordinatorEpoch: 77, timestamp: time }
    batches.set(type, encodeMarkerBatch({ ...marker, baseOffset: 2n ** 40n, partitionLeaderEpoch: 4 }))
  }
  return batches
}

// What of a vector is the same whenever and wherever Kafka's builder runs.
function comparable({ name, bytes, batches }: RecordVector): unknown {
  if (name === 'log append time') return name
  const compressed = batches.some(({ compression }) => compression !== 'none')
  return compressed ? { name, records: batches.map(({ records }) => records) } : { name, bytes, batches }
}

describeJars('the classes of Kafka 4.4.0', () => {
  test('read our batches as we do', async () => {
    const batches = await ourBatches()
    const lines = [...batches.values()].map((batch) => `${toHex(batch)}\n`)
    const output = await javaRecords('RecordVectors', ['read'], lines.join(''))
    const seen = parseLines<BatchDescription[] | string>(output)
    expect(seen.length).toBe(batches.size)
    for (const [i, [name, batch]] of [...batches].entries()) {
      expect(seen[i], name).toEqual(await describeBatches(batch))
    }
  })

  test('refuse what we refuse in our own batches', async () => {
    const batch = fill(new RecordBatchBuilder(), 3).finishPlain()
    const damaged = Array.from({ length: batch.length - 17 }, (_, i) => {
      const bytes = batch.slice()
      bytes[17 + i]! ^= 0x10
      return `${toHex(bytes)}\n`
    })
    const seen = parseLines<BatchDescription[] | string>(await javaRecords('RecordVectors', ['read'], damaged.join('')))
    for (const answer of seen) expect(answer).toMatch(/CorruptRecordException/)
  })

  let fresh: RecordVector[] = []
  beforeAll(async () => {
    fresh = parseLines<RecordVector>(await javaRecords('RecordVectors', ['write']))
  })

  test('write today the vectors that are kept, but for the compressed bytes and the clock', () => {
    expect(fresh.map(comparable)).toEqual(recordVectors.map(comparable))
  })

  test('write batches that we read as they do', async () => {
    for (const { name, bytes, batches } of fresh) {
      expect(await describeBatches(fromHex(bytes)), name).toEqual(withRunsJoined(batches))
    }
  })

  test('have our table of errors', async () => {
    const theirs = parseLines<{ code: number; name: string; retriable: boolean }>(
      await javaRecords('Tables', ['errors'])
    )
    expect(kafkaErrors.map(({ code, name, retriable }) => ({ code, name, retriable }))).toEqual(theirs)
  })

  test('compute today the hashes that are kept', async () => {
    const kept = readFileSync(new URL('vectors/keys.jsonl', import.meta.url), 'utf8')
    expect(await javaRecords('Tables', ['keys'])).toBe(kept)
  })
})
