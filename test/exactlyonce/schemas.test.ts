// Elements and records turn into each other without a change, and what cannot be read is said to be so.
import { describe, expect, it } from 'vitest'
import type { ConsumedBatch } from '../../src/client/index.ts'
import { JobError } from '../../src/exactlyonce/errors.ts'
import { badRecordOf, JsonSchema, RawBytesSchema, SimpleStringSchema } from '../../src/exactlyonce/schemas.ts'
import type { OnBadRecord } from '../../src/exactlyonce/schemas.ts'
import type { SubtaskEvent } from '../../src/exactlyonce/functions.ts'
import { silentLogger } from '../../src/client/logger.ts'
import { RecordEmitter } from '../../src/exactlyonce/source/record_emitter.ts'

/** Records of one partition from offset 10 on. */
function batchOf(...values: (Uint8Array | string | null)[]): ConsumedBatch {
  const bytes = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value))
  const batch = {
    topic: 'in',
    partition: 3,
    count: bytes.length,
    valueAt: (i: number) => bytes[i] ?? null,
    keyAt: (i: number) => Buffer.from(`key ${i}`),
    headersAt: () => [['name', Uint8Array.of(1)]],
    offsetAt: (i: number) => 10n + BigInt(i),
    timestampAt: () => 1_700_000_000_000
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what schemas use of a batch
  return batch as unknown as ConsumedBatch
}

const notUtf8 = Uint8Array.of(0x61, 0xc3, 0x28)

function emit(onBadRecord: OnBadRecord<string>, ...values: (Uint8Array | string | null)[]) {
  const events: SubtaskEvent[] = []
  const context = { logger: silentLogger, report: (event: SubtaskEvent) => void events.push(event) }
  const elements: string[] = []
  const emitter = new RecordEmitter(new SimpleStringSchema(), onBadRecord, context)
  emitter.emit(batchOf(...values), values.length, elements)
  return { elements, events }
}

describe('SimpleStringSchema', () => {
  const schema = new SimpleStringSchema()

  it('gives back every text that it was given', () => {
    for (const text of ['', 'plain', 'Ümläut', '日本語 💡', '\uFEFFmark', 'a\uFFFDb', '\u0000', 'x'.repeat(100_000)]) {
      expect(schema.deserialize(batchOf(schema.serialize(text)), 0)).toBe(text)
    }
  })

  it('reads a view in the middle of other bytes', () => {
    const bytes = Buffer.from('xxhelloyy').subarray(2, 7)
    expect(schema.deserialize(batchOf(bytes), 0)).toBe('hello')
  })

  it('alters nothing that is not text: it refuses it', () => {
    expect(() => schema.deserialize(batchOf(notUtf8), 0)).toThrow('The value is not UTF-8')
    expect(() => schema.deserialize(batchOf(null), 0)).toThrow(/no value/)
  })

  it.each([[5], [undefined], [{}]])('writes nothing that is not text, such as %j', (wrong) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program without types may call it
    expect(() => schema.serialize(wrong as never)).toThrow(/writes strings, not/)
  })
})

describe('JsonSchema', () => {
  const schema = new JsonSchema<unknown>()

  it('gives back every value that JSON can hold', () => {
    for (const value of [null, true, 0, -1.5, 'text 💡', [], {}, { a: [1, { b: 'c' }] }]) {
      expect(schema.deserialize(batchOf(schema.serialize(value)), 0)).toEqual(value)
    }
  })

  it('refuses what is not JSON, in both directions', () => {
    for (const bad of ['{', '', notUtf8, null]) expect(() => schema.deserialize(batchOf(bad), 0)).toThrow(Error)
    expect(() => schema.serialize(undefined)).toThrow('A undefined has no JSON form')
    expect(() => schema.serialize(1n)).toThrow(TypeError)
  })
})

describe('RawBytesSchema', () => {
  it('passes bytes and tombstones through as they are', () => {
    const schema = new RawBytesSchema()
    const batch = batchOf(notUtf8, null, '')
    expect([0, 1, 2].map((i) => schema.deserialize(batch, i))).toEqual([notUtf8, null, Buffer.alloc(0)])
    expect(schema.serialize(notUtf8)).toBe(notUtf8)
    expect(schema.serialize(null)).toBeNull()
  })
})

describe('a bad record', () => {
  it('keeps copies of its bytes, and where it was', () => {
    const batch = batchOf('a', notUtf8)
    const bad = badRecordOf(batch, 1, 'odd')
    expect(bad).toMatchObject({ topic: 'in', partition: 3, offset: 11n, timestamp: 1_700_000_000_000 })
    expect(bad.error).toEqual(new Error('odd'))
    expect(bad.value).toEqual(notUtf8)
    expect(bad.value).not.toBe(notUtf8)
    expect(bad.headers).toEqual([['name', Uint8Array.of(1)]])
  })

  it('fails the job for good, with its place', () => {
    expect(() => emit('fail', 'a', notUtf8)).toThrow(JobError)
    expect(() => emit('fail', 'a', notUtf8)).toThrow(/in-3@11/)
  })

  it('is left out and reported, and the records around it are not', () => {
    const { elements, events } = emit('skip', notUtf8, 'a', notUtf8, notUtf8, 'b', notUtf8)
    expect(elements).toEqual(['a', 'b'])
    expect(events.map(({ offset }) => offset)).toEqual([10n, 12n, 13n, 15n])
  })

  it('becomes what the function makes of it, in its place', () => {
    const { elements } = emit(({ offset }) => (offset === 12n ? undefined : `bad ${offset}`), 'a', notUtf8, null, 'b')
    expect(elements).toEqual(['a', 'bad 11', 'b'])
  })

  it('is not what a schema leaves out on purpose', () => {
    const elements: string[] = []
    const schema = { deserialize: (_: ConsumedBatch, i: number) => (i % 2 === 0 ? undefined : `record ${i}`) }
    new RecordEmitter(schema, 'fail', { logger: silentLogger, report: () => undefined }).emit(
      batchOf('', '', ''),
      3,
      elements
    )
    expect(elements).toEqual(['record 1'])
  })
})
