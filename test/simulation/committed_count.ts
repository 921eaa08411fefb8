// Counts committed records of a partition while a run goes on, by the headers of its batches and by its control records.
// The judgement at the end is the scans' business; this one is asked at every checkpoint, so it looks at no record.
import { readControlBatch, RecordBatch } from 'kafka-once/protocol'
import type { PartitionLog } from 'kafka-once/testing'

/** How many records before an offset are committed by now. */
export function committedCount(log: PartitionLog, beforeOffset: bigint = log.endOffset): number {
  let committed = 0
  const open = new Map<bigint, number>()
  for (const { bytes } of log.batches) {
    const batch = RecordBatch.parse(bytes)
    const { producerId } = batch
    if (batch.isControl) {
      if (readControlBatch(batch)?.type === 'COMMIT') committed += open.get(producerId) ?? 0
      open.delete(producerId)
    } else if (batch.lastOffset < beforeOffset) {
      if (batch.isTransactional) open.set(producerId, (open.get(producerId) ?? 0) + batch.recordCount)
      else committed += batch.recordCount
    }
  }
  return committed
}
