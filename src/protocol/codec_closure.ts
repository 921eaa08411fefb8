// Owns the reference back end of the codecs: a tree of closures per message and version, built once from the
// declaration. Decoding gives the same shape in every version; encoding refuses a value that the version cannot carry,
// unless it is ignorable or the default (as Kafka's own generated classes do). KIP-482.

import { ProtocolError } from './protocol_error.ts'
import type { Reader } from './reader.ts'
import { zeroUuid, type AnyField, type Fields, type FieldSpec, type Message, type VersionRange } from './schema.ts'
import type { Writer } from './writer.ts'

/** A tagged field that the declaration does not know. */
export interface UnknownTag {
  readonly tag: number
  readonly bytes: Uint8Array
}

/** Where a codec that keeps unknown tags puts them, on the struct that had them. */
export const unknownTags: unique symbol = Symbol('unknownTags')

export interface CodecOptions {
  /** Whether tagged fields that are not declared are dropped, or kept under `unknownTags` and written again. */
  readonly unknownTags: 'skip' | 'keep'
  /** Whether errors name their field; costs a `try` per field, so it is done in a second attempt only. */
  readonly traced: boolean
}

export interface ClosureCodec {
  encode(writer: Writer, value: unknown): void
  decode(reader: Reader): unknown
}

type Struct = Record<string, unknown> & { [unknownTags]?: readonly UnknownTag[] }
type Read = (reader: Reader) => unknown
type Write = (writer: Writer, value: unknown) => void

/** A type at one version. */
interface TypeCodec {
  readonly read: Read
  readonly write: Write
  /** The fewest bytes that a value can take. */
  readonly bytesMin: number
}

/** What is the same throughout one message at one version. */
interface Context {
  readonly message: string
  readonly version: number
  readonly flexible: boolean
  readonly options: CodecOptions
}

/** A tagged field at one version. */
interface TaggedCodec {
  readonly tag: number
  readonly name: string
  readonly read: Read
  readonly write: Write
  readonly isDefault: (value: unknown) => boolean
}

export function closureCodec(message: Message, version: number, options: CodecOptions): ClosureCodec {
  const flexible = version >= message.flexible
  const codec = structCodec(message.fields, { message: message.name, version, flexible, options })
  return { encode: codec.write, decode: codec.read }
}

/** The fewest bytes that a message can take at a version. */
export function messageBytesMin(message: Message, version: number): number {
  const options: CodecOptions = { unknownTags: 'skip', traced: false }
  return structCodec(message.fields, { message: message.name, version, flexible: version >= message.flexible, options })
    .bytesMin
}

function includes(range: VersionRange | undefined, version: number): boolean {
  return range !== undefined && version >= range.from && version <= range.until
}

function structCodec(fields: Fields, context: Context): TypeCodec {
  const names = Object.keys(fields)
  const reads: Read[] = []
  const writes: Write[] = []
  const tagged: TaggedCodec[] = []
  let bytesMin = context.flexible ? 1 : 0
  for (const [name, field] of Object.entries(fields)) {
    const codec = fieldCodec(name, field, context)
    reads.push(codec.read)
    writes.push(codec.write)
    bytesMin += codec.bytesMin
    if (codec.tagged !== undefined) tagged.push(codec.tagged)
  }
  tagged.sort((left, right) => left.tag - right.tag)
  const count = names.length
  const { flexible } = context
  const readTags = tagsReader(tagged, context)
  const writeTags = tagsWriter(tagged, context)

  const read = (reader: Reader): Struct => {
    const value: Struct = {}
    for (let i = 0; i < count; i++) value[names[i] as string] = (reads[i] as Read)(reader)
    if (flexible) readTags(reader, value)
    return value
  }
  const write = (writer: Writer, value: unknown): void => {
    if (typeof value !== 'object' || value === null) throw invalid('A struct', value)
    const source = value as Struct
    for (let i = 0; i < count; i++) (writes[i] as Write)(writer, source[names[i] as string])
    if (flexible) writeTags(writer, source)
  }
  return { read, write, bytesMin }
}

/** A field among its struct's: absent, tagged, or in its place. */
function fieldCodec(name: string, field: AnyField, context: Context): TypeCodec & { readonly tagged?: TaggedCodec } {
  const { spec } = field
  const isDefault = defaultTest(spec)
  const makeDefault = defaultMaker(spec)
  if (!includes(spec.versions, context.version)) {
    return { read: makeDefault, write: absentWriter(name, spec, isDefault, context), bytesMin: 0 }
  }
  const type = traced(name, nullableCodec(name, spec, context), context)
  const write = isOptional(spec) ? withDefault(type.write, makeDefault) : type.write
  if (spec.tag === undefined) return { read: type.read, write, bytesMin: type.bytesMin }
  if (!context.flexible) throw new Error(`${context.message}.${name} is tagged in an inflexible version`)
  const tagged: TaggedCodec = { tag: spec.tag, name, read: type.read, write: type.write, isDefault }
  return { read: makeDefault, write: writeNothing, bytesMin: 0, tagged }
}

function writeNothing(): void {}

/** A required field has no default of its own and is in every version. */
function isOptional(spec: FieldSpec): boolean {
  if (spec.defaultValue !== undefined || spec.tag !== undefined) return true
  return spec.versions.from > 0 || spec.versions.until !== Number.POSITIVE_INFINITY
}

function withDefault(write: Write, makeDefault: () => unknown): Write {
  return (writer, value) => write(writer, value === undefined ? makeDefault() : value)
}

function absentWriter(name: string, spec: FieldSpec, isDefault: (value: unknown) => boolean, context: Context): Write {
  if (spec.ignorable) return writeNothing
  const { from, until } = spec.versions
  const range = until === Number.POSITIVE_INFINITY ? `versions from ${from} on` : `versions ${from} to ${until}`
  const message = `${name} exists in ${range} of ${context.message}, not in version ${context.version}: leave it out`
  return (_writer, value) => {
    if (value === undefined || isDefault(value)) return
    throw new ProtocolError('UNSUPPORTED_FIELD', message, { field: name })
  }
}

/** Adds the field's name to an error on its way out. */
function traced(name: string, type: TypeCodec, context: Context): TypeCodec {
  if (!context.options.traced) return type
  const around =
    <A extends readonly unknown[]>(inner: (...args: A) => unknown) =>
    (...args: A) => {
      try {
        return inner(...args)
      } catch (error) {
        throw named(name, error)
      }
    }
  return { read: around(type.read), write: around(type.write), bytesMin: type.bytesMin }
}

function named(name: string, error: unknown): unknown {
  if (!(error instanceof ProtocolError)) return error
  const field = error.field === undefined ? name : `${name}${error.field.startsWith('[') ? '' : '.'}${error.field}`
  const { offset } = error
  return new ProtocolError(error.code, error.message, offset === undefined ? { field } : { field, offset })
}

/** A type with or without null, by the version. */
function nullableCodec(name: string, spec: FieldSpec, context: Context): TypeCodec {
  const nullable = includes(spec.nullableVersions, context.version)
  const type = typeCodec(spec, nullable, context)
  if (nullable) return type
  const { read, write, bytesMin } = type
  const everNullable = spec.nullableVersions !== undefined
  const where = everNullable ? `in version ${context.version} of ${context.message}` : `in ${context.message}`
  return {
    read,
    write: (writer, value) => {
      if (value !== null) return write(writer, value)
      const code = everNullable ? 'UNSUPPORTED_FIELD' : 'INVALID_VALUE'
      throw new ProtocolError(code, `${name} must not be null ${where}`, { field: name })
    },
    bytesMin
  }
}

function typeCodec(spec: FieldSpec, nullable: boolean, context: Context): TypeCodec {
  switch (spec.kind) {
    case 'array':
      return arrayCodec(spec.element as AnyField, nullable, context)
    case 'struct': {
      const inner = structCodec(spec.fields as Fields, context)
      return nullable ? nullableStruct(inner) : inner
    }
    case 'string':
      return stringCodec(nullable, context.flexible && !spec.classic)
    case 'bytes':
      return bytesCodec(nullable, context.flexible)
    case 'records':
      return recordsCodec(nullable, context.flexible)
    default:
      return fixedCodecs[spec.kind]
  }
}

const fixedCodecs = {
  bool: { read: (r: Reader) => r.bool(), write: (w: Writer, v: unknown) => w.bool(v as boolean), bytesMin: 1 },
  int8: { read: (r: Reader) => r.int8(), write: (w: Writer, v: unknown) => w.int8(v as number), bytesMin: 1 },
  int16: { read: (r: Reader) => r.int16(), write: (w: Writer, v: unknown) => w.int16(v as number), bytesMin: 2 },
  int32: { read: (r: Reader) => r.int32(), write: (w: Writer, v: unknown) => w.int32(v as number), bytesMin: 4 },
  int64: { read: (r: Reader) => r.int64(), write: (w: Writer, v: unknown) => w.int64(v as bigint), bytesMin: 8 },
  uint16: { read: (r: Reader) => r.uint16(), write: (w: Writer, v: unknown) => w.uint16(v as number), bytesMin: 2 },
  uint32: { read: (r: Reader) => r.uint32(), write: (w: Writer, v: unknown) => w.uint32(v as number), bytesMin: 4 },
  float64: { read: (r: Reader) => r.float64(), write: (w: Writer, v: unknown) => w.float64(v as number), bytesMin: 8 },
  uuid: { read: (r: Reader) => r.uuid(), write: (w: Writer, v: unknown) => w.uuid(v as string), bytesMin: 16 }
} as const satisfies Record<string, TypeCodec>

function nullAt(start: number): ProtocolError {
  return new ProtocolError('MALFORMED', 'Null is read where it is not allowed', { offset: start })
}

function stringCodec(nullable: boolean, compact: boolean): TypeCodec {
  const read = (reader: Reader): string | null => {
    const start = reader.position
    const length = compact ? reader.compactLength() : reader.stringLength()
    if (length >= 0) return reader.text(length)
    if (nullable) return null
    throw nullAt(start)
  }
  const write = compact
    ? (writer: Writer, value: unknown) => writer.compactString(value as string | null)
    : (writer: Writer, value: unknown) => writer.string(value as string | null)
  return { read, write, bytesMin: compact ? 1 : 2 }
}

function bytesCodec(nullable: boolean, compact: boolean): TypeCodec {
  const read = (reader: Reader): Uint8Array | null => {
    const start = reader.position
    const length = compact ? reader.compactLength() : reader.bytesLength()
    if (length >= 0) return reader.slice(length)
    if (nullable) return null
    throw nullAt(start)
  }
  const write = compact
    ? (writer: Writer, value: unknown) => writer.compactByteString(value as Uint8Array | null)
    : (writer: Writer, value: unknown) => writer.byteString(value as Uint8Array | null)
  return { read, write, bytesMin: compact ? 1 : 4 }
}

function recordsCodec(nullable: boolean, compact: boolean): TypeCodec {
  const { read, write, bytesMin } = bytesCodec(nullable, compact)
  return {
    read,
    write: (writer, value) => {
      if (Array.isArray(value)) writer.records(value as readonly Uint8Array[], compact)
      else write(writer, value)
    },
    bytesMin
  }
}

function arrayCodec(element: AnyField, nullable: boolean, context: Context): TypeCodec {
  const inner = tracedElement(nullableCodec('element', element.spec, context), context)
  const { read: readElement, write: writeElement, bytesMin } = inner
  if (bytesMin < 1) throw new Error(`${context.message} has an array of elements without bytes`)
  const compact = context.flexible
  const read = (reader: Reader): unknown[] | null => {
    const start = reader.position
    const count = compact ? reader.compactArrayCount(bytesMin) : reader.arrayCount(bytesMin)
    if (count < 0) {
      if (nullable) return null
      throw nullAt(start)
    }
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(readElement(reader))
    return values
  }
  const write = (writer: Writer, value: unknown): void => {
    if (value === null) return compact ? writer.uvarint(0) : writer.int32(-1)
    if (!Array.isArray(value)) throw invalid('An array', value)
    const values = value as readonly unknown[]
    if (compact) writer.uvarint(values.length + 1)
    else writer.int32(values.length)
    for (let i = 0; i < values.length; i++) writeElement(writer, values[i])
  }
  return { read, write, bytesMin: compact ? 1 : 4 }
}

/** Adds the index of an element to an error on its way out. */
function tracedElement(type: TypeCodec, context: Context): TypeCodec {
  return context.options.traced ? traced('[]', type, context) : type
}

/** A struct that may be null has a byte before it: -1 for null, 1 for a value. */
function nullableStruct(inner: TypeCodec): TypeCodec {
  return {
    read: (reader) => {
      const start = reader.position
      const marker = reader.int8()
      if (marker === -1) return null
      if (marker === 1) return inner.read(reader)
      throw new ProtocolError('MALFORMED', `A struct is announced by ${marker}, not by -1 or 1`, { offset: start })
    },
    write: (writer, value) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) inner.write(writer, value)
    },
    bytesMin: 1
  }
}

function tagsReader(tagged: readonly TaggedCodec[], context: Context): (reader: Reader, value: Struct) => void {
  const known = new Map(tagged.map((codec) => [codec.tag, codec]))
  const keep = context.options.unknownTags === 'keep'
  return (reader, value) => {
    let left = reader.uvarint()
    let previous = -1
    for (; left > 0; left--) {
      const start = reader.position
      const tag = reader.uvarint()
      if (tag <= previous) throw new ProtocolError('MALFORMED', `Tag ${tag} follows tag ${previous}`, { offset: start })
      previous = tag
      const size = reader.uvarint()
      const codec = known.get(tag)
      if (codec !== undefined) readKnownTag(reader, value, codec, size)
      else if (keep) value[unknownTags] = [...(value[unknownTags] ?? []), { tag, bytes: reader.slice(size) }]
      else reader.skip(size)
    }
  }
}

function readKnownTag(reader: Reader, value: Struct, codec: TaggedCodec, size: number): void {
  const start = reader.position
  value[codec.name] = codec.read(reader)
  const taken = reader.position - start
  if (taken === size) return
  const message = `Tag ${codec.tag} announces ${size} bytes and takes ${taken}`
  throw new ProtocolError('MALFORMED', message, { field: codec.name, offset: start })
}

function tagsWriter(tagged: readonly TaggedCodec[], context: Context): (writer: Writer, value: Struct) => void {
  const writeKnown = (writer: Writer, codec: TaggedCodec, value: unknown): void => {
    writer.uvarint(codec.tag)
    const mark = writer.beginSized()
    codec.write(writer, value)
    writer.endSized(mark)
  }
  const present = (value: Struct): TaggedCodec[] =>
    tagged.filter((codec) => value[codec.name] !== undefined && !codec.isDefault(value[codec.name]))
  if (context.options.unknownTags === 'keep') {
    return (writer, value) => {
      const known = present(value).map((codec) => ({ tag: codec.tag, codec }))
      const all = [...known, ...(value[unknownTags] ?? [])].toSorted((left, right) => left.tag - right.tag)
      writer.uvarint(all.length)
      for (const one of all) {
        if ('codec' in one) writeKnown(writer, one.codec, value[one.codec.name])
        else {
          writer.uvarint(one.tag)
          writer.compactSized(one.bytes)
        }
      }
    }
  }
  if (tagged.length === 0) return (writer) => writer.uvarint(0)
  return (writer, value) => {
    const known = present(value)
    writer.uvarint(known.length)
    for (const codec of known) writeKnown(writer, codec, value[codec.name])
  }
}

const emptyBytes = new Uint8Array(0)

const zeros: Readonly<Record<Exclude<FieldSpec['kind'], 'array' | 'struct'>, unknown>> = Object.freeze({
  bool: false,
  int8: 0,
  int16: 0,
  int32: 0,
  int64: 0n,
  uint16: 0,
  uint32: 0,
  float64: 0,
  string: '',
  bytes: emptyBytes,
  records: emptyBytes,
  uuid: zeroUuid
})

/** Makes the default of a field; lists and structs anew each time, so that nobody shares them. */
export function defaultMaker(spec: FieldSpec): () => unknown {
  const { defaultValue, kind } = spec
  if (defaultValue !== undefined) return () => defaultValue
  if (kind === 'array') return () => []
  if (kind !== 'struct') {
    const zero = zeros[kind]
    return () => zero
  }
  const makers = Object.entries(spec.fields as Fields).map(([name, field]) => [name, defaultMaker(field.spec)] as const)
  return () => {
    const value: Struct = {}
    for (const [name, make] of makers) value[name] = make()
    return value
  }
}

/** Tests for the default of a field. */
function defaultTest(spec: FieldSpec): (value: unknown) => boolean {
  const { defaultValue, kind } = spec
  if (defaultValue !== undefined) return (value) => value === defaultValue
  if (kind === 'array') return (value) => Array.isArray(value) && value.length === 0
  if (kind === 'bytes') return (value) => value instanceof Uint8Array && value.byteLength === 0
  if (kind === 'records') return (value) => hasNoBytes(value)
  if (kind !== 'struct') {
    const zero = zeros[kind]
    return (value) => value === zero
  }
  const tests = Object.entries(spec.fields as Fields).map(([name, field]) => [name, defaultTest(field.spec)] as const)
  return (value) => {
    if (typeof value !== 'object' || value === null) return false
    return tests.every(([name, test]) => (value as Struct)[name] === undefined || test((value as Struct)[name]))
  }
}

function hasNoBytes(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.byteLength === 0
  return Array.isArray(value) && value.every((piece) => piece instanceof Uint8Array && piece.byteLength === 0)
}

function invalid(expected: string, value: unknown): ProtocolError {
  return new ProtocolError('INVALID_VALUE', `${expected} is needed, not ${value === null ? 'null' : typeof value}`)
}
