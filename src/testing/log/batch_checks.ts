// Owns the checks of a batch that a producer sent, before it is given an offset: size, checksum, format, counts, keys and
// timestamps, with the codes and in the order of Kafka. Records of compressed batches are not looked at.
// Source: org.apache.kafka.common.requests.ProduceRequest.validateRecords,
// org.apache.kafka.storage.internals.log.{UnifiedLog, LogValidator}.

import { errorCode, ProtocolError, RecordBatch } from '../../protocol/index.ts'
import { Refusal } from './refusal.ts'
import type { RecordError } from './refusal.ts'

/** What a topic allows. */
export interface BatchLimits {
  readonly batchBytesMax: number
  readonly isCompacted: boolean
  readonly isLogAppendTime: boolean
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
}

const magicAt = 16
const lengthAt = 8
const headerBytes = 61
const sizeAndOffsetBytes = 12
/** Kafka shows no more of them in its message. */
const recordErrorsShown = 3

/** The one batch of a produce request's partition, its format checked but not its checksum or records. */
export function soleBatch(records: Uint8Array | null, version: number): Uint8Array | Refusal {
  const size = records === null ? undefined : sizeOfBatch(records)
  if (records === null || size === undefined) {
    return invalid(`Produce requests with version ${version} must have exactly one record batch`)
  }
  if (size < 0) return new Refusal(errorCode.CORRUPT_MESSAGE, `Record size ${size} is less than the minimum`)
  const magic = records[magicAt]!
  if (magic > 2) return new Refusal(errorCode.CORRUPT_MESSAGE, `Invalid magic found in record: ${magic}`)
  if (magic < 2) {
    return invalid(
      `Produce requests with version ${version} are only allowed to contain record batches with magic version 2`
    )
  }
  const rest = records.subarray(size)
  if (sizeOfBatch(rest) !== undefined) {
    return invalid(`Produce requests with version ${version} are only allowed to contain exactly one record batch`)
  }
  return records.length === size ? records : records.subarray(0, size)
}

/** Undefined where no whole batch is there, negative where its size is impossible. */
function sizeOfBatch(bytes: Uint8Array): number | undefined {
  if (bytes.length <= magicAt) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = view.getInt32(lengthAt) + sizeAndOffsetBytes
  if (bytes[magicAt] === 2 && size < headerBytes) return -1
  return size > bytes.length ? undefined : size
}

/** Reads a batch and checks its size, its checksum and what its header says. */
export function checkedBatch(bytes: Uint8Array, limits: BatchLimits, isClient: boolean): RecordBatch | Refusal {
  const baseOffset = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0)
  if (isClient && baseOffset !== 0n)
    return invalid(`The baseOffset of the record batch should be 0, but it is ${baseOffset}`)
  if (bytes.length > limits.batchBytesMax) {
    const message = `The record batch size is ${bytes.length} bytes which exceeds the maximum configured value of ${limits.batchBytesMax}`
    return new Refusal(errorCode.MESSAGE_TOO_LARGE, message)
  }
  let batch: RecordBatch
  try {
    batch = RecordBatch.parse(bytes)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    if (error.code === 'MALFORMED') return invalid(error.message)
    return new Refusal(errorCode.CORRUPT_MESSAGE, error.message)
  }
  return (isClient ? checkHeader(batch) : undefined) ?? batch
}

function checkHeader(batch: RecordBatch): Refusal | undefined {
  const { recordCount, lastOffsetDelta, producerId, baseSequence } = batch
  if (recordCount <= 0) return invalid(`Invalid reported count for record batch: ${recordCount}`)
  if (lastOffsetDelta + 1 !== recordCount) {
    return invalid(`Inconsistent batch offset range [0, ${lastOffsetDelta}] and count of records ${recordCount}`)
  }
  if (batch.isControl) return invalid('Clients are not allowed to write control records')
  if (producerId !== -1n && baseSequence < 0) {
    return invalid(`Invalid sequence number ${baseSequence} in record batch with producerId ${producerId}`)
  }
  return undefined
}

/** Checks the records of a batch that is not compressed, and answers its highest timestamp. */
export function checkRecords(batch: RecordBatch, limits: BatchLimits, nowMs: number): number | Refusal {
  if (batch.needsDecompression) return batch.maxTimestamp
  let records
  try {
    records = batch.records()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return invalid(error.message)
  }
  const errors: RecordError[] = []
  let isTimestampWrong = false
  let maxTimestamp = -1
  for (let i = 0; i < records.count; i++) {
    const timestamp = records.timestamp(i)
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (limits.isCompacted && records.key(i) === null) {
      errors.push({ batchIndex: i, batchIndexErrorMessage: 'Compacted topic cannot accept message without key' })
      continue
    }
    const wrong = timestampFault(batch, timestamp, limits, nowMs)
    if (wrong === undefined) continue
    isTimestampWrong = true
    errors.push({ batchIndex: i, batchIndexErrorMessage: wrong })
  }
  return errors.length === 0 ? maxTimestamp : recordsRefused(errors, isTimestampWrong)
}

function timestampFault(batch: RecordBatch, timestamp: number, limits: BatchLimits, nowMs: number): string | undefined {
  if (!limits.isLogAppendTime && timestamp !== -1) {
    const { timestampBeforeMaxMs, timestampAfterMaxMs } = limits
    if (nowMs - timestamp <= timestampBeforeMaxMs && timestamp - nowMs <= timestampAfterMaxMs) return undefined
    const range = `[${nowMs - timestampBeforeMaxMs}, ${nowMs + timestampAfterMaxMs}]`
    return `Timestamp ${timestamp} of message is out of range. The timestamp should be within ${range}`
  }
  if (batch.timestampType !== 'logAppendTime') return undefined
  return 'Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.'
}

function recordsRefused(errors: readonly RecordError[], isTimestampWrong: boolean): Refusal {
  if (isTimestampWrong) {
    const message = 'One or more records have been rejected due to invalid timestamp'
    return new Refusal(errorCode.INVALID_TIMESTAMP, message, errors)
  }
  const shown = errors.slice(0, recordErrorsShown).map((one) => one.batchIndexErrorMessage)
  const message = `One or more records have been rejected due to ${errors.length} record errors in total: ${shown.join(', ')}`
  return new Refusal(errorCode.INVALID_RECORD, message, errors)
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.INVALID_RECORD, message)
}
