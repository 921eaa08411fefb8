// Owns the source that decodes: one function for a message at a version, with the loops of nested lists in one another.
// A check of the bytes left covers whatever must follow at least, so a run of numbers has one check and no more; a list is
// counted against the limit of memory, `m`, with the same check as its bytes. Bytes that fail one are bytes that the
// closures refuse too, sooner or later; the source only says that, by throwing `G`.

import { Source } from './codec_emit_source.ts'
import { coveredTextBytes, elementBytes, listBytes, listLengthMax } from './decoded_size.ts'
import type { AnyField, Fields, FieldSpec } from './schema.ts'
import { stringBytesMax } from './writer.ts'

/** What the source calls by name, in the order in which it is given. */
export const readNames = ['G', 'D', 'text', 'uuid', 'int32List', 'skipTags', 'emptyList', 'emptyBytes'] as const

/** How values of fixed size are read from the view `v`. */
const getters = {
  int8: 'getInt8',
  int16: 'getInt16',
  int32: 'getInt32',
  uint16: 'getUint16',
  uint32: 'getUint32',
  float64: 'getFloat64'
} as const

export class ReadSource extends Source {
  /** How far the next byte is behind `p`. */
  #ahead = 0

  /** The body of a function of the reader `r`. */
  body(fields: Fields): string {
    this.line('const b = r.bytes, v = r.view, end = r.end')
    this.line('let p = r.position, m = r.decodedBytesLeft, n = 0, h = 0, l = 0')
    this.line('let lastHigh = 0, lastLow = 0, last = 0n')
    this.#need(this.structBytesMin(fields))
    const value = this.#struct(fields)
    this.#settle()
    this.line('r.position = p', 'r.decodedBytesLeft = m', `return ${value}`)
    return this.text
  }

  get #position(): string {
    return this.#ahead === 0 ? 'p' : `p + ${this.#ahead}`
  }

  /** Lets `p` be the position of the next byte. */
  #settle(): void {
    if (this.#ahead > 0) this.line(`p += ${this.#ahead}`)
    this.#ahead = 0
  }

  /** Gives up unless there are so many bytes. */
  #need(length: number): void {
    this.#settle()
    if (length > 0) this.line(`if (end - p < ${length}) throw G`)
  }

  /** Reads a struct whose fewest bytes are there, and answers an expression for it. */
  #struct(fields: Fields): string {
    const { flexible } = this.context
    const parts: string[] = []
    const tagged: [name: string, spec: FieldSpec][] = []
    let rest = this.structBytesMin(fields)
    for (const [field, { spec }] of Object.entries(fields)) {
      if (!this.isIn(spec)) {
        parts.push(`${JSON.stringify(field)}: ${this.defaultOf(spec)}`)
        continue
      }
      const name = this.name(field)
      parts.push(`${JSON.stringify(field)}: ${name}`)
      if (spec.tag === undefined) {
        rest -= this.bytesMin(spec)
        this.line(`let ${name}`)
        this.#value(spec, name, rest)
      } else {
        this.line(`let ${name} = ${this.defaultOf(spec)}`)
        tagged.push([name, spec])
      }
    }
    if (flexible) this.#tags(tagged)
    return `{ ${parts.join(', ')} }`
  }

  /**
   * Reads a value whose fewest bytes are there, with `rest` bytes behind them, into a place. The `rest` bytes are there
   * afterwards too.
   */
  #value(spec: FieldSpec, into: string, rest: number): void {
    switch (spec.kind) {
      case 'string':
        return this.#string(spec, into, rest)
      case 'bytes':
      case 'records':
        return this.#bytes(spec, into, rest)
      case 'array':
        return this.#array(spec, spec.element, into, rest)
      case 'struct':
        return this.#structValue(spec, spec.fields, into, rest)
      case 'int64':
        return this.#int64(into)
      case 'bool':
        this.line(`${into} = v.getInt8(${this.#position}) !== 0`)
        break
      case 'uuid':
        this.line(`${into} = uuid(v, ${this.#position})`)
        break
      default:
        this.line(`${into} = v.${getters[spec.kind]}(${this.#position})`)
    }
    this.#ahead += this.bytesMin(spec)
  }

  /** A bigint is an object: those that come again are not made again. */
  #int64(into: string): void {
    const at = this.#position
    this.#ahead += 8
    this.line(
      `h = v.getInt32(${at})`,
      `l = v.getInt32(p + ${this.#ahead - 4})`,
      `if ((h | l) === 0) ${into} = 0n`,
      `else if ((h & l) === -1) ${into} = -1n`,
      `else if (l === lastLow && h === lastHigh) ${into} = last`,
      `else {`,
      `${into} = last = v.getBigInt64(${at})`,
      `lastHigh = h`,
      `lastLow = l`,
      `}`
    )
  }

  /** Reads a length or a count into `n`, -1 for null. In a flexible version it is compact, unless `classic`. */
  #length(getter: 'getInt16' | 'getInt32', classic: boolean, rest: number): void {
    if (!this.context.flexible || classic) {
      this.line(`n = v.${getter}(${this.#position})`)
      this.#ahead += getter === 'getInt16' ? 2 : 4
      return this.#settle()
    }
    this.line(`n = v.getUint8(${this.#position}) - 1`)
    this.#ahead++
    this.#settle()
    this.line(`if (n > 126) {`, 'r.position = p - 1', 'n = r.uvarint() - 1', 'p = r.position')
    this.#need(rest)
    this.line('}')
  }

  /** The branches for null and for what is less, behind one for `n` of 0 and more. */
  #orNull(spec: FieldSpec, into: string): void {
    if (this.isNullable(spec)) this.line(`else if (n === -1) ${into} = null`)
    this.line('else throw G')
  }

  #string(spec: FieldSpec, into: string, rest: number): void {
    this.#length('getInt16', spec.classic, rest)
    this.line(
      'if (n >= 0) {',
      `if (n > end - p - ${rest}) throw G`,
      `if (n > ${coveredTextBytes} && (n > ${stringBytesMax} || (m -= n + n) < 0)) throw G`,
      `${into} = text(b, v, p, n)`,
      'p += n',
      '}'
    )
    this.#orNull(spec, into)
  }

  #bytes(spec: FieldSpec, into: string, rest: number): void {
    this.#length('getInt32', false, rest)
    this.line(
      'if (n > 0) {',
      `if (n > end - p - ${rest}) throw G`,
      `${into} = new Uint8Array(b.buffer, b.byteOffset + p, n)`,
      'p += n',
      '}',
      `else if (n === 0) ${into} = emptyBytes`
    )
    this.#orNull(spec, into)
  }

  #array(spec: FieldSpec, element: AnyField, into: string, rest: number): void {
    this.#length('getInt32', false, rest)
    const bytesMin = this.bytesMin(element.spec)
    const isFixed = this.isFixed(element.spec)
    if (bytesMin < 1) throw new Error('An array has elements without bytes')
    const costBytes = elementBytes(element.spec, this.context.version)
    const left = `end - p${isFixed ? ` - ${rest}` : ''}`
    this.line('if (n > 0) {', `if (n * ${bytesMin} > ${left} || n > ${listLengthMax}) throw G`)
    this.line(`if ((m -= n * ${costBytes} + ${listBytes}) < 0) throw G`)
    if (element.spec.kind === 'int32') this.line(`${into} = int32List(v, p, n)`, 'p += n * 4')
    else this.#elements(element, into, isFixed ? 0 : bytesMin)
    if (!isFixed) this.#need(rest)
    this.line('}', `else if (n === 0) ${into} = emptyList`)
    this.#orNull(spec, into)
  }

  /** Reads `n` elements; `need` bytes are asked for before each. */
  #elements(element: AnyField, into: string, need: number): void {
    const [length, i, list] = [this.name('length'), this.name('i'), this.name('list')]
    this.line(`const ${length} = n, ${list} = new Array(n)`)
    this.line(`for (let ${i} = 0; ${i} < ${length}; ${i}++) {`)
    this.#need(need)
    this.#value(element.spec, `${list}[${i}]`, 0)
    this.#settle()
    this.line('}', `${into} = ${list}`)
  }

  #structValue(spec: FieldSpec, fields: Fields, into: string, rest: number): void {
    if (!this.isNullable(spec)) {
      this.line('{')
      this.line(`${into} = ${this.#struct(fields)}`)
      if (!this.isFixed(spec)) this.#need(rest)
      return this.line('}')
    }
    this.line(`n = v.getInt8(${this.#position})`)
    this.#ahead++
    this.#settle()
    this.line('if (n === 1) {')
    this.#need(this.structBytesMin(fields))
    this.line(`${into} = ${this.#struct(fields)}`)
    this.#need(rest)
    this.line('}', `else if (n === -1) ${into} = null`, 'else throw G')
  }

  /** Reads the tagged section, whose first byte is there. */
  #tags(tagged: readonly [name: string, spec: FieldSpec][]): void {
    this.line(`n = v.getUint8(${this.#position})`)
    this.#ahead++
    this.#settle()
    if (tagged.length === 0) return this.line('if (n !== 0) p = skipTags(r, p - 1)')
    const [left, tag, previous, size, start] = ['left', 'tag', 'previous', 'size', 'start'].map((one) => this.name(one))
    this.line('if (n !== 0) {', 'r.position = p - 1', `let ${left} = r.uvarint(), ${previous} = -1`, 'p = r.position')
    this.line(`for (; ${left} > 0; ${left}--) {`, `const ${tag} = r.uvarint(), ${size} = r.uvarint()`)
    this.line(`if (${tag} <= ${previous}) throw G`, `${previous} = ${tag}`, 'p = r.position')
    this.line(`const ${start} = p`, `switch (${tag}) {`)
    for (const [name, spec] of tagged) {
      this.line(`case ${spec.tag}: {`)
      this.#need(this.bytesMin(spec))
      this.#value(spec, name, 0)
      this.#settle()
      this.line(`if (p - ${start} !== ${size}) throw G`, 'break', '}')
    }
    this.line('default:', `if (${size} > end - p) throw G`, `p += ${size}`, '}', 'r.position = p', '}', '}')
  }
}
