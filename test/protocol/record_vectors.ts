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

export type BatchDescription = Readonly<Record<string, unknown>> & { readonly magic: number }

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
  return {
    magic: 2,
    baseOffset: String(batch.baseOffset),
    lastOffset: String(batch.lastOffset),
    sizeInBytes: batch.sizeInBytes,
    compression: batch.compression,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    timestampType: batch.timestampType,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    hasDeleteHorizon: batch.hasDeleteHorizon,
    baseTimestamp: batch.baseTimestamp,
    maxTimestamp: batch.maxTimestamp,
    producerId: String(batch.producerId),
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    recordCount: batch.recordCount,
    records: Array.from({ length: records.count }, (_, i) => describeRecord(batch, records, i))
  }
}

function describeRecord(batch: RecordBatch, records: RecordView, i: number): Record<string, unknown> {
  const described: Record<string, unknown> = {
    offset: String(records.offset(i)),
    timestamp: records.timestamp(i),
    key: contents(records.key(i)),
    value: contents(records.value(i)),
    headers: records.headers(i).map(([key, value]) => [key, contents(value)])
  }
  if (!batch.isControl) return described
  const control = readControlRecord(records.key(i), records.value(i))
  described['control'] = control.type
  if (control.coordinatorEpoch !== undefined) described['coordinatorEpoch'] = control.coordinatorEpoch
  return described
}

function contents(bytes: Uint8Array | null): string | null {
  if (bytes === null || bytes.length <= 64) return bytes && toHex(bytes)
  return `sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}
