// Owns the checksum of record batches: CRC-32C (Castagnoli, RFC 3720). The default is plain JavaScript; a native
// function may take its place, but none is imported here.

import castagnoli from 'crc-32/crc32c.js'
import { ProtocolError } from './protocol_error.ts'

/** Computes the CRC-32C of all bytes. The result may be signed or unsigned. */
export type Crc32cFunction = (bytes: Uint8Array) => number

// A call without the second argument, so that the library always starts from zero.
const plain: Crc32cFunction = (bytes) => castagnoli.buf(bytes)

let compute = plain

/** The CRC-32C of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  return compute(bytes) >>> 0
}

/**
 * Replaces the checksum function for the whole process, or restores the default. Throws a ProtocolError `MALFORMED`
 * when the function gets the standard's own example wrong, as a plain CRC-32 does.
 */
export function useCrc32c(implementation: Crc32cFunction | undefined): void {
  const next = implementation ?? plain
  const example = Uint8Array.from('123456789', (digit) => digit.charCodeAt(0))
  if (next(example) >>> 0 !== 0xe3069283) {
    throw new ProtocolError('MALFORMED', 'This is not a CRC-32C function: give one that uses the Castagnoli polynomial')
  }
  compute = next
}
