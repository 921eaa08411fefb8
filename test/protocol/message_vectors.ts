// Owns the comparison of our codecs with frames that Kafka's generated classes wrote (test/java/vectors), whether they
// are committed or fresh from Java.

import { expect } from 'vitest'
import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { unknownTags } from '../../src/protocol/codec_closure.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestFrame
} from '../../src/protocol/framing.ts'
import * as consumerProtocol from '../../src/protocol/messages/consumer_protocol.ts'
import type { AnyField, Fields, Message } from '../../src/protocol/schema.ts'
import { decodeVersioned, encodeVersioned } from '../../src/protocol/versioned.ts'
import { fromHex, parseLines, toHex } from './record_vectors.ts'

interface CommonLine {
  readonly version: number
  readonly body: Readonly<Record<string, unknown>>
  readonly bytes: string
}

interface FrameLine extends CommonLine {
  readonly api: ApiName
  readonly correlationId: number
  /** Tag and bytes in hexadecimal, which Java was told to add to the body. */
  readonly unknownTags?: readonly (readonly [tag: number, hex: string])[]
}

interface RequestLine extends FrameLine {
  readonly kind: 'request'
  readonly clientId: string | null
}

interface ResponseLine extends FrameLine {
  readonly kind: 'response'
}

interface EmbeddedLine extends CommonLine {
  readonly kind: 'embedded'
  readonly api: 'ConsumerProtocolSubscription' | 'ConsumerProtocolAssignment'
}

/** One frame that Java wrote, and the value it was written from. */
export type MessageVector = RequestLine | ResponseLine | EmbeddedLine

export function parseMessageVectors(text: string): MessageVector[] {
  return parseLines<MessageVector>(text)
}

/** Encodes what Java encoded, decodes what Java wrote, and expects both to agree to the byte. */
export function expectAgreement(vector: MessageVector): void {
  if (vector.kind === 'request') expectRequestAgreement(vector)
  else if (vector.kind === 'response') expectResponseAgreement(vector)
  else expectEmbeddedAgreement(vector)
}

function expectRequestAgreement(vector: RequestLine): void {
  const { api, version, correlationId, clientId } = vector
  const known = plainValue(apis[api].request, vector.body)
  const encoded = encodeRequest<ApiName>(
    { api, version, correlationId, clientId, body: withUnknownTags(known, vector) },
    { unknownTags: 'keep' }
  )
  expect(wholeHex(encoded)).toBe(vector.bytes)
  const frame = fromHex(vector.bytes).subarray(4)
  expect(decodeRequest(frame)).toEqual({ api, version, correlationId, clientId, body: known })
  const kept: RequestFrame<ApiName> = decodeRequest(frame, { unknownTags: 'keep' })
  expect(wholeHex(encodeRequest(kept, { unknownTags: 'keep' }))).toBe(vector.bytes)
}

function expectResponseAgreement(vector: ResponseLine): void {
  const { api, version, correlationId } = vector
  const known = plainValue(apis[api].response, vector.body)
  const encode = (body: Readonly<Record<string, unknown>>): string =>
    wholeHex(encodeResponse<ApiName>({ api, version, correlationId, body }, { unknownTags: 'keep' }))
  expect(encode(withUnknownTags(known, vector))).toBe(vector.bytes)
  const frame = fromHex(vector.bytes).subarray(4)
  expect(decodeResponse(api, version, frame)).toEqual({ correlationId, body: known })
  expect(encode(decodeResponse(api, version, frame, { unknownTags: 'keep' }).body)).toBe(vector.bytes)
}

function expectEmbeddedAgreement({ api, version, body, bytes }: EmbeddedLine): void {
  const message: Message = consumerProtocol[api]
  const value = plainValue(message, body)
  expect(toHex(encodeVersioned(message, version, value))).toBe(bytes)
  expect(decodeVersioned(message, fromHex(bytes))).toEqual({ version, value })
}

function wholeHex(pieces: readonly Uint8Array[]): string {
  return pieces.map(toHex).join('')
}

function withUnknownTags(value: Record<string, unknown>, { unknownTags: tags }: FrameLine): Record<string, unknown> {
  if (tags === undefined) return value
  return { ...value, [unknownTags]: tags.map(([tag, hex]) => ({ tag, bytes: fromHex(hex) })) }
}

/** The value in our types, for what JSON cannot say: bigints and bytes. */
function plainValue(message: Message, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return structValue(message.fields, body)
}

function structValue(fields: Fields, value: object): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(value))
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldValue(field, given.get(name))]))
}

function fieldValue({ spec }: AnyField, value: unknown): unknown {
  if (value === null) return null
  if (value === undefined) throw new Error('Java has no such field')
  switch (spec.kind) {
    case 'int64':
      return BigInt(textOf(value))
    case 'uint32':
      return Number(textOf(value))
    case 'bytes':
    case 'records':
      return fromHex(textOf(value))
    case 'array':
      if (!Array.isArray(value)) throw new Error('Java has no list here')
      return value.map((element) => fieldValue(spec.element, element))
    case 'struct':
      if (typeof value !== 'object') throw new Error('Java has no struct here')
      return structValue(spec.fields, value)
    default:
      return value
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error('Java has no text here')
  return value
}
