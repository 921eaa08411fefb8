// Record batches that are drawn by a seed, of every codec: what Kafka's own classes write is read here as they read it,
// and what is written here they read as it was meant.
import { describe, expect, test } from 'vitest'
import { nodeRuntime } from 'kafka-once/runtime'
import { Dice, partSeed } from '../faults/seeded.ts'
import { describeJars } from '../broker/real_kafka.ts'
import { drawBatch, type DrawnBatch } from './random_batches.ts'
import { javaRecords } from './record_peer.ts'
import { describeBatches, fromHex, gzip, parseLines, toHex } from './record_vectors.ts'
import type { BatchDescription, RecordVector } from './record_vectors.ts'

/** BATCHES_PER_CODEC and BATCHES_SEED replace them. */
const batchesPerCodec = Number(process.env['BATCHES_PER_CODEC'] ?? 200)
const seed = Number(process.env['BATCHES_SEED'] ?? 20_261_125)
const timeoutMs = 120_000 + batchesPerCodec * 200
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

const runtime = nodeRuntime()
const pure = { gzip, zstd: runtime.zstd }
const native = { ...pure, optionalPackage: (name: string) => runtime.optionalPackage?.(name) }

/** In turn with the packages that make codecs faster and without them; zstd needs its package or a newer Node. */
async function drawBatches(): Promise<DrawnBatch[]> {
  const drawn: DrawnBatch[] = []
  for (const codec of codecs) {
    const dice = new Dice(partSeed(seed, codec))
    for (let i = 0; i < batchesPerCodec; i++) {
      const tools = i % 2 === 0 || (codec === 'zstd' && runtime.zstd === undefined) ? native : pure
      drawn.push(await drawBatch(codec, tools, dice))
    }
  }
  return drawn
}

function expectAllCodecs(batches: readonly BatchDescription[]): void {
  for (const codec of codecs) {
    // Small batches stay plain, and so do markers.
    expect(batches.filter(({ compression }) => compression === codec).length).toBeGreaterThan(batchesPerCodec / 2)
  }
  for (const flag of ['isControl', 'isTransactional'] as const) {
    expect(batches.some((batch) => batch[flag] === true)).toBe(true)
  }
}

describeJars('the classes of Kafka 4.4.0', () => {
  describe(`with ${batchesPerCodec} batches of each codec, seed ${seed}`, () => {
    test('write what we read as they do', { timeout: timeoutMs }, async () => {
      const args = ['random', String(seed), String(batchesPerCodec)]
      const vectors = parseLines<RecordVector>(await javaRecords('RecordVectors', args, '', timeoutMs))
      expect(vectors).toHaveLength(codecs.length * batchesPerCodec)
      for (const { name, bytes, batches } of vectors) {
        expect(await describeBatches(fromHex(bytes)), name).toEqual(batches)
      }
      const batches = vectors.flatMap((vector) => vector.batches)
      expectAllCodecs(batches)
      expect(batches.some(({ hasDeleteHorizon }) => hasDeleteHorizon === true)).toBe(true)
      expect(batches.some(({ recordCount }) => recordCount === 0)).toBe(true)
      expect(batches.some(({ timestampType }) => timestampType === 'logAppendTime')).toBe(true)
    })

    test('read ours as they were meant, and so do we', { timeout: timeoutMs }, async () => {
      const drawn = await drawBatches()
      const lines = drawn.map(({ bytes }) => `${toHex(bytes)}\n`).join('')
      const seen = parseLines<BatchDescription[] | string>(
        await javaRecords('RecordVectors', ['read'], lines, timeoutMs)
      )
      expect(seen).toHaveLength(drawn.length)
      for (const [i, { bytes, meant }] of drawn.entries()) {
        const name = `batch ${i % batchesPerCodec} of ${codecs[Math.floor(i / batchesPerCodec)]}`
        expect(seen[i], name).toEqual([meant])
        expect(await describeBatches(bytes), name).toEqual([meant])
      }
      expectAllCodecs(drawn.map(({ meant }) => meant))
    })
  })
})
