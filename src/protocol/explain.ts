// Owns the layout of messages as text for people: what one version of an API has on the wire, field by field. It says
// what the declarations say and nothing else. KIP-482.

import { apiByName, type ApiName } from './apis.ts'
import { defaultOf } from './defaults.ts'
import { innerFields } from './frame_text.ts'
import { RequestHeader, requestHeaderVersion, ResponseHeader, responseHeaderVersion } from './header.ts'
import { ProtocolError } from './protocol_error.ts'
import { includesVersion, isOptional } from './schema.ts'
import type { AnyField, Fields, FieldSpec, Message, VersionRange } from './schema.ts'

/** A field and what there is to say about it. */
type Row = readonly [name: string, text: string]

interface Layout {
  readonly version: number
  readonly flexible: boolean
}

/**
 * The layout of an API's request and response at one version, as text for people: what stands before them, fields in their
 * order on the wire with types, null, tags and defaults, and what the version lacks.
 * @throws ProtocolError `UNSUPPORTED_VERSION`, or `INVALID_VALUE` for a name that is none
 */
export function explain(api: ApiName, version: number): string {
  const { name, key, versions, latestStableVersion, ...messages } = apiByName(api)
  const request: Message = messages.request
  const response: Message = messages.response
  const [first, last] = versions
  if (!Number.isInteger(version) || version < first || version > last) {
    throw new ProtocolError('UNSUPPORTED_VERSION', `${name} has versions ${first} to ${last}, not ${version}`)
  }
  const unstable =
    version > latestStableVersion ? '; this one is unstable, brokers refuse it unless told otherwise' : ''
  return [
    `${name} v${version}: API key ${key}, versions ${first} to ${last}${unstable}`,
    encodingOf(version >= request.flexible),
    '',
    ...sectionOf(request, version, headerOf(RequestHeader, requestHeaderVersion(request, version))),
    '',
    ...sectionOf(response, version, headerOf(ResponseHeader, responseHeaderVersion(response, version))),
    ''
  ].join('\n')
}

function encodingOf(flexible: boolean): string {
  if (!flexible) return 'Strings have their length as int16 before them, all else as int32; -1 is null.'
  return 'Compact lengths are a varint of the length and one, 0 for null; every struct ends with its tagged fields.'
}

/** A header with its fields, which are few. */
function headerOf(header: Message, version: number): string {
  const layout: Layout = { version, flexible: version >= header.flexible }
  const fields = rowsOf(header.fields, layout, '').map(([name, type]) => `${name} ${type}`)
  const name = header === RequestHeader ? 'request header' : 'response header'
  return `${name} v${version} (${[...fields, ...(layout.flexible ? ['tagged fields'] : [])].join(', ')})`
}

function sectionOf(message: Message, version: number, header: string): string[] {
  const layout: Layout = { version, flexible: version >= message.flexible }
  const rows = rowsOf(message.fields, layout, '  ')
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
  const absent = absentFields(message.fields, layout, '')
  const title = `${message.name} v${version}, after a ${header}${rows.length === 0 ? ', without fields' : ''}`
  return [title, ...lines, ...(absent.length === 0 ? [] : ['  not in this version:', ...absent])]
}

/** Fields in their places first, then tagged ones by their tags, as on the wire. */
function rowsOf(fields: Fields, layout: Layout, indent: string): Row[] {
  const present = Object.entries(fields).filter(([, { spec }]) => includesVersion(spec.versions, layout.version))
  const inPlace = present.filter(([, { spec }]) => spec.tag === undefined)
  const tagged = present.filter(([, { spec }]) => spec.tag !== undefined)
  const byTag = tagged.toSorted(([, left], [, right]) => left.spec.tag! - right.spec.tag!)
  return [...inPlace, ...byTag].flatMap(([name, field]) => [
    [`${indent}${name}`, textOf(field, layout)] as const,
    ...rowsOf(innerFields(field), layout, `${indent}  `)
  ])
}

function textOf({ spec }: AnyField, layout: Layout): string {
  const tag = spec.tag === undefined ? '' : `tag ${spec.tag}: `
  const value = isOptional(spec) && spec.kind !== 'struct' ? `, default ${valueText(defaultOf(spec))}` : ''
  const ignorable = spec.ignorable && !isEverywhere(spec.versions) ? ', ignorable' : ''
  return `${tag}${typeText(spec, layout)}${value}${ignorable}`
}

function isEverywhere({ from, until }: VersionRange): boolean {
  return from === 0 && until === Number.POSITIVE_INFINITY
}

function typeText(spec: FieldSpec, layout: Layout): string {
  const orNull = includesVersion(spec.nullableVersions, layout.version) ? ' or null' : ''
  switch (spec.kind) {
    case 'array':
      return `${layout.flexible ? 'compact ' : ''}array of ${typeText(spec.element.spec, layout)}${orNull && ', or null'}`
    case 'string':
      return `${layout.flexible && !spec.classic ? 'compact ' : ''}string${orNull}`
    case 'bytes':
    case 'records':
      return `${layout.flexible ? 'compact ' : ''}${spec.kind}${orNull}`
    case 'struct':
      return orNull === '' ? 'struct' : 'struct or null, after a byte of 1 or -1'
    default:
      return spec.kind
  }
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return '[]'
  if (value instanceof Uint8Array) return 'no bytes'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function absentFields(fields: Fields, layout: Layout, path: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const { versions } = field.spec
    if (includesVersion(versions, layout.version)) return absentFields(innerFields(field), layout, `${path}${name}.`)
    const range = versions.until === Number.POSITIVE_INFINITY ? `from ${versions.from} on` : rangeText(versions)
    return [`    ${path}${name}, ${range}`]
  })
}

function rangeText({ from, until }: VersionRange): string {
  return from === until ? `in ${from}` : `from ${from} to ${until}`
}
