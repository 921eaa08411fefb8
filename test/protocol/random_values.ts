// Owns random values of declared messages that one version can carry, by a seed: extremes of numbers, lengths around the
// borders of compact lengths, nulls, fields that are left out, and, where it is asked for, lists with as many elements
// as such a border and tagged fields that nobody knows.
import { unknownTags, type UnknownTag } from '../../src/protocol/codec_closure.ts'
import type { Dice } from '../faults/seeded.ts'
import type { AnyField, Fields, FieldSpec, Message } from '../../src/protocol/schema.ts'
import { includesVersion, isOptional } from '../../src/protocol/schema.ts'

const borderLengths = [0, 1, 2, 63, 64, 126, 127, 128, 129, 255, 256, 257]
/** Only now and then, and only for what is short itself. */
const longShare = 0.02
const depthMax = 3
const borderCounts = [126, 127, 128, 129, 255, 256, 257]
const borderTextLengths = [126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385]

export interface RandomValueOptions {
  /** How many elements the long lists of one message in five have in all. Without them only lists of plain values are long. */
  readonly longElementsMax?: number
  /** Share of the structs of flexible versions that have unknown tags. */
  readonly unknownTagsShare?: number
}

export class RandomValues {
  readonly #dice: Dice
  readonly #options: RandomValueOptions
  #longElementsLeft = 0
  #hasTags = false

  constructor(dice: Dice, options: RandomValueOptions = {}) {
    this.#dice = dice
    this.#options = options
  }

  int(limit: number): number {
    return Math.floor(this.#dice.next() * limit)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)]!
  }

  chance(share: number): boolean {
    return this.#dice.next() < share
  }

  /** A value that the version can carry, with ignorable fields of other versions given now and then. */
  message(message: Message, version: number): Record<string, unknown> {
    this.#longElementsLeft = this.chance(0.2) ? (this.#options.longElementsMax ?? 0) : 0
    this.#hasTags = version >= message.flexible && this.chance(this.#options.unknownTagsShare ?? 0)
    return this.#struct(message.fields, version, 0)
  }

  #struct(fields: Fields, version: number, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> & { [unknownTags]?: UnknownTag[] } = {}
    for (const [name, field] of Object.entries(fields)) {
      const { spec } = field
      const isCarried = includesVersion(spec.versions, version)
      if (isOptional(spec) && this.chance(isCarried ? 0.2 : 0.9)) continue
      if (isCarried || spec.ignorable) value[name] = this.#value(field, version, depth)
    }
    if (this.#hasTags && this.chance(0.7)) value[unknownTags] = this.#tags(fields)
    return value
  }

  /** Tags of no version (Java refuses those of others), in order, some of them below and between those that are known. */
  #tags(fields: Fields): UnknownTag[] {
    const known = Object.values(fields).map(({ spec }) => spec.tag)
    const small = [0, 1, 2, 3, 4, 5].filter((tag) => !known.includes(tag) && this.chance(0.3))
    const large = [127, 128, 16_384, 0x7ffffffe].filter(() => this.chance(0.4))
    return [...small, ...large].map((tag) => ({ tag, bytes: this.#bytes() }))
  }

  #value({ spec }: AnyField, version: number, depth: number): unknown {
    if (includesVersion(spec.nullableVersions, version) && this.chance(0.2)) return null
    if (spec.kind === 'struct') return this.#struct(spec.fields, version, depth + 1)
    if (spec.kind !== 'array') return this.#primitive(spec)
    const isShort = spec.element.spec.kind !== 'array' && spec.element.spec.kind !== 'struct'
    const many = this.pick(borderCounts)
    if (many <= this.#longElementsLeft && this.chance(0.4)) {
      this.#longElementsLeft -= many
      return Array.from({ length: many }, () => this.#value(spec.element, version, depthMax))
    }
    const isLong = isShort && this.chance(longShare)
    const length = isLong ? this.pick(borderLengths) : this.int(depth < depthMax ? 4 : 2)
    return Array.from({ length }, () => this.#value(spec.element, version, depth + 1))
  }

  #primitive(spec: FieldSpec): unknown {
    switch (spec.kind) {
      case 'bool':
        return this.chance(0.5)
      case 'int8':
        return this.#integer(-0x80, 0x7f)
      case 'int16':
        return this.#integer(-0x8000, 0x7fff)
      case 'int32':
        return this.#integer(-0x80000000, 0x7fffffff)
      case 'uint16':
        return this.#integer(0, 0xffff)
      case 'uint32':
        return this.#integer(0, 0xffffffff)
      case 'int64':
        return this.#bigint()
      case 'float64':
        return this.pick([0, -0, 1.5, -1e308, Number.MIN_VALUE, Infinity, -Infinity, NaN, this.#dice.next()])
      case 'string':
        return this.#text()
      case 'bytes':
      case 'records':
        return this.#bytes()
      case 'uuid':
        return Buffer.from(this.#filled(16)).toString('base64url')
      default:
        throw new Error(`No values of the type ${spec.kind}`)
    }
  }

  #integer(least: number, most: number): number {
    if (this.chance(0.4)) return this.pick([least, most, 0, 1, least + 1, most - 1])
    return least + this.int(most - least + 1)
  }

  #bigint(): bigint {
    if (this.chance(0.4)) return this.pick([-(2n ** 63n), 2n ** 63n - 1n, 0n, 1n, -1n, 2n ** 53n])
    return BigInt.asIntN(64, (BigInt(this.int(2 ** 32)) << 32n) | BigInt(this.int(2 ** 32)))
  }

  #text(): string {
    const isLong = this.chance(longShare)
    const length = isLong ? this.pick(this.chance(0.5) ? borderLengths : borderTextLengths) : this.int(12)
    const letters = isLong || this.chance(0.8) ? 'abcdefghijklmnop.-_0123' : 'aäßñ漢字🙂é'
    const units = Array.from(letters)
    return Array.from({ length }, () => this.pick(units)).join('')
  }

  #bytes(): Uint8Array {
    return this.#filled(this.chance(longShare) ? this.pick([...borderLengths, 5_000]) : this.int(20))
  }

  #filled(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256))
  }
}
