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

/** What was counted of a log, to be gone on with as long as these are its batches. */
interface Counted {
  readonly first: Uint8Array | undefined
  readonly last: Uint8Array | undefined
  readonly batches: number
  readonly committed: number
  /** Records of each open transaction, by producer id. */
  readonly open: Map<bigint, number>
}

const nothing: Counted = { first: undefined, last: undefined, batches: 0, committed: 0, open: new Map() }
const counted = new WeakMap<PartitionLog, Counted>()

/** How many records are committed by now. Each batch is looked at once, unless others have taken their place. */
export function committedCount(log: PartitionLog): number {
  const { batches } = log
  const known = counted.get(log) ?? nothing
  const isPrefix = batches[0]?.bytes === known.first && batches[known.batches - 1]?.bytes === known.last
  const before = isPrefix ? known : nothing
  const open = new Map(before.open)
  const committed = before.committed + countFrom(log, before.batches, open, log.endOffset)
  const last = batches.at(-1)?.bytes
  counted.set(log, { first: batches[0]?.bytes, last, batches: batches.length, committed, open })
  return committed
}

/** How many records before an offset are committed by now. */
export function committedBefore(log: PartitionLog, beforeOffset: bigint): number {
  return countFrom(log, 0, new Map(), beforeOffset)
}

function countFrom(log: PartitionLog, from: number, open: Map<bigint, number>, beforeOffset: bigint): number {
  let committed = 0
  for (let i = from; i < log.batches.length; i++) {
    const { producerId, lastOffset, recordCount, isTransactional, marker } = factsOf(log.batches[i]!.bytes)
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
