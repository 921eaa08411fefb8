// Owns the source that encodes: one function for a message at a version. Values of fixed size that follow one another
// are checked first and written into room that is taken once. A value that does not fit makes the source throw `G`.

import { Source } from './codec_emit_source.ts'
import { defaultTest } from './defaults.ts'
import type { AnyField, Fields, FieldSpec } from './schema.ts'
import { isOptional } from './schema.ts'

/** What the source calls by name, in the order in which it is given. */
export const writeNames = ['G', 'D', 'records'] as const

/** When a value is refused, and how it is put into the view `v`. */
const fixedWrites = {
  bool: [
    1,
    (x: string) => `${x} !== true && ${x} !== false`,
    (x: string, at: string) => `setInt8(${at}, ${x} ? 1 : 0)`
  ],
  int8: [1, (x: string) => `${x} << 24 >> 24 !== ${x}`, (x: string, at: string) => `setInt8(${at}, ${x})`],
  int16: [2, (x: string) => `${x} << 16 >> 16 !== ${x}`, (x: string, at: string) => `setInt16(${at}, ${x})`],
  int32: [4, (x: string) => `(${x} | 0) !== ${x}`, (x: string, at: string) => `setInt32(${at}, ${x})`],
  uint16: [2, (x: string) => `(${x} & 65535) !== ${x}`, (x: string, at: string) => `setUint16(${at}, ${x})`],
  uint32: [4, (x: string) => `${x} >>> 0 !== ${x}`, (x: string, at: string) => `setUint32(${at}, ${x})`],
  int64: [
    8,
    (x: string) => `typeof ${x} !== 'bigint' || BigInt.asIntN(64, ${x}) !== ${x}`,
    (x: string, at: string) => `setBigInt64(${at}, ${x})`
  ],
  float64: [8, (x: string) => `typeof ${x} !== 'number'`, (x: string, at: string) => `setFloat64(${at}, ${x})`]
} as const

export class WriteSource extends Source {
  /** What is checked and not yet written: how each is put into the view, by its position. */
  #pending: ((at: string) => string)[] = []
  #pendingSizes: number[] = []

  /** The body of a function of the writer `w` and the value `x`. */
  body(fields: Fields): string {
    this.line('let p = 0, v')
    this.#struct(fields, 'x')
    this.#flush()
    return this.text
  }

  #fixed(size: number, write: (at: string) => string): void {
    this.#pending.push(write)
    this.#pendingSizes.push(size)
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const sizes = this.#pendingSizes
    this.line(`p = w.reserve(${sizes.reduce((sum, size) => sum + size, 0)})`, 'v = w.view')
    let at = 0
    for (const [i, write] of this.#pending.entries()) {
      this.line(`v.${write(at === 0 ? 'p' : `p + ${at}`)}`)
      at += sizes[i]!
    }
    this.#pending = []
    this.#pendingSizes = []
  }

  /** A statement that writes by itself. */
  #write(...lines: readonly string[]): void {
    this.#flush()
    this.line(...lines)
  }

  #struct(fields: Fields, from: string): void {
    this.line(`if (typeof ${from} !== 'object' || ${from} === null) throw G`)
    const tagged: [name: string, spec: FieldSpec][] = []
    for (const [field, { spec }] of Object.entries(fields)) {
      if (!this.isIn(spec) && spec.ignorable) continue
      const name = this.name(field)
      this.line(`let ${name} = ${from}[${JSON.stringify(field)}]`)
      if (!this.isIn(spec)) this.line(`if (${name} !== undefined && !${this.#isDefault(spec, name)}) throw G`)
      else if (spec.tag === undefined) {
        if (isOptional(spec)) this.line(`if (${name} === undefined) ${name} = ${this.defaultOf(spec)}`)
        this.#value(spec, name)
      } else tagged.push([name, spec])
    }
    if (!this.context.flexible) return
    if (tagged.length === 0) this.#fixed(1, (at) => `setInt8(${at}, 0)`)
    else this.#tags(tagged)
  }

  #value(spec: FieldSpec, from: string): void {
    const { flexible } = this.context
    const nullable = this.isNullable(spec)
    switch (spec.kind) {
      case 'uuid':
        return this.#write(`if (typeof ${from} !== 'string') throw G`, `w.uuid(${from})`)
      case 'string': {
        const isWrong = `typeof ${from} !== 'string'${nullable ? ` && ${from} !== null` : ''}`
        return this.#write(
          `if (${isWrong}) throw G`,
          `w.${flexible && !spec.classic ? 'compactString' : 'string'}(${from})`
        )
      }
      case 'bytes':
      case 'records': {
        const isBytes = `${from} instanceof Uint8Array${nullable ? ` || ${from} === null` : ''}`
        const otherwise = spec.kind === 'records' ? `records(w, ${from}, ${flexible})` : 'throw G'
        return this.#write(
          `if (${isBytes}) w.${flexible ? 'compactByteString' : 'byteString'}(${from})`,
          `else ${otherwise}`
        )
      }
      case 'array':
        return this.#array(spec.element, from, nullable)
      case 'struct':
        if (!nullable) return this.#struct(spec.fields, from)
        this.#write(`if (${from} === null) w.int8(-1)`, 'else {')
        this.#fixed(1, (at) => `setInt8(${at}, 1)`)
        this.#struct(spec.fields, from)
        return this.#write('}')
      default: {
        const [size, isWrong, write] = fixedWrites[spec.kind]
        this.line(`if (${isWrong(from)}) throw G`)
        this.#fixed(size, (at) => write(from, at))
      }
    }
  }

  #array(element: AnyField, from: string, nullable: boolean): void {
    const [i, item] = [this.name('i'), this.name('item')]
    const { flexible } = this.context
    this.#flush()
    if (nullable) this.line(`if (${from} === null) w.${flexible ? 'uvarint(0)' : 'int32(-1)'}`, 'else {')
    this.line(`if (!Array.isArray(${from})) throw G`)
    this.line(`w.${flexible ? `uvarint(${from}.length + 1)` : `int32(${from}.length)`}`)
    this.line(`for (let ${i} = 0; ${i} < ${from}.length; ${i}++) {`, `const ${item} = ${from}[${i}]`)
    this.#value(element.spec, item)
    this.#write('}')
    if (nullable) this.line('}')
  }

  #tags(tagged: readonly [name: string, spec: FieldSpec][]): void {
    const [count, mark] = [this.name('count'), this.name('mark')]
    const inOrder = tagged.toSorted(([, left], [, right]) => left.tag! - right.tag!)
    const present = inOrder.map(([name, spec]) => ({ name, spec, flag: this.name('has') }))
    this.#write(`let ${count} = 0, ${mark} = 0`)
    for (const { name, spec, flag } of present) {
      this.line(`const ${flag} = ${name} !== undefined && !${this.#isDefault(spec, name)}`, `if (${flag}) ${count}++`)
    }
    this.line(`w.uvarint(${count})`)
    for (const { name, spec, flag } of present) {
      this.line(`if (${flag}) {`, `w.uvarint(${spec.tag})`, `${mark} = w.beginSized()`)
      this.#value(spec, name)
      this.#write(`w.endSized(${mark})`, '}')
    }
  }

  #isDefault(spec: FieldSpec, name: string): string {
    const isPlain = spec.kind !== 'array' && spec.kind !== 'struct' && spec.kind !== 'bytes' && spec.kind !== 'records'
    if (isPlain || spec.defaultValue !== undefined) return `(${name} === ${this.defaultOf(spec)})`
    return `${this.constant(defaultTest(spec))}(${name})`
  }
}
