// Owns what all decoders of compressed records share: the memory that they write into, never more than the bytes at hand
// can stand for, and the words in which they refuse.

import { ProtocolError } from '../protocol_error.ts'

/** Outputs up to this size are decoded into memory that is used again, and copied out at their exact size. */
const scratchBytes = 256 * 1024

/** Up to this many bytes a loop is faster than a call into the engine. */
export const loopBytesMax = 24

let scratch: Uint8Array | undefined

/**
 * Gives `decode` an output of `capacity` bytes, which it fills from the start, and answers the part that it filled.
 * `decode` must not call this again, nor wait for anything.
 */
export function decodeInto(capacity: number, decode: (output: Uint8Array) => number): Uint8Array {
  if (capacity <= scratchBytes) {
    scratch ??= new Uint8Array(scratchBytes)
    return scratch.slice(0, decode(scratch.subarray(0, capacity)))
  }
  const output = new Uint8Array(capacity)
  const length = decode(output)
  return length < capacity * 0.75 ? output.slice(0, length) : output.subarray(0, length)
}

/** The refusal of more content than the caller allows. */
export function tooLarge(codec: string, bytesMax: number): ProtocolError {
  const message = `A batch in ${codec} has more than ${bytesMax} bytes: raise decompressedBytesMax if that is meant`
  return new ProtocolError('BATCH_TOO_LARGE', message)
}

/** The refusal of bytes that are not what the codec writes; `offset` counts from the first compressed byte. */
export function undecodable(codec: string, what: string, offset: number): ProtocolError {
  return new ProtocolError('MALFORMED', `A batch in ${codec} cannot be decompressed: ${what}`, { offset })
}

/** Whether a platform's decompressor gave up because the output was larger than it may be. */
export function isOutputTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

/** The unsigned 32-bit number at `at`; bytes beyond the end count as zero. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Repeats what lies `distance` bytes before `to`; both may overlap. */
export function repeatBytes(bytes: Uint8Array, to: number, distance: number, length: number): void {
  const stop = to + length
  if (length <= loopBytesMax) {
    for (let out = to, from = to - distance; out < stop;) bytes[out++] = bytes[from++]!
    return
  }
  // What is there doubles with each call.
  let done = distance
  for (let out = to; out < stop;) {
    const part = Math.min(done, stop - out)
    bytes.copyWithin(out, out - done, out - done + part)
    out += part
    done *= 2
  }
}
