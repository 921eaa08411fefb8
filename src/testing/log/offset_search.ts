// Owns the search of a log by time: the first record that is not older than a timestamp, and the newest record.
// Source: UnifiedLog.fetchOffsetByTimestamp, FileRecords.searchForTimestamp.

import { RecordBatch } from '../../protocol/index.ts'
import type { PartitionLog } from './partition_log.ts'
import type { StoredBatch } from './stored_batch.ts'

export interface FoundOffset {
  readonly offset: bigint
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** The first record with at least that timestamp; undefined where all are older. */
export function offsetOfTimestamp(log: PartitionLog, timestamp: number): FoundOffset | undefined {
  for (const batch of log.batches) {
    if (batch.maxTimestamp < timestamp) continue
    const found = firstIn(batch, timestamp, log.startOffset)
    if (found !== undefined) return found
  }
  return undefined
}

/** The first record with the highest timestamp; undefined where the log is empty. */
export function offsetOfMaxTimestamp(log: PartitionLog): FoundOffset | undefined {
  let newest: StoredBatch | undefined
  for (const batch of log.batches) if (newest === undefined || batch.maxTimestamp > newest.maxTimestamp) newest = batch
  return newest === undefined ? undefined : firstIn(newest, newest.maxTimestamp, log.startOffset)
}

function firstIn(stored: StoredBatch, timestamp: number, startOffset: bigint): FoundOffset | undefined {
  const { leaderEpoch } = stored
  const batch = RecordBatch.parse(stored.bytes)
  if (batch.needsDecompression) {
    const offset = stored.baseOffset < startOffset ? startOffset : stored.baseOffset
    return { offset, timestamp: stored.maxTimestamp, leaderEpoch }
  }
  const records = batch.records()
  for (let i = 0; i < records.count; i++) {
    const offset = records.offset(i)
    if (records.timestamp(i) >= timestamp && offset >= startOffset) {
      return { offset, timestamp: records.timestamp(i), leaderEpoch }
    }
  }
  return undefined
}
