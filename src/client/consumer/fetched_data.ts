// Owns the records that one fetch reply brought for one partition, until they are handed out: checks, decompresses and
// filters one batch at a time, when it is asked for, so that a large reply never holds up the thread. Advances the
// partition's position over what the consumer may not see. KIP-98.
import {
  batchLayout,
  decompressBatch,
  ProtocolError,
  readControlBatch,
  splitRecordBatches
} from '../../protocol/index.ts'
import type { DecompressBatchOptions, RecordBatch, RecordBatches } from '../../protocol/index.ts'
import { KafkaError } from '../errors.ts'
import { AbortedTransactions } from './aborted.ts'
import type { AbortedTransaction } from './aborted.ts'
import { consumedBatch } from './consumed_batch.ts'
import type { BatchOrigin, ConsumedBatch } from './consumed_batch.ts'
import type { PartitionState, Position } from './partition_state.ts'

/** How far a reply reaches, read off the batch headers alone. */
export interface FetchExtent {
  /** After the last whole batch; undefined where there is none. */
  readonly end: Position | undefined
  /** Size of all whole batches, in bytes. */
  readonly wholeBytes: number
  /** A batch header makes no sense; reading the batches will say why. */
  readonly isDamaged: boolean
}

/** What one partition's part of a reply consists of. */
export interface FetchedReply {
  readonly records: Uint8Array
  /** Empty at read_uncommitted. */
  readonly abortedTransactions: readonly AbortedTransaction[]
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
}

/** Walks over the headers without looking into the batches, so that the next fetch can go out before they are read. */
export function fetchExtent(records: Uint8Array): FetchExtent {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
  let at = 0
  let last = -1
  while (records.length - at > batchLayout.magic) {
    const size = batchSize(view, at)
    if (size === undefined) break
    if (size < 0) return { end: endOfBatch(view, last), wholeBytes: at, isDamaged: true }
    if (size > records.length - at) break
    last = at
    at += size
  }
  return { end: endOfBatch(view, last), wholeBytes: at, isDamaged: false }
}

// Of the batch at `at`, or of the message where the format is an old one; undefined where its header is cut off, -1 where
// it makes no sense.
function batchSize(view: DataView, at: number): number | undefined {
  const magic = view.getInt8(at + batchLayout.magic)
  const size = view.getInt32(at + batchLayout.batchLength) + batchLayout.partitionLeaderEpoch
  if (magic === 0 || magic === 1) return size > batchLayout.magic ? size : -1
  if (magic !== 2 || size < batchLayout.records) return -1
  if (view.byteLength - at < batchLayout.records) return undefined
  return view.getInt32(at + batchLayout.lastOffsetDelta) < 0 ? -1 : size
}

function endOfBatch(view: DataView, at: number): Position | undefined {
  if (at < 0) return undefined
  const baseOffset = view.getBigInt64(at + batchLayout.baseOffset)
  // A compressed set of messages has the offset of its last one.
  if (view.getInt8(at + batchLayout.magic) < 2) return { offset: baseOffset + 1n, leaderEpoch: -1 }
  return {
    offset: baseOffset + BigInt(view.getInt32(at + batchLayout.lastOffsetDelta)) + 1n,
    leaderEpoch: view.getInt32(at + batchLayout.partitionLeaderEpoch)
  }
}

export class FetchedData {
  readonly state: PartitionState
  /** Broker it came from. */
  readonly nodeId: number
  readonly bytes: number
  /** Size in the log of the batch that was handed out last. */
  lastBatchBytes = 0
  private readonly generation: number
  private readonly origin: BatchOrigin
  private readonly batches: RecordBatches
  private readonly decompression: DecompressBatchOptions
  private readonly aborted: AbortedTransactions

  constructor(state: PartitionState, nodeId: number, reply: FetchedReply, decompression: DecompressBatchOptions) {
    this.state = state
    this.nodeId = nodeId
    this.generation = state.generation
    this.bytes = reply.records.length
    const { topic, topicId, partition } = state
    const { highWatermark, lastStableOffset } = reply
    this.origin = { topic, topicId, partition, highWatermark, lastStableOffset }
    this.batches = splitRecordBatches(reply.records)
    this.decompression = decompression
    this.aborted = new AbortedTransactions(reply.abortedTransactions)
  }

  /** Whether it still belongs to what is being read: the partition was neither removed nor moved since. */
  get isCurrent(): boolean {
    return this.generation === this.state.generation
  }

  /**
   * The next batch that may be handed out, undefined at the end. A promise only where a codec works off the thread; the
   * caller must wait for it before it asks again. Throws, or rejects with, KafkaError CORRUPT_BATCH or
   * PROTOCOL_VIOLATION; the position then stands at the batch that cannot be read.
   */
  next(): ConsumedBatch | undefined | Promise<ConsumedBatch | undefined> {
    try {
      while (this.isCurrent) {
        const step = this.batches.next()
        if (step.done) return undefined
        const batch = step.value
        if (this.isHidden(batch)) {
          this.passed(batch)
          continue
        }
        if (batch.lastOffset < this.state.position && !batch.isControl) continue
        const decompressed = decompressBatch(batch, this.decompression)
        if (decompressed !== undefined) return this.decompressedLater(batch, decompressed)
        const consumed = this.handOut(batch)
        if (consumed !== undefined) return consumed
      }
      return undefined
    } catch (error) {
      throw this.unreadable(error)
    }
  }

  private async decompressedLater(batch: RecordBatch, decompressed: Promise<void>): Promise<ConsumedBatch | undefined> {
    try {
      await decompressed
      if (!this.isCurrent) return undefined
      const consumed = this.handOut(batch)
      if (consumed !== undefined) return consumed
    } catch (error) {
      throw this.unreadable(error)
    }
    return this.next()
  }

  private handOut(batch: RecordBatch): ConsumedBatch | undefined {
    if (batch.isControl) {
      // Compaction can leave a control batch without its record, and later versions can bring types that are not known.
      if (readControlBatch(batch)?.type === 'ABORT') this.aborted.abortMarker(batch.producerId, batch.lastOffset)
      this.passed(batch)
      return undefined
    }
    const consumed = consumedBatch(this.origin, batch, this.state.position)
    this.lastBatchBytes = batch.sizeInBytes
    this.passed(batch)
    return consumed
  }

  private passed(batch: RecordBatch): void {
    const offset = batch.lastOffset + 1n
    if (offset > this.state.position) {
      this.state.handedOutUpTo({ offset, leaderEpoch: batch.partitionLeaderEpoch })
    }
  }

  /** Whether nothing in the batch is for the consumer. Nothing is listed as aborted at read_uncommitted. */
  private isHidden(batch: RecordBatch): boolean {
    if (batch.isControl) return !batch.isTransactional
    return batch.isTransactional && this.aborted.isAborted(batch.producerId, batch.lastOffset)
  }

  private unreadable(error: unknown): unknown {
    if (!(error instanceof ProtocolError)) return error
    const { key, position } = this.state
    const isCorrupt = error.code === 'CORRUPT_BATCH'
    return new KafkaError(
      isCorrupt ? 'CORRUPT_BATCH' : 'PROTOCOL_VIOLATION',
      `Partition ${key} cannot be read at offset ${position}: ${error.message}.`,
      { fatal: true, cause: error, nextStep: isCorrupt ? corruptNextStep : unreadableNextStep }
    )
  }
}

const corruptNextStep =
  'Check the disks and the network of the broker; another replica may hold the batch undamaged. Seek behind it to go ' +
  'on without its records.'
const unreadableNextStep = 'Seek behind the batch to go on without its records.'
