// Whatever bytes come, decoding ends with a value or a ProtocolError, at a cost that the bytes themselves limit.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  apis,
  compile,
  decodeRequest,
  decodeResponse,
  decodeVersioned,
  ProtocolError,
  Reader
} from 'kafka-once/protocol'
import { ConsumerProtocolSubscription } from 'kafka-once/protocol'
import type { Message } from 'kafka-once/protocol'
import { closureCodec } from '../../src/protocol/codec_closure.ts'
import { parseMessageVectors, type MessageVector } from './message_vectors.ts'
import { fromHex } from './record_vectors.ts'

const vectors = parseMessageVectors(readFileSync(new URL('vectors/messages.jsonl', import.meta.url), 'utf8'))
/** Longer frames are spoiled at every few bytes only. */
const positionsMax = 120

/** What decoding ends with; anything but a ProtocolError fails the test. */
function outcome(decode: () => unknown): string {
  try {
    decode()
    return 'value'
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
}

function decoder(vector: MessageVector): (frame: Uint8Array) => unknown {
  if (vector.kind === 'request') return decodeRequest
  if (vector.kind === 'response') return (frame) => decodeResponse(vector.api, vector.version, frame)
  return (frame) => decodeVersioned(ConsumerProtocolSubscription, frame)
}

function content(vector: MessageVector): Uint8Array {
  const bytes = fromHex(vector.bytes)
  return vector.kind === 'embedded' ? bytes : bytes.subarray(4)
}

function positions(length: number): number[] {
  const step = Math.max(1, Math.floor(length / positionsMax))
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step)
}

describe('hostile bytes', () => {
  test('that end early are refused wherever they end', () => {
    for (const vector of vectors.filter(({ kind }) => kind !== 'embedded')) {
      const whole = content(vector)
      const decode = decoder(vector)
      for (const length of positions(whole.byteLength)) {
        const found = outcome(() => decode(whole.subarray(0, length)))
        expect([vector.api, length, found]).not.toEqual([vector.api, length, 'value'])
      }
    }
  })

  test('with a wrong bit give a value or are refused', () => {
    for (const vector of vectors) {
      const decode = decoder(vector)
      for (const position of positions(content(vector).byteLength)) {
        const spoiled = content(vector).slice()
        spoiled[position] = (spoiled[position] ?? 0) ^ (1 << (position % 8))
        outcome(() => decode(spoiled))
      }
    }
  })

  test('by chance give a value or are refused, for every message in every version', () => {
    const names = Object.values(apis).map(({ name }) => name)
    const frames = fc.record({
      name: fc.constantFrom(...names),
      version: fc.nat({ max: 18 }),
      bytes: fc.uint8Array({ maxLength: 64 })
    })
    fc.assert(
      fc.property(frames, ({ name, version, bytes }) => {
        const { request, response } = apis[name]
        for (const declared of [request, response]) decodeAnything(declared, version, bytes)
      }),
      { numRuns: 3_000, seed: 4_400 }
    )
  })

  test.each(['7fffffff', 'fffffff0', 'ffffffff0f', '80ffffff07'])('that announce %s elements cost nothing', (count) => {
    const bytes = fromHex(count.repeat(40))
    const started = process.cpuUsage()
    const heapBytes = process.memoryUsage().heapUsed
    for (const { request, response } of Object.values(apis)) {
      for (const declared of [request, response] as readonly Message[]) {
        for (let version = declared.versions[0]; version <= declared.versions[1]; version++) {
          decodeAnything(declared, version, bytes)
        }
      }
    }
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000)
    expect(process.memoryUsage().heapUsed - heapBytes).toBeLessThan(200 * 1024 * 1024)
  })

  test('cannot announce more elements than they have room for, since every element takes bytes', () => {
    // Building a codec fails where an element would take none.
    for (const { request, response } of Object.values(apis)) {
      for (const declared of [request, response] as readonly Message[]) {
        for (let version = declared.versions[0]; version <= declared.versions[1]; version++) {
          const { bytesMin } = closureCodec(declared, version, { unknownTags: 'skip', traced: false })
          const short = new Uint8Array(Math.max(bytesMin - 1, 0))
          if (bytesMin > 0)
            expect(outcome(() => compile(declared, version).decode(new Reader(short)))).not.toBe('value')
        }
      }
    }
  })
})

function decodeAnything(declared: Message, version: number, bytes: Uint8Array): void {
  if (version < declared.versions[0] || version > declared.versions[1]) return
  outcome(() => compile(declared, version).decode(new Reader(bytes)))
}
