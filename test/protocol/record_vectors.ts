// Owns the comparison of record batches with Java's: the committed vectors, and what our reader says about a batch in
// the words in which test/java/records/RecordVectors.java says what Kafka's reader sees.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gunzip as zlibGunzip, gzip as zlibGzip } from 'node:zlib'
import { decompressBatch, readControlRecord, splitRecordBatches } from 'kafka-once/protocol'
import type { RecordBatch, RecordView } from 'kafka-once/protocol'

export interface RecordVector {
  readonly name: string
  /** Hexadecimal. */
  readonly bytes: string
  /** What Kafka's reader sees. */
  readonly batches: readonly BatchDescription[]
}

export type BatchDescription = Readonly<Record<string, unknown>> & {
  readonly magic: number
  readonly records: readonly RecordDescription[]
}

export interface RecordDescription {
  readonly offset: string
  /** As text where a number does not have it exactly. */
  readonly timestamp: number | string
  /** Hexadecimal, as the value, or a digest where it is long. */
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [key: string, value: string | null])[]
  readonly control?: string
  readonly controlTypeId?: number
  readonly coordinatorEpoch?: number
}

export function parseLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): T => JSON.parse(line))
}

export function readVectors<T>(file: string): T[] {
  return parseLines<T>(readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8'))
}

export const recordVectors = readVectors<RecordVector>('records.jsonl')

export function vectorNamed(name: string): RecordVector {
  const found = recordVectors.find((vector) => vector.name === name)
  if (found === undefined) throw new Error(`no vector is named ${name}`)
  return found
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export const gunzip = (bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> =>
  promisify(zlibGunzip)(bytes, { maxOutputLength: bytesMax })

export const gzip = (bytes: Uint8Array, level: number): Promise<Uint8Array> => promisify(zlibGzip)(bytes, { level })

/** What our reader sees in the bytes. */
export async function describeBatches(bytes: Uint8Array): Promise<BatchDescription[]> {
  const described: BatchDescription[] = []
  for (const batch of splitRecordBatches(bytes)) {
    await decompressBatch(batch, { gunzip })
    described.push(describeBatch(batch))
  }
  return described
}

function describeBatch(batch: RecordBatch): BatchDescription {
  const records = batch.records()
  const outside = {
    magic: batch.magic,
    baseOffset: String(batch.baseOffset),
    lastOffset: String(batch.lastOffset),
    sizeInBytes: batch.sizeInBytes,
    compression: batch.compression,
    timestampType: batch.timestampType,
    maxTimestamp: exactTime(batch.maxTimestamp, batch.exactMaxTimestamp)
  }
  const inside = {
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    hasDeleteHorizon: batch.hasDeleteHorizon,
    baseTimestamp: exactTime(batch.baseTimestamp, batch.exactBaseTimestamp),
    producerId: String(batch.producerId),
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    recordCount: batch.recordCount
  }
  return {
    ...outside,
    ...(batch.magic === 2 ? inside : {}),
    records: Array.from({ length: records.count }, (_, i) => describeRecord(batch, records, i))
  }
}

/** What Kafka's reader sees, with plain messages of the old formats told as we tell them: several as one batch. */
export function withRunsJoined(batches: readonly BatchDescription[]): BatchDescription[] {
  const joined: BatchDescription[] = []
  for (const batch of batches) {
    const last = joined.at(-1)
    if (last === undefined || !isRun(last, batch)) {
      joined.push(batch)
      continue
    }
    joined[joined.length - 1] = {
      ...last,
      lastOffset: batch['lastOffset'],
      sizeInBytes: Number(last['sizeInBytes']) + Number(batch['sizeInBytes']),
      maxTimestamp: Math.max(Number(last['maxTimestamp']), Number(batch['maxTimestamp'])),
      records: [...last.records, ...batch.records]
    }
  }
  return joined
}

function isRun(last: BatchDescription, next: BatchDescription): boolean {
  if (last.magic === 2 || last.magic !== next.magic) return false
  if (last['compression'] !== 'none' || next['compression'] !== 'none') return false
  if (last['timestampType'] !== next['timestampType']) return false
  return last['timestampType'] !== 'logAppendTime' || last['maxTimestamp'] === next['maxTimestamp']
}

function exactTime(nearest: number, exact: bigint): number | string {
  if (Number(exact) !== nearest) throw new Error(`${nearest} is not the nearest number to ${exact}`)
  return Number.isSafeInteger(nearest) ? nearest : String(exact)
}

function describeRecord(batch: RecordBatch, records: RecordView, i: number): RecordDescription {
  const described = {
    offset: String(records.offset(i)),
    timestamp: exactTime(records.timestamp(i), records.exactTimestamp(i)),
    key: contents(records.key(i)),
    value: contents(records.value(i)),
    headers: records.headers(i).map(([key, value]) => [key, contents(value)] as const)
  }
  if (!batch.isControl) return described
  const { type, typeId, coordinatorEpoch } = readControlRecord(records.key(i), records.value(i))
  const control = { control: type ?? 'UNKNOWN', controlTypeId: typeId }
  return { ...described, ...control, ...(coordinatorEpoch === undefined ? {} : { coordinatorEpoch }) }
}

/** Bytes as the descriptions tell them: in hexadecimal, or by their digest where they are long. */
export function contents(bytes: Uint8Array | null): string | null {
  if (bytes === null || bytes.length <= 64) return bytes && toHex(bytes)
  return `sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}
