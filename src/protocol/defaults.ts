// Owns the defaults of fields: what decoding puts where a version has no field, what encoding leaves out. A declared
// default, else zero, false, empty or a struct of defaults, as in Kafka's generated classes.

import { zeroUuid, type FieldSpec, type PrimitiveKind } from './schema.ts'
import { emptyBytes, emptyList } from './shared_values.ts'

const zeros: Readonly<Record<PrimitiveKind, unknown>> = Object.freeze({
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

/** The default of a field; one value for everybody, so lists and structs are frozen. */
export function defaultOf(spec: FieldSpec): unknown {
  const { defaultValue } = spec
  if (defaultValue !== undefined) return defaultValue
  if (spec.kind === 'array') return emptyList
  if (spec.kind !== 'struct') return zeros[spec.kind]
  const fields = Object.entries(spec.fields).map(([name, field]) => [name, defaultOf(field.spec)] as const)
  return Object.freeze(Object.fromEntries(fields))
}

/** Tests for the default of a field. A struct counts as its default when all its fields do, or are left out. */
export function defaultTest(spec: FieldSpec): (value: unknown) => boolean {
  const { defaultValue } = spec
  if (defaultValue !== undefined) return (value) => value === defaultValue
  switch (spec.kind) {
    case 'array':
      return (value) => Array.isArray(value) && value.length === 0
    case 'bytes':
    case 'records':
      return hasNoBytes
    case 'struct': {
      const tests = new Map(Object.entries(spec.fields).map(([name, field]) => [name, defaultTest(field.spec)]))
      return (value) => {
        if (typeof value !== 'object' || value === null) return false
        return Object.entries(value).every(([name, one]) => one === undefined || tests.get(name)?.(one) !== false)
      }
    }
    default: {
      const zero = zeros[spec.kind]
      return (value) => value === zero
    }
  }
}

function hasNoBytes(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.byteLength === 0
  return Array.isArray(value) && value.every((piece) => piece instanceof Uint8Array && piece.byteLength === 0)
}
