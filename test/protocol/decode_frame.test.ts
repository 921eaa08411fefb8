// Captured frames are told from their bytes: those that passed between a client and Kafka 4.4.0 (recorded behind
// test/proxy) and those that Java wrote. What cannot be read is told by where and why, and nothing makes it throw.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { apiByKey, apis, decodeFrame, encodeRequest, encodeResponse, unknownTags } from 'kafka-once/protocol'
import type { ApiName, FrameHints, FrameReport } from 'kafka-once/protocol'
import { Dice } from '../faults/seeded.ts'
import { parseMessageVectors } from './message_vectors.ts'
import { fromHex, readVectors } from './record_vectors.ts'

interface CapturedLine {
  readonly direction: 'request' | 'response'
  readonly apiKey: number
  readonly bytes: string
}

const captured = readVectors<CapturedLine>('session.jsonl')
const fromJava = parseMessageVectors(readFileSync(new URL('vectors/messages.jsonl', import.meta.url), 'utf8'))

function readable(bytes: Uint8Array, hints?: FrameHints): Exclude<FrameReport, { kind: 'unreadable' }> {
  const report = decodeFrame(bytes, hints)
  if (report.kind === 'unreadable') throw new Error(report.text)
  return report
}

function unreadable(bytes: Uint8Array, hints?: FrameHints): Extract<FrameReport, { kind: 'unreadable' }> {
  const report = decodeFrame(bytes, hints)
  if (report.kind !== 'unreadable') throw new Error(report.text)
  return report
}

function captureOf(api: ApiName, direction: CapturedLine['direction']): Uint8Array {
  const line = captured.find((one) => one.direction === direction && one.apiKey === apis[api].key)
  if (line === undefined) throw new Error(`No ${direction} of ${api} was captured`)
  return fromHex(line.bytes)
}

/** What is told of the captured requests of some APIs. */
function requestsOf(...names: readonly ApiName[]): FrameReport[] {
  return names.map((name) => decodeFrame(captureOf(name, 'request')))
}

describe('captured frames', () => {
  test('are told with their size and without it, responses by the requests before them', () => {
    expect(captured.length).toBeGreaterThan(20)
    for (const { direction, apiKey, bytes } of captured) {
      const { name } = apiByKey(apiKey)!
      const hints: FrameHints = direction === 'request' ? {} : { requests: requestsOf(name) }
      for (const given of [fromHex(bytes), fromHex(bytes).subarray(4)]) {
        const { kind, api, text } = readable(given, hints)
        expect([kind, api]).toEqual([direction, name])
        expect(text).toMatch(
          new RegExp(`^${name} ${direction} v\\d+, correlation id \\d+, ${bytes.length / 2 - 4} bytes\n`)
        )
      }
    }
  })

  test('have a text for people', () => {
    expect(readable(captureOf('EndTxn', 'request')).text).toBe(`\
EndTxn request v5, correlation id 17, 40 bytes
  client id: "captured"
  transactionalId: "captured"
  producerId: 0
  producerEpoch: 0
  committed: true
`)
    expect(readable(captureOf('Produce', 'response'), { api: 'Produce', version: 13 }).text).toBe(`\
Produce response v13, correlation id 1, 62 bytes
  responses: 1 of
    - topicId: "ltR8E9ozT0GDLYPKIBxbvQ"
      partitionResponses: 1 of
        - index: 0
          errorCode: 0 NONE
          baseOffset: 0
          logAppendTimeMs: -1
          logStartOffset: 0
          recordErrors: []
          errorMessage: null
  throttleTimeMs: 0
`)
  })

  test('give their bodies', () => {
    const report = readable(captureOf('Fetch', 'response'), { api: 'Fetch', version: 18 })
    if (report.kind !== 'response' || report.api !== 'Fetch') throw new Error(report.text)
    const [partition] = report.body.responses[0]!.partitions
    expect(partition).toMatchObject({ highWatermark: 2n, records: expect.any(Uint8Array) })
    expect(report.text).toMatch(/ records: 148 bytes, 00 00 00 00 00 00 00 00 00 00 00 3a 00 00 00 00 \.\.\.\n/)
  })
})

describe('frames that Java wrote', () => {
  test('are told as what they are, in every version', () => {
    for (const vector of fromJava) {
      if (vector.kind !== 'request' && vector.kind !== 'response') continue
      const { kind, api, version, correlationId } = vector
      const hints: FrameHints = kind === 'request' ? {} : { requests: [{ api, version, correlationId }] }
      const found = readable(fromHex(vector.bytes), { ...hints, direction: kind })
      expect([found.kind, found.api, found.version, found.correlationId]).toEqual([kind, api, version, correlationId])
    }
  })
})

describe('a response', () => {
  const bytes = captureOf('Metadata', 'response')

  test('is not known without its request', () => {
    const report = unreadable(bytes, { direction: 'response' })
    expect(report).toMatchObject({ reason: 'unknownRequest' })
    // The first two bytes of its correlation id are Produce's key, which says nothing about a response.
    expect(report.text).toMatch(/^As a response it has the correlation id \d+, and no request with it is known\.\n/)
    expect(report.text).toMatch(/give the api and version of its request, or the requests/)
    expect(unreadable(bytes, { direction: 'response', requests: requestsOf('EndTxn') }).reason).toBe('unknownRequest')
  })

  test('is not known by another response or by what could not be read', () => {
    const earlier = [readable(bytes, { api: 'Metadata', version: 13 }), decodeFrame(fromHex('0003006300000003ffff'))]
    expect(unreadable(bytes, { direction: 'response', requests: earlier }).reason).toBe('unknownRequest')
    expect(readable(bytes, { requests: [...earlier, ...requestsOf('EndTxn', 'Metadata')] }).api).toBe('Metadata')
  })

  test('of a known request is believed before it is taken for a request', () => {
    // As a request this would be ApiVersions v0 with the correlation id 0.
    const frame = Buffer.concat(
      encodeResponse({ api: 'Heartbeat', version: 0, correlationId: 0x0012_0000, body: { errorCode: 0 } })
    )
    const known = { api: 'Heartbeat', version: 0, correlationId: 0x0012_0000 } as const
    expect(readable(frame, { requests: [known] })).toMatchObject({ kind: 'response', api: 'Heartbeat' })
  })

  test('is not seen in a request that happens to begin with a known correlation id', () => {
    const request = captureOf('Metadata', 'request')
    const known = { api: 'Heartbeat', version: 0, correlationId: (3 << 16) | 13 } as const
    expect(readable(request, { requests: [known] })).toMatchObject({ kind: 'request', api: 'Metadata' })
  })
})

describe('an answer of a broker that does not know the version of ApiVersions', () => {
  const header = { api: 'ApiVersions', correlationId: 9 } as const
  const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 2 }]
  const answer = Buffer.concat(encodeResponse({ ...header, version: 0, body: { errorCode: 35, apiKeys } }))

  test('is read in version 0, whatever was asked', () => {
    const body = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }
    const request = decodeFrame(Buffer.concat(encodeRequest({ ...header, version: 4, clientId: null, body })))
    for (const hints of [{ requests: [request] }, { api: 'ApiVersions', version: 99 } as const]) {
      const report = readable(answer, hints)
      expect(report).toMatchObject({ kind: 'response', api: 'ApiVersions', version: 0, body: { errorCode: 35 } })
      expect(report.text).toMatch(
        /^ApiVersions response v0, .*\n {2}\(The broker does not know v\d+, in which it was asked/
      )
      expect(report.text).toContain('maxVersion: 2\n')
    }
  })

  test('is not looked for where the broker knows it', () => {
    const known = Buffer.concat(encodeResponse({ ...header, version: 3, body: { errorCode: 0, apiKeys } }))
    expect(readable(known, { api: 'ApiVersions', version: 3 })).toMatchObject({ version: 3, body: { apiKeys } })
  })
})

describe('hints that make no sense', () => {
  test.each([
    ['the name of no API', { api: 'metadata', version: 1 }, /no API by the name metadata/],
    ['the name of what every object has', { api: 'toString', version: 1 }, /no API by the name toString/],
    ['a request of no API', { requests: [{ api: 'Nope', version: 1, correlationId: 0 }] }, /no API by the name Nope/],
    ['an API without a version', { api: 'Metadata' }, /give both/],
    ['a version without an API', { version: 3 }, /give both/]
  ])('are refused: %s', (_what, hints, message) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
    const given = hints as FrameHints
    const refusal = expect.objectContaining({ code: 'INVALID_VALUE', message: expect.stringMatching(message) })
    expect(() => decodeFrame(new Uint8Array(10), given)).toThrowError(refusal)
  })

  test.each(['0003000d', [0, 3, 0, 13], new ArrayBuffer(10), undefined])('and so is what is no bytes: %j', (given) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
    const bytes = given as unknown as Uint8Array
    expect(() => decodeFrame(bytes)).toThrowError(/A frame is a Uint8Array.*Buffer\.from\(text, 'hex'\)/)
  })
})

describe('what cannot be read', () => {
  const request = captureOf('CreateTopics', 'request')

  test('is told by its field, its place and the bytes around', () => {
    const spoiled = request.slice()
    // The count of topics, behind the header.
    spoiled[4 + 8 + 2 + 8 + 1] = 0x7f
    for (const [bytes, start] of [
      [spoiled, 4],
      [spoiled.subarray(4), 0]
    ] as const) {
      const report = unreadable(bytes)
      expect(report).toMatchObject({ reason: 'damaged', api: 'CreateTopics', version: 7, correlationId: 2 })
      expect(report).toMatchObject({ code: 'TRUNCATED', field: 'topics', offset: start + 19 })
      expect(bytes[start + 19]).toBe(0x7f)
      expect(report.text).toMatch(/^CreateTopics request v7, correlation id 2, 44 bytes: TRUNCATED\n/)
      expect(report.text).toMatch(`at byte ${start + 19}, topics\n`)
      expect(report.text).toMatch('74 75 72 65 64 00 [7f] 09 63')
    }
  })

  test('ends too early in a capture that was cut', () => {
    const report = unreadable(request.subarray(0, 40))
    expect(report).toMatchObject({ reason: 'damaged', api: 'CreateTopics', code: 'TRUNCATED' })
    expect(report.text).toContain('It announces 44 bytes after its size, and 36 are there.')
  })

  test('is not what follows a frame', () => {
    const report = readable(Buffer.concat([request, request]))
    expect(report.text).toContain(`(${request.length} bytes follow it.)`)
  })

  test('has bytes left over', () => {
    const report = unreadable(Buffer.concat([request.subarray(4), new Uint8Array(3)]))
    expect(report).toMatchObject({ reason: 'damaged', code: 'TRAILING_BYTES', offset: request.length - 4 })
  })

  test('is of an unknown version or API', () => {
    expect(unreadable(fromHex('0003006300000007ffff'))).toMatchObject({
      reason: 'unknownVersion',
      api: 'Metadata',
      version: 99,
      text: expect.stringContaining('has versions 0 to 13, not 99')
    })
    expect(unreadable(fromHex('7fff000000000007ffff'))).toMatchObject({
      reason: 'unknownRequest',
      text: expect.stringContaining('no API has the key 32767')
    })
    const future = unreadable(captureOf('Fetch', 'response'), { api: 'Fetch', version: 99 })
    expect(future).toMatchObject({ reason: 'unknownVersion', api: 'Fetch' })
  })

  test.each([
    ['nothing', new Uint8Array(0), 'tooShort'],
    ['three bytes', new Uint8Array(3), 'tooShort'],
    ['six bytes', fromHex('000300010000'), 'tooShort'],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request'), 'notKafka'],
    ['a request in HTTP', Buffer.from('GET /metrics HTTP/1.1'), 'notKafka'],
    ['TLS', fromHex('15030300020246'), 'notKafka']
  ])('is %s', (_what, bytes, reason) => {
    expect(unreadable(bytes)).toMatchObject({ reason, text: expect.stringMatching(/\.\n$/) })
  })

  test('never throws, whatever the bytes and the hints are', () => {
    const dice = new Dice(77)
    const int = (limit: number): number => Math.floor(dice.next() * limit)
    const names = Object.values(apis).map(({ name }) => name)
    const kinds = new Set<string>()
    for (let i = 0; i < 6_000; i++) {
      const line = captured[int(captured.length)]!
      const bytes = dice.next() < 0.2 ? Uint8Array.from({ length: int(60) }, () => int(256)) : fromHex(line.bytes)
      for (let left = int(3); left > 0 && bytes.length > 0; left--) bytes[int(bytes.length)] = int(256)
      const cut = dice.next() < 0.3 ? bytes.subarray(0, int(bytes.length + 1)) : bytes
      const hint = { api: names[int(names.length)]!, version: int(20) - 1 }
      const direction = dice.next() < 0.5 ? ('request' as const) : ('response' as const)
      const { kind, text } = decodeFrame(cut, dice.next() < 0.5 ? {} : { ...hint, direction })
      expect(text).toMatch(/\n$/)
      kinds.add(kind)
    }
    expect([...kinds].toSorted()).toEqual(['request', 'response', 'unreadable'])
  })
})

describe('the text', () => {
  const header = { correlationId: 1, clientId: null } as const

  test('shows no password', () => {
    const authBytes = Buffer.from('\0alice\0wonderland')
    const [sasl] = encodeRequest({ ...header, api: 'SaslAuthenticate', version: 2, body: { authBytes } })
    expect(readable(sasl!).text).toContain('authBytes: 17 bytes, kept secret\n')
    const cut = unreadable(sasl!.subarray(4, -3)).text
    expect(cut).not.toContain(
      Buffer.from('won')
        .toString('hex')
        .replaceAll(/(..)(?=.)/g, '$1 ')
    )
    const configs = [
      { name: 'ssl.key.password', configOperation: 0, value: 'wonderland' },
      { name: 'retention.ms', configOperation: 0, value: '5' }
    ]
    const resources = [{ resourceType: 4, resourceName: '1', configs }]
    const body = { resources, validateOnly: false }
    const [config] = encodeRequest({ ...header, api: 'IncrementalAlterConfigs', version: 1, body })
    expect(readable(config!).text).not.toContain('wonderland')
    expect(readable(config!).text).toContain('value: "5"')
  })

  test.each(['listener.name.external.ssl.keystore.key', 'sasl.oauthbearer.assertion.private.key.passphrase'])(
    'shows no private key, nor the bytes of one that is damaged: %s',
    (name) => {
      const configs = [{ name, configOperation: 0, value: 'wonderland' }]
      const body = { resources: [{ resourceType: 4, resourceName: '1', configs }], validateOnly: false }
      const frame = Buffer.concat(encodeRequest({ ...header, api: 'IncrementalAlterConfigs', version: 1, body }))
      expect(readable(frame).text).toContain('value: "kept secret"')
      expect(readable(frame).text).not.toContain('wonderland')
      const damaged = unreadable(frame.subarray(4, -6))
      expect(damaged).toMatchObject({ code: 'TRUNCATED', field: 'resources[0].configs[0].value' })
      expect(damaged.text).not.toContain(
        Buffer.from('won')
          .toString('hex')
          .replaceAll(/(..)(?=.)/g, '$1 ')
      )
    }
  )

  test('is short where lists and bytes are long', () => {
    const replicas = Array.from({ length: 1_000 }, (_, i) => i)
    const partition = { errorCode: 0, partitionIndex: 0, leaderId: 1, isrNodes: [], replicaNodes: replicas }
    const topics = [{ errorCode: 3, name: 't', partitions: replicas.map(() => partition) }]
    const frame = Buffer.concat(
      encodeResponse({ api: 'Metadata', version: 12, correlationId: 1, body: { brokers: [], topics } })
    )
    const { text } = readable(frame, { api: 'Metadata', version: 12 })
    expect(text).toContain('98, 99, and 900 more]\n')
    expect(text).toContain('      and 900 more\n')
    expect(text).toContain('errorCode: 3 UNKNOWN_TOPIC_OR_PARTITION\n')
    expect(text.length).toBeLessThan(100_000)
  })

  test('is short where lists are long inside of one another, and where texts and unknown tags are', () => {
    const many = Array.from({ length: 110 }, (_, i) => i)
    const replicas = many
    const partitions = many.map((i) => ({
      errorCode: 0,
      partitionIndex: i,
      leaderId: 1,
      isrNodes: [],
      replicaNodes: replicas
    }))
    const topics = many.map(() => ({ errorCode: 3, name: 'x'.repeat(3_000), partitions }))
    const tags = many.map((i) => ({ tag: i + 100, bytes: new Uint8Array(1) }))
    const body = { brokers: [], topics, [unknownTags]: tags }
    const response = { api: 'Metadata', version: 12, correlationId: 1, body } as const
    const frame = Buffer.concat(encodeResponse(response, { unknownTags: 'keep' }))
    const { text } = readable(frame, { api: 'Metadata', version: 12 })
    expect(text).toContain(`"${'x'.repeat(1_000)}" ... (3000 letters)\n`)
    expect(text).toContain('  and 110 more unknown tags\n')
    expect(text.length).toBeLessThan(1_000_000)
  })

  test('has tagged fields that nobody knows', () => {
    const body = { errorCode: 0, throttleTimeMs: 0, [unknownTags]: [{ tag: 77, bytes: fromHex('0a0b') }] }
    const response = { api: 'Heartbeat', version: 4, correlationId: 1, body } as const
    const frame = Buffer.concat(encodeResponse(response, { unknownTags: 'keep' }))
    expect(readable(frame, { api: 'Heartbeat', version: 4 }).text).toContain('  unknown tag 77: 2 bytes, 0a 0b\n')
  })

  test('has tagged fields where they differ from their default', () => {
    const partition = { partitionIndex: 0, errorCode: 6, highWatermark: 1n, abortedTransactions: null, records: null }
    const moved = { ...partition, currentLeader: { leaderId: 7, leaderEpoch: 8 } }
    const responses = [{ topicId: 'ltR8E9ozT0GDLYPKIBxbvQ', partitions: [partition, moved] }]
    const frame = Buffer.concat(
      encodeResponse({ api: 'Fetch', version: 16, correlationId: 1, body: { throttleTimeMs: 0, responses } })
    )
    const { text } = readable(frame, { api: 'Fetch', version: 16 })
    expect(text.match(/currentLeader:\n {12}leaderId: 7\n {12}leaderEpoch: 8\n/g)).toHaveLength(1)
    expect(text).not.toContain('snapshotId')
    expect(text).toContain('abortedTransactions: null\n')
  })
})
