// Counts committed records of a partition while a run goes on, by the headers of its batches and by its control records.
// The judgement at the end is the scans' business; this one is asked at every checkpoint, so it looks at no record.
import { readControlBatch, RecordBatch } from 'kafka-once/protocol'
import type { PartitionLog } from 'kafka-once/testing'

interface BatchFacts {
  readonly producerId: bigint
  readonly lastOffset: bigint
  readonly recordCount: number
  readonly isTransactional: boolean
  /** Undefined where it holds data. */
  readonly marker: 'COMMIT' | 'other' | undefined
}

/** Batches never change, and are asked about at each checkpoint. */
const known = new WeakMap<Uint8Array, BatchFacts>()

function factsOf(bytes: Uint8Array): BatchFacts {
  let facts = known.get(bytes)
  if (facts === undefined) known.set(bytes, (facts = readFacts(bytes)))
  return facts
}

function readFacts(bytes: Uint8Array): BatchFacts {
  const batch = RecordBatch.parse(bytes)
  const { producerId, lastOffset, recordCount, isTransactional, isControl } = batch
  const isCommit = isControl && readControlBatch(batch)?.type === 'COMMIT'
  return {
    producerId,
    lastOffset,
    recordCount,
    isTransactional,
    marker: isCommit ? 'COMMIT' : isControl ? 'other' : undefined
  }
}

/** How many records before an offset are committed by now. */
export function committedCount(log: PartitionLog, beforeOffset: bigint = log.endOffset): number {
  let committed = 0
  const open = new Map<bigint, number>()
  for (const { bytes } of log.batches) {
    const { producerId, lastOffset, recordCount, isTransactional, marker } = factsOf(bytes)
    if (marker !== undefined) {
      if (marker === 'COMMIT') committed += open.get(producerId) ?? 0
      open.delete(producerId)
    } else if (lastOffset < beforeOffset) {
      if (isTransactional) open.set(producerId, (open.get(producerId) ?? 0) + recordCount)
      else committed += recordCount
    }
  }
  return committed
}
