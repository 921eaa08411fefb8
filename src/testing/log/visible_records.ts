// Owns what a reader would see of a partition at this moment, as tests like to have it: records with texts and bytes of
// their own, in the order of their offsets. Control records are no records.

import { decompressBatch, RecordBatch } from '../../protocol/index.ts'
import type { DecompressBatchOptions } from '../../protocol/index.ts'
import type { PartitionLog } from './partition_log.ts'
import { Refusal } from './refusal.ts'

/** Which records are meant: those that were committed, or all that are replicated. */
export type RecordIsolation = 'read_committed' | 'read_uncommitted'

/** One record of a topic. `String(value)` is its text. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Null for a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

export async function visibleRecords(
  log: PartitionLog,
  partition: number,
  isolation: RecordIsolation,
  tools: DecompressBatchOptions
): Promise<StoredRecord[]> {
  const isCommitted = isolation === 'read_committed'
  const options = { bytesMax: Infinity, wholeFirstBatch: true } as const
  const read = log.read(log.startOffset, { ...options, isolation: isCommitted ? 'lastStable' : 'highWatermark' })
  if (read instanceof Refusal) throw new Error(`The log cannot be read from its start: ${read.message}`)
  const aborted = read.aborted ?? []
  const records: StoredRecord[] = []
  for (const piece of read.pieces) {
    const batch = RecordBatch.parse(piece)
    const { baseOffset, producerId } = batch
    const isAborted = aborted.some((one) => {
      return one.producerId === producerId && one.firstOffset <= baseOffset && baseOffset < one.lastOffset
    })
    if (batch.isControl || (isAborted && batch.isTransactional)) continue
    await decompressBatch(batch, tools)
    for (const record of batch.records()) {
      // The first batch may begin with what DeleteRecords has taken away.
      if (record.offset < log.startOffset) continue
      const { offset, timestamp, key, value, headers } = record
      const own = headers.map(([name, bytes]) => [name, bufferOf(bytes)] as const)
      records.push({ partition, offset, timestamp, key: bufferOf(key), value: bufferOf(value), headers: own })
    }
  }
  return records
}

/** A copy, since the log's bytes are the log's. */
function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
