// Owns what the sources of both directions have in common: lines, names of variables, values that the source refers to,
// and the sizes of types at one version, by which the source checks many fields at once. Text only; codec_emit.ts makes
// functions of it.

import { defaultOf } from './defaults.ts'
import { includesVersion } from './schema.ts'
import type { Fields, FieldSpec, PrimitiveKind } from './schema.ts'

/** What is the same throughout one message at one version. */
export interface EmitContext {
  readonly version: number
  readonly flexible: boolean
}

/** Bytes of the types that always take the same. */
const fixedSizes: Partial<Record<PrimitiveKind, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint16: 2,
  uint32: 4,
  float64: 8,
  uuid: 16
}

export abstract class Source {
  readonly context: EmitContext
  /** `D` in the source. */
  readonly values: unknown[] = []
  readonly #lines: string[] = []
  #names = 0

  constructor(context: EmitContext) {
    this.context = context
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  line(...lines: readonly string[]): void {
    this.#lines.push(...lines)
  }

  /** A variable that no other is called; the hint is for those who read the source. */
  name(hint: string): string {
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(hint)) throw new Error(`'${hint}' is no name for a field`)
    return `${hint}_${this.#names++}`
  }

  /** An expression for the default of a field. */
  defaultOf(spec: FieldSpec): string {
    return this.constant(defaultOf(spec))
  }

  /** An expression for a value that is known now: a literal where there is one. */
  constant(value: unknown): string {
    if (value === null) return 'null'
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
    return `D[${this.values.push(value) - 1}]`
  }

  isIn(spec: FieldSpec): boolean {
    return includesVersion(spec.versions, this.context.version)
  }

  isNullable(spec: FieldSpec): boolean {
    return includesVersion(spec.nullableVersions, this.context.version)
  }

  /** Whether the field is read or written in its place; tagged ones come behind all others. */
  isInPlace(spec: FieldSpec): boolean {
    return this.isIn(spec) && spec.tag === undefined
  }

  /** The fewest bytes that a value can take. */
  bytesMin(spec: FieldSpec): number {
    const { flexible } = this.context
    switch (spec.kind) {
      case 'string':
        return flexible && !spec.classic ? 1 : 2
      case 'bytes':
      case 'records':
      case 'array':
        return flexible ? 1 : 4
      case 'struct':
        return this.isNullable(spec) ? 1 : this.structBytesMin(spec.fields)
      default:
        return fixedSizes[spec.kind] ?? 0
    }
  }

  structBytesMin(fields: Fields): number {
    const inPlace = Object.values(fields).filter(({ spec }) => this.isInPlace(spec))
    return inPlace.reduce((sum, { spec }) => sum + this.bytesMin(spec), this.context.flexible ? 1 : 0)
  }

  /** Whether all values take the same number of bytes, which is then the fewest. */
  isFixed(spec: FieldSpec): boolean {
    if (spec.kind === 'array') return false
    if (spec.kind !== 'struct') return fixedSizes[spec.kind] !== undefined
    if (this.context.flexible || this.isNullable(spec)) return false
    return Object.values(spec.fields).every((field) => !this.isIn(field.spec) || this.isFixed(field.spec))
  }
}
