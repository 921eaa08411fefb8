// Owns the checksum of record batches: CRC-32C (Castagnoli, RFC 3720). The default is WebAssembly for what is long and
// plain JavaScript for the rest; a native function takes its place where the user has installed one, but none is
// imported here.

import castagnoli from 'crc-32/crc32c.js'
import { makeVectorCrc32c, vectorBytesMin } from './crc32c_vectors.ts'
import type { GivenTools } from './compression/codec.ts'
import { optionalPackages } from './compression/natives.ts'
import { ProtocolError } from './protocol_error.ts'

/** Computes the CRC-32C of all bytes. The result may be signed or unsigned. */
export type Crc32cFunction = (bytes: Uint8Array) => number

/** Bytes after which it pays to compile the module: a process that reads little does without. */
const plainBytesMax = 256 * 1024

let plainBytes = 0
/** Undefined until it is wanted; null where there is none. */
let vectors: Crc32cFunction | undefined | null

const builtIn: Crc32cFunction = (bytes) => {
  if (bytes.length < vectorBytesMin) return castagnoli.buf(bytes)
  if (vectors === undefined) {
    plainBytes += bytes.length
    if (plainBytes <= plainBytesMax) return castagnoli.buf(bytes)
    vectors = makeVectorCrc32c((rest, seed) => castagnoli.buf(rest, seed)) ?? null
  }
  return vectors === null ? castagnoli.buf(bytes) : vectors(bytes)
}

/** Fewer bytes take longer to hand over to native code than to compute. */
const nativeBytesMin = 256

/** What is used unless the user gives something else: built in, until a native function is found. */
let standard = builtIn
let compute = builtIn
let isBeingFound = false

/** The CRC-32C of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  return compute(bytes) >>> 0
}

/**
 * Replaces the checksum function for the whole process, or restores the default. Throws a ProtocolError `MALFORMED`
 * when the function gets the standard's own example wrong, as a plain CRC-32 does.
 */
export function useCrc32c(implementation: Crc32cFunction | undefined): void {
  const next = implementation ?? standard
  if (!isCastagnoli(next)) {
    throw new ProtocolError('MALFORMED', 'This is not a CRC-32C function: give one that uses the Castagnoli polynomial')
  }
  compute = next
}

/**
 * Makes the native function of `@node-rs/crc32` the default for the whole process where `tools` have that package. One
 * that was given to `useCrc32c` stays. Costs nothing once it is found; a package that is unfit is left alone.
 */
export function useNativeCrc32c(tools: GivenTools): void {
  if (standard !== builtIn || isBeingFound) return
  const found = tools.optionalPackage?.(optionalPackages.crc32c)
  if (found === undefined) return
  if (!(found instanceof Promise)) return adopt(found)
  isBeingFound = true
  const done = (api?: object): void => {
    isBeingFound = false
    if (api !== undefined) adopt(api)
  }
  found.then(done, () => done())
}

function adopt(api: object): void {
  const native = nativeCrc32c(api)
  if (native === undefined) return
  if (compute === standard) compute = native
  standard = native
}

/** The package's function for what is long; undefined where it does not compute CRC-32C. */
export function nativeCrc32c(api: object): Crc32cFunction | undefined {
  const found: unknown = Reflect.get(api, 'crc32c')
  if (typeof found !== 'function') return undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its answer to the example is looked at below
  const native = found as Crc32cFunction
  try {
    if (!isCastagnoli(native)) return undefined
  } catch {
    return undefined
  }
  return (bytes) => (bytes.length < nativeBytesMin ? castagnoli.buf(bytes) : native(bytes))
}

function isCastagnoli(compute: Crc32cFunction): boolean {
  const example = Uint8Array.from('123456789', (digit) => digit.charCodeAt(0))
  return compute(example) >>> 0 === 0xe3069283
}
