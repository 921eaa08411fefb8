// Owns the dice of the fault proofs: everything that a run chooses comes from one seed, so that a failing run can be
// repeated with the same choices. (What the kernel and the broker do in between cannot be.)

export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 <= x < 1. The generator is Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number; both ends are included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.between(0, from.length - 1)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      const [left, right] = [result[i], result[j]]
      if (left !== undefined && right !== undefined) [result[i], result[j]] = [right, left]
    }
    return result
  }
}

/** A seed for one part of a run, so that parts do not depend on how many numbers the others draw. */
export function partSeed(seed: number, ...part: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const character of `${seed} ${part.join(' ')}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return hash >>> 0
}

/** The seed of the suites, which FAULT_SEED replaces. */
export const faultSeed = Number(process.env['FAULT_SEED'] ?? 20_261)
