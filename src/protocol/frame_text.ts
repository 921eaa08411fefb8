// Owns decoded messages as text for people who debug: only the fields that the version has, errors by their names, long
// lists, texts and bytes cut short, so that a text of millions of elements costs no more than a short one. Passwords and
// the like are not shown, so that the text may go into a report.

import { unknownTags, type UnknownTag } from './codec_closure.ts'
import { defaultTest } from './defaults.ts'
import { errorByCode } from './errors.ts'
import { includesVersion } from './schema.ts'
import type { AnyField, Fields, Message } from './schema.ts'

/** Elements of a list that are shown; of the others only their number is. */
const elementsShownMax = 100
/** Elements that are shown of all lists together, which may be inside of one another. */
const elementsShownMaxInAll = 10_000
/** Letters of a text that are shown. */
const lettersShownMax = 1_000
/** Bytes of a byte string that are shown. */
const bytesShownMax = 16
/** Bytes around a place that are shown, on either side. */
const bytesAroundMax = 8

/** Fields whose bytes let somebody in: SASL, SCRAM and delegation tokens. Only their size is shown. */
const secretFields = new Set(['authBytes', 'hmac', 'salt', 'saltedPassword'])

/** Configurations whose values let somebody in: passwords, and keys as text, such as `ssl.keystore.key`. */
const secretConfig = /password|passphrase|secret|jaas|\.key$/i

/** Whether a message has fields that are not shown, or configurations of brokers, some of which are not. */
export function hasSecrets(fields: Fields): boolean {
  if (fields['resourceType'] !== undefined && fields['configs'] !== undefined) return true
  return Object.entries(fields).some(([name, field]) => secretFields.has(name) || hasSecrets(innerFields(field)))
}

/** The fields of the struct that a field is, or is a list of. */
export function innerFields({ spec }: AnyField): Fields {
  if (spec.kind === 'array') return innerFields(spec.element)
  return spec.kind === 'struct' ? spec.fields : {}
}

/** The lines of a decoded message. */
export function messageLines(message: Message, version: number, value: object): string[] {
  return structLines(message.fields, { version, elementsLeft: elementsShownMaxInAll }, value, '  ')
}

/** What is the same throughout one text. */
interface Telling {
  readonly version: number
  elementsLeft: number
}

/** The elements of a list that are shown. */
function shownOf<T>(telling: Telling, list: readonly T[]): readonly T[] {
  const shown = list.slice(0, Math.min(elementsShownMax, telling.elementsLeft))
  telling.elementsLeft -= shown.length
  return shown
}

function structLines(fields: Fields, telling: Telling, value: object, indent: string): string[] {
  const lines: string[] = []
  const title: unknown = Reflect.get(value, 'name')
  const hidesValue = typeof title === 'string' && secretConfig.test(title)
  for (const [name, field] of Object.entries(fields)) {
    const { spec } = field
    const given: unknown = Reflect.get(value, name)
    const one = hidesValue && name === 'value' && given !== null ? 'kept secret' : given
    if (!includesVersion(spec.versions, telling.version)) continue
    if (spec.tag !== undefined && defaultTest(spec)(one)) continue
    for (const line of fieldLines(name, field, telling, one, indent)) lines.push(line)
  }
  const tags = tagsOf(value)
  const shown = shownOf(telling, tags)
  for (const { tag, bytes } of shown) lines.push(`${indent}unknown tag ${tag}: ${bytesText(bytes)}`)
  if (tags.length > shown.length) lines.push(`${indent}and ${tags.length - shown.length} more unknown tags`)
  return lines
}

function tagsOf(value: object): readonly UnknownTag[] {
  return (value as { readonly [unknownTags]?: readonly UnknownTag[] })[unknownTags] ?? []
}

function fieldLines(name: string, field: AnyField, telling: Telling, value: unknown, indent: string): string[] {
  const { spec } = field
  if (spec.kind === 'struct' && isObject(value)) {
    return [`${indent}${name}:`, ...structLines(spec.fields, telling, value, `${indent}  `)]
  }
  if (spec.kind === 'array' && Array.isArray(value)) {
    return listLines(name, spec.element, telling, value, indent)
  }
  return [`${indent}${name}: ${scalarText(name, value)}`]
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function listLines(
  name: string,
  element: AnyField,
  telling: Telling,
  list: readonly unknown[],
  indent: string
): string[] {
  const shown = shownOf(telling, list)
  const left = list.length - shown.length
  if (element.spec.kind !== 'struct') {
    const texts = shown.map((one) => scalarText(name, one))
    return [`${indent}${name}: [${[...texts, ...(left > 0 ? [`and ${left} more`] : [])].join(', ')}]`]
  }
  const { fields } = element.spec
  const lines = [`${indent}${name}: ${list.length === 0 ? '[]' : `${list.length} of`}`]
  for (const one of shown) {
    const inner = isObject(one) ? structLines(fields, telling, one, `${indent}    `) : [`${indent}    null`]
    // The first line of an element has a dash in its indent.
    lines.push(`${indent}  - ${(inner[0] ?? '').trimStart()}`, ...inner.slice(1))
  }
  if (left > 0) lines.push(`${indent}  and ${left} more`)
  return lines
}

function scalarText(name: string, value: unknown): string {
  if (value instanceof Uint8Array)
    return secretFields.has(name) ? `${value.length} bytes, kept secret` : bytesText(value)
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' && /errorCode$/i.test(name)) return `${value} ${errorByCode(value).name}`
  if (Array.isArray(value)) return `[${value.map((one) => scalarText(name, one)).join(', ')}]`
  return String(value)
}

function quoted(text: string): string {
  if (text.length <= lettersShownMax) return JSON.stringify(text)
  return `${JSON.stringify(text.slice(0, lettersShownMax))} ... (${text.length} letters)`
}

function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'no bytes'
  const shown = hexOf(bytes.subarray(0, bytesShownMax))
  return `${bytes.length} bytes, ${shown}${bytes.length > bytesShownMax ? ' ...' : ''}`
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

/** The bytes around a place, which is in brackets. */
export function bytesAround(bytes: Uint8Array, offset: number): string {
  const start = Math.max(0, offset - bytesAroundMax)
  const before = hexOf(bytes.subarray(start, offset))
  const at = offset < bytes.length ? `[${hexOf(bytes.subarray(offset, offset + 1))}]` : '[end]'
  const after = hexOf(bytes.subarray(offset + 1, offset + 1 + bytesAroundMax))
  return [start > 0 ? '...' : '', before, at, after].filter((part) => part !== '').join(' ')
}
