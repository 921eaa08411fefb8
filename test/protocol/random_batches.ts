// Owns record batches that are drawn here by a seed and written with every codec, and what a reader must see in them: the
// values that were drawn, not what our own reader says.
import { assignBatchOffset, encodeMarkerBatch, RecordBatch, RecordBatchBuilder } from 'kafka-once/protocol'
import type { CompressionName, GivenTools, RecordHeader } from 'kafka-once/protocol'
import type { Dice } from '../faults/seeded.ts'
import { contents } from './record_vectors.ts'
import type { BatchDescription, RecordDescription } from './record_vectors.ts'

/** A batch, and what it was written from. */
export interface DrawnBatch {
  readonly bytes: Uint8Array
  readonly meant: BatchDescription
}

interface DrawnRecord {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

interface DrawnState {
  readonly isTransactional: boolean
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly baseOffset: bigint
  readonly partitionLeaderEpoch: number
}

const lengths = [0, 1, 2, 62, 63, 64, 65, 126, 127, 128, 129, 255, 256]
const longLengths = [8_190, 8_191, 8_192, 8_193, 20_000, 66_000]
const nowMs = 1_700_000_000_123
const times = [-1, 0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, nowMs, Number.MAX_SAFE_INTEGER]
const names = ['trace', '', 'grüße', '你好', '🚀', 'a\0b', '\ufeffmark', 'n'.repeat(63), 'n'.repeat(64), 'ß'.repeat(64)]
const repeated = new TextEncoder().encode('again and again '.repeat(5_000))
const sequenceMax = 0x7fffffff
const longMax = 2n ** 63n - 1n

/** One batch of the codec; a marker now and then, which is never compressed. */
export async function drawBatch(compression: CompressionName, tools: GivenTools, dice: Dice): Promise<DrawnBatch> {
  const isExtreme = dice.next() < 0.35
  const state = drawState(isExtreme, dice)
  if (dice.next() < 0.06) return drawMarker(state, dice)
  const count = dice.next() < 0.1 ? dice.between(100, 400) : dice.between(1, 12)
  const first = isExtreme ? dice.pick(times) : nowMs + dice.between(0, 1_000_000_000)
  const records = Array.from({ length: count }, (_, i) => drawRecord(i === 0, first, isExtreme, count < 20, dice))
  const builder = new RecordBatchBuilder({ batchBytesMax: 1 << 24, initialBytes: dice.pick([0, 100, 4_096]) })
  for (const { key, value, headers, timestamp } of records) builder.append(key, value, headers, timestamp)
  const whole = dice.next() < 0.2 ? await copied(builder) : builder
  const { baseOffset, partitionLeaderEpoch, ...producer } = state
  const bytes = await whole.finish({ ...producer, compression, ...tools })
  assignBatchOffset(bytes, baseOffset, partitionLeaderEpoch)
  return { bytes, meant: meantBatch(bytes, state, records) }
}

/** The same records taken over from another batch without decoding them, as is done with a batch that was too large. */
async function copied(builder: RecordBatchBuilder): Promise<RecordBatchBuilder> {
  const view = RecordBatch.parse(await builder.finish()).records()
  const copy = new RecordBatchBuilder({ batchBytesMax: 1 << 24 })
  for (let i = 0; i < view.count; i++) copy.appendRaw(view, i)
  return copy
}

function drawState(isExtreme: boolean, dice: Dice): DrawnState {
  const isTransactional = dice.next() < 0.25
  const hasProducer = isTransactional || dice.next() < 0.5
  const producer = isExtreme
    ? {
        producerId: dice.pick([0n, 1n, 2n ** 53n + 1n, longMax]),
        producerEpoch: dice.pick([0, 1, 32_766, 32_767]),
        baseSequence: dice.pick([0, 1, sequenceMax, sequenceMax - 1, sequenceMax - 7])
      }
    : {
        producerId: BigInt(dice.between(0, 9_999)),
        producerEpoch: dice.between(0, 50),
        baseSequence: dice.between(0, 99_999)
      }
  return {
    isTransactional,
    ...(hasProducer ? producer : { producerId: -1n, producerEpoch: -1, baseSequence: -1 }),
    baseOffset: isExtreme ? dice.pick([0n, 0xffffffffn, 2n ** 53n + 1n, longMax - 400n]) : BigInt(dice.between(0, 1e9)),
    partitionLeaderEpoch: isExtreme ? dice.pick([-1, 0, 0x7fffffff]) : dice.between(0, 99)
  }
}

function drawRecord(isFirst: boolean, first: number, isExtreme: boolean, isLong: boolean, dice: Dice): DrawnRecord {
  return {
    timestamp: isFirst ? first : drawTime(first, isExtreme, dice),
    key: drawContent(false, dice),
    value: drawContent(isLong && dice.next() < 0.1, dice),
    headers: drawHeaders(dice)
  }
}

function drawTime(first: number, isExtreme: boolean, dice: Dice): number {
  if (isExtreme) return dice.pick(times)
  return first + dice.between(-2_000, dice.next() < 0.1 ? 2 ** 31 : 3_000)
}

function drawContent(isLong: boolean, dice: Dice): Uint8Array | null {
  if (isLong) return drawBytes(dice.pick(longLengths), dice)
  const kind = dice.between(0, 6)
  if (kind === 0) return null
  return drawBytes(kind < 3 ? dice.pick(lengths) : dice.between(0, 40), dice)
}

function drawBytes(length: number, dice: Dice): Uint8Array {
  if (dice.next() < 0.7) return repeated.subarray(0, length)
  return Uint8Array.from({ length }, () => dice.between(0, 255))
}

function drawHeaders(dice: Dice): RecordHeader[] {
  if (dice.next() < 0.8) return []
  const count = dice.next() < 0.05 ? 130 : dice.between(1, 4)
  return Array.from({ length: count }, (): RecordHeader => [dice.pick(names), drawContent(false, dice)])
}

function drawMarker(state: DrawnState, dice: Dice): DrawnBatch {
  const type = dice.pick(['COMMIT', 'ABORT'] as const)
  const coordinatorEpoch = dice.pick([-1, 0, 1, 0x7fffffff])
  const timestamp = dice.pick(times)
  const producer = { producerId: dice.pick([0n, 5n, longMax]), producerEpoch: dice.pick([0, 32_767]) }
  const { baseOffset, partitionLeaderEpoch } = state
  const bytes = encodeMarkerBatch({ type, coordinatorEpoch, timestamp, ...producer, baseOffset, partitionLeaderEpoch })
  const key = Uint8Array.of(0, 0, 0, type === 'COMMIT' ? 1 : 0)
  const value = new Uint8Array(6)
  new DataView(value.buffer).setInt32(2, coordinatorEpoch)
  const meant = meantBatch(bytes, { ...state, ...producer, isTransactional: true, baseSequence: -1 }, [
    { timestamp, key, value, headers: [] }
  ])
  const control = { control: type, controlTypeId: key[3]!, coordinatorEpoch }
  return { bytes, meant: { ...meant, isControl: true, records: meant.records.map((one) => ({ ...one, ...control })) } }
}

function meantBatch(bytes: Uint8Array, state: DrawnState, records: readonly DrawnRecord[]): BatchDescription {
  const { baseOffset, baseSequence, producerId, producerEpoch, isTransactional, partitionLeaderEpoch } = state
  const sequence = baseSequence + records.length - 1
  const lastSequence = sequence > sequenceMax ? sequence - sequenceMax - 1 : sequence
  return {
    magic: 2,
    baseOffset: String(baseOffset),
    lastOffset: String(baseOffset + BigInt(records.length - 1)),
    sizeInBytes: bytes.length,
    // A batch stays plain where compression makes it no smaller.
    compression: ['none', 'gzip', 'snappy', 'lz4', 'zstd'][bytes[22]! & 7],
    timestampType: 'createTime',
    maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
    partitionLeaderEpoch,
    isTransactional,
    isControl: false,
    hasDeleteHorizon: false,
    baseTimestamp: records[0]!.timestamp,
    producerId: String(producerId),
    producerEpoch,
    baseSequence,
    lastSequence: baseSequence < 0 ? -1 : lastSequence,
    recordCount: records.length,
    records: records.map((record, i) => meantRecord(record, baseOffset + BigInt(i)))
  }
}

function meantRecord({ timestamp, key, value, headers }: DrawnRecord, offset: bigint): RecordDescription {
  const told = headers.map(([name, content]) => [name, contents(content)] as const)
  return { offset: String(offset), timestamp, key: contents(key), value: contents(value), headers: told }
}
