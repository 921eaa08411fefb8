// How records become elements of a stream and elements become records, and what is done about a record that cannot be
// read. Schemas work on a batch and a position in it, or on one value: nothing is made per record but the element.
// Names are Flink's (DeserializationSchema, SerializationSchema, SimpleStringSchema).
import type { ConsumedBatch } from '../client/index.ts'

/** Name and value; a name may occur more than once, and order counts. */
export type RecordHeaders = ReadonlyArray<readonly [string, Uint8Array | string | null]>

/** Reads elements of a stream from Kafka records. */
export interface DeserializationSchema<T> {
  /**
   * Record `i` of the batch as an element: key, value, headers, timestamp and offset are there for the asking.
   * Undefined leaves the record out on purpose. What it throws makes the record a bad one; see `onBadRecord`.
   */
  deserialize(batch: ConsumedBatch, i: number): T | undefined
}

/** Makes Kafka records from elements of a stream. Only the value is needed; a method that is absent costs nothing. */
export interface SerializationSchema<T> {
  /** The record's value; null is a tombstone. The bytes must not be changed afterwards. */
  serialize(element: T): Uint8Array | null
  /** The record's key; without it records have none. */
  key?(element: T): Uint8Array | string | null
  headers?(element: T): RecordHeaders
  /** Undefined leaves the choice to the partitioner. */
  partition?(element: T): number | undefined
  /** Milliseconds since 1970; undefined: now. */
  timestamp?(element: T): number | undefined
}

/** A record that its schema could not read. Its bytes are copies: they may be kept. */
export interface BadRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<readonly [string, Uint8Array | null]>
  readonly error: Error
}

/**
 * What a source does about a bad record: `fail` ends the job with an error that names the record; `skip` leaves it out
 * and reports a `badRecord` event; a function makes an element of it, which goes down the stream like any other, so
 * that a filter can lead it to a sink of its own inside the same transaction. Undefined leaves it out.
 */
export type OnBadRecord<T> = 'fail' | 'skip' | ((bad: BadRecord) => T | undefined)

export function badRecordOf(batch: ConsumedBatch, i: number, error: unknown): BadRecord {
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: batch.offsetAt(i),
    timestamp: batch.timestampAt(i),
    key: copyOf(batch.keyAt(i)),
    value: copyOf(batch.valueAt(i)),
    headers: batch.headersAt(i).map(([name, value]) => [name, copyOf(value)] as const),
    error: error instanceof Error ? error : new Error(String(error))
  }
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : bytes.slice()
}

const lossless = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// The fast decoder puts U+FFFD where bytes are no UTF-8; only then the slow one must tell a real U+FFFD from damage.
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  if (!text.includes('\uFFFD')) return text
  try {
    return lossless.decode(bytes)
  } catch (cause) {
    throw new TypeError('The value is not UTF-8', { cause })
  }
}

function presentValue(batch: ConsumedBatch, i: number): Uint8Array {
  const value = batch.valueAt(i)
  if (value === null) throw new TypeError('The record has no value (it is a tombstone)')
  return value
}

/** Values as UTF-8 text, both ways. A tombstone and bytes that are not UTF-8 are bad records: nothing is altered. */
export class SimpleStringSchema implements DeserializationSchema<string>, SerializationSchema<string> {
  deserialize(batch: ConsumedBatch, i: number): string {
    return textOf(presentValue(batch, i))
  }

  serialize(element: string): Uint8Array {
    if (typeof element !== 'string') throw new TypeError(`SimpleStringSchema writes strings, not ${typeof element}`)
    return Buffer.from(element, 'utf8')
  }
}

/** Values as JSON, both ways. The type is the caller's claim: nothing checks that a parsed value is a T. */
export class JsonSchema<T> implements DeserializationSchema<T>, SerializationSchema<T> {
  deserialize(batch: ConsumedBatch, i: number): T {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's claim, as the class says
    return JSON.parse(textOf(presentValue(batch, i))) as T
  }

  serialize(element: T): Uint8Array {
    const text: string | undefined = JSON.stringify(element)
    if (text === undefined) throw new TypeError(`A ${typeof element} has no JSON form`)
    return Buffer.from(text, 'utf8')
  }
}

/**
 * Values as they are, both ways; null is a tombstone. What is read is a view of the fetched bytes and keeps all of them
 * in memory: copy it (`bytes.slice()`) before holding it in state. What goes straight to a sink need not be copied.
 */
export class RawBytesSchema
  implements DeserializationSchema<Uint8Array | null>, SerializationSchema<Uint8Array | null>
{
  deserialize(batch: ConsumedBatch, i: number): Uint8Array | null {
    return batch.valueAt(i)
  }

  serialize(element: Uint8Array | null): Uint8Array | null {
    return element
  }
}
