// Owns the fast back end of the codecs: source text for one message at one version, made into a function by the engine.
// This is the only file that generates code. It knows no errors: whatever looks wrong makes the emitted function give up,
// and the closures, which are the reference, then say what it was. Nothing from a message gets into the source, only
// what the declarations say. KIP-482.

import { defaultMaker, defaultTest } from './defaults.ts'
import { type Reader, textAt } from './reader.ts'
import type { AnyField, Fields, FieldSpec, Message, PrimitiveKind } from './schema.ts'
import { includesVersion, isOptional } from './schema.ts'
import { stringBytesMax, type Writer } from './writer.ts'
import type { ClosureCodec } from './codec_closure.ts'

/** Thrown by emitted code, for the closures to explain. */
export const gaveUp: unique symbol = Symbol('gaveUp')

/** Emitted functions; unknown tagged fields are skipped. */
export type EmittedCodec = Pick<ClosureCodec, 'encode' | 'decode'>

let isAllowed: boolean | undefined

/** Whether this process may make functions from text; `--disallow-code-generation-from-strings` forbids it. */
export function mayEmit(): boolean {
  if (isAllowed === undefined) {
    try {
      isAllowed = functionFrom([], 'return true')() === true
    } catch {
      isAllowed = false
    }
  }
  return isAllowed
}

function functionFrom(names: readonly string[], body: string): (...values: readonly unknown[]) => unknown {
  // oxlint-disable-next-line no-implied-eval, typescript/no-implied-eval, typescript/no-unsafe-type-assertion -- this is what the file is for
  return new Function(...names, body) as (...values: readonly unknown[]) => unknown
}

/** The codec of a message at a version. Each half is made when it is first needed. */
export function emittedCodec(message: Message, version: number, bytesMin: ElementBytesMin): EmittedCodec {
  const context: Context = { version, flexible: version >= message.flexible, bytesMin }
  let encode: EmittedCodec['encode'] | undefined
  let decode: EmittedCodec['decode'] | undefined
  return {
    encode: (writer, value) => (encode ??= makeEncode(message, context))(writer, value),
    decode: (reader) => (decode ??= makeDecode(message, context))(reader)
  }
}

/** The source of both functions, for whoever wants to look at it. */
export function emittedSource(message: Message, version: number, bytesMin: ElementBytesMin): string {
  const context: Context = { version, flexible: version >= message.flexible, bytesMin }
  return `${new ReadSource(context).source(message.fields)}\n${new WriteSource(context).source(message.fields)}`
}

/** The fewest bytes that an element of an array can take; the closures know. */
export type ElementBytesMin = (element: AnyField) => number

interface Context {
  readonly version: number
  readonly flexible: boolean
  readonly bytesMin: ElementBytesMin
}

function makeDecode(message: Message, context: Context): EmittedCodec['decode'] {
  const emitted = new ReadSource(context)
  const source = emitted.source(message.fields)
  const make = functionFrom(['G', 'D', 'text', 'skipTags'], `return function decode(r) {\n${source}}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the source has this shape
  return make(gaveUp, emitted.values, textAt, skipTags) as EmittedCodec['decode']
}

function makeEncode(message: Message, context: Context): EmittedCodec['encode'] {
  const emitted = new WriteSource(context)
  const source = emitted.source(message.fields)
  const make = functionFrom(['G', 'D', 'records'], `return function encode(w, x) {\n${source}}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the source has this shape
  return make(gaveUp, emitted.values, writeRecords) as EmittedCodec['encode']
}

/** Passes over the tagged fields of a struct that declares none. Answers the position after them. */
function skipTags(reader: Reader, start: number): number {
  reader.position = start
  let previous = -1
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    if (tag <= previous) throw gaveUp
    previous = tag
    reader.skip(reader.uvarint())
  }
  return reader.position
}

function writeRecords(writer: Writer, value: unknown, compact: boolean): void {
  const pieces: unknown = value
  if (!Array.isArray(pieces)) throw gaveUp
  const checked: Uint8Array[] = pieces.map((piece) => {
    if (piece instanceof Uint8Array) return piece
    throw gaveUp
  })
  writer.records(checked, compact)
}

const fixedSizes: Partial<Record<PrimitiveKind, readonly [size: number, getter: string]>> = {
  int8: [1, 'getInt8'],
  int16: [2, 'getInt16'],
  int32: [4, 'getInt32'],
  int64: [8, 'getBigInt64'],
  uint16: [2, 'getUint16'],
  uint32: [4, 'getUint32'],
  float64: [8, 'getFloat64']
}

/** What both directions need: names for variables, and values that the source refers to. */
abstract class Source {
  readonly context: Context
  /** `D` in the source. */
  readonly values: unknown[] = []
  #names = 0

  constructor(context: Context) {
    this.context = context
  }

  name(): string {
    return `t${this.#names++}`
  }

  refer(value: unknown): string {
    return `D[${this.values.push(value) - 1}]`
  }

  /** An expression for the default: a literal where there is one. */
  defaultOf(spec: FieldSpec): string {
    const make = defaultMaker(spec)
    const value = make()
    if (Array.isArray(value)) return '[]'
    return literal(value) ?? `${this.refer(make)}()`
  }

  isIn(spec: FieldSpec): boolean {
    return includesVersion(spec.versions, this.context.version)
  }

  isNullable(spec: FieldSpec): boolean {
    return includesVersion(spec.nullableVersions, this.context.version)
  }
}

function literal(value: unknown): string | undefined {
  if (value === null) return 'null'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  return undefined
}

class ReadSource extends Source {
  source(fields: Fields): string {
    const value = this.name()
    return `const b = r.bytes, v = r.view, end = r.end
let p = r.position, n = 0
${this.struct(fields, value)}r.position = p
return ${value}
`
  }

  /** Reads a struct into a new variable. */
  struct(fields: Fields, into: string): string {
    const entries = Object.entries(fields)
    const names = new Map(entries.map(([field]) => [field, this.name()]))
    let text = ''
    for (const [field, { spec }] of entries) {
      const name = names.get(field)!
      const isRead = this.isIn(spec) && spec.tag === undefined
      text += isRead ? `let ${name}\n${this.value(spec, name)}` : `let ${name} = ${this.defaultOf(spec)}\n`
    }
    if (this.context.flexible) text += this.tags(fields, names)
    const shape = entries.map(([field]) => `${JSON.stringify(field)}: ${names.get(field)}`).join(', ')
    return `${text}const ${into} = { ${shape} }\n`
  }

  /** Reads a value into a variable that is there. */
  value(spec: FieldSpec, into: string): string {
    const fixed = spec.kind === 'array' || spec.kind === 'struct' ? undefined : fixedSizes[spec.kind]
    if (fixed !== undefined) return `${into} = v.${fixed[1]}(p)\np += ${fixed[0]}\n`
    const nullable = this.isNullable(spec)
    const whenNull = nullable ? `${into} = null` : 'throw G'
    switch (spec.kind) {
      case 'bool':
        return `${into} = v.getInt8(p) !== 0\np += 1\n`
      case 'uuid':
        return `r.position = p\n${into} = r.uuid()\np = r.position\n`
      case 'string': {
        const read = `if (n > ${stringBytesMax} || n > end - p) throw G\n${into} = text(b, p, n)\np += n\n`
        const length = this.length(spec.classic ? 'getInt16' : undefined, 'getInt16')
        return `${length}if (n < 0) { if (n < -1) throw G\n${whenNull} } else {\n${read}}\n`
      }
      case 'bytes':
      case 'records': {
        const read = `if (n > end - p) throw G\n${into} = b.subarray(p, p + n)\np += n\n`
        return `${this.length(undefined, 'getInt32')}if (n < 0) { if (n < -1) throw G\n${whenNull} } else {\n${read}}\n`
      }
      case 'array':
        return this.array(spec.element, into, whenNull)
      case 'struct': {
        const value = this.name()
        if (!nullable) return `{\n${this.struct(spec.fields, value)}${into} = ${value}\n}\n`
        const marker = `n = v.getInt8(p++)\nif (n === -1) ${into} = null\nelse if (n !== 1) throw G\nelse {\n`
        return `${marker}${this.struct(spec.fields, value)}${into} = ${value}\n}\n`
      }
      default:
        throw new Error(`No source for the type ${spec.kind}`)
    }
  }

  array(element: AnyField, into: string, whenNull: string): string {
    const [count, i, list, item] = [this.name(), this.name(), this.name(), this.name()]
    const bytesMin = this.context.bytesMin(element)
    return `${this.length(undefined, 'getInt32')}if (n < 0) { if (n < -1) throw G
${whenNull} } else {
if (n * ${bytesMin} > end - p) throw G
const ${count} = n, ${list} = []
for (let ${i} = 0; ${i} < ${count}; ${i}++) {
let ${item}
${this.value(element.spec, item)}${list}.push(${item})
}
${into} = ${list}
}
`
  }

  /** Reads a length or a count into `n`, -1 for null: compact in flexible versions, unless `classic` names a getter. */
  length(classic: string | undefined, inflexible: string): string {
    const getter = classic ?? (this.context.flexible ? undefined : inflexible)
    if (getter === undefined) return `${this.uvarint('n')}n -= 1\n`
    return `n = v.${getter}(p)\np += ${getter === 'getInt16' ? 2 : 4}\n`
  }

  uvarint(into: string): string {
    return `${into} = v.getUint8(p++)\nif (${into} > 127) { r.position = p - 1\n${into} = r.uvarint()\np = r.position }\n`
  }

  tags(fields: Fields, names: ReadonlyMap<string, string>): string {
    const known = Object.entries(fields).filter(([, { spec }]) => spec.tag !== undefined && this.isIn(spec))
    if (known.length === 0) return 'if (v.getUint8(p) === 0) p++\nelse p = skipTags(r, p)\n'
    const [left, tag, last, size, start] = [this.name(), this.name(), this.name(), this.name(), this.name()]
    const cases = known.map(([field, { spec }]) => {
      const read = this.value(spec, names.get(field)!)
      return `case ${spec.tag}: {\nconst ${start} = p\n${read}if (p - ${start} !== ${size}) throw G\nbreak\n}\n`
    })
    return `let ${left}, ${tag}, ${size}, ${last} = -1
${this.uvarint(left)}for (; ${left} > 0; ${left}--) {
${this.uvarint(tag)}if (${tag} <= ${last}) throw G
${last} = ${tag}
${this.uvarint(size)}switch (${tag}) {
${cases.join('')}default:
if (${size} > end - p) throw G
p += ${size}
}
}
`
  }
}

class WriteSource extends Source {
  source(fields: Fields): string {
    return this.struct(fields, 'x')
  }

  struct(fields: Fields, from: string): string {
    let text = `if (typeof ${from} !== 'object' || ${from} === null) throw G\n`
    const tagged: [name: string, spec: FieldSpec][] = []
    for (const [field, { spec }] of Object.entries(fields)) {
      const name = this.name()
      const taken = `${from}[${JSON.stringify(field)}]`
      if (!this.isIn(spec)) {
        if (spec.ignorable) continue
        text += `const ${name} = ${taken}\nif (${name} !== undefined && !${this.isDefault(spec, name)}) throw G\n`
      } else if (spec.tag === undefined) {
        const filled = isOptional(spec) ? `if (${name} === undefined) ${name} = ${this.defaultOf(spec)}\n` : ''
        text += `let ${name} = ${taken}\n${filled}${this.value(spec, name)}`
      } else {
        text += `const ${name} = ${taken}\n`
        tagged.push([name, spec])
      }
    }
    return this.context.flexible ? text + this.tags(tagged) : text
  }

  value(spec: FieldSpec, from: string): string {
    const { flexible } = this.context
    const nullable = this.isNullable(spec)
    switch (spec.kind) {
      case 'bool':
        return `if (${from} !== true && ${from} !== false) throw G\nw.bool(${from})\n`
      case 'float64':
        return `if (typeof ${from} !== 'number') throw G\nw.float64(${from})\n`
      case 'int64':
        return `if (typeof ${from} !== 'bigint') throw G\nw.int64(${from})\n`
      case 'uuid':
        return `if (typeof ${from} !== 'string') throw G\nw.uuid(${from})\n`
      case 'string': {
        const isWrong = `typeof ${from} !== 'string'${nullable ? ` && ${from} !== null` : ''}`
        return `if (${isWrong}) throw G\nw.${flexible && !spec.classic ? 'compactString' : 'string'}(${from})\n`
      }
      case 'bytes':
      case 'records': {
        const write = `w.${flexible ? 'compactByteString' : 'byteString'}(${from})\n`
        const isBytes = `${from} instanceof Uint8Array${nullable ? ` || ${from} === null` : ''}`
        const otherwise = spec.kind === 'records' ? `records(w, ${from}, ${flexible})` : 'throw G'
        return `if (${isBytes}) ${write}else ${otherwise}\n`
      }
      case 'array':
        return this.array(spec.element, from, nullable)
      case 'struct':
        if (!nullable) return `{\n${this.struct(spec.fields, from)}}\n`
        return `if (${from} === null) w.int8(-1)\nelse {\nw.int8(1)\n${this.struct(spec.fields, from)}}\n`
      default:
        return `if (typeof ${from} !== 'number') throw G\nw.${spec.kind}(${from})\n`
    }
  }

  array(element: AnyField, from: string, nullable: boolean): string {
    const [i, item] = [this.name(), this.name()]
    const { flexible } = this.context
    const whenNull = nullable ? `if (${from} === null) w.${flexible ? 'uvarint(0)' : 'int32(-1)'}\nelse ` : ''
    const count = flexible ? `w.uvarint(${from}.length + 1)` : `w.int32(${from}.length)`
    return `${whenNull}if (!Array.isArray(${from})) throw G
else {
${count}
for (let ${i} = 0; ${i} < ${from}.length; ${i}++) {
const ${item} = ${from}[${i}]
${this.value(element.spec, item)}}
}
`
  }

  tags(tagged: readonly [name: string, spec: FieldSpec][]): string {
    if (tagged.length === 0) return 'w.uvarint(0)\n'
    const [count, mark] = [this.name(), this.name()]
    const inOrder = tagged.toSorted(([, left], [, right]) => left.tag! - right.tag!)
    const present = inOrder.map(([name, spec]) => ({ name, spec, flag: this.name() }))
    const flags = present.map(({ name, spec, flag }) => {
      return `const ${flag} = ${name} !== undefined && !${this.isDefault(spec, name)}\nif (${flag}) ${count}++\n`
    })
    const writes = present.map(({ name, spec, flag }) => {
      const body = `w.uvarint(${spec.tag})\n${mark} = w.beginSized()\n${this.value(spec, name)}w.endSized(${mark})\n`
      return `if (${flag}) {\n${body}}\n`
    })
    return `let ${count} = 0, ${mark}\n${flags.join('')}w.uvarint(${count})\n${writes.join('')}`
  }

  isDefault(spec: FieldSpec, name: string): string {
    const isPlain = spec.kind !== 'array' && spec.kind !== 'struct' && spec.kind !== 'bytes' && spec.kind !== 'records'
    const text = isPlain ? literal(defaultMaker(spec)()) : undefined
    return text === undefined ? `${this.refer(defaultTest(spec))}(${name})` : `(${name} === ${text})`
  }
}
