// Owns the checksum of record batches: CRC-32C (Castagnoli, RFC 3720). The default is WebAssembly for what is long and
// plain JavaScript for the rest; a native function may take its place, but none is imported here.

import castagnoli from 'crc-32/crc32c.js'
import { makeVectorCrc32c, vectorBytesMin } from './crc32c_vectors.ts'
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

let compute = builtIn

/** The CRC-32C of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  return compute(bytes) >>> 0
}

/**
 * Replaces the checksum function for the whole process, or restores the default. Throws a ProtocolError `MALFORMED`
 * when the function gets the standard's own example wrong, as a plain CRC-32 does.
 */
export function useCrc32c(implementation: Crc32cFunction | undefined): void {
  const next = implementation ?? builtIn
  const example = Uint8Array.from('123456789', (digit) => digit.charCodeAt(0))
  if (next(example) >>> 0 !== 0xe3069283) {
    throw new ProtocolError('MALFORMED', 'This is not a CRC-32C function: give one that uses the Castagnoli polynomial')
  }
  compute = next
}
