// Owns the estimate of the memory that decoded values take, by which bytes are refused that would become far more than
// themselves: a list of empty names has one byte for each and takes a hundred and fifty. The estimate is counted from the
// declaration once for each list and is never too low, whichever back end decodes and whatever the values are; the figures
// are those of V8 with pointers of eight bytes. Text counts twice its bytes, where it is longer than what the figure of a
// text has room for. `test/programs/decoded_memory.ts` holds it against measured heaps.

import { includesVersion } from './schema.ts'
import type { FieldSpec, Fields, PrimitiveKind } from './schema.ts'

/** Memory that the values of one message may take unless told otherwise. */
export const decodedBytesMaxDefault = 256 * 1024 * 1024

/** What the values of one message may take whatever the limit is, so that no small frame is refused. */
export const decodedBytesMin = 16 * 1024 * 1024

/** The longest list that is read; V8 makes hash tables of longer ones. */
export const listLengthMax = 32 * 1024 * 1024

/** A list without its elements. */
export const listBytes = 48

/** Text up to this many bytes is within the figure of a text. */
export const coveredTextBytes = 32

/** A kept tag with its bytes, and the list and the slot for them that the first one of a struct needs. */
export const unknownTagBytes = 192
export const firstUnknownTagBytes = unknownTagBytes + 224

const slotBytes = 8

/** Besides their slot. Text of 24 letters may be three pieces and two joints. */
const primitiveBytes: Readonly<Record<PrimitiveKind, number>> = {
  bool: 0,
  int8: 0,
  int16: 0,
  int32: 0,
  int64: 24,
  uint16: 0,
  uint32: 16,
  float64: 16,
  string: 136,
  bytes: 112,
  records: 112,
  uuid: 96
}

/** Memory of one element of a list, without what lists inside of it hold: those are counted when they are reached. */
export function elementBytes(element: FieldSpec, version: number): number {
  return slotBytes + ownBytes(element, version)
}

function ownBytes(spec: FieldSpec, version: number): number {
  if (spec.kind === 'array') return 0
  return spec.kind === 'struct' ? structBytes(spec.fields, version) : primitiveBytes[spec.kind]
}

/** The closures add one property after another, which takes more room than the literals of the emitted source. */
function structBytes(fields: Fields, version: number): number {
  const specs = Object.values(fields).map(({ spec }) => spec)
  const present = specs.filter(({ versions }) => includesVersion(versions, version))
  return present.reduce((sum, spec) => sum + ownBytes(spec, version), 56 + specs.length * slotBytes)
}

/** What the values of a message of that many bytes may take. */
export function decodedBytesLimit(frameBytes: number, decodedBytesMax = decodedBytesMaxDefault): number {
  const least = Math.max(decodedBytesMin, frameBytes * 2)
  return decodedBytesMax > least ? decodedBytesMax : least
}
