// Owns the reference back end of the codecs: a tree of closures per message and version, built once from the
// declaration. Decoding gives the same shape in every version; encoding refuses a value that the version cannot carry,
// unless it is ignorable or the default (as Kafka's own generated classes do). KIP-482.

import { coveredTextBytes, elementBytes, firstUnknownTagBytes, unknownTagBytes } from './decoded_size.ts'
import { defaultOf, defaultTest } from './defaults.ts'
import { ProtocolError } from './protocol_error.ts'
import type { Reader } from './reader.ts'
import { includesVersion, isOptional } from './schema.ts'
import type { AnyField, Fields, FieldSpec, Message } from './schema.ts'
import { emptyList } from './shared_values.ts'
import { stringBytesMax, type Writer } from './writer.ts'

/** A tagged field that the declaration does not know. */
export interface UnknownTag {
  readonly tag: number
  readonly bytes: Uint8Array
}

/** Where a codec that keeps unknown tags puts them, on the struct that had them. */
export const unknownTags: unique symbol = Symbol('unknownTags')

export interface ClosureOptions {
  /** Whether tagged fields that are not declared are dropped, or kept under `unknownTags` and written again. */
  readonly unknownTags: 'skip' | 'keep'
  /** Whether errors name their field; costs a `try` per field, so it is done in a second attempt only. */
  readonly traced: boolean
}

export interface ClosureCodec {
  readonly encode: Write
  readonly decode: Read
  /** The fewest bytes that a message can take. */
  readonly bytesMin: number
}

type Struct = Record<string, unknown> & { [unknownTags]?: UnknownTag[] }
type Read = (reader: Reader) => unknown
type Write = (writer: Writer, value: unknown) => void

/** A type at one version. */
interface TypeCodec {
  readonly read: Read
  readonly write: Write
  /** The fewest bytes that a value can take. */
  readonly bytesMin: number
}

/** A field in its place among the fields of its struct. */
interface PartCodec extends TypeCodec {
  readonly name: string
  readonly tagged: TaggedCodec | undefined
}

/** A tagged field. */
interface TaggedCodec {
  readonly tag: number
  readonly name: string
  readonly read: Read
  readonly write: Write
  readonly isDefault: (value: unknown) => boolean
}

/** What is the same throughout one message at one version. */
interface Context {
  readonly message: string
  readonly version: number
  readonly flexible: boolean
  readonly options: ClosureOptions
}

export function closureCodec(message: Message, version: number, options: ClosureOptions): ClosureCodec {
  const flexible = version >= message.flexible
  const { read, write, bytesMin } = structCodec(message.fields, { message: message.name, version, flexible, options })
  return { encode: write, decode: read, bytesMin }
}

function invalid(expected: string, value: unknown): ProtocolError {
  return new ProtocolError('INVALID_VALUE', `${expected} is needed, not ${value === null ? 'null' : typeof value}`)
}

function isStruct(value: unknown): value is Struct {
  return typeof value === 'object' && value !== null
}

function asBoolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalid('A boolean', value)
}

function asNumber(value: unknown): number {
  if (typeof value === 'number') return value
  throw invalid('A number', value)
}

function asBigint(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  throw invalid('A bigint', value)
}

function asString(value: unknown): string {
  if (typeof value === 'string') return value
  throw invalid('A string', value)
}

function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw invalid('A Uint8Array', value)
}

function structCodec(fields: Fields, context: Context): TypeCodec {
  const parts = Object.entries(fields).map(([name, field]) => partCodec(name, field, context))
  const tagged = parts.flatMap((part) => part.tagged ?? []).toSorted(byTag)
  const { flexible } = context
  const readTags = tagsReader(tagged, context)
  const writeTags = tagsWriter(tagged, context)
  const read = (reader: Reader): Struct => {
    const value: Struct = {}
    for (const part of parts) value[part.name] = part.read(reader)
    if (flexible) readTags(reader, value)
    return value
  }
  const write = (writer: Writer, value: unknown): void => {
    if (!isStruct(value)) throw invalid('A struct', value)
    for (const part of parts) part.write(writer, value[part.name])
    if (flexible) writeTags(writer, value)
  }
  return { read, write, bytesMin: parts.reduce((sum, part) => sum + part.bytesMin, flexible ? 1 : 0) }
}

/** A field among its struct's: absent, tagged, or in its place. Reading gives the default where nothing is read. */
function partCodec(name: string, { spec }: AnyField, context: Context): PartCodec {
  const defaultValue = defaultOf(spec)
  const readDefault = (): unknown => defaultValue
  const isDefault = defaultTest(spec)
  if (!includesVersion(spec.versions, context.version)) {
    const write = absentWriter(name, spec, isDefault, context)
    return { name, read: readDefault, write, bytesMin: 0, tagged: undefined }
  }
  const { read, write, bytesMin } = traced(name, valueCodec(name, spec, context), context)
  if (spec.tag === undefined) {
    return {
      name,
      read,
      write: isOptional(spec) ? withDefault(write, defaultValue) : write,
      bytesMin,
      tagged: undefined
    }
  }
  if (!context.flexible) throw new Error(`${context.message}.${name} is tagged in an inflexible version`)
  const tagged: TaggedCodec = { tag: spec.tag, name, read, write, isDefault }
  return { name, read: readDefault, write: writeNothing, bytesMin: 0, tagged }
}

function writeNothing(): void {}

function withDefault(write: Write, defaultValue: unknown): Write {
  return (writer, value) => write(writer, value === undefined ? defaultValue : value)
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
  const { read, write, bytesMin } = type
  return {
    read: (reader) => located(name, () => read(reader)),
    write: (writer, value) => located(name, () => write(writer, value)),
    bytesMin
  }
}

function located<T>(place: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const { code, message, offset, field: inner } = error
    const separator = inner === undefined || inner.startsWith('[') ? '' : '.'
    const field = `${place}${separator}${inner ?? ''}`
    throw new ProtocolError(code, message, offset === undefined ? { field } : { field, offset })
  }
}

/** A type with or without null, by the version. */
function valueCodec(name: string, spec: FieldSpec, context: Context): TypeCodec {
  const nullable = includesVersion(spec.nullableVersions, context.version)
  const type = typeCodec(spec, nullable, context)
  if (nullable || spec.nullableVersions === undefined) return type
  const message = `${name} must not be null in version ${context.version} of ${context.message}`
  const { read, write, bytesMin } = type
  return {
    read,
    write: (writer, value) => {
      if (value === null) throw new ProtocolError('UNSUPPORTED_FIELD', message)
      write(writer, value)
    },
    bytesMin
  }
}

function typeCodec(spec: FieldSpec, nullable: boolean, context: Context): TypeCodec {
  switch (spec.kind) {
    case 'array':
      return arrayCodec(spec.element, nullable, context)
    case 'struct': {
      const inner = structCodec(spec.fields, context)
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
  bool: { read: (r: Reader) => r.bool(), write: (w: Writer, v: unknown) => w.bool(asBoolean(v)), bytesMin: 1 },
  int8: { read: (r: Reader) => r.int8(), write: (w: Writer, v: unknown) => w.int8(asNumber(v)), bytesMin: 1 },
  int16: { read: (r: Reader) => r.int16(), write: (w: Writer, v: unknown) => w.int16(asNumber(v)), bytesMin: 2 },
  int32: { read: (r: Reader) => r.int32(), write: (w: Writer, v: unknown) => w.int32(asNumber(v)), bytesMin: 4 },
  int64: { read: (r: Reader) => r.int64(), write: (w: Writer, v: unknown) => w.int64(asBigint(v)), bytesMin: 8 },
  uint16: { read: (r: Reader) => r.uint16(), write: (w: Writer, v: unknown) => w.uint16(asNumber(v)), bytesMin: 2 },
  uint32: { read: (r: Reader) => r.uint32(), write: (w: Writer, v: unknown) => w.uint32(asNumber(v)), bytesMin: 4 },
  float64: { read: (r: Reader) => r.float64(), write: (w: Writer, v: unknown) => w.float64(asNumber(v)), bytesMin: 8 },
  uuid: { read: (r: Reader) => r.uuid(), write: (w: Writer, v: unknown) => w.uuid(asString(v)), bytesMin: 16 }
} as const satisfies Record<string, TypeCodec>

function nullAt(start: number): ProtocolError {
  return new ProtocolError('MALFORMED', 'Null is read where it is not allowed', { offset: start })
}

function stringCodec(nullable: boolean, compact: boolean): TypeCodec {
  const read = (reader: Reader): string | null => {
    const start = reader.position
    const length = compact ? reader.compactLength() : reader.stringLength()
    if (length > stringBytesMax) {
      throw new ProtocolError('MALFORMED', `A string has ${length} bytes, not up to ${stringBytesMax}`, {
        offset: start
      })
    }
    if (length > coveredTextBytes) reader.charge(length * 2, start, `Text of ${length} bytes`)
    if (length >= 0) return reader.text(length)
    if (nullable) return null
    throw nullAt(start)
  }
  const write = (writer: Writer, value: unknown): void => {
    const text = nullable && value === null ? null : asString(value)
    if (compact) writer.compactString(text)
    else writer.string(text)
  }
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
  const write = (writer: Writer, value: unknown): void => {
    const data = nullable && value === null ? null : asBytes(value)
    if (compact) writer.compactByteString(data)
    else writer.byteString(data)
  }
  return { read, write, bytesMin: compact ? 1 : 4 }
}

function recordsCodec(nullable: boolean, compact: boolean): TypeCodec {
  const { read, write, bytesMin } = bytesCodec(nullable, compact)
  return {
    read,
    write: (writer, value) => {
      if (Array.isArray(value)) writer.records(value.map(asBytes), compact)
      else write(writer, value)
    },
    bytesMin
  }
}

function arrayCodec(element: AnyField, nullable: boolean, context: Context): TypeCodec {
  const { read: readElement, write: writeElement, bytesMin } = elementCodec(element, context)
  if (bytesMin < 1) throw new Error(`${context.message} has an array of elements without bytes`)
  const compact = context.flexible
  const costBytes = elementBytes(element.spec, context.version)
  const read = (reader: Reader): readonly unknown[] | null => {
    const start = reader.position
    const count = compact ? reader.compactArrayCount(bytesMin) : reader.arrayCount(bytesMin)
    if (count < 0) {
      if (nullable) return null
      throw nullAt(start)
    }
    if (count === 0) return emptyList
    reader.chargeList(count, costBytes, start)
    if (element.spec.kind === 'int32') return reader.int32List(count)
    // oxlint-disable-next-line unicorn/no-new-array -- a list that grows takes up to two and a half times its room
    const values = new Array<unknown>(count)
    for (let i = 0; i < count; i++) values[i] = readElement(reader, i)
    return values
  }
  const write = (writer: Writer, value: unknown): void => {
    if (nullable && value === null) return compact ? writer.uvarint(0) : writer.int32(-1)
    if (!Array.isArray(value)) throw invalid('An array', value)
    const values: readonly unknown[] = value
    if (compact) writer.uvarint(values.length + 1)
    else writer.int32(values.length)
    for (let i = 0; i < values.length; i++) writeElement(writer, values[i], i)
  }
  return { read, write, bytesMin: compact ? 1 : 4 }
}

interface ElementCodec {
  readonly read: (reader: Reader, index: number) => unknown
  readonly write: (writer: Writer, value: unknown, index: number) => void
  readonly bytesMin: number
}

function elementCodec({ spec }: AnyField, context: Context): ElementCodec {
  const type = valueCodec('element', spec, context)
  if (!context.options.traced) return type
  const { read, write, bytesMin } = type
  return {
    read: (reader, index) => located(`[${index}]`, () => read(reader)),
    write: (writer, value, index) => located(`[${index}]`, () => write(writer, value)),
    bytesMin
  }
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
    let previous = -1
    for (let left = reader.uvarint(); left > 0; left--) {
      const start = reader.position
      const tag = reader.uvarint()
      if (tag <= previous) throw new ProtocolError('MALFORMED', `Tag ${tag} follows tag ${previous}`, { offset: start })
      previous = tag
      const size = reader.uvarint()
      const codec = known.get(tag)
      if (codec !== undefined) readKnownTag(reader, value, codec, size)
      else if (keep) keepTag(reader, value, tag, size, start)
      else reader.skip(size)
    }
  }
}

function keepTag(reader: Reader, value: Struct, tag: number, size: number, start: number): void {
  const isFirst = value[unknownTags] === undefined
  reader.charge(isFirst ? firstUnknownTagBytes : unknownTagBytes, start, 'A tag that is kept')
  const tags = (value[unknownTags] ??= [])
  tags.push({ tag, bytes: reader.slice(size) })
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
  const keep = context.options.unknownTags === 'keep'
  if (tagged.length === 0 && !keep) return (writer) => writer.uvarint(0)
  const declared = new Set(tagged.map(({ tag }) => tag))
  return (writer, value) => {
    const known = tagged.filter((codec) => {
      const one = value[codec.name]
      return one !== undefined && (!codec.isDefault(one) || (keep && hasUnknownTags(one)))
    })
    const unknown: unknown = keep ? value[unknownTags] : undefined
    const present = unknown === undefined ? known : [...known, ...checkedTags(unknown, declared)].toSorted(byTag)
    writer.uvarint(present.length)
    for (const one of present) writeTag(writer, value, one)
  }
}

function byTag(left: { readonly tag: number }, right: { readonly tag: number }): number {
  return left.tag - right.tag
}

/** The unknown tags of a struct, which may be of anybody's making. What a reader would refuse is not written. */
function checkedTags(given: unknown, declared: ReadonlySet<number>): readonly UnknownTag[] {
  if (!Array.isArray(given)) throw invalid('A list of unknown tags', given)
  const tags: readonly unknown[] = given
  const seen = new Set<number>(declared)
  return tags.map((one) => {
    if (!isUnknownTag(one)) throw invalid('An unknown tag with its bytes', one)
    const { tag } = one
    if (declared.has(tag)) throw new ProtocolError('INVALID_VALUE', `Tag ${tag} is declared: give its field instead`)
    if (seen.has(tag)) throw new ProtocolError('INVALID_VALUE', `Tag ${tag} is there twice`)
    seen.add(tag)
    return one
  })
}

function isUnknownTag(value: unknown): value is UnknownTag {
  return isStruct(value) && typeof value['tag'] === 'number' && value['bytes'] instanceof Uint8Array
}

/** Whether a struct of defaults, or one inside of it, has unknown tags: then it is not left out, as in Java. */
function hasUnknownTags(value: unknown): boolean {
  if (!isStruct(value)) return false
  return (value[unknownTags]?.length ?? 0) > 0 || Object.values(value).some(hasUnknownTags)
}

function writeTag(writer: Writer, value: Struct, one: TaggedCodec | UnknownTag): void {
  writer.uvarint(one.tag)
  if ('bytes' in one) return writer.sizedBytes(one.bytes)
  const mark = writer.beginSized()
  one.write(writer, value[one.name])
  writer.endSized(mark)
}
