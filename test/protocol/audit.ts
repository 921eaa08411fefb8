// Owns the comparison of our declarations with Kafka's official ones, field by field and both ways. What an official
// definition says about versions outside its valid ones has no meaning on the wire and is not compared.

import type { FieldSpec, Fields, Message, VersionRange } from '../../src/protocol/schema.ts'
import type { OfficialField, OfficialMessage, OfficialStruct } from './official_definitions.ts'

export interface AuditReport {
  /** One sentence per difference, beginning with the path of the field. */
  readonly differences: string[]
  /** How many fields were compared. */
  fieldsCompared: number
}

const messageAttributes = words(
  'type name apiKey listeners validVersions flexibleVersions latestVersionUnstable commonStructs fields'
)

/** Attributes about the wire, and those that only say how Java is generated or documented. */
const fieldAttributes = words(
  'name type versions nullableVersions default tag taggedVersions ignorable flexibleVersions fields',
  'about entityType mapKey zeroCopy'
)

function words(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(' ')))
}

export function newReport(): AuditReport {
  return { differences: [], fieldsCompared: 0 }
}

/** Compares one message; what differs goes into the report. */
export function auditMessage(official: OfficialMessage, ours: Message, report: AuditReport): void {
  const path = official.name
  expectAttributes(path, official, messageAttributes, report)
  const valid = closedRange(official.validVersions)
  compare(`${path}: name`, official.name, ours.name, report)
  // What coordinators keep in their logs has a type there, which is no API.
  const isLogged = official.type.startsWith('coordinator-')
  if (!isLogged) compare(`${path}: apiKey`, official.apiKey, ours.apiKey, report)
  compare(`${path}: validVersions`, listed(valid), listed(span(ours.versions[0], ours.versions[1])), report)
  compare(`${path}: latestVersionUnstable`, official.latestVersionUnstable ?? false, ours.latestVersionUnstable, report)
  const flexible = intersection(official.flexibleVersions, valid)
  const ourFlexible = valid.filter((version) => version >= ours.flexible)
  compare(`${path}: flexibleVersions`, listed(flexible), listed(ourFlexible), report)
  const structs = new Map((official.commonStructs ?? []).map((struct) => [struct.name, struct]))
  auditFields(path, official.fields ?? [], ours.fields, { versions: valid, structs, report })
}

interface Scope {
  /** The versions in which the struct around is on the wire. */
  readonly versions: readonly number[]
  readonly structs: ReadonlyMap<string, OfficialStruct>
  readonly report: AuditReport
}

function auditFields(path: string, official: readonly OfficialField[], ours: Fields, scope: Scope): void {
  const { report } = scope
  const expected: string[] = []
  for (const field of official) {
    if (intersection(versionsOf(field), scope.versions).length === 0) continue
    const name = field.name.charAt(0).toLowerCase() + field.name.slice(1)
    expected.push(name)
    const our = ours[name]
    if (our === undefined) report.differences.push(`${path}.${name}: is missing`)
    else auditField(`${path}.${name}`, field, our.spec, scope)
  }
  const declared = Object.keys(ours)
  const unknown = declared.filter((name) => !expected.includes(name))
  for (const name of unknown) report.differences.push(`${path}.${name}: is not in the official definition`)
  const officialOrder = expected.filter((name) => declared.includes(name))
  const ourOrder = declared.filter((name) => expected.includes(name))
  compare(`${path}: order of the fields`, officialOrder.join(' '), ourOrder.join(' '), report)
}

function auditField(path: string, official: OfficialField, ours: FieldSpec, scope: Scope): void {
  const { report } = scope
  report.fieldsCompared++
  expectAttributes(path, official, fieldAttributes, report)
  const versions = intersection(versionsOf(official), scope.versions)
  const ourVersions = within(ours.versions, scope.versions)
  compare(`${path}: versions`, listed(versions), listed(ourVersions), report)
  const nullable = intersection(official.nullableVersions ?? 'none', versions)
  compare(`${path}: nullableVersions`, listed(nullable), listed(within(ours.nullableVersions, versions)), report)
  compare(`${path}: tag`, official.tag, ours.tag, report)
  const tagged = intersection(official.taggedVersions ?? 'none', versions)
  compare(`${path}: taggedVersions`, listed(tagged), listed(ours.tag === undefined ? [] : ourVersions), report)
  compare(`${path}: ignorable`, official.ignorable ?? false, ours.ignorable, report)
  const flexibleVersions = ours.classic ? 'none' : undefined
  compare(`${path}: flexibleVersions`, official.flexibleVersions, flexibleVersions, report)
  compare(`${path}: default`, officialDefault(official), ours.defaultValue, report)
  auditType(path, official, ours, { ...scope, versions })
}

function auditType(path: string, official: OfficialField, ours: FieldSpec, scope: Scope): void {
  const { report } = scope
  const isArray = official.type.startsWith('[]')
  const type = isArray ? official.type.slice(2) : official.type
  let inner = ours
  if (isArray) {
    if (ours.kind !== 'array') return void report.differences.push(`${path}: is ${ours.kind}, not an array`)
    inner = ours.element.spec
    if (!isPlain(inner)) report.differences.push(`${path}: its element has versions, a default or a tag of its own`)
  }
  const struct = scope.structs.get(type)
  const fields = official.fields ?? struct?.fields
  if (fields === undefined) return compare(`${path}: type`, type, inner.kind, report)
  if (inner.kind !== 'struct') return void report.differences.push(`${path}: is ${inner.kind}, not the struct ${type}`)
  const versions = struct === undefined ? scope.versions : intersection(struct.versions, scope.versions)
  auditFields(isArray ? `${path}[]` : path, fields, inner.fields, { ...scope, versions })
}

/** Whether a type has nothing but its kind. */
function isPlain(spec: FieldSpec): boolean {
  const { from, until } = spec.versions
  if (from !== 0 || until !== Number.POSITIVE_INFINITY || spec.nullableVersions !== undefined) return false
  return spec.defaultValue === undefined && spec.tag === undefined && !spec.ignorable && !spec.classic
}

function officialDefault(field: OfficialField): unknown {
  const { default: value, type } = field
  if (value === undefined) return undefined
  if (String(value) === 'null') return null
  switch (type) {
    case 'string':
      return value
    case 'bool':
      return String(value) === 'true'
    case 'int64':
      return BigInt(value)
    case 'float64':
      return Number(value)
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint16':
    case 'uint32':
      return Number(BigInt(value))
    default:
      return `${value} for ${type}, which is not understood`
  }
}

function expectAttributes(path: string, value: object, known: ReadonlySet<string>, report: AuditReport): void {
  for (const name of Object.keys(value)) {
    if (!known.has(name)) report.differences.push(`${path}: the attribute ${name} is not understood`)
  }
}

function compare(what: string, official: unknown, ours: unknown, report: AuditReport): void {
  if (official === ours) return
  report.differences.push(`${what}: officially ${String(official)}, here ${String(ours)}`)
}

/** A tagged field need not say its versions twice. */
function versionsOf({ versions, taggedVersions = 'none' }: OfficialField): string {
  return versions ?? taggedVersions
}

function listed(versions: readonly number[]): string {
  return versions.length === 0 ? 'none' : versions.join(',')
}

function within(range: VersionRange | undefined, versions: readonly number[]): number[] {
  return versions.filter((version) => range !== undefined && version >= range.from && version <= range.until)
}

function intersection(range: string, versions: readonly number[]): number[] {
  return within(parseRange(range), versions)
}

/** A range as the official definitions write it: `none`, `3`, `3-5` or `3+`. */
function parseRange(text: string): VersionRange | undefined {
  if (text === 'none') return undefined
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`${text} is not a range of versions`)
  const from = Number(match[1])
  if (match[2] === '+') return { from, until: Number.POSITIVE_INFINITY }
  return { from, until: match[3] === undefined ? from : Number(match[3]) }
}

function closedRange(text: string): number[] {
  const range = parseRange(text)
  if (range === undefined) return []
  return span(range.from, range.until)
}

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
