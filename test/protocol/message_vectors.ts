// Owns the comparison of our codecs with frames that Kafka's generated classes wrote (test/java/vectors), whether they
// are committed or fresh from Java.

import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { unknownTags, type UnknownTag } from '../../src/protocol/codec_closure.ts'
import { compile, type CompileOptions } from '../../src/protocol/compile.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestFrame
} from '../../src/protocol/framing.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
} from '../../src/protocol/messages/consumer_protocol.ts'
import { Reader } from '../../src/protocol/reader.ts'
import type { AnyField, Fields, Message } from '../../src/protocol/schema.ts'
import { decodeVersioned, encodeVersioned } from '../../src/protocol/versioned.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { fromHex, parseLines, toHex } from './record_vectors.ts'

interface CommonLine {
  readonly version: number
  readonly body: Readonly<Record<string, unknown>>
  readonly bytes: string
}

/** Unknown tagged fields, as tag and bytes in hexadecimal. */
type TagLines = readonly (readonly [tag: number, hex: string])[]

interface FrameLine extends CommonLine {
  readonly api: ApiName
  readonly correlationId: number
  /** Unknown tagged fields of the header. */
  readonly headerTags?: TagLines
}

export interface RequestLine extends FrameLine {
  readonly kind: 'request'
  readonly clientId: string | null
}

export interface ResponseLine extends FrameLine {
  readonly kind: 'response'
}

/** A message with its version before it, or one on its own. */
export interface EmbeddedLine extends CommonLine {
  readonly kind: 'embedded' | 'bare'
  readonly api: keyof typeof embeddedMessages
}

/** Which message a vector holds. */
export type VectorName =
  | Pick<RequestLine, 'kind' | 'api'>
  | Pick<ResponseLine, 'kind' | 'api'>
  | Pick<EmbeddedLine, 'kind' | 'api'>

/** One frame that Java wrote or read, and the value that was in it. */
export type MessageVector = RequestLine | ResponseLine | EmbeddedLine

const embeddedMessages = Object.freeze({
  RequestHeader,
  ResponseHeader,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
})

export function parseMessageVectors(text: string): MessageVector[] {
  return parseLines<MessageVector>(text)
}

/** The declaration of what a vector holds. */
export function messageOf(vector: VectorName): Message {
  if (vector.kind === 'request') return apis[vector.api].request
  return vector.kind === 'response' ? apis[vector.api].response : embeddedMessages[vector.api]
}

/** Encodes what Java encoded, decodes what Java wrote, and expects both to agree to the byte. */
export function expectAgreement(vector: MessageVector): void {
  if (vector.kind === 'request') expectRequestAgreement(vector)
  else if (vector.kind === 'response') expectResponseAgreement(vector)
  else expectEmbeddedAgreement(vector)
}

const keep = { unknownTags: 'keep' } as const

function expectRequestAgreement(vector: RequestLine): void {
  const { api, version, correlationId, clientId } = vector
  const whole = { api, version, correlationId, clientId, body: valueIn(vector, keep), ...headerTags(vector) }
  expect(wholeHex(encodeRequest<ApiName>(whole, keep))).toBe(vector.bytes)
  const frame = fromHex(vector.bytes).subarray(4)
  expectSame(decodeRequest(frame), { api, version, correlationId, clientId, body: valueIn(vector) }, vector)
  const kept: RequestFrame<ApiName> = decodeRequest(frame, keep)
  expectSame(kept, whole, vector)
  expect(wholeHex(encodeRequest(kept, keep))).toBe(vector.bytes)
}

function expectResponseAgreement(vector: ResponseLine): void {
  const { api, version, correlationId } = vector
  const whole = { api, version, correlationId, body: valueIn(vector, keep), ...headerTags(vector) }
  expect(wholeHex(encodeResponse<ApiName>(whole, keep))).toBe(vector.bytes)
  const frame = fromHex(vector.bytes).subarray(4)
  expectSame(decodeResponse(api, version, frame), { correlationId, body: valueIn(vector) }, vector)
  const kept = decodeResponse(api, version, frame, keep)
  expectSame({ api, version, ...kept }, whole, vector)
  expect(wholeHex(encodeResponse<ApiName>({ api, version, ...kept }, keep))).toBe(vector.bytes)
}

function expectEmbeddedAgreement(vector: EmbeddedLine): void {
  const { kind, version } = vector
  const message = messageOf(vector)
  for (const options of [keep, {}]) {
    const value = valueIn(vector, options)
    const codec = compile(message, version, options)
    const reader = new Reader(fromHex(vector.bytes))
    if (kind === 'embedded') expect(reader.int16()).toBe(version)
    expectSame(codec.decode(reader), value, vector)
    expect(reader.remaining).toBe(0)
    if (options === keep) expect(encoded(message, version, value, kind === 'embedded')).toBe(vector.bytes)
  }
  if (kind !== 'embedded') return
  expectSame(decodeVersioned(message, fromHex(vector.bytes)), { version, value: valueIn(vector) }, vector)
  const known = valueIn(vector)
  const bytes = encodeVersioned(message, version, known)
  expect(toHex(bytes)).toBe(encoded(message, version, known, true))
}

function encoded(message: Message, version: number, value: Record<string, unknown>, prefixed: boolean): string {
  const writer = new Writer()
  if (prefixed) writer.int16(version)
  compile(message, version, keep).encode(writer, value)
  return toHex(writer.finishWhole())
}

/** As `expect(actual).toEqual(expected)`, which takes far longer over bytes; NaN and -0 count, and so do symbols. */
export function expectSame(actual: unknown, expected: unknown, { kind, api, version }: MessageVector): void {
  if (isDeepStrictEqual(actual, expected)) return
  expect(actual, `${kind} ${api} v${version}`).toEqual(expected)
  throw new Error(`${kind} ${api} v${version} differs in a symbol or a prototype`)
}

export function wholeHex(pieces: readonly Uint8Array[]): string {
  return pieces.map(toHex).join('')
}

/** What Java had in the frame, in our types; unknown tags only where they are to be kept. */
export function valueIn(vector: MessageVector, options: CompileOptions = {}): Record<string, unknown> {
  return structValue(messageOf(vector).fields, vector.body, options.unknownTags === 'keep')
}

interface TaggedStruct {
  readonly [unknownTags]?: readonly UnknownTag[]
}

/** The header's unknown tags, where a frame keeps them. */
export function headerTags({ headerTags: tags }: FrameLine): TaggedStruct {
  return tags === undefined ? {} : { [unknownTags]: tagsFrom(tags) }
}

function tagsFrom(tags: TagLines): UnknownTag[] {
  return tags.map(([tag, hex]) => ({ tag, bytes: fromHex(hex) }))
}

function structValue(fields: Fields, value: object, keepTags: boolean): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(value))
  const struct: Record<string, unknown> & { [unknownTags]?: UnknownTag[] } = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, fieldValue(field, given.get(name), keepTags)])
  )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is how the Java program writes them
  const tags = given.get('_unknownTags') as TagLines | undefined
  if (keepTags && tags !== undefined) struct[unknownTags] = tagsFrom(tags)
  return struct
}

function fieldValue({ spec }: AnyField, value: unknown, keepTags: boolean): unknown {
  if (value === null) return null
  if (value === undefined) throw new Error('Java has no such field')
  switch (spec.kind) {
    case 'int64':
      return BigInt(textOf(value))
    case 'uint32':
      return Number(textOf(value))
    case 'float64':
      return Buffer.from(textOf(value), 'hex').readDoubleBE()
    case 'bytes':
    case 'records':
      return fromHex(textOf(value))
    case 'array':
      if (!Array.isArray(value)) throw new Error('Java has no list here')
      return value.map((element) => fieldValue(spec.element, element, keepTags))
    case 'struct':
      if (typeof value !== 'object') throw new Error('Java has no struct here')
      return structValue(spec.fields, value, keepTags)
    default:
      return value
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('Java has no text here')
  return value
}
