// The values of a message take no more memory than they may, whatever the bytes say: both back ends refuse the same frames
// with the same words, and large frames that somebody means are read.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apis, compile, decodedBytesMaxDefault, decodeFrame, decodeRequest, decodeResponse } from 'kafka-once/protocol'
import { decodeVersioned, encodeRequest, encodeResponse, ProtocolError, Reader } from 'kafka-once/protocol'
import { ConsumerProtocolSubscription, Writer } from 'kafka-once/protocol'
import type { Message } from 'kafka-once/protocol'
import { closureCodec } from '../../src/protocol/codec_closure.ts'
import { decodedBytesMin, elementBytes } from '../../src/protocol/decoded_size.ts'
import { buildPrograms } from '../broker/build_programs.ts'
import { projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { Dice } from '../faults/seeded.ts'
import { hostileBody, listPaths, shapes, taggedBody } from './hostile_frames.ts'

const mebibyte = 1024 * 1024
const programTimeoutMs = 10 * 60_000
const messages: readonly Message[] = Object.values(apis).flatMap(({ request, response }): Message[] => [
  request,
  response
])

function refusal(read: () => unknown): ProtocolError {
  try {
    read()
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
  throw new Error('Nothing was refused')
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces)).subarray(4)
}

/** Runs the program that measures its own heap. */
async function measured(heapMebibytes: number, args: readonly string[]): Promise<string> {
  await buildPrograms()
  const program = join(projectFolder(), 'build', 'test', 'programs', 'decoded_memory.js')
  const flags = ['--expose-gc', `--max-old-space-size=${heapMebibytes}`, '--max-semi-space-size=8']
  const { code, stdout, stderr } = await run(process.execPath, [...flags, program, ...args], {
    timeoutMs: programTimeoutMs
  })
  expect(code, stdout + stderr).toBe(0)
  return stdout
}

describe('the values of hostile frames', () => {
  test(
    'take no more memory than is estimated, for every message in every version',
    async () => {
      const told = await measured(512, ['--mebibytes=0.01'])
      expect(told).toMatch(/^\d{4,} frames .* 0 refusals\n.*\n0 breaches\n$/)
    },
    programTimeoutMs
  )

  test(
    'take no more than the limit, in a heap that has little more room',
    async () => {
      const some = ['--limit-mebibytes=16', '--latest', '--shapes=smallest']
      expect(await measured(48, ['--mebibytes=1', ...some])).toMatch(/ [1-9]\d* refusals\n[^]*\n0 breaches\n$/)
    },
    programTimeoutMs
  )

  test('are refused by both back ends at the same place and with the same words', { timeout: 120_000 }, () => {
    let refused = 0
    for (const [i, message] of messages.entries()) {
      const version = message.versions[1]
      const [path] = listPaths(message.fields, version)
      if (path === undefined) continue
      const shape = shapes[i % shapes.length]!
      const body = hostileBody(message, version, path, shape, 300_000, new Dice(1))
      const unknownTags = shape.tagCount > 0 ? 'keep' : 'skip'
      const reference = closureCodec(message, version, { unknownTags, traced: true })
      const codec = compile(message, version, { unknownTags })
      const wanted = outcome(body, (reader) => reference.decode(reader))
      const found = outcome(body, (reader) => codec.decode(reader))
      expect(found, `${message.name} ${shape.name}`).toEqual(wanted)
      if ('code' in wanted) refused++
    }
    expect(refused).toBeGreaterThan(20)
  })
})

/** A refusal without its prefix, or what is left of the memory that values may take. */
function outcome(body: Uint8Array, decode: (reader: Reader) => unknown): object {
  const reader = new Reader(body, 0, 0)
  try {
    decode(reader)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const { code, field, offset } = error
    return { code, field, offset, message: error.message.replace(/^\w+ v\d+( at \S+)?: /, '') }
  }
  reader.expectEnd()
  return { left: reader.decodedBytesLeft }
}

/** Reads topics with names of that length, and many lists besides. */
function subscription(textBytes: number): () => unknown {
  const topics = Array.from({ length: 400 }, () => 'x'.repeat(textBytes))
  const ownedPartitions = Array.from({ length: 60_000 }, () => ({ topic: '', partitions: [] }))
  const writer = new Writer()
  const codec = compile(ConsumerProtocolSubscription, 1)
  codec.encode(writer, { topics, ownedPartitions })
  const bytes = writer.finishWhole()
  return () => codec.decode(new Reader(bytes, 0, 0))
}

describe('a frame that takes too much memory', () => {
  const version = 13
  const { response } = apis.Metadata
  const shape = shapes[0]!
  const hostile = hostileBody(response, version, ['topics', 'partitions'], shape, 3 * mebibyte, new Dice(1))

  test('is refused with the field, the estimate, the limit, and what to do', () => {
    const frame = joined([new Uint8Array(4), Uint8Array.of(0, 0, 0, 7, 0), hostile])
    const found = refusal(() => decodeResponse('Metadata', version, frame, { decodedBytesMax: 1 }))
    expect(found).toMatchObject({ code: 'FRAME_TOO_LARGE', field: 'topics[0].partitions' })
    expect(found.message).toMatch(
      /^MetadataResponse v13 at topics\[0\]\.partitions: A list of \d+ elements may take \d+ bytes of memory, and \d+ of 16777216 are left: raise decodedBytesMax if it is meant$/
    )
    expect(decodeResponse('Metadata', version, frame).correlationId).toBe(7)
    const hints = { direction: 'response', api: 'Metadata', version } as const
    expect(decodeFrame(frame, hints).kind).toBe('response')
    expect(decodeFrame(frame, { ...hints, decodedBytesMax: 0 })).toMatchObject({
      kind: 'unreadable',
      reason: 'damaged',
      code: 'FRAME_TOO_LARGE'
    })
  })

  test('is refused as a request, and inside of another message', () => {
    const topics = Array.from({ length: 200_000 }, () => ({ name: 'a' }))
    const body = { topics, allowAutoTopicCreation: false }
    const frame = joined(encodeRequest({ api: 'Metadata', version: 9, correlationId: 1, clientId: null, body }))
    const low = { decodedBytesMax: 0 }
    expect(refusal(() => decodeRequest(frame, low))).toMatchObject({ code: 'FRAME_TOO_LARGE', field: 'topics' })
    expect(decodeRequest(frame).api).toBe('Metadata')
    const writer = new Writer()
    writer.int16(0)
    compile(ConsumerProtocolSubscription, 0).encode(writer, { topics: topics.map(({ name }) => name) })
    const inner = writer.finishWhole()
    expect(refusal(() => decodeVersioned(ConsumerProtocolSubscription, inner, low)).code).toBe('FRAME_TOO_LARGE')
    expect(decodeVersioned(ConsumerProtocolSubscription, inner).value.topics).toHaveLength(200_000)
  })

  test('is refused for its unknown tags where those are kept, and read where they are not', () => {
    const body = taggedBody(response, version, mebibyte, new Dice(1))
    const keeping = compile(response, version, { unknownTags: 'keep' })
    const found = refusal(() => keeping.decode(new Reader(body, 0, 0)))
    expect(found).toMatchObject({ code: 'FRAME_TOO_LARGE', field: undefined })
    expect(found.message).toContain('raise decodedBytesMax')
    expect(compile(response, version).decode(new Reader(body, 0, 0)).topics).toEqual([])
  })

  test('is refused for text that comes to its lists', () => {
    expect(subscription(1_000)()).toMatchObject({ userData: null })
    expect(refusal(subscription(15_000))).toMatchObject({ code: 'FRAME_TOO_LARGE', field: 'ownedPartitions' })
  })

  test.each([Number.NaN, -1, 0, 1])('may take 16 MiB also where the limit is %s', (limit) => {
    expect(new Reader(new Uint8Array(10), 0, limit).decodedBytesLeft).toBe(decodedBytesMin)
    expect(new Reader(new Uint8Array(0), 0).decodedBytesLeft).toBe(decodedBytesMaxDefault)
    expect(new Reader(new Uint8Array(decodedBytesMin), 0, limit).decodedBytesLeft).toBe(decodedBytesMin * 2)
  })

  test('of lists longer than V8 keeps as lists is refused whatever the limit is', () => {
    const list = apis.ListConfigResources.request
    const body = hostileBody(list, 1, ['resourceTypes'], shape, 33 * mebibyte, new Dice(1))
    const found = refusal(() => compile<Message>(list, 1).decode(new Reader(body, 0, Number.MAX_SAFE_INTEGER)))
    expect(found).toMatchObject({ code: 'FRAME_TOO_LARGE', field: 'resourceTypes' })
    expect(found.message).toContain('longer than 33554432')
  })
})

describe('large frames that are meant', () => {
  test('of Metadata with 200,000 partitions are read', () => {
    const replicas = [1, 2, 3]
    const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, replicaNodes: replicas, isrNodes: replicas }
    const partitions = Array.from({ length: 100 }, (_, i) => ({ ...partition, partitionIndex: i }))
    const topics = Array.from({ length: 2_000 }, (_, i) => ({
      errorCode: 0,
      name: `topic-of-somebody-${i}`,
      partitions
    }))
    const body = { brokers: [], topics }
    const frame = joined(encodeResponse({ api: 'Metadata', version: 13, correlationId: 1, body }))
    const read = decodeResponse('Metadata', 13, frame).body
    expect(read.topics.reduce((sum, topic) => sum + topic.partitions.length, 0)).toBe(200_000)
  })

  test('of Fetch with 50,000 partitions are read', () => {
    const records = new Uint8Array(100)
    const partition = { errorCode: 0, highWatermark: 9n, abortedTransactions: [{ producerId: 1n, firstOffset: 2n }] }
    const partitions = Array.from({ length: 100 }, (_, i) => ({ ...partition, partitionIndex: i, records }))
    const responses = Array.from({ length: 500 }, () => ({ topicId: 'ltR8E9ozT0GDLYPKIBxbvQ', partitions }))
    const body = { throttleTimeMs: 0, responses }
    const frame = joined(encodeResponse({ api: 'Fetch', version: 17, correlationId: 1, body }))
    const read = decodeResponse('Fetch', 17, frame).body
    expect(read.responses.reduce((sum, topic) => sum + topic.partitions.length, 0)).toBe(50_000)
  })

  test('of Metadata take about as much as the documentation says', () => {
    const topics = apis.Metadata.response.fields.topics.spec
    if (topics.kind !== 'array' || topics.element.spec.kind !== 'struct') throw new Error('topics are a list')
    const partitions = topics.element.spec.fields['partitions']!.spec
    if (partitions.kind !== 'array') throw new Error('partitions are a list')
    // With two lists of three nodes each.
    expect(elementBytes(partitions.element.spec, 13) + 2 * (48 + 3 * 8)).toBe(264)
  })
})
