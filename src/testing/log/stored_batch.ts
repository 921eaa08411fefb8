// Owns what a log knows of one of its batches without looking into it. The bytes are those of the request that brought
// it, patched in place with what the broker decides: offset, leader epoch, and the time where the topic wants it.

import { batchAttributes, batchLayout, crc32c, readControlBatch } from '../../protocol/index.ts'
import type { RecordBatch } from '../../protocol/index.ts'
import type { EndMarker, ProducerBatch } from './producer_state.ts'

export interface StoredBatch {
  readonly bytes: Uint8Array
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly leaderEpoch: number
  /** Milliseconds since 1970. */
  readonly maxTimestamp: number
  /** Bytes of all batches before it, also of those that were deleted. */
  readonly position: number
  /** Whether Kafka's index of offsets has an entry for it. */
  readonly isIndexed: boolean
}

/** Kafka indexes the offsets of a segment at this distance in bytes. */
export const indexIntervalBytes = 4096

/** The part of a batch that concerns its producer. */
export function producerPart(batch: RecordBatch, maxTimestamp: number): ProducerBatch {
  const { producerId, producerEpoch, baseSequence, lastOffsetDelta, isTransactional } = batch
  return { producerId, producerEpoch, baseSequence, lastOffsetDelta, maxTimestamp, isTransactional }
}

/** The marker in a control batch that ends a transaction; undefined for any other batch. */
export function markerIn(batch: RecordBatch): EndMarker | undefined {
  if (!batch.isControl) return undefined
  const control = readControlBatch(batch)
  if (control?.coordinatorEpoch === undefined) return undefined
  const { type, coordinatorEpoch } = control
  const { producerId, producerEpoch, maxTimestamp: timestamp } = batch
  return { producerId, producerEpoch, coordinatorEpoch, isCommit: type === 'COMMIT', timestamp, transactionVersion: 0 }
}

/** Gives all records of a batch the broker's time, as log append time does. The checksum covers it. */
export function stampLogAppendTime(batch: Uint8Array, nowMs: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batchLayout.records)
  const attributes = view.getInt16(batchLayout.attributes)
  view.setInt16(batchLayout.attributes, attributes | batchAttributes.logAppendTime)
  setMaxTimestamp(batch, view, nowMs)
}

/** Sets the highest timestamp of a batch to the one that its records have, where the producer was wrong about it. */
export function correctMaxTimestamp(batch: Uint8Array, maxTimestamp: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batchLayout.records)
  setMaxTimestamp(batch, view, maxTimestamp)
}

function setMaxTimestamp(batch: Uint8Array, view: DataView, maxTimestamp: number): void {
  view.setBigInt64(batchLayout.maxTimestamp, BigInt(maxTimestamp))
  view.setUint32(batchLayout.crc, crc32c(batch.subarray(batchLayout.attributes)))
}

/** Whether a whole batch, not yet checked, says that it belongs to a transaction. */
export function isTransactionalBatch(bytes: Uint8Array): boolean {
  return (bytes[batchLayout.attributes + 1]! & batchAttributes.transactional) !== 0
}

/** Whether a whole batch, not yet checked, has a producer id. */
export function hasProducerId(bytes: Uint8Array): boolean {
  return (bytes[batchLayout.producerId]! & 0x80) === 0
}

/** What a whole batch, not yet checked, says about its producer. */
export function producerHeader(bytes: Uint8Array): ProducerBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, batchLayout.records)
  return {
    producerId: view.getBigInt64(batchLayout.producerId),
    producerEpoch: view.getInt16(batchLayout.producerEpoch),
    baseSequence: view.getInt32(batchLayout.baseSequence),
    lastOffsetDelta: view.getInt32(batchLayout.lastOffsetDelta),
    maxTimestamp: Number(view.getBigInt64(batchLayout.maxTimestamp)),
    isTransactional: isTransactionalBatch(bytes)
  }
}
