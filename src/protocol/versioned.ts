// Owns structures that are carried as bytes inside other messages, with their version as an int16 before them, such as
// what members of a classic group tell each other. Whoever wrote them may be newer than this: a higher version is read
// as the last one known, and what follows is not looked at (as Java's ConsumerProtocol does).

import { compile, type DecodeOptions } from './compile.ts'
import { ProtocolError } from './protocol_error.ts'
import { Reader } from './reader.ts'
import type { Decoded, Encodable, Message } from './schema.ts'
import { Writer } from './writer.ts'

/**
 * A structure with its version before it.
 * @throws ProtocolError `UNSUPPORTED_VERSION`, `UNSUPPORTED_FIELD`, `INVALID_VALUE`
 */
export function encodeVersioned<M extends Message>(message: M, version: number, value: Encodable<M>): Uint8Array {
  const writer = new Writer()
  writer.int16(version)
  compile(message, version).encode(writer, value)
  return writer.finishWhole()
}

/**
 * Reads a structure that has its version before it. `version` is the one that was announced.
 * @throws ProtocolError `UNSUPPORTED_VERSION` (older than any known), `TRUNCATED`, `MALFORMED`, `FRAME_TOO_LARGE` (its
 * values)
 */
export function decodeVersioned<M extends Message>(
  message: M,
  bytes: Uint8Array,
  options?: DecodeOptions
): { readonly version: number; readonly value: Decoded<M> } {
  const reader = new Reader(bytes, 0, options?.decodedBytesMax)
  const version = reader.int16()
  if (version < message.versions[0]) {
    throw new ProtocolError('UNSUPPORTED_VERSION', `${message.name} begins at version ${message.versions[0]}`)
  }
  return { version, value: compile(message, Math.min(version, message.versions[1]), options).decode(reader) }
}
