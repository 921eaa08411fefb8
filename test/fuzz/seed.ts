// Owns what a fuzzed input is made from: sound bytes, with the places in them that say how much of something follows.

import { Reader } from '../../src/protocol/reader.ts'

/** A number in the bytes. */
export interface Mark {
  readonly at: number
  readonly width: number
  readonly kind: 'fixed' | 'uvarint' | 'zigzag'
}

export interface Seed {
  readonly bytes: Uint8Array
  /** In order. */
  readonly marks: readonly Mark[]
}

/** A seed whose numbers are found by reading it; from where it cannot be read on there are none. */
export function markedSeed(bytes: Uint8Array, read: (reader: Reader) => unknown): Seed {
  const reader = new MarkingReader(bytes)
  try {
    read(reader)
  } catch {
    // What was found before it counts.
  }
  return { bytes, marks: reader.marks }
}

/** Numbers at known places. */
export function fixedMarks(bytes: Uint8Array, fields: readonly (readonly [at: number, width: number])[]): Mark[] {
  const there = fields.filter(([at, width]) => at + width <= bytes.length)
  return there.map(([at, width]) => ({ at, width, kind: 'fixed' }))
}

/** Remembers where the numbers are that it reads: all methods of a Reader that read lengths and counts end in these. */
class MarkingReader extends Reader {
  readonly marks: Mark[] = []

  override int8(): number {
    return this.#marked('fixed', super.int8())
  }

  override int16(): number {
    return this.#marked('fixed', super.int16(), 2)
  }

  override int32(): number {
    return this.#marked('fixed', super.int32(), 4)
  }

  override uvarint(): number {
    const start = this.position
    const value = super.uvarint()
    return this.#marked('uvarint', value, this.position - start)
  }

  #marked(kind: Mark['kind'], value: number, width = 1): number {
    this.marks.push({ at: this.position - width, width, kind })
    return value
  }
}
