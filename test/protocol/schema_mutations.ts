// Owns wrong declarations: copies of a message that differ from it on the wire in one attribute of one field, to show
// that a comparison sees every such mistake.

import { Field, type AnyField, type Fields, type FieldSpec, type Message } from '../../src/protocol/schema.ts'

export interface Mutation {
  /** What was done to the message. */
  readonly change: string
  readonly mutant: Message
}

/** Copies of a message, each with one mistake. */
export function* mutations(message: Message): Generator<Mutation> {
  const [first, last] = message.versions
  const mutate = (change: string, part: Partial<Message>): Mutation => ({ change, mutant: { ...message, ...part } })
  yield mutate('another name', { name: `${message.name}X` })
  yield mutate('another API key', { apiKey: (message.apiKey ?? 0) + 1 })
  yield mutate('one version more', { versions: [first, last + 1] })
  yield mutate('one version more before', { versions: [first - 1, last] })
  yield mutate('the latest version (un)stable', { latestVersionUnstable: !message.latestVersionUnstable })
  if (message.flexible <= last) yield mutate('flexible one version later', { flexible: message.flexible + 1 })
  if (message.flexible > first) yield mutate('flexible earlier', { flexible: Math.min(message.flexible - 1, last) })
  const versions = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  for (const { change, fields } of fieldsMutations(message.fields, versions)) yield mutate(change, { fields })
}

interface FieldsMutation {
  readonly change: string
  readonly fields: Fields
}

/** `versions` are those in which the struct around is on the wire. */
function* fieldsMutations(fields: Fields, versions: readonly number[]): Generator<FieldsMutation> {
  const entries = Object.entries(fields)
  yield { change: 'an invented field', fields: { ...fields, inventedField: new Field({ ...plain, kind: 'int32' }) } }
  for (const [index, [name, field]] of entries.entries()) {
    const others = entries.filter((_, other) => other !== index)
    yield { change: `${name} left out`, fields: Object.fromEntries(others) }
    yield { change: `${name} renamed`, fields: { ...Object.fromEntries(others), [`${name}X`]: field } }
    if (index > 0) yield { change: `${name} moved to the front`, fields: { [name]: field, ...fields } }
    for (const { change, mutant } of fieldMutations(field, versions)) {
      yield { change: `${name}: ${change}`, fields: { ...fields, [name]: mutant } }
    }
  }
}

/** Attributes of a field, with values that need not fit. */
type SpecPart = Readonly<Record<string, unknown>>

interface FieldMutation {
  readonly change: string
  readonly mutant: AnyField
}

const plain = { versions: { from: 0, until: Number.POSITIVE_INFINITY }, ignorable: false, classic: false } as const

function* fieldMutations(field: AnyField, around: readonly number[]): Generator<FieldMutation> {
  const { spec } = field
  const mutate = (change: string, part: SpecPart): FieldMutation => ({
    change,
    mutant: new Field(withPart(spec, part))
  })
  const { from, until } = spec.versions
  const versions = around.filter((version) => version >= from && version <= until)
  const [first, last] = [versions.at(0) ?? 0, versions.at(-1) ?? 0]
  yield mutate('one version later', { versions: { from: first + 1, until } })
  yield mutate('ends one version earlier', { versions: { from, until: last - 1 } })
  if (around.includes(first - 1)) yield mutate('one version earlier', { versions: { from: first - 1, until } })
  if (around.includes(last + 1)) yield mutate('ends one version later', { versions: { from, until: last + 1 } })
  yield* nullabilityMutations(spec, versions, mutate)
  yield mutate('another default', { defaultValue: otherDefault(spec) })
  if (spec.defaultValue !== undefined) yield mutate('no default', { defaultValue: undefined })
  yield mutate('another tag', { tag: (spec.tag ?? 0) + 1 })
  if (spec.tag !== undefined) yield mutate('no tag', { tag: undefined })
  yield mutate('ignorable or not', { ignorable: !spec.ignorable })
  yield mutate('an old length prefix or not', { classic: !spec.classic })
  yield mutate('another type', { kind: spec.kind === 'int16' ? 'int32' : 'int16' })
  yield { change: 'an array', mutant: new Field({ ...plain, kind: 'array', element: field }) }
  if (spec.kind === 'struct') {
    for (const inner of fieldsMutations(spec.fields, versions)) yield mutate(inner.change, { fields: inner.fields })
  }
  if (spec.kind === 'array') yield* elementMutations(spec.element, versions, mutate)
}

type Mutate = (change: string, part: SpecPart) => FieldMutation

function* nullabilityMutations(spec: FieldSpec, versions: readonly number[], mutate: Mutate): Generator<FieldMutation> {
  const { from = Number.POSITIVE_INFINITY, until = 0 } = spec.nullableVersions ?? {}
  const nullable = versions.filter((version) => version >= from && version <= until)
  const [first, last] = [nullable.at(0), nullable.at(-1)]
  if (first === undefined || last === undefined) {
    yield mutate('nullable', { nullableVersions: plain.versions })
    return
  }
  yield mutate('not nullable', { nullableVersions: undefined })
  yield mutate('nullable one version later', { nullableVersions: { from: first + 1, until } })
  yield mutate('nullable until earlier', { nullableVersions: { from, until: last - 1 } })
  if (nullable.length < versions.length) yield mutate('always nullable', { nullableVersions: plain.versions })
}

function* elementMutations(element: AnyField, versions: readonly number[], mutate: Mutate): Generator<FieldMutation> {
  const { spec } = element
  if (spec.kind !== 'struct') {
    yield mutate('another element', { element: new Field(withPart(spec, { kind: 'float64' })) })
    return
  }
  for (const inner of fieldsMutations(spec.fields, versions)) {
    yield mutate(inner.change, { element: new Field(withPart(spec, { fields: inner.fields })) })
  }
}

function otherDefault(spec: FieldSpec): unknown {
  switch (spec.kind) {
    case 'int64':
      return spec.defaultValue === 77n ? 78n : 77n
    case 'string':
      return spec.defaultValue === 'other' ? null : 'other'
    case 'bool':
      return spec.defaultValue !== true
    case 'array':
    case 'struct':
    case 'bytes':
    case 'records':
    case 'uuid':
      return spec.defaultValue === null ? undefined : null
    default:
      return spec.defaultValue === 77 ? 78 : 77
  }
}

/** A spec with other attributes, whatever they make of it: mistakes need not fit the types. */
function withPart(spec: FieldSpec, part: SpecPart): FieldSpec {
  return { ...spec, ...part }
}
