// Owns chance: streams of numbers that follow from a seed and a name, so that what one part of a simulation draws does
// not change what another one gets. The generator is sfc32 (Chris Doty-Humphrey, PractRand).

const warmUpDraws = 12
const twoTo32 = 0x1_0000_0000

export class Chance {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = '') {
    this.#seed = seed
    this.#a = hashOf(stream, 0x811c9dc5)
    this.#b = seed | 0
    this.#c = Math.floor(seed / twoTo32) | 0
    for (let i = 0; i < warmUpDraws; i++) this.next32()
  }

  /** Another stream of the same seed. */
  stream(name: string): Chance {
    return new Chance(this.#seed, name)
  }

  /** A whole number below 2^32. */
  next32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  /** 0 <= x < 1. */
  next(): number {
    return this.next32() / twoTo32
  }

  /** A whole number; both ends are included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** Any number from `min` up to `max`. */
  within(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** True so often, from 0 to 1. */
  is(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.between(0, from.length - 1)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  /** Small numbers more often than large ones: so many on average. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      const word = this.next32()
      for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j)
    }
    return bytes
  }
}

/** FNV-1a. */
function hashOf(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
