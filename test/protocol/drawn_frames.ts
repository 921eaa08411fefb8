// Owns frames that are drawn here by a seed, for Kafka's generated classes to read, and the comparison of what they read
// with what was meant: the values that were drawn, with the declared defaults of all that was left out.

import { expect } from 'vitest'
import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { unknownTags, type UnknownTag } from '../../src/protocol/codec_closure.ts'
import { compile } from '../../src/protocol/compile.ts'
import { defaultOf } from '../../src/protocol/defaults.ts'
import { encodeRequest, encodeResponse } from '../../src/protocol/framing.ts'
import { includesVersion, type AnyField, type Fields, type Message } from '../../src/protocol/schema.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { Dice } from '../faults/seeded.ts'
import { expectSame, headerTags, messageOf, valueIn, wholeHex } from './message_vectors.ts'
import type { EmbeddedLine, MessageVector, VectorName } from './message_vectors.ts'
import { RandomValues } from './random_values.ts'
import { toHex } from './record_vectors.ts'

/** A frame, and what it was written from. */
export type DrawnFrame = VectorName & {
  readonly version: number
  /** Hexadecimal. */
  readonly bytes: string
  /** What the frame says besides its body. */
  readonly around: Readonly<Record<string | symbol, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

const keep = { unknownTags: 'keep' } as const
const longElementsMax = 300

const others = [
  ['embedded', 'ConsumerProtocolSubscription'],
  ['embedded', 'ConsumerProtocolAssignment'],
  ['bare', 'RequestHeader'],
  ['bare', 'ResponseHeader']
] as const

/** `count` frames of every message in every version. */
export function drawFrames(count: number, seed: number): DrawnFrame[] {
  const random = new RandomValues(new Dice(seed), { longElementsMax, unknownTagsShare: 0.4 })
  const frames: DrawnFrame[] = []
  for (const { name, request, response } of Object.values(apis)) {
    for (const version of repeated(request, count)) frames.push(drawRequest(name, version, random))
    for (const version of repeated(response, count)) frames.push(drawResponse(name, version, random))
  }
  for (const [kind, api] of others) {
    const message = messageOf({ kind, api })
    for (const version of repeated(message, count)) frames.push(drawOther(kind, api, version, random))
  }
  return frames
}

/** Every version of a message, `count` times. */
function repeated({ versions: [first, last] }: Message, count: number): number[] {
  return Array.from({ length: (last - first + 1) * count }, (_, i) => first + Math.floor(i / count))
}

function drawRequest(api: ApiName, version: number, random: RandomValues): DrawnFrame {
  const body = random.message(apis[api].request, version)
  const correlationId = random.int(2 ** 32) | 0
  const clientId = random.pick([null, '', 'kafka-once', 'ß'.repeat(random.chance(0.1) ? 16_383 : 64)])
  const around = { correlationId, clientId, ...drawHeaderTags(version >= apis[api].request.flexible, random) }
  const bytes = wholeHex(encodeRequest<ApiName>({ api, version, body, ...around }, keep))
  return { kind: 'request', api, version, bytes, around, body }
}

function drawResponse(api: ApiName, version: number, random: RandomValues): DrawnFrame {
  const body = random.message(apis[api].response, version)
  const isTagged = version >= apis[api].response.flexible && api !== 'ApiVersions'
  const around = { correlationId: random.int(2 ** 32) | 0, ...drawHeaderTags(isTagged, random) }
  const bytes = wholeHex(encodeResponse<ApiName>({ api, version, body, ...around }, keep))
  return { kind: 'response', api, version, bytes, around, body }
}

function drawHeaderTags(isTagged: boolean, random: RandomValues): { readonly [unknownTags]?: readonly UnknownTag[] } {
  if (!isTagged || random.chance(0.8)) return {}
  return { [unknownTags]: [{ tag: random.int(1_000), bytes: new Uint8Array(random.int(200)) }] }
}

function drawOther(
  kind: EmbeddedLine['kind'],
  api: EmbeddedLine['api'],
  version: number,
  random: RandomValues
): DrawnFrame {
  const message = messageOf({ kind, api })
  const body = random.message(message, version)
  const writer = new Writer()
  if (kind === 'embedded') writer.int16(version)
  compile(message, version, keep).encode(writer, body)
  return { kind, api, version, bytes: toHex(writer.finishWhole()), around: {}, body }
}

/** Expects that Java has read what was meant, and writes the same bytes. */
export function expectJavaReads(drawn: DrawnFrame, read: MessageVector): void {
  expect([read.kind, read.api, read.version]).toEqual([drawn.kind, drawn.api, drawn.version])
  expect(read.bytes).toBe(drawn.bytes)
  expectSame(valueIn(read, keep), completed(messageOf(drawn).fields, drawn.version, drawn.body), read)
  expectSame(aroundOf(read), drawn.around, read)
}

function aroundOf(read: MessageVector): object {
  if (read.kind === 'response') return { correlationId: read.correlationId, ...headerTags(read) }
  if (read.kind !== 'request') return {}
  return { correlationId: read.correlationId, clientId: read.clientId, ...headerTags(read) }
}

interface GivenStruct {
  readonly [name: string]: unknown
  readonly [unknownTags]?: readonly UnknownTag[]
}

/** What a reader sees of a value: defaults for all that was left out or that the version lacks. */
function completed(fields: Fields, version: number, value: GivenStruct): object {
  const complete = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, completedField(field, version, value[name])])
  )
  const tags = value[unknownTags]
  return tags === undefined || tags.length === 0 ? complete : { ...complete, [unknownTags]: tags }
}

function completedField({ spec }: AnyField, version: number, value: unknown): unknown {
  if (value === undefined || !includesVersion(spec.versions, version)) return defaultOf(spec)
  if (spec.kind === 'array' && Array.isArray(value)) {
    return value.map((element) => completedField(spec.element, version, element))
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- drawn from the same declaration
  return spec.kind === 'struct' && value !== null ? completed(spec.fields, version, value as GivenStruct) : value
}
