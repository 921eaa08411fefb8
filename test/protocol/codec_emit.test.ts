// The emitted codecs do what the closures do, for every message in every version: the same bytes, the same values, and
// they give up exactly where the closures refuse. A process that may not make code from text goes without them.

import { isDeepStrictEqual } from 'node:util'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { apis, compile, ConsumerProtocolAssignment, ConsumerProtocolSubscription } from 'kafka-once/protocol'
import { ProtocolError, Reader, TransactionLogKey, TransactionLogValue, Writer } from 'kafka-once/protocol'
import type { Message } from 'kafka-once/protocol'
import { closureCodec } from '../../src/protocol/codec_closure.ts'
import { emittedCodec, gaveUp, mayEmit } from '../../src/protocol/codec_emit.ts'
import type { EmittedCodec } from '../../src/protocol/codec_emit.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import { Dice } from '../faults/seeded.ts'
import { parseSource, sourceFiles } from '../sources.ts'
import { mayNotGenerate } from './code_generation.ts'
import { RandomValues } from './random_values.ts'

const messages: readonly Message[] = [
  RequestHeader,
  ResponseHeader,
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  TransactionLogKey,
  TransactionLogValue,
  ...Object.values(apis).flatMap(({ request, response }): Message[] => [request, response])
]
const seed = 20_261_125
const valuesPerVersion = 4
const spoiledPerValue = 12
const isForbidden = mayNotGenerate()

interface Pair {
  readonly name: string
  readonly message: Message
  readonly version: number
  readonly emitted: EmittedCodec
  readonly closures: EmittedCodec
}

function* pairs(): Iterable<Pair> {
  for (const message of messages) {
    for (let version = message.versions[0]; version <= message.versions[1]; version++) {
      const emitted = emittedCodec(message, version)
      const closures = closureCodec(message, version, { unknownTags: 'skip', traced: false })
      yield { name: `${message.name} v${version}`, message, version, emitted, closures }
    }
  }
}

function encode(codec: EmittedCodec, value: unknown): Uint8Array | undefined {
  const writer = new Writer()
  try {
    codec.encode(writer, value)
  } catch {
    return undefined
  }
  return writer.finishWhole()
}

interface Read {
  readonly value: unknown
  readonly end: number
}

function decode(codec: EmittedCodec, bytes: Uint8Array): Read | undefined {
  const reader = new Reader(bytes)
  try {
    return { value: codec.decode(reader), end: reader.position }
  } catch (error) {
    // Whatever else is thrown is a fault of the codec.
    if (error === gaveUp || error instanceof ProtocolError || error instanceof RangeError) return undefined
    throw error
  }
}

/** Whether there is a mention of what makes code from text, other than in a type. */
function makesCode(node: ts.Node): boolean {
  if (ts.isTypeNode(node)) return false
  if (ts.isIdentifier(node) && (node.text === 'Function' || node.text === 'eval')) return true
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    if (node.expression.name.text === 'constructor') return true
  }
  return ts.forEachChild(node, makesCode) ?? false
}

/** What is told of bytes that are refused. */
function refusal(codec: Pick<EmittedCodec, 'decode'>, bytes: Uint8Array): Partial<ProtocolError> | undefined {
  try {
    codec.decode(new Reader(bytes))
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const { code, offset, field } = error
    return { code, offset, field }
  }
  return undefined
}

/** As `expect(left).toEqual(right)`, which takes far longer over bytes; NaN and -0 count. */
function expectSame(left: unknown, right: unknown, name: string): void {
  if (!isDeepStrictEqual(left, right)) expect(left, name).toEqual(right)
}

function spoiled(bytes: Uint8Array, random: RandomValues): Uint8Array {
  const copy = new Uint8Array(bytes)
  if (copy.length === 0 || random.chance(0.3)) return copy.subarray(0, random.int(copy.length + 1))
  for (let times = 1 + random.int(3); times > 0; times--) {
    const at = random.int(copy.length)
    copy[at] = random.chance(0.5) ? random.pick([0, 1, 0x7f, 0x80, 0xff]) : copy[at]! ^ (1 << random.int(8))
  }
  return copy
}

/** The value with one field, at any depth, replaced by what does not belong there. */
function misfit(value: unknown, random: RandomValues): unknown {
  const wrong = (): unknown => random.pick([null, undefined, 'text', 1.5, 2 ** 40, -1, 2n ** 70n, true, {}, [], [null]])
  if (Array.isArray(value) && value.length > 0 && random.chance(0.8)) {
    const at = random.int(value.length)
    return value.map((one: unknown, i) => (i === at ? misfit(one, random) : one))
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return wrong()
  const names = Object.keys(value)
  if (Array.isArray(value) || names.length === 0 || random.chance(0.05)) return wrong()
  const name = random.pick(names)
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === name ? misfit(one, random) : one]))
}

describe.skipIf(isForbidden)('emitted codecs', () => {
  test(`write the bytes that the closures write, and read what they read (seed ${seed})`, () => {
    const random = new RandomValues(new Dice(seed))
    let compared = 0
    for (const { name, message, version, emitted, closures } of pairs()) {
      for (let i = 0; i < valuesPerVersion; i++) {
        const value = random.message(message, version)
        const bytes = encode(closures, value)
        if (bytes === undefined) throw new Error(`The closures of ${name} refuse a value that is right`)
        expectSame(encode(emitted, value), bytes, name)
        const read = decode(closures, bytes)
        expect(read?.end, name).toBe(bytes.length)
        expectSame(decode(emitted, bytes), read, name)
        compared++
      }
    }
    expect(compared).toBeGreaterThan(2 * 285 * valuesPerVersion)
  })

  test(`give up where the closures refuse bytes, and nowhere else (seed ${seed})`, () => {
    const random = new RandomValues(new Dice(seed + 1))
    const outcomes = { read: 0, refused: 0 }
    for (const { name, message, version, emitted, closures } of pairs()) {
      const traced = closureCodec(message, version, { unknownTags: 'skip', traced: true })
      const bytes = encode(closures, random.message(message, version)) ?? new Uint8Array(0)
      for (let i = 0; i < spoiledPerValue; i++) {
        const wrong = spoiled(bytes, random)
        const read = decode(closures, wrong)
        outcomes[read === undefined ? 'refused' : 'read']++
        expectSame(decode(emitted, wrong), read, `${name} ${Buffer.from(wrong).toString('hex')}`)
        if (read === undefined) expectSame(refusal(compile(message, version), wrong), refusal(traced, wrong), name)
      }
    }
    expect(outcomes.read).toBeGreaterThan(1_000)
    expect(outcomes.refused).toBeGreaterThan(1_000)
  })

  test(`give up where the closures refuse a value, and nowhere else (seed ${seed})`, () => {
    const random = new RandomValues(new Dice(seed + 2))
    const outcomes = { written: 0, refused: 0 }
    for (const { name, message, version, emitted, closures } of pairs()) {
      for (let i = 0; i < spoiledPerValue; i++) {
        const wrong = misfit(random.message(message, version), random)
        const bytes = encode(closures, wrong)
        outcomes[bytes === undefined ? 'refused' : 'written']++
        expectSame(encode(emitted, wrong), bytes, name)
      }
    }
    expect(outcomes.written).toBeGreaterThan(500)
    expect(outcomes.refused).toBeGreaterThan(1_000)
  })
})

describe('code from text', () => {
  test('is made in one file only', () => {
    const makers = sourceFiles('src').filter(({ tree }) => makesCode(tree))
    expect(makers.map(({ path }) => path)).toEqual(['src/protocol/codec_emit.ts'])
  })

  test('is noticed in every form', () => {
    const forms = [
      "new Function('')",
      "Function('')",
      "eval('')",
      '(0, eval)',
      'const f = Function',
      'x.constructor(1)'
    ]
    expect(forms.filter((form) => !makesCode(parseSource('src/a.ts', form).tree))).toEqual([])
    expect(makesCode(parseSource('src/a.ts', 'let f: Function; class A { constructor() {} }').tree)).toBe(false)
  })
})

describe('a process', () => {
  test('uses emitted codecs where it may make code from text', () => {
    expect(mayEmit()).toBe(!isForbidden)
  })

  test('tells of an error what the closures know, whether or not it may', () => {
    const codec = compile(apis.Metadata.response, 12)
    const refused = (): unknown => codec.decode(new Reader(new Uint8Array([0, 0, 0, 0, 0x05, 0])))
    expect(refused).toThrow(/MetadataResponse v12 at brokers/)
  })
})
