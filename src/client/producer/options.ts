// What a producer can be told, with the limits of its memory and requests, and how a user's message becomes a record.
// Names and meanings follow Java's ProducerConfig; sizes end in Max, times in Ms.
import { compressionNames } from '../../protocol/index.ts'
import type { CompressionName } from '../../protocol/index.ts'
import { KafkaError } from '../errors.ts'
import { checkOptions, value as valueThat, integer, oneOf, show } from '../options.ts'
import type { Partitioner } from './partitioner.ts'

const mebibyte = 1024 * 1024

/** A record as users give it. Strings are written as UTF-8. */
export interface ProducerMessage {
  readonly topic: string
  /** Chosen by the partitioner where absent. */
  readonly partition?: number
  readonly key?: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  /** Keys may repeat; the order is kept. */
  readonly headers?: ReadonlyArray<readonly [key: string, value: Uint8Array | string | null]>
  /** Milliseconds since 1970; now where absent. */
  readonly timestamp?: number
}

/** Where a run of records of one `send` ended up: `count` records from `baseOffset` on. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1n where the broker no longer knew: it had stored these records at an earlier attempt whose reply was lost. */
  readonly baseOffset: bigint
  readonly count: number
}

/** Rules shared by the idempotent and the transactional producer. */
export const producerRules = {
  /**
   * How long records wait for others, milliseconds (linger.ms). What somebody waits for is not held back: a `send`
   * leaves at once when nothing is under way to its partition, a `flush` always.
   */
  lingerMs: integer({ min: 0, max: 60_000, default: 5 }),
  /** Bytes of one batch before compression (batch.size); a larger record gets a batch of its own. */
  batchBytesMax: integer({ min: 128, max: 100 * mebibyte, default: 1_000_000 }),
  /** Bytes of one request, and so of one record (max.request.size); a broker may accept less. */
  requestBytesMax: integer({ min: 1024, max: 100 * mebibyte, default: 4 * mebibyte }),
  /** Bytes of records that may wait or be under way (buffer.memory); a producer that reaches it makes callers wait. */
  bufferBytesMax: integer({ min: 1024, default: 64 * mebibyte }),
  /** Requests to one broker at the same time, which keep their order even when they are repeated. */
  inFlightRequestsMax: integer({ min: 1, max: 5, default: 5 }),
  /**
   * Compression of batches; one that does not become smaller stays as it is. zstd needs Node 22.15, or the package
   * @bokuweb/zstd-wasm.
   */
  compression: oneOf(compressionNames, { default: 'none' }),
  /** How long a record is tried to be delivered, from being accepted on, milliseconds (delivery.timeout.ms). */
  deliveryTimeoutMs: integer({ min: 100, max: 3_600_000, default: 120_000 }),
  /** Time for one request, milliseconds (request.timeout.ms). */
  requestTimeoutMs: integer({ min: 10, max: 600_000, default: 30_000 }),
  /** Chooses the partition of a record without one. Default: Java's, murmur2 of the key, else one partition per batch. */
  partitioner: valueThat('a function', (given): given is Partitioner => typeof given === 'function', { optional: true })
}

/** Options after the check, with every default filled in. */
export interface CheckedProducerOptions {
  readonly lingerMs: number
  readonly batchBytesMax: number
  readonly requestBytesMax: number
  readonly bufferBytesMax: number
  readonly inFlightRequestsMax: number
  readonly compression: CompressionName
  readonly deliveryTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly partitioner: Partitioner | undefined
}

/** Options of a producer; each has a default. */
export type ProducerOptions = { readonly [K in keyof CheckedProducerOptions]?: CheckedProducerOptions[K] | undefined }

/** Says which of the shared options contradict each other. */
export const producerContradictions = [
  ({ batchBytesMax, requestBytesMax }: CheckedProducerOptions): string | undefined =>
    batchBytesMax > requestBytesMax
      ? `batchBytesMax is ${batchBytesMax}, more than requestBytesMax, which is ${requestBytesMax}.`
      : undefined,
  ({ lingerMs, deliveryTimeoutMs }: CheckedProducerOptions): string | undefined =>
    lingerMs >= deliveryTimeoutMs
      ? `lingerMs is ${lingerMs}, not less than deliveryTimeoutMs, which is ${deliveryTimeoutMs}.`
      : undefined
] as const

/** `what` says whose options they are. Throws KafkaError INVALID_OPTION. */
export function checkProducerOptions(given: ProducerOptions | undefined, what = 'producer'): CheckedProducerOptions {
  return checkOptions(what, given, producerRules, producerContradictions)
}

const utf8 = new TextEncoder()

/** Keys and values as bytes. `what` says which of them it is. Throws KafkaError INVALID_OPTION for anything else. */
export function toBytes(text: Uint8Array | string | null | undefined, what = 'key'): Uint8Array | null {
  if (typeof text === 'string') return utf8.encode(text)
  const bytes = text ?? null
  mustBeBytes(bytes, what)
  return bytes
}

/** Throws KafkaError INVALID_OPTION. */
export function mustBeMessage(given: unknown): void {
  if (typeof given === 'object' && given !== null) return
  const message = `A record is ${show(given, false)}, but must be an object with topic and value.`
  throw new KafkaError('INVALID_OPTION', message)
}

/** Types are forgotten where a program is not checked by TypeScript, and other objects would be written as zeros. */
export function mustBeBytes(bytes: Uint8Array | null, what: string): void {
  if (bytes === null || bytes instanceof Uint8Array) return
  throw wrongField(what, bytes, 'a string, a Uint8Array or null')
}

export function wrongField(what: string, value: unknown, allowed: string): KafkaError {
  return new KafkaError('INVALID_OPTION', `The ${what} of a record is ${show(value, false)}, but must be ${allowed}.`)
}

// A string would fall apart into letters.
function isPair(header: unknown): header is readonly [string, Uint8Array | string | null] {
  return Array.isArray(header) && header.length === 2
}

const noHeaders: readonly (readonly [string, Uint8Array | null])[] = Object.freeze([])

/** The headers of a message as the batch takes them; no array is made where there are none. */
export function toHeaders(headers: ProducerMessage['headers']): readonly (readonly [string, Uint8Array | null])[] {
  if (headers === undefined || headers.length === 0) return noHeaders
  if (!Array.isArray(headers)) throw wrongField('headers', headers, 'an array of pairs of a name and a value')
  return headers.map((header: unknown) => {
    if (!isPair(header)) throw wrongField('header', header, 'an array of a name and a value')
    const [key, headerValue] = header
    if (typeof key !== 'string') throw wrongField('name of a header', key, 'a string')
    return [key, toBytes(headerValue, 'header')] as const
  })
}
