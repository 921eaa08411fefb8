// Owns frames that cost as much as they can: messages of one long list of the smallest elements, lists in lists, small
// values of all kinds and tags that nobody knows. They are written from the declarations by themselves, without the
// writer and the codecs, and from a seed.

import type { AnyField, Fields, FieldSpec, Message } from '../../src/protocol/schema.ts'
import { includesVersion } from '../../src/protocol/schema.ts'
import type { Dice } from '../faults/seeded.ts'

/** What the elements of the long list are like. */
export interface Shape {
  readonly name: string
  /** How many elements lists inside of it have. */
  readonly innerCount: number
  /** Whether values are small ones of all kinds, or take no byte too many. */
  readonly isRich: boolean
  /** How many unknown tags each struct in it has, in flexible versions. */
  readonly tagCount: number
}

export const shapes: readonly Shape[] = [
  { name: 'smallest', innerCount: 0, isRich: false, tagCount: 0 },
  { name: 'nested', innerCount: 1, isRich: false, tagCount: 0 },
  { name: 'rich', innerCount: 2, isRich: true, tagCount: 0 },
  { name: 'tagged', innerCount: 1, isRich: false, tagCount: 1 },
  { name: 'much tagged', innerCount: 0, isRich: true, tagCount: 30 }
]

/** Where a list is: the names of the fields that lead to it. */
export type ListPath = readonly string[]

/** Elements are drawn until there are so many bytes of them, and then come again. */
const drawnBytes = 256 * 1024
const textLengths = [1, 2, 3, 7, 8, 9, 12, 13, 16, 17, 23, 24, 25, 32, 33, 40]
const unknownTagBase = 1_000
const fixedSizes = { bool: 1, int8: 1, int16: 2, int32: 4, int64: 8, uint16: 2, uint32: 4, float64: 8, uuid: 16 }

/** All lists that a version of a message has. */
export function listPaths(fields: Fields, version: number): ListPath[] {
  return Object.entries(fields).flatMap(([name, { spec }]): ListPath[] => {
    if (!includesVersion(spec.versions, version)) return []
    const own: ListPath[] = spec.kind === 'array' ? [[name]] : []
    return [...own, ...listPaths(innerFields(spec), version).map((path) => [name, ...path])]
  })
}

function innerFields(spec: FieldSpec): Fields {
  if (spec.kind === 'array') return innerFields(spec.element.spec)
  return spec.kind === 'struct' ? spec.fields : {}
}

/** A body of about `bytes` bytes, nearly all of them in the list at `path`. */
export function hostileBody(
  message: Message,
  version: number,
  path: ListPath,
  shape: Shape,
  bytes: number,
  dice: Dice
): Uint8Array {
  const frame = new HostileFrame(version, version >= message.flexible, shape, bytes, dice)
  return frame.body(message.fields, path)
}

/** A body with as many unknown tags as the bytes allow. */
export function taggedBody(message: Message, version: number, bytes: number, dice: Dice): Uint8Array {
  const tagCount = Math.floor(bytes / 5)
  const shape: Shape = { name: 'tags', innerCount: 0, isRich: false, tagCount }
  return new HostileFrame(version, true, shape, bytes, dice).body(message.fields, [])
}

class Bytes {
  #bytes = new Uint8Array(256)
  length = 0

  get all(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.length++] = value
  }

  number(value: number, width: number): void {
    for (let shift = (width - 1) * 8; shift >= 0; shift -= 8) this.byte(shift > 31 ? 0 : value >>> shift)
  }

  uvarint(value: number): void {
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.byte((rest & 0x7f) | 0x80)
    this.byte(rest)
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.length + bytes, this.#bytes.length * 2))
    larger.set(this.all)
    this.#bytes = larger
  }
}

/** The fields of a struct that the version has. */
type Present = readonly (readonly [name: string, field: AnyField])[]

class HostileFrame {
  readonly #version: number
  readonly #isFlexible: boolean
  readonly #shape: Shape
  readonly #bytes: number
  readonly #dice: Dice
  readonly #present = new Map<Fields, Present>()

  constructor(version: number, isFlexible: boolean, shape: Shape, bytes: number, dice: Dice) {
    this.#version = version
    this.#isFlexible = isFlexible
    this.#shape = shape
    this.#bytes = bytes
    this.#dice = dice
  }

  /** The path leads on where it is given; undefined inside of the long list. */
  body(fields: Fields, path: ListPath): Uint8Array {
    const out = new Bytes()
    this.#struct(out, fields, path)
    return out.all
  }

  #struct(out: Bytes, fields: Fields, path: ListPath | undefined): void {
    const present = this.#fieldsIn(fields)
    const next = (name: string): ListPath | undefined => (path === undefined ? undefined : pathBehind(path, name))
    for (const [name, field] of present) {
      if (field.spec.tag === undefined) this.#value(out, field, next(name))
    }
    if (!this.#isFlexible) return
    const tagged = present.filter(([name, { spec }]) => {
      return spec.tag !== undefined && (path === undefined ? this.#shape.isRich : path[0] === name)
    })
    const unknownCount = path === undefined || path.length === 0 ? this.#shape.tagCount : 0
    out.uvarint(tagged.length + unknownCount)
    for (const [name, field] of tagged.toSorted(([, left], [, right]) => tagOf(left) - tagOf(right))) {
      const inside = new Bytes()
      this.#value(inside, field, next(name))
      out.uvarint(tagOf(field))
      out.uvarint(inside.length)
      out.append(inside.all)
    }
    for (let i = 0; i < unknownCount; i++) {
      out.uvarint(unknownTagBase + i)
      out.uvarint(i & 1)
      if (i & 1) out.byte(i & 0xff)
    }
  }

  #fieldsIn(fields: Fields): Present {
    let present = this.#present.get(fields)
    if (present === undefined) {
      present = Object.entries(fields).filter(([, { spec }]) => includesVersion(spec.versions, this.#version))
      this.#present.set(fields, present)
    }
    return present
  }

  #value(out: Bytes, { spec }: AnyField, path: ListPath | undefined): void {
    switch (spec.kind) {
      case 'array':
        return this.#list(out, spec.element, path)
      case 'struct':
        if (includesVersion(spec.nullableVersions, this.#version)) out.byte(1)
        return this.#struct(out, spec.fields, path)
      case 'string':
        return this.#text(out, spec, path === undefined && this.#shape.isRich ? this.#dice.pick(textLengths) : 0)
      case 'bytes':
      case 'records': {
        const length = path === undefined && this.#shape.isRich ? 1 : 0
        this.#length(out, length, 4)
        return out.append(new Uint8Array(length))
      }
      default:
        for (let width = fixedSizes[spec.kind]; width > 0; width--) {
          out.byte(this.#shape.isRich ? this.#dice.between(0, 255) : 0)
        }
    }
  }

  #list(out: Bytes, element: AnyField, path: ListPath | undefined): void {
    if (path === undefined) return this.#shortList(out, element, this.#shape.innerCount, path)
    if (path === nowhere) return this.#shortList(out, element, 0, path)
    if (path.length > 0) return this.#shortList(out, element, 1, path)
    const drawn = new Bytes()
    let count = 0
    for (; drawn.length < Math.min(drawnBytes, this.#bytes); count++) this.#value(drawn, element, undefined)
    const times = Math.max(1, Math.round(this.#bytes / drawn.length))
    this.#length(out, count * times, 4)
    for (let i = 0; i < times; i++) out.append(drawn.all)
  }

  #shortList(out: Bytes, element: AnyField, count: number, path: ListPath | undefined): void {
    this.#length(out, count, 4)
    for (let i = 0; i < count; i++) this.#value(out, element, path)
  }

  /** Letters, and now and then a byte that is none, which makes all of a text twice as wide. */
  #text(out: Bytes, spec: FieldSpec, length: number): void {
    if (spec.classic) out.number(length, 2)
    else this.#length(out, length, 2)
    for (let i = 0; i < length; i++) out.byte(this.#dice.between(97, 122))
    if (length > 0 && this.#dice.next() < 0.1) out.all[out.length - 1] = 0xff
  }

  #length(out: Bytes, length: number, width: number): void {
    if (this.#isFlexible) out.uvarint(length + 1)
    else out.number(length, width)
  }
}

/** The path of what is beside it. */
const nowhere: ListPath = ['']

function pathBehind(path: ListPath, name: string): ListPath {
  return path[0] === name ? path.slice(1) : nowhere
}

function tagOf({ spec }: AnyField): number {
  return spec.tag ?? 0
}
