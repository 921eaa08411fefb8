// A value is written as the version allows or refused by name; what is read has one shape in every version.

import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { apis, compile, ProtocolError, Reader, unknownTags, Writer, zeroUuid } from 'kafka-once/protocol'
import type { Codec, Message, UnknownTag } from 'kafka-once/protocol'
import { defaultOf } from '../../src/protocol/defaults.ts'
import {
  array,
  bytes,
  int32,
  int64,
  message,
  records,
  string,
  struct,
  uuid,
  type Fields,
  type FieldSpec
} from '../../src/protocol/schema.ts'
import { fromHex, toHex } from './record_vectors.ts'

function encoded<D, E>(codec: Codec<D, E>, value: E): string {
  const writer = new Writer()
  codec.encode(writer, value)
  return toHex(writer.finishWhole())
}

/** Hexadecimal digits without the spaces that part the fields. */
function hex(spaced: string): string {
  return spaced.replaceAll(' ', '')
}

function decoded<D, E>(codec: Codec<D, E>, bytesText: string): D {
  const reader = new Reader(fromHex(hex(bytesText)))
  const value = codec.decode(reader)
  reader.expectEnd()
  return value
}

function refusal(action: () => unknown): Partial<ProtocolError> {
  try {
    action()
  } catch (error) {
    if (error instanceof ProtocolError) {
      const { code, field, offset, message: text } = error
      return { code, field, offset, message: text }
    }
    throw error
  }
  throw new Error('Nothing was refused')
}

const Sample = message('Sample', {
  versions: [0, 3],
  flexible: 2,
  fields: {
    name: string.nullable(1),
    added: int32.from(1).orElse(7),
    hint: string.from(1).nullable().orElse(null).ignorable(),
    removed: int32.until(1),
    parts: array(struct({ id: int64, label: string.from(3), leader: uuid.from(1) })).nullable(1, 2),
    late: struct({ epoch: int32.orElse(-1), names: array(string) })
      .from(2)
      .tagged(3),
    early: int32.from(2).orElse(-1).tagged(0),
    data: bytes.from(1).nullable().orElse(null)
  }
})

const minimal = { name: 'n', parts: [] }

function tag(number: number): UnknownTag {
  return { tag: number, bytes: Uint8Array.of(1) }
}

describe('encoding', () => {
  test('refuses a value that the version cannot carry, and names field and version', () => {
    const value = { ...minimal, added: 8 }
    expect(refusal(() => encoded(compile(Sample, 0), value))).toEqual({
      code: 'UNSUPPORTED_FIELD',
      field: 'added',
      offset: undefined,
      message: expect.stringMatching(/Sample v0 at added: .*versions from 1 on.*version 0/)
    })
    const late = { ...minimal, parts: [{ id: 1n }, { id: 2n, label: 'x' }] }
    expect(refusal(() => encoded(compile(Sample, 2), late))).toMatchObject({
      code: 'UNSUPPORTED_FIELD',
      field: 'parts[1].label'
    })
    const removed = { ...minimal, removed: 1 }
    expect(refusal(() => encoded(compile(Sample, 2), removed))).toMatchObject({ field: 'removed' })
  })

  test('refuses null in a version that does not allow it', () => {
    expect(refusal(() => encoded(compile(Sample, 0), { ...minimal, name: null }))).toMatchObject({
      code: 'UNSUPPORTED_FIELD',
      field: 'name'
    })
    expect(refusal(() => encoded(compile(Sample, 3), { ...minimal, parts: null }))).toMatchObject({ field: 'parts' })
    expect(encoded(compile(Sample, 1), { ...minimal, parts: null, removed: 0 })).toContain('ffffffff')
  })

  test('drops what is ignorable, is the default or is left out', () => {
    const codec = compile(Sample, 0)
    const plain = encoded(codec, minimal)
    expect(plain).toBe(hex('00016e 00000000 00000000'))
    const late = { epoch: -1, names: [] }
    const full = { ...minimal, hint: 'dropped', added: 7, removed: 0, late, early: -1, data: null }
    expect(encoded(codec, full)).toBe(plain)
    expect(encoded(codec, { ...full, added: undefined, late: { names: [] } })).toBe(plain)
    const leader = { ...minimal, parts: [{ id: 1n, leader: zeroUuid, label: '' }] }
    expect(encoded(codec, leader)).toBe(hex('00016e 00000000 00000001 0000000000000001'))
  })

  test('writes defaults where the version has the field', () => {
    expect(encoded(compile(Sample, 1), minimal)).toBe(hex('00016e 00000007 ffff 00000000 00000000 ffffffff'))
  })

  test('writes tagged fields in ascending order, and only those that differ from their default', () => {
    const codec = compile(Sample, 2)
    const untagged = hex('026e 00000007 00 01 00')
    expect(encoded(codec, minimal)).toBe(`${untagged}00`)
    expect(encoded(codec, { ...minimal, late: { names: ['a'] }, early: 5 })).toBe(
      untagged + hex('02 0004 00000005 0308 ffffffff 020261 00')
    )
  })

  test('sizes a tagged field of more than 127 bytes', () => {
    const codec = compile(Sample, 2)
    const long = { ...minimal, late: { epoch: 1, names: ['x'.repeat(300)] } }
    const written = encoded(codec, long)
    expect(written).toContain(hex('03 b402 00000001 02ad02'))
    expect(decoded(codec, written).late).toEqual(long.late)
  })

  test.each([
    ['a missing field', {}, 'name'],
    ['a number for a text', { name: 1, parts: [] }, 'name'],
    ['a number for a bigint', { name: '', parts: [{ id: 1 }] }, 'parts[0].id'],
    ['a bigint beyond 64 bits', { name: '', parts: [{ id: 2n ** 63n }] }, 'parts[0].id'],
    ['a number beyond 32 bits', { name: '', parts: [], added: 2 ** 31 }, 'added'],
    ['a fraction', { name: '', parts: [], added: 1.5 }, 'added'],
    ['a number that is none', { name: '', parts: [], added: Number.NaN }, 'added'],
    ['a struct for a list', { name: '', parts: {} }, 'parts'],
    ['a hole in a list', { name: '', parts: [undefined] }, 'parts[0]'],
    ['a text for bytes', { name: '', parts: [], data: 'x' }, 'data'],
    ['a uuid in another spelling', { name: '', parts: [{ id: 1n, leader: 'a'.repeat(36) }] }, 'parts[0].leader'],
    ['a uuid with stray bits', { name: '', parts: [{ id: 1n, leader: 'a'.repeat(21) + 'B' }] }, 'parts[0].leader'],
    [
      'a uuid with other characters',
      { name: '', parts: [{ id: 1n, leader: `${'a'.repeat(20)}+A` }] },
      'parts[0].leader'
    ],
    ['a text beyond the limit', { name: 'x'.repeat(32_768), parts: [] }, 'name']
  ])('refuses %s', (_what, value, field) => {
    const codec: Codec<unknown, Readonly<Record<string, unknown>>> = compile<Message>(Sample, 1)
    expect(refusal(() => encoded(codec, value))).toMatchObject({ code: 'INVALID_VALUE', field })
  })

  test('takes record batches in one piece or in several, and copies no long ones', () => {
    const Batches = message('Batches', { versions: [0, 1], flexible: 1, fields: { records: records.nullable() } })
    const long = new Uint8Array(5_000).fill(1)
    const short = new Uint8Array([2, 3])
    for (const [version, prefix] of [
      [0, '0000138a'],
      [1, '8b27']
    ] as const) {
      const codec = compile(Batches, version)
      const writer = new Writer()
      codec.encode(writer, { records: [long, short] })
      const pieces = writer.finish()
      expect(pieces[1]).toBe(long)
      expect(toHex(pieces[0] ?? short)).toBe(prefix)
      expect(toHex(pieces[2] ?? long)).toBe(version === 0 ? '0203' : '020300')
      expect(encoded(codec, { records: [short] })).toBe(encoded(codec, { records: short }))
      expect(decoded(codec, encoded(codec, { records: null })).records).toBeNull()
    }
  })

  test('refuses a version that is not declared', () => {
    expect(refusal(() => compile(Sample, 4))).toMatchObject({ code: 'UNSUPPORTED_VERSION' })
    expect(refusal(() => compile(Sample, -1))).toMatchObject({ code: 'UNSUPPORTED_VERSION' })
    expect(refusal(() => compile(Sample, 1.5))).toMatchObject({ code: 'UNSUPPORTED_VERSION' })
  })
})

describe('decoding', () => {
  test('gives the default where the version lacks a field', () => {
    expect(decoded(compile(Sample, 0), '00016e 00000000 00000001 0000000000000001')).toEqual({
      name: 'n',
      added: 7,
      hint: null,
      removed: 0,
      parts: [{ id: 1n, label: '', leader: zeroUuid }],
      late: { epoch: -1, names: [] },
      early: -1,
      data: null
    })
  })

  test('gives one shape in all versions of every message', () => {
    setFlagsFromString('--allow-natives-syntax')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the syntax of the engine's own test functions
    const sameShape = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: object, b: object | undefined) => boolean
    for (const declared of Object.values(apis).flatMap((api): Message[] => [api.request, api.response])) {
      const [first, last] = declared.versions
      const values = Array.from({ length: last - first + 1 }, (_, index) => sampleValue(declared, first + index))
      for (const value of values) {
        expect(Object.keys(value)).toEqual(Object.keys(declared.fields))
        expect([declared.name, sameShape(value, values[0])]).toEqual([declared.name, true])
      }
    }
  })

  test('shares nothing between two values that could be written into', () => {
    const codec = compile(Sample, 2)
    const [one, other] = [decoded(codec, '026e 000000070001 0000'), decoded(codec, '026e 000000070001 0000')]
    expect(sharedObjects(one, other).length).toBeGreaterThan(0)
    for (const declared of Object.values(apis).flatMap((api): Message[] => [api.request, api.response])) {
      const [first, last] = declared.versions
      for (let version = first; version <= last; version++) {
        const shared = sharedObjects(sampleValue(declared, version), sampleValue(declared, version))
        expect(shared.filter((value) => !Object.isFrozen(value))).toEqual([])
      }
    }
  })

  test('skips tagged fields that it does not know, or keeps them to be written again', () => {
    const given = hex('026e 00000007 00 01 00 03 000400000005 0702aabb a08d0601cc')
    const skipped = decoded(compile(Sample, 2), given)
    expect(skipped).toEqual({ ...decoded(compile(Sample, 2), '026e 000000070001 0000'), early: 5 })
    expect(Object.getOwnPropertySymbols(skipped)).toEqual([])
    const keeping = compile(Sample, 2, { unknownTags: 'keep' })
    const kept = decoded(keeping, given)
    expect(Object.entries(kept)).toEqual(Object.entries(skipped))
    expect(Object.getOwnPropertySymbols(kept)).toEqual([unknownTags])
    expect(encoded(keeping, kept)).toBe(given)
    expect(encoded(compile(Sample, 2), kept)).toBe(encoded(compile(Sample, 2), skipped))
  })

  test.each([
    ['a tag twice', [tag(7), tag(7)], /Tag 7 is there twice/],
    ['the tag of a declared field', [tag(3)], /Tag 3 is declared/],
    ['a negative tag', [tag(-1)], /A uint32 is needed/],
    ['a tag without bytes', [{ tag: 7 }], /An unknown tag with its bytes is needed/],
    ['a tag with text for bytes', [{ tag: 7, bytes: 'ab' }], /An unknown tag with its bytes is needed/],
    ['what is no list', 7, /A list of unknown tags is needed/]
  ])('refuses unknown tagged fields that no reader would take: %s', (_what, tags, message) => {
    const keeping: Codec<unknown, Readonly<Record<string | symbol, unknown>>> = compile<Message>(Sample, 2, {
      unknownTags: 'keep'
    })
    const found = refusal(() => encoded(keeping, { ...minimal, [unknownTags]: tags }))
    expect(found).toMatchObject({ code: 'INVALID_VALUE', message: expect.stringMatching(message) })
  })

  test('passes on as many unknown tagged fields as a frame has', () => {
    const keeping = compile(Sample, 2, { unknownTags: 'keep' })
    const many = Array.from({ length: 200_000 }, (_, i) => tag(i + 10))
    const value = { ...minimal, [unknownTags]: many }
    const given = encoded(keeping, value)
    expect(encoded(keeping, decoded(keeping, given))).toBe(given)
  })

  const flexible = '026e 00000007 00 01 00'

  test.each([
    ['a negative count', 1, '00016e 00000007 ffff 00000000 fffffffe', 'MALFORMED', 'parts'],
    ['a count beyond the bytes left', 1, '00016e 00000007 ffff 00000000 7fffffff', 'TRUNCATED', 'parts'],
    ['a compact count beyond the bytes left', 2, '026e 00000007 00 ffffffff0f', 'TRUNCATED', 'parts'],
    ['a negative length', 0, 'fffe', 'MALFORMED', 'name'],
    ['null where the version does not allow it', 0, 'ffff', 'MALFORMED', 'name'],
    ['a length beyond the bytes left', 0, '7fff', 'TRUNCATED', 'name'],
    ['a text beyond the limit of Kafka', 2, 'ffffffff07', 'TRUNCATED', 'name'],
    ['a varint of more than five bytes', 2, 'ffffffffff01', 'MALFORMED', 'name'],
    ['a varint of more than 32 bits', 2, '8080808010', 'MALFORMED', 'name'],
    ['tags out of order', 2, `${flexible} 02 0308 ffffffff 020261 00 0004 00000005`, 'MALFORMED', undefined],
    ['a tag twice', 2, `${flexible}02000400000005000400000005`, 'MALFORMED', undefined],
    ['a tagged field that is shorter than announced', 2, `${flexible}0100050000000500`, 'MALFORMED', 'early'],
    ['a tagged field that is longer than announced', 2, `${flexible}01000300000005`, 'MALFORMED', 'early'],
    ['an unknown tagged field beyond the bytes left', 2, `${flexible}010705aabb`, 'TRUNCATED', undefined],
    ['more tagged fields than there are bytes', 2, `${flexible}ffffffff0f`, 'TRUNCATED', undefined],
    ['a struct that ends early', 1, '00016e 00000007 ffff 0000', 'TRUNCATED', 'removed']
  ] as const)('refuses %s', (_what, version, given, code, field) => {
    const found = refusal(() => decoded(compile(Sample, version), given))
    expect(found).toMatchObject({ code, field })
    expect(found.offset).toBeLessThanOrEqual(hex(given).length / 2)
    expect(found.message).toContain(`Sample v${version}`)
  })

  test('tells the path and the position of what it refuses', () => {
    const given = hex('00016e 00000000 00000002 0000000000000001 00000000')
    expect(refusal(() => decoded(compile(Sample, 0), given))).toEqual({
      code: 'TRUNCATED',
      field: 'parts',
      offset: 7,
      message: 'Sample v0 at parts: 2 elements of at least 8 bytes are announced and 12 bytes are left'
    })
    const short = `00016e 00000007 ffff 00000000 00000001 0000000000000001 ${'aa'.repeat(15)}`
    expect(refusal(() => decoded(compile(Sample, 1), short))).toMatchObject({ field: 'parts', offset: 13 })
  })

  test('reads a struct that may be null', () => {
    const Nullable = message('Nullable', {
      versions: [0, 0],
      flexible: 0,
      fields: { cursor: struct({ id: int32 }).nullable().orElse(null) }
    })
    const codec = compile(Nullable, 0)
    expect(decoded(codec, 'ff00')).toEqual({ cursor: null })
    expect(decoded(codec, '01 00000009 0000')).toEqual({ cursor: { id: 9 } })
    expect(refusal(() => decoded(codec, '02 00000009 0000'))).toMatchObject({
      code: 'MALFORMED',
      field: 'cursor'
    })
  })

  test('reads text that is not UTF-8 as Java does, and keeps a byte order mark', () => {
    expect(decoded(compile(Sample, 0), '0003 efbbbf 0000000000000000').name).toBe('\ufeff')
    expect(decoded(compile(Sample, 0), '0002 61ff 0000000000000000').name).toBe('a\ufffd')
  })
})

/** Objects that are part of both values, in the same place. */
function sharedObjects(one: unknown, other: unknown): object[] {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return []
  const inside = one instanceof Uint8Array ? [] : Object.keys(one)
  const found = inside.flatMap((key) => sharedObjects(Reflect.get(one, key), Reflect.get(other, key)))
  return one === other ? [one, ...found] : found
}

/** What is decoded from a value with one element in each list that the version has. */
function sampleValue(declared: Message, version: number): object {
  const codec = compile(declared, version)
  const writer = new Writer()
  codec.encode(writer, sampleFields(declared.fields, version))
  return codec.decode(new Reader(writer.finishWhole()))
}

function sampleFields(fields: Fields, version: number): Record<string, unknown> {
  const present = Object.entries(fields).filter(
    ([, { spec }]) => version >= spec.versions.from && version <= spec.versions.until
  )
  return Object.fromEntries(present.map(([name, { spec }]) => [name, sampleField(spec, version)]))
}

function sampleField(spec: FieldSpec, version: number): unknown {
  if (spec.kind === 'array') return [sampleField(spec.element.spec, version)]
  if (spec.kind === 'struct') return sampleFields(spec.fields, version)
  return spec.defaultValue ?? defaultOf({ ...spec, defaultValue: undefined })
}
