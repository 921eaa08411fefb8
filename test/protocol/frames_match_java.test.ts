// Frames are those that Kafka's own classes write, to the byte, in both directions: committed ones of a client's APIs,
// and, where Java and the jars are, fresh ones of every message in every version: drawn by Java and read here, drawn here
// and read by Java.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/framing.ts'
import { includesVersion } from '../../src/protocol/schema.ts'
import type { AnyField, Fields } from '../../src/protocol/schema.ts'
import { classPath, findJars, javaCommand, projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { drawFrames, expectJavaReads, type DrawnFrame } from './drawn_frames.ts'
import { expectAgreement, messageOf, parseMessageVectors, valueIn, wholeHex } from './message_vectors.ts'
import type { MessageVector } from './message_vectors.ts'
import { fromHex, readVectors } from './record_vectors.ts'

const committed = readFileSync(new URL('vectors/messages.jsonl', import.meta.url), 'utf8')
/** Frames of this client, of Kafka's and of librdkafka with a broker of Kafka 4.4.0; see test/programs/capture_frames.ts. */
const captured = readVectors<Captured>('captured.jsonl')
/** FRAMES_PER_MESSAGE and FRAMES_SEED replace them. */
const framesPerMessage = Number(process.env['FRAMES_PER_MESSAGE'] ?? 10)
const seed = Number(process.env['FRAMES_SEED'] ?? 20_261_125)
const jarsTimeoutMs = 11 * 60_000
/** Requests and responses of all APIs in all versions, headers and the consumer protocol. */
const versionsOfMessages = 2 * 285 + 2 + 2 + 4 + 4

interface Captured {
  readonly kind: 'request' | 'response'
  readonly api: ApiName
  readonly version: number
  /** Hexadecimal. */
  readonly bytes: string
}

/** As a proxy does: reads a frame, and writes what it has read. */
function passedOn(kind: Captured['kind'], api: ApiName, version: number, hex: string): string {
  const keep = { unknownTags: 'keep' } as const
  const frame = fromHex(hex).subarray(4)
  if (kind === 'request') return wholeHex(encodeRequest<ApiName>(decodeRequest(frame, keep), keep))
  return wholeHex(encodeResponse<ApiName>({ api, version, ...decodeResponse(api, version, frame, keep) }, keep))
}

/** What the Java program prints, or why it cannot be run here. */
async function java(args: readonly string[], input = ''): Promise<MessageVector[] | { readonly reason: string }> {
  const jars = await findJars('4.4.0')
  if ('reason' in jars) return jars
  const program = join(projectFolder(), 'test', 'java', 'vectors', 'MessageVectors.java')
  const all = ['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), program, ...args]
  const { code, stdout, stderr } = await run(javaCommand(), all, { input, timeoutMs: 5 * 60_000 })
  if (code !== 0) throw new Error(`Java could not write or read frames: ${stderr}`)
  return parseMessageVectors(stdout)
}

describe('frames', () => {
  test.each(groups(parseMessageVectors(committed)))('of %s are those that Java wrote', (_name, vectors) => {
    for (const vector of vectors) expectAgreement(vector)
  })

  test('that real clients and brokers have sent come out as they went in', () => {
    for (const { kind, api, version, bytes } of captured) expect(passedOn(kind, api, version, bytes)).toBe(bytes)
    expect(captured.length).toBeGreaterThan(80)
  })

  test(
    `of every API in every version are those that Java writes (seed ${seed})`,
    async (context) => {
      const fresh = await java(['all', String(framesPerMessage), String(seed)])
      if ('reason' in fresh) context.skip(`not run: ${fresh.reason}`)
      else expectAllAgree(fresh)
    },
    jarsTimeoutMs
  )

  test(
    `that are drawn here are read by Java as they were meant, and written again to the byte (seed ${seed})`,
    async (context) => {
      const drawn = drawFrames(framesPerMessage, seed)
      const lines = drawn.map(({ kind, api, version, bytes }) => JSON.stringify({ kind, api, version, bytes }))
      const read = await java(['read'], lines.join('\n'))
      if ('reason' in read) context.skip(`not run: ${read.reason}`)
      else expectAllRead(drawn, read)
    },
    jarsTimeoutMs
  )
})

function expectAllAgree(fresh: readonly MessageVector[]): void {
  for (const vector of fresh) expectAgreement(vector)
  expectAllVersions(fresh)
  expectBorders(fresh)
}

function expectAllRead(drawn: readonly DrawnFrame[], read: readonly MessageVector[]): void {
  expect(read).toHaveLength(drawn.length)
  for (const [i, vector] of read.entries()) expectJavaReads(drawn[i]!, vector)
  expectAllVersions(read)
  expectBorders(read)
}

function expectAllVersions(vectors: readonly MessageVector[]): void {
  const seen = new Set(vectors.map(({ kind, api, version }) => `${kind} ${api} ${version}`))
  expect(seen.size).toBe(versionsOfMessages)
  for (const { name, versions } of Object.values(apis)) {
    for (let version = versions[0]; version <= versions[1]; version++) {
      expect(seen).toContain(`request ${name} ${version}`)
      expect(seen).toContain(`response ${name} ${version}`)
    }
  }
  expect(vectors.length).toBe(versionsOfMessages * framesPerMessage)
}

/** Chance has not missed any of the places where codecs differ. */
function expectBorders(vectors: readonly MessageVector[]): void {
  const seen: Seen = { counts: new Set(), lengths: new Set(), fractions: new Set(), nulls: new Set() }
  let tagged = 0
  for (const vector of vectors) {
    const { api, kind, version, bytes } = vector
    look(messageOf(vector).fields, valueIn(vector), { path: `${kind} ${api}`, version, seen })
    if (JSON.stringify(vector.body).includes('_unknownTags') && bytes !== '') tagged++
  }
  expect([...seen.counts]).toEqual(expect.arrayContaining([0, 1, 126, 127, 128, 129, 255, 256, 257]))
  const lengths = [0, 126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385]
  expect([...seen.lengths]).toEqual(expect.arrayContaining(lengths))
  expect([...seen.fractions]).toEqual(expect.arrayContaining(['NaN', 'Infinity', '-Infinity', '-0', '5e-324']))
  expect(tagged).toBeGreaterThan(100)
  const nullable = new Set(vectors.flatMap((vector) => [...nullablePaths(vector)]))
  expect(nullable.size).toBeGreaterThan(190)
  // One far inside of others may have been missed.
  expect(nullable.size - seen.nulls.size).toBeLessThan(nullable.size / 50)
}

interface Seen {
  readonly counts: Set<number>
  readonly lengths: Set<number>
  readonly fractions: Set<string>
  readonly nulls: Set<string>
}

interface Place {
  readonly path: string
  readonly version: number
  readonly seen: Seen
}

function look(fields: Fields, value: object, { path, version, seen }: Place): void {
  const values = new Map<string, unknown>(Object.entries(value))
  for (const [name, field] of Object.entries(fields)) {
    if (!includesVersion(field.spec.versions, version)) continue
    lookAt(field, values.get(name), { path: `${path}.${name}`, version, seen })
  }
}

function lookAt({ spec }: AnyField, value: unknown, place: Place): void {
  const { path, seen } = place
  if (value === null) seen.nulls.add(path)
  else if (typeof value === 'string') seen.lengths.add(Buffer.byteLength(value))
  else if (spec.kind === 'float64' && typeof value === 'number')
    seen.fractions.add(Object.is(value, -0) ? '-0' : String(value))
  else if (spec.kind === 'struct' && typeof value === 'object') look(spec.fields, value, place)
  else if (spec.kind === 'array' && Array.isArray(value)) {
    seen.counts.add(value.length)
    for (const element of value) lookAt(spec.element, element, place)
  }
}

/** Paths of the fields that may be null in the version of the vector. */
function* nullablePaths(vector: MessageVector): Iterable<string> {
  yield* pathsIn(messageOf(vector).fields, `${vector.kind} ${vector.api}`, vector.version)
}

function* pathsIn(fields: Fields, around: string, version: number): Iterable<string> {
  for (const [name, { spec }] of Object.entries(fields)) {
    if (!includesVersion(spec.versions, version)) continue
    const path = `${around}.${name}`
    if (includesVersion(spec.nullableVersions, version)) yield path
    const inner = spec.kind === 'array' ? spec.element.spec : spec
    if (inner.kind === 'struct') yield* pathsIn(inner.fields, path, version)
  }
}

function groups(vectors: readonly MessageVector[]): [string, MessageVector[]][] {
  const byApi = new Map<string, MessageVector[]>()
  for (const vector of vectors) byApi.set(vector.api, [...(byApi.get(vector.api) ?? []), vector])
  return [...byApi]
}
