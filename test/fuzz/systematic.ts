// Owns the ways in which every seed of every target is spoiled one after another, by number: cut at each place, each byte wrong in one
// bit, each number that says how much follows negative, too large and as large as there is, sections of very many tags,
// and parts repeated as often as fits. Long seeds are spoiled at places spread evenly.

import { inputBytesMax, manyTags, splice, uvarint } from './mutator.ts'
import type { Mark, Seed } from './seed.ts'
import type { Target, TargetGroup } from './target.ts'

/** An input that was made without dice, and what reads it. */
export interface SystematicInput {
  readonly group: TargetGroup
  readonly target: Target
  readonly bytes: Uint8Array
}

/** A prime, so that steps of it meet each number once, all over the targets, where the count is no multiple of it. */
const stride = 1_000_003

const placesMax = 48
const repeatedPlacesMax = 4

type Spoil = (seed: Seed, number: number) => Uint8Array

interface Way {
  readonly count: (seed: Seed) => number
  readonly spoil: Spoil
}

const fixedNumbers = [-1, -2, -0x80000000, 0x7fffffff]
const variableNumbers = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
]
const numbersPerMark = fixedNumbers.length + 2

const ways: readonly Way[] = [
  { count: (seed) => placesIn(seed.bytes.length), spoil: (seed, i) => seed.bytes.slice(0, placeOf(seed.bytes, i)) },
  { count: (seed) => placesIn(seed.bytes.length), spoil: flipped },
  { count: (seed) => placesIn(seed.marks.length) * numbersPerMark, spoil: wrongNumber },
  { count: (seed) => Math.min(seed.marks.length, repeatedPlacesMax) * 2, spoil: tagged },
  { count: (seed) => (seed.bytes.length === 0 ? 0 : repeatedPlacesMax), spoil: repeated }
]

/** All seeds of all targets in each of the ways. */
export class SystematicInputs {
  readonly count: number
  readonly #seeds: {
    readonly group: TargetGroup
    readonly target: Target
    readonly seed: Seed
    readonly until: number
  }[]

  constructor(groups: readonly TargetGroup[]) {
    let until = 0
    this.#seeds = groups.flatMap((group) =>
      group.targets.flatMap((target) =>
        target.seeds.map((seed) => ({ group, target, seed, until: (until += spoiledCount(seed)) }))
      )
    )
    this.count = until
    if (until % stride === 0) throw new RangeError('Some inputs would never be met')
  }

  /** From number 0 on, `count` numbers meet every input once. */
  input(number: number): SystematicInput {
    const place = Number((BigInt(number) * BigInt(stride)) % BigInt(this.count))
    let low = 0
    let high = this.#seeds.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#seeds[middle]!.until > place) high = middle
      else low = middle + 1
    }
    const { group, target, seed } = this.#seeds[low]!
    const first = low === 0 ? 0 : this.#seeds[low - 1]!.until
    return { group, target, bytes: spoiled(seed, place - first) }
  }
}

/** How many inputs are made from a seed. */
function spoiledCount(seed: Seed): number {
  return ways.reduce((sum, { count }) => sum + count(seed), 0)
}

/** One of them, 0 <= number < `spoiledCount`. */
function spoiled(seed: Seed, number: number): Uint8Array {
  let left = number
  for (const { count, spoil } of ways) {
    const own = count(seed)
    if (left < own) return spoil(seed, left).subarray(0, inputBytesMax)
    left -= own
  }
  throw new RangeError(`A seed is not spoiled in ${number + 1} ways`)
}

function placesIn(length: number): number {
  return Math.min(length, placesMax)
}

/** The place with that number, the first one at the start and the last one at the end. */
function placeOf(bytes: Uint8Array, i: number): number {
  return spread(i, bytes.length)
}

function spread(i: number, length: number): number {
  if (length <= placesMax) return i
  return Math.floor((i * (length - 1)) / (placesMax - 1))
}

function flipped({ bytes }: Seed, i: number): Uint8Array {
  const at = placeOf(bytes, i)
  return splice(bytes, at, 1, Uint8Array.of(bytes[at]! ^ (1 << (i & 7))))
}

function wrongNumber({ bytes, marks }: Seed, i: number): Uint8Array {
  const mark = marks[spread(Math.floor(i / numbersPerMark), marks.length)]!
  const left = bytes.length - mark.at - mark.width
  return splice(bytes, mark.at, mark.width, numberFor(mark, i % numbersPerMark, left))
}

function numberFor({ kind, width }: Mark, which: number, left: number): Uint8Array {
  const near = [left + 1, left + 2][which - fixedNumbers.length]
  if (kind === 'fixed') {
    const view = new DataView(new ArrayBuffer(8))
    const value = near ?? fixedNumbers[which]!
    if (width === 8) view.setBigInt64(0, BigInt(value))
    else view.setInt32(4, value)
    return new Uint8Array(view.buffer, 8 - width)
  }
  if (near === undefined) return Uint8Array.from(variableNumbers[which]!)
  return uvarint(kind === 'zigzag' ? near << 1 : near)
}

function tagged({ bytes, marks }: Seed, i: number): Uint8Array {
  const step = Math.ceil(marks.length / repeatedPlacesMax)
  const { at } = marks[Math.min((i >> 1) * step, marks.length - 1)]!
  const count = 3_000
  return splice(bytes, at, bytes.length - at, manyTags(count, i & 1 ? 0xffffffff : count, 0, 1))
}

/** A part from the place to the end, over and over. */
function repeated({ bytes }: Seed, i: number): Uint8Array {
  const at = Math.floor((bytes.length * i) / repeatedPlacesMax)
  const part = bytes.subarray(at)
  const times = Math.max(1, Math.floor((inputBytesMax - bytes.length) / part.length))
  const repeats = new Uint8Array(part.length * times)
  for (let time = 0; time < times; time++) repeats.set(part, time * part.length)
  return splice(bytes, bytes.length, 0, repeats)
}
