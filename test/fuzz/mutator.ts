// Owns the ways in which a sound input is spoiled: cut, flipped, repeated, mixed with another, and above all with wrong
// numbers where lengths, counts, sizes and tags stand. Every choice comes from the dice, so that an input can be made
// again.

import type { Dice } from '../faults/seeded.ts'
import type { Mark, Seed } from './seed.ts'

/** No input becomes longer. */
export const inputBytesMax = 32 * 1024

const extremes = [
  0, 1, 2, 3, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0xfe, 0xff, 0x100, 0x3fff, 0x4000, 0x7ffe, 0x7fff, 0x8000, 0xffff, 0x10000,
  0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, -1, -2, -3, -0x80, -0x8000, -0x80000000
]

const wideExtremes = [0n, -1n, 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 31n]

/** Varints that no sound writer makes: too long, without an end, with more bits than fit, longer than needed. */
const oddVarints = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
  [0x80, 0x00],
  [0x81, 0x80, 0x80, 0x80, 0x00],
  [0x80]
]

export class Mutator {
  readonly #dice: Dice

  constructor(dice: Dice) {
    this.#dice = dice
  }

  /** Bytes made from a seed; `other` is one of the same kind. */
  mutate(seed: Seed, other: Seed): Uint8Array {
    let bytes = seed.bytes
    if (this.#chance(0.03)) return bytes.slice(0, inputBytesMax)
    if (seed.marks.length > 0 && this.#chance(0.8)) bytes = this.#wrongNumbers(bytes, seed.marks)
    const times = bytes === seed.bytes ? this.#dice.between(1, 3) : this.#dice.between(0, 2)
    for (let i = 0; i < times; i++) bytes = this.#spoil(bytes, other.bytes)
    return bytes.length > inputBytesMax ? bytes.subarray(0, inputBytesMax) : bytes
  }

  /** From the back, so that the places of the others stay right. */
  #wrongNumbers(bytes: Uint8Array, marks: readonly Mark[]): Uint8Array {
    const count = this.#chance(0.7) ? 1 : 2
    const chosen = Array.from({ length: count }, () => this.#dice.pick(marks))
    let result = bytes
    for (const mark of chosen.toSorted((left, right) => right.at - left.at)) {
      if (mark.at + mark.width <= result.length) result = this.#wrongNumber(result, mark)
    }
    return result
  }

  #wrongNumber(bytes: Uint8Array, { at, width, kind }: Mark): Uint8Array {
    if (kind === 'fixed') return splice(bytes, at, width, this.#fixedNumber(width, bytes.length - at - width))
    if (this.#chance(0.03)) return splice(bytes, at, bytes.length - at, this.#manyTags())
    if (this.#chance(0.15)) return splice(bytes, at, width, Uint8Array.from(this.#dice.pick(oddVarints)))
    const value = this.#number(bytes.length - at - width)
    return splice(bytes, at, width, kind === 'zigzag' ? uvarint((value << 1) ^ (value >> 31)) : uvarint(value))
  }

  #fixedNumber(width: number, left: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(8))
    if (width === 8 && this.#chance(0.8)) view.setBigInt64(0, this.#dice.pick(wideExtremes))
    else view.setInt32(4, this.#number(left))
    return new Uint8Array(view.buffer, 8 - width)
  }

  /** An extreme, something near the number of bytes that are left, or any. */
  #number(left: number): number {
    if (this.#chance(0.7)) return this.#dice.pick(extremes)
    return this.#chance(0.6) ? left + this.#dice.between(-3, 3) : this.#dice.between(0, 0xffffffff)
  }

  /** A section of tagged fields with more tags than anybody needs, ascending or not. */
  #manyTags(): Uint8Array {
    const count = this.#dice.pick([10, 200, 3_000])
    const claimed = this.#chance(0.5) ? count : this.#dice.pick([0xffffffff, 0x7fffffff, count + 1])
    const first = this.#dice.pick([0, 0, 1, 100, 0x0ffff000])
    return manyTags(count, claimed, first, this.#chance(0.8) ? 1 : 0)
  }

  #spoil(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const at = this.#dice.between(0, Math.max(bytes.length - 1, 0))
    const length = this.#dice.between(0, Math.min(bytes.length - at, this.#chance(0.5) ? 8 : 4_096))
    switch (this.#dice.between(0, 7)) {
      case 0:
        return bytes.subarray(0, this.#dice.between(0, bytes.length))
      case 1:
        return this.#flipped(bytes)
      case 2:
        return splice(
          bytes,
          at,
          Math.min(bytes.length - at, 1),
          Uint8Array.of(this.#dice.pick([0, 1, 0x7f, 0x80, 0xff]))
        )
      case 3:
        return splice(bytes, at, length, new Uint8Array(0))
      case 4:
        return splice(bytes, at, 0, this.#random())
      case 5: {
        const from = this.#dice.between(0, other.length)
        return splice(bytes, at, this.#chance(0.5) ? length : bytes.length - at, other.subarray(from, from + 4_096))
      }
      case 6:
        return splice(bytes, at, 0, bytes.subarray(at, at + length))
      default:
        return this.#repeated(bytes, at, Math.max(length, 1))
    }
  }

  #flipped(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes
    const copy = bytes.slice()
    for (let times = this.#dice.between(1, 4); times > 0; times--) {
      copy[this.#dice.between(0, copy.length - 1)]! ^= 1 << this.#dice.between(0, 7)
    }
    return copy
  }

  #random(): Uint8Array {
    return Uint8Array.from({ length: this.#dice.between(1, 16) }, () => this.#dice.between(0, 255))
  }

  /** One part over and over, a few times or as often as fits. */
  #repeated(bytes: Uint8Array, at: number, length: number): Uint8Array {
    const part = bytes.subarray(at, at + length)
    if (part.length === 0) return bytes
    const room = this.#chance(0.1) ? inputBytesMax : 2_048
    const most = Math.max(0, Math.floor((room - bytes.length) / part.length))
    const times = this.#chance(0.1) ? most : Math.min(most, this.#dice.between(1, 40))
    const repeats = new Uint8Array(part.length * times)
    for (let i = 0; i < times; i++) repeats.set(part, i * part.length)
    return splice(bytes, at, 0, repeats)
  }

  #chance(share: number): boolean {
    return this.#dice.next() < share
  }
}

/** A section of tagged fields without contents, which claims to have `claimed` of them. */
export function manyTags(count: number, claimed: number, first: number, step: number): Uint8Array {
  const result = new Uint8Array(count * 6 + 6)
  let at = putUvarint(result, 0, claimed)
  for (let i = 0; i < count; i++) at = putUvarint(result, at, first + i * step) + 1
  return result.subarray(0, at + 1)
}

/** The bytes with `removed` of them replaced. */
export function splice(bytes: Uint8Array, at: number, removed: number, put: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - removed + put.length)
  result.set(bytes.subarray(0, at))
  result.set(put, at)
  result.set(bytes.subarray(at + removed), at + put.length)
  return result
}

export function uvarint(value: number): Uint8Array {
  const bytes = new Uint8Array(5)
  return bytes.subarray(0, putUvarint(bytes, 0, value))
}

/** Answers the position behind it. */
function putUvarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value >>> 0
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
  bytes[at++] = rest
  return at
}
