// Owns the records that Kafka itself writes into partitions: the markers that end a transaction, and those of its own
// quorum, which clients only skip. Their key is a version and a type, both int16. KIP-98, KIP-595, KIP-853.
// Source: org.apache.kafka.common.record.internal.{ControlRecordType, EndTransactionMarker}.

import { ProtocolError } from './protocol_error.ts'
import { batchLayout } from './record_batch.ts'
import type { RecordBatch } from './record_batch.ts'
import { assignBatchOffset, RecordBatchBuilder } from './record_batch_writer.ts'

/** Kafka's names of the types; a name's position is its number. */
export const controlRecordTypes = Object.freeze([
  'ABORT',
  'COMMIT',
  'LEADER_CHANGE',
  'SNAPSHOT_HEADER',
  'SNAPSHOT_FOOTER',
  'KRAFT_VERSION',
  'KRAFT_VOTERS'
] as const)

export type ControlRecordType = (typeof controlRecordTypes)[number]

/** A control record as far as clients need it. */
export interface ControlRecord {
  /** The version of the key. */
  readonly version: number
  /** The number of the type, also where it has no name here. */
  readonly typeId: number
  /** Undefined for a type that is newer than this client; skip such a record. */
  readonly type: ControlRecordType | undefined
  /** For ABORT and COMMIT: the epoch of the transaction coordinator that wrote the marker. */
  readonly coordinatorEpoch: number | undefined
}

/** Reads a control record. Throws a ProtocolError `MALFORMED` where key or value are too short for their type. */
export function readControlRecord(key: Uint8Array | null, value: Uint8Array | null): ControlRecord {
  if (key === null || key.length < 4) throw malformed(`a key of ${key?.length ?? 0} bytes`)
  const keyView = new DataView(key.buffer, key.byteOffset, key.length)
  const version = keyView.getInt16(0)
  const typeId = keyView.getInt16(2)
  if (version < 0) throw malformed(`the version ${version}`)
  const type = controlRecordTypes[typeId]
  const isMarker = type === 'ABORT' || type === 'COMMIT'
  return { version, typeId, type, coordinatorEpoch: isMarker ? readMarkerValue(value) : undefined }
}

/**
 * Reads the control record of a control batch; undefined where compaction has removed it and left the batch, which still
 * tells the last sequence of its producer. Throws as `readControlRecord` and `records` do.
 */
export function readControlBatch(batch: RecordBatch): ControlRecord | undefined {
  if (!batch.isControl) throw new Error(`The batch at base offset ${batch.baseOffset} is not a control batch`)
  if (batch.recordCount < 1) return undefined
  const records = batch.records()
  return readControlRecord(records.key(0), records.value(0))
}

/** What a marker consists of. */
export interface MarkerBatchOptions {
  readonly type: 'ABORT' | 'COMMIT'
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly baseOffset: bigint
  readonly partitionLeaderEpoch: number
}

/** Writes the control batch that ends a transaction in a partition, as a broker does. */
export function encodeMarkerBatch(options: MarkerBatchOptions): Uint8Array {
  const key = new DataView(new ArrayBuffer(4))
  key.setInt16(2, controlRecordTypes.indexOf(options.type))
  const value = new DataView(new ArrayBuffer(6))
  value.setInt32(2, options.coordinatorEpoch)
  const builder = new RecordBatchBuilder({ initialBytes: batchLayout.records + 20 })
  builder.append(new Uint8Array(key.buffer), new Uint8Array(value.buffer), [], options.timestamp)
  const { producerId, producerEpoch } = options
  const batch = builder.finishPlain({ producerId, producerEpoch, isTransactional: true, isControl: true })
  assignBatchOffset(batch, options.baseOffset, options.partitionLeaderEpoch)
  return batch
}

function readMarkerValue(value: Uint8Array | null): number {
  if (value === null || value.length < 6) throw malformed(`a marker value of ${value?.length ?? 0} bytes`)
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  const version = view.getInt16(0)
  if (version < 0) throw malformed(`a marker value of version ${version}`)
  return view.getInt32(2)
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('MALFORMED', `A control record cannot be read: it has ${what}`)
}
