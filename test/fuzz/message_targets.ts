// Owns the targets that messages are: every request and response of every version, headers, whole frames, and what
// members of a group tell each other. Seeds are frames of Kafka's own classes where they are kept, and drawn values.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { closureCodec } from '../../src/protocol/codec_closure.ts'
import { compile } from '../../src/protocol/compile.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  readCorrelationId
} from '../../src/protocol/framing.ts'
import { readRequestPrefix } from '../../src/protocol/framing.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
} from '../../src/protocol/messages/consumer_protocol.ts'
import { TransactionLogKey, TransactionLogValue } from '../../src/protocol/messages/transaction_log.ts'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { Reader } from '../../src/protocol/reader.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { decodeVersioned } from '../../src/protocol/versioned.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { projectFolder } from '../broker/jars.ts'
import { Dice } from '../faults/seeded.ts'
import { RandomValues } from '../protocol/random_values.ts'
import { markedSeed, type Seed } from './seed.ts'
import type { Outcome, Target, TargetGroup } from './target.ts'

const drawnPerVersion = 3
/** One value in so many is also written and read again. */
const keptModulus = 4
const keep = { unknownTags: 'keep' } as const

/** A frame that Kafka wrote, from a file of the tests. */
export interface KeptFrame {
  readonly kind: string
  readonly api: string
  readonly version: number
  readonly bytes: string
}

export function keptLines<T>(file: string): T[] {
  const path = join(projectFolder(), 'test', 'protocol', 'vectors', file)
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line): T => JSON.parse(line))
}

export function messageGroups(seed: number): TargetGroup[] {
  const random = new RandomValues(new Dice(seed), { longElementsMax: 130, unknownTagsShare: 0.3 })
  const kept = [...keptLines<KeptFrame>('messages.jsonl'), ...keptLines<KeptFrame>('captured.jsonl')]
  const entries = Object.values(apis)
  return [
    { name: 'requests', share: 26, targets: entries.flatMap(({ request }) => bodyTargets(request, kept, random)) },
    { name: 'responses', share: 32, targets: entries.flatMap(({ response }) => bodyTargets(response, kept, random)) },
    {
      name: 'headers',
      share: 3,
      targets: [RequestHeader, ResponseHeader].flatMap((one) => bodyTargets(one, [], random))
    },
    { name: 'frames', share: 10, targets: frameTargets(kept, random) },
    { name: 'versioned structures', share: 3, targets: versionedTargets(random) }
  ]
}

/** The bodies of one message, a target per version. */
function bodyTargets(message: Message, kept: readonly KeptFrame[], random: RandomValues): Target[] {
  return versionsOf(message).map((version) => {
    const read = (reader: Reader): unknown =>
      closureCodec(message, version, { unknownTags: 'skip', traced: false }).decode(reader)
    const bodies = [...keptBodies(message, version, kept), ...drawn(message, version, random)]
    return bodyTarget(
      message,
      version,
      bodies.map((bytes) => markedSeed(bytes, read))
    )
  })
}

export function versionsOf({ versions: [first, last] }: Message): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

function drawn(message: Message, version: number, random: RandomValues): Uint8Array[] {
  return Array.from({ length: drawnPerVersion }, () => encoded(message, version, random.message(message, version)))
}

function encoded(message: Message, version: number, value: Record<string, unknown>): Uint8Array {
  const writer = new Writer()
  compile(message, version, keep).encode(writer, value)
  return writer.finishWhole()
}

/** Kafka's frames of a message, without size and header. */
function keptBodies(message: Message, version: number, kept: readonly KeptFrame[]): Uint8Array[] {
  const frames = kept.filter((frame) => frame.version === version && `${frame.api}${halfOf(frame)}` === message.name)
  return frames.map((frame) => {
    const reader = new Reader(new Uint8Array(Buffer.from(frame.bytes, 'hex')), 4)
    const isFlexible = version >= message.flexible
    if (frame.kind === 'request') compile(RequestHeader, isFlexible ? 2 : 1).decode(reader)
    else compile(ResponseHeader, isFlexible && frame.api !== 'ApiVersions' ? 1 : 0).decode(reader)
    return reader.bytes.subarray(reader.position)
  })
}

function halfOf({ kind }: KeptFrame): string {
  return kind === 'request' ? 'Request' : 'Response'
}

/** The target of a body, in which values may take as much memory as is given. */
export function bodyTarget(
  message: Message,
  version: number,
  seeds: readonly Seed[],
  decodedBytesMax?: number
): Target {
  const codec = compile(message, version)
  const reference = closureCodec(message, version, { unknownTags: 'skip', traced: false })
  return {
    name: `${message.name} v${version}`,
    seeds,
    read: (bytes) => decodeWhole(codec, bytes, decodedBytesMax),
    check(bytes, outcome) {
      expectOffsetInside(bytes, outcome)
      expectSameOutcome(
        outcome,
        outcomeOfReference(() => decodeWhole(reference, bytes, decodedBytesMax))
      )
      if ('value' in outcome && bytes.length % keptModulus === 0) expectKept(message, version, bytes)
    }
  }
}

function decodeWhole<D>(codec: { decode(reader: Reader): D }, bytes: Uint8Array, decodedBytesMax?: number): D {
  const reader = new Reader(bytes, 0, decodedBytesMax)
  const value = codec.decode(reader)
  reader.expectEnd()
  return value
}

function outcomeOfReference(read: () => unknown): Outcome {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof ProtocolError) return { refusal: error }
    throw error
  }
}

/** Both back ends find the same value, or refuse for the same reason at the same place. */
function expectSameOutcome(found: Outcome, wanted: Outcome): void {
  if ('value' in found && 'value' in wanted) {
    if (!isDeepStrictEqual(found.value, wanted.value)) throw new Error('The two back ends read different values')
    return
  }
  if ('refusal' in found && 'refusal' in wanted) {
    if (found.refusal.code === wanted.refusal.code && found.refusal.offset === wanted.refusal.offset) return
  }
  throw new Error(`The back ends do not agree: ${told(found)}, and ${told(wanted)} by the reference`)
}

function told(outcome: Outcome): string {
  return 'value' in outcome ? 'a value' : `${outcome.refusal.code} at ${outcome.refusal.offset}`
}

function expectOffsetInside(bytes: Uint8Array, outcome: Outcome): void {
  if ('value' in outcome) return
  const { offset } = outcome.refusal
  if (offset === undefined || offset < 0 || offset > bytes.length) throw new Error(`A refusal is at ${offset}`)
}

/** What was read with all its unknown tags can be written, and then reads as the same. */
function expectKept(message: Message, version: number, bytes: Uint8Array): void {
  const codec = compile(message, version, keep)
  const value = decodeWhole(codec, bytes)
  const writer = new Writer()
  try {
    codec.encode(writer, value)
  } catch (error) {
    // Bytes that are no text become three each, which may be more than a string can have.
    if (error instanceof ProtocolError && error.message.includes('exceeds 32767 bytes')) return
    throw error
  }
  const again = decodeWhole(codec, writer.finishWhole())
  if (!isDeepStrictEqual(again, value)) throw new Error('A value is another one after it was written')
}

/** Whole frames without their size, whatever API they claim to be of. */
function frameTargets(kept: readonly KeptFrame[], random: RandomValues): Target[] {
  const requests = kept.filter(({ kind }) => kind === 'request').map(({ bytes }) => frameOf(bytes))
  const targets: Target[] = []
  const responses: Target[] = []
  for (const { name, request, response } of Object.values(apis)) {
    const version = random.pick(versionsOf(request))
    requests.push(drawnRequest(name, version, random))
    const bytes = drawnResponse(name, random.pick(versionsOf(response)), random)
    responses.push(responseTarget(name, bytes.version, [bytes.frame]))
  }
  const seeds = requests.map((bytes) => markedSeed(bytes, readRequestHead))
  targets.push({ name: 'request frame', seeds, read: (bytes) => decodeRequest(bytes) })
  targets.push({ name: 'request prefix', seeds, read: (bytes) => readRequestPrefix(bytes) })
  targets.push({ name: 'correlation id', seeds, read: (bytes) => readCorrelationId(bytes) })
  return [...targets, ...targets, ...responses]
}

function frameOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex')).subarray(4)
}

function readRequestHead(reader: Reader): void {
  for (let i = 0; i < 2; i++) reader.int16()
  reader.int32()
  reader.stringLength()
}

function drawnRequest(api: ApiName, version: number, random: RandomValues): Uint8Array {
  const body = random.message(apis[api].request, version)
  return joined(encodeRequest<ApiName>({ api, version, correlationId: 7, clientId: 'fuzz', body }, keep))
}

function drawnResponse(api: ApiName, version: number, random: RandomValues): { version: number; frame: Uint8Array } {
  const body = random.message(apis[api].response, version)
  return { version, frame: joined(encodeResponse<ApiName>({ api, version, correlationId: 7, body }, keep)) }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces)).subarray(4)
}

function responseTarget(api: ApiName, version: number, frames: readonly Uint8Array[]): Target {
  const seeds = frames.map((bytes) => markedSeed(bytes, (reader) => reader.int32()))
  return { name: `${api} response frame v${version}`, seeds, read: (bytes) => decodeResponse(api, version, bytes) }
}

function versionedTargets(random: RandomValues): Target[] {
  return [ConsumerProtocolSubscription, ConsumerProtocolAssignment, TransactionLogKey, TransactionLogValue].map(
    (message: Message) => {
      const seeds = versionsOf(message).flatMap((version) =>
        drawn(message, version, random).map((body) => {
          const bytes = Uint8Array.of(0, version, ...body)
          return markedSeed(bytes, (reader) => {
            const codec = closureCodec(message, reader.int16(), { unknownTags: 'skip', traced: false })
            codec.decode(reader)
          })
        })
      )
      return { name: message.name, seeds, read: (bytes) => decodeVersioned(message, bytes) }
    }
  )
}
