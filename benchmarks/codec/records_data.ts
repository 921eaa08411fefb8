// The records that all clients encode and decode, and what each of them must find in a batch of them. Everything is
// text, since one of the peers reads nothing else.
import type { CodecGroup } from './workload.ts'

export const recordGroup: CodecGroup = 'records'
export const recordsPerBatch = 1_000

/** What the records of a batch look like. */
export interface RecordShape {
  readonly name: string
  readonly title: string
  readonly valueBytes: number
  /** Whether they have a key of 16 bytes and two headers. */
  readonly isRich: boolean
}

export const recordShapes: readonly RecordShape[] = [
  { name: '100', title: '100 bytes', valueBytes: 100, isRich: false },
  { name: '10', title: '10 bytes', valueBytes: 10, isRich: false },
  { name: '1k', title: '1 KiB', valueBytes: 1024, isRich: false },
  { name: 'rich', title: '100 bytes, a key and two headers', valueBytes: 100, isRich: true }
]

export interface TextRecord {
  readonly key: string | null
  readonly value: string
  readonly headers: readonly (readonly [key: string, value: string])[]
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

/** The same record with its parts in bytes. */
export interface BytesRecord {
  readonly key: Buffer | null
  readonly value: Buffer
  readonly headers: readonly (readonly [key: string, value: Buffer])[]
  readonly timestamp: number
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
const firstTimestamp = 1_790_000_000_000

export function textRecords({ valueBytes, isRich }: RecordShape): TextRecord[] {
  let state = 1
  const letters = (length: number): string => {
    let text = ''
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      text += alphabet[(state >>> 16) % alphabet.length]!
    }
    return text
  }
  return Array.from({ length: recordsPerBatch }, (_, i) => ({
    key: isRich ? letters(16) : null,
    value: letters(valueBytes),
    headers: isRich
      ? [
          ['content-type', 'application/json'],
          ['traceparent', `00-${letters(32)}-${letters(16)}-01`]
        ]
      : [],
    timestamp: firstTimestamp + (i >> 2)
  }))
}

/** As an application has them that made each part of a string. */
export function bytesRecords(records: readonly TextRecord[]): BytesRecord[] {
  return records.map(({ key, value, headers, timestamp }) => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(value),
    headers: headers.map(([name, text]) => [name, Buffer.from(text)]),
    timestamp
  }))
}

export type Bytes = Uint8Array | string

/** One record as a client hands it out. */
export interface TakenRecord {
  readonly key: Bytes | null
  readonly value: Bytes | null
  readonly headers: unknown
  readonly offset: bigint | string
  readonly timestamp: bigint | string | number
}

/** A record in the notation that all are compared in. */
export type RecordFacts = readonly [
  key: string | null,
  value: string | null,
  headers: string,
  offset: string,
  timestamp: string
]

export function recordFacts(records: readonly TextRecord[]): RecordFacts[] {
  return records.map(({ key, value, headers, timestamp }, i) => {
    return [key, value, JSON.stringify(headers), String(i), String(timestamp)]
  })
}

function text(bytes: Bytes | null): string | null {
  return bytes === null || typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()
}

function part(bytes: unknown): string | null {
  if (typeof bytes === 'string' || bytes instanceof Uint8Array) return text(bytes)
  throw new Error(`A header consists of bytes or text, not of ${typeof bytes}`)
}

/** Headers come as pairs, as objects with `key` and `value`, or as one object by their keys. */
function headerTexts(headers: unknown): string {
  if (!Array.isArray(headers)) {
    return JSON.stringify(Object.entries(Object(headers)).map(([key, value]) => [key, part(value)]))
  }
  const pairs = headers.map((header: unknown): (string | null)[] => {
    const { key, value }: { key?: unknown; value?: unknown } = Object(header)
    return Array.isArray(header) ? header.map(part) : [part(key), part(value)]
  })
  return JSON.stringify(pairs)
}

export function takenFacts({ key, value, headers, offset, timestamp }: TakenRecord): RecordFacts {
  return [text(key), text(value), headerTexts(headers), String(offset), String(timestamp)]
}

/** Where every client puts what it found, one record at a time, as an application would get it. */
export class Taking {
  /** The last record's parts, so that no compiler finds out that nobody wants them. */
  key: Bytes | null = null
  value: Bytes | null = null
  headers: unknown = undefined
  offset: bigint | string = 0n
  timestamp: bigint | string | number = 0
  bytes = 0
  /** Of the first and the last byte of each value. */
  endsSum = 0
  /** All of them, while results are compared. */
  all: TakenRecord[] | undefined = undefined

  takeValue(value: Bytes | null): void {
    this.value = value
    if (value !== null) this.bytes += value.length
    if (this.all !== undefined) this.all.push({ key: null, value, headers: [], offset: '0', timestamp: '0' })
  }

  takeEnds(first: number, last: number): void {
    this.endsSum = (this.endsSum * 31 + first * 256 + last) | 0
  }

  take(
    key: Bytes | null,
    value: Bytes | null,
    headers: unknown,
    offset: bigint | string,
    timestamp: bigint | string | number
  ): void {
    this.key = key
    this.value = value
    this.headers = headers
    this.offset = offset
    this.timestamp = timestamp
    if (this.all !== undefined) this.all.push({ key, value, headers, offset, timestamp })
  }
}
