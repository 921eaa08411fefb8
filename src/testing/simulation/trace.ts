// Owns what a simulation leaves to compare and to read: a hash over everything that happened, always; lines of text, only
// where somebody asked for them, since they cost more than all the rest.

import { crc32c } from '../../protocol/index.ts'

export class Trace {
  /** Undefined where nobody reads. */
  readonly lines: string[] | undefined
  #low = 0x243f6a88
  #high = 0x85a308d3

  constructor(isKept: boolean) {
    this.lines = isKept ? [] : undefined
  }

  /** Whether `tell` is of any use; ask before building a text. */
  get isKept(): boolean {
    return this.lines !== undefined
  }

  /** Takes numbers into the hash. */
  mix(a: number, b: number): void {
    this.#low = Math.imul(this.#low ^ a, 0x9e3779b1)
    this.#low ^= this.#low >>> 15
    this.#high = Math.imul(this.#high ^ b, 0x85ebca77) + this.#low
    this.#high ^= this.#high >>> 13
  }

  /** Takes bytes into the hash. */
  mixBytes(bytes: Uint8Array): void {
    this.mix(bytes.length, crc32c(bytes))
  }

  tell(atMs: number, text: string): void {
    this.lines?.push(`${atMs.toFixed(3).padStart(12)} ${text}`)
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low)
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
