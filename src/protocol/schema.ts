// Owns the language in which messages are declared: one value per message that covers all its versions, from which the
// static types, the codecs and the audit against Kafka's definitions derive. Knows nothing of bytes. The vocabulary
// (versions, nullable versions, tags, ignorable) is that of Kafka's message definitions, KIP-482.

declare const decodedType: unique symbol
declare const encodableType: unique symbol
declare const optionalType: unique symbol

/** A topic id or directory id: 16 bytes as Kafka prints them, 22 characters of base64url without padding. */
export type Uuid = string

/** The id that stands for "none". */
export const zeroUuid: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA'

export type PrimitiveKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint16'
  | 'uint32'
  | 'float64'
  | 'string'
  | 'bytes'
  | 'records'
  | 'uuid'

/** Versions from `from` to `until`, both included; `until` is Infinity where there is no end. */
export interface VersionRange {
  readonly from: number
  readonly until: number
}

interface CommonSpec {
  /** The versions that carry the field. */
  readonly versions: VersionRange
  /** The versions in which it may be null. */
  readonly nullableVersions?: VersionRange
  /** The declared default; without one it is zero, false, empty or a struct of defaults. */
  readonly defaultValue?: unknown
  /** Number of the tag, for a field that travels in the tagged section of every version that has it. */
  readonly tag?: number
  /** A value is dropped silently where the version lacks the field. */
  readonly ignorable: boolean
  /** Keeps the length prefix from before KIP-482 in flexible versions too. */
  readonly classic: boolean
}

interface PrimitiveType {
  readonly kind: PrimitiveKind
}

interface ArrayType {
  readonly kind: 'array'
  readonly element: AnyField
}

interface StructType {
  readonly kind: 'struct'
  readonly fields: Fields
}

type FieldType = PrimitiveType | ArrayType | StructType

/** What is declared about a field, as plain data. */
export type FieldSpec = FieldType & CommonSpec

/**
 * One field: `D` is what decoding gives, `E` what encoding takes, `O` whether encoding can do without. Every method
 * returns a new field.
 */
export class Field<D, E, O extends boolean> {
  declare readonly [decodedType]: D
  declare readonly [encodableType]: E
  declare readonly [optionalType]: O
  readonly spec: FieldSpec

  constructor(spec: FieldSpec) {
    this.spec = spec
  }

  /** Exists from this version on. */
  from(version: number): Field<D, E, true> {
    return new Field({ ...this.spec, versions: { from: version, until: this.spec.versions.until } })
  }

  /** Exists up to this version. */
  until(version: number): Field<D, E, true> {
    return new Field({ ...this.spec, versions: { from: this.spec.versions.from, until: version } })
  }

  /** May be null, in all versions or in those given. */
  nullable(from = 0, until = Number.POSITIVE_INFINITY): Field<D | null, E | null, O> {
    return new Field({ ...this.spec, nullableVersions: { from, until } })
  }

  /** The value of an absent field. */
  orElse(defaultValue: D): Field<D, E, true> {
    return new Field({ ...this.spec, defaultValue })
  }

  /** Travels in the tagged section, and only when it differs from its default. KIP-482. */
  tagged(tag: number): Field<D, E, true> {
    return new Field({ ...this.spec, tag })
  }

  /** A version without the field drops a value instead of refusing it. */
  ignorable(): Field<D, E, O> {
    return new Field({ ...this.spec, ignorable: true })
  }

  /** Keeps the length prefix from before KIP-482 in flexible versions too. */
  classic(): Field<D, E, O> {
    return new Field({ ...this.spec, classic: true })
  }
}

export type AnyField = Field<unknown, unknown, boolean>

export interface Fields {
  readonly [name: string]: AnyField
}

type OptionalKeys<F extends Fields> = {
  [K in keyof F]: F[K][typeof optionalType] extends true ? K : never
}[keyof F]

type DecodedFields<F extends Fields> = { readonly [K in keyof F]: F[K][typeof decodedType] } & {}

type EncodableFields<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: F[K][typeof encodableType] } & {
    readonly [K in OptionalKeys<F>]?: F[K][typeof encodableType] | undefined
  }
>

type Flat<T> = { [K in keyof T]: T[K] } & {}

/** A request, response or embedded structure with all its versions. */
export interface Message<F extends Fields = Fields> {
  readonly name: string
  /** Key of the API on the wire; undefined for structures that are embedded in other messages. */
  readonly apiKey: number | undefined
  /** First and last version. */
  readonly versions: readonly [first: number, last: number]
  /** First version with compact lengths and tagged fields (KIP-482); Infinity for none. */
  readonly flexible: number
  /** The last version may still change, and brokers refuse it unless told otherwise. */
  readonly latestVersionUnstable: boolean
  readonly fields: F
}

/** What decoding a message gives: every field, of all versions; those a version lacks have their default. */
export type Decoded<M extends Message> = DecodedFields<M['fields']>

/** What encoding a message takes: fields with a default and fields of some versions only may be left out. */
export type Encodable<M extends Message> = EncodableFields<M['fields']>

export interface MessageDeclaration<F extends Fields> {
  readonly apiKey?: number
  readonly versions: readonly [first: number, last: number]
  readonly flexible?: number
  readonly latestVersionUnstable?: boolean
  readonly fields: F
}

/** Declares a message for all its versions. */
export function message<const F extends Fields>(name: string, declaration: MessageDeclaration<F>): Message<F> {
  return Object.freeze({
    name,
    apiKey: declaration.apiKey,
    versions: declaration.versions,
    flexible: declaration.flexible ?? Number.POSITIVE_INFINITY,
    latestVersionUnstable: declaration.latestVersionUnstable ?? false,
    fields: declaration.fields
  })
}

const everyVersion: VersionRange = Object.freeze({ from: 0, until: Number.POSITIVE_INFINITY })

function field<D, E = D>(type: FieldType): Field<D, E, false> {
  return new Field({ ...type, versions: everyVersion, ignorable: false, classic: false })
}

export const bool = field<boolean>({ kind: 'bool' })
export const int8 = field<number>({ kind: 'int8' })
export const int16 = field<number>({ kind: 'int16' })
export const int32 = field<number>({ kind: 'int32' })
export const int64 = field<bigint>({ kind: 'int64' })
export const uint16 = field<number>({ kind: 'uint16' })
export const uint32 = field<number>({ kind: 'uint32' })
export const float64 = field<number>({ kind: 'float64' })
export const string = field<string>({ kind: 'string' })
export const bytes = field<Uint8Array>({ kind: 'bytes' })
/** Record batches. Encoding takes them in one piece or in several, which are written one after another uncopied. */
export const records = field<Uint8Array, Uint8Array | readonly Uint8Array[]>({ kind: 'records' })
export const uuid = field<Uuid>({ kind: 'uuid' })

/** A list of `element`. */
export function array<D, E>(element: Field<D, E, boolean>): Field<readonly D[], readonly E[], false> {
  return field({ kind: 'array', element })
}

/** A group of fields. */
export function struct<const F extends Fields>(fields: F): Field<DecodedFields<F>, EncodableFields<F>, false> {
  return field({ kind: 'struct', fields })
}

/** Whether a range has a version; no range has none. */
export function includesVersion(range: VersionRange | undefined, version: number): boolean {
  return range !== undefined && version >= range.from && version <= range.until
}

/** Only a field of every version without a default of its own is required. */
export function isOptional(spec: FieldSpec): boolean {
  const { from, until } = spec.versions
  return spec.defaultValue !== undefined || from > 0 || until !== Number.POSITIVE_INFINITY
}
