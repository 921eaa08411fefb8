// Owns the list of codecs by which records are compressed, and the place where more can be added or replaced.

import { ProtocolError } from '../protocol_error.ts'
import { compressionNames } from './codec.ts'
import type { CompressionCodec, CompressionName } from './codec.ts'
import { gzipCodec } from './gzip.ts'
import { lz4Codec } from './lz4.ts'
import { snappyCodec } from './snappy.ts'
import { zstdCodec } from './zstd.ts'

const codecs = new Map<number, CompressionCodec>(
  [gzipCodec, snappyCodec, lz4Codec, zstdCodec].map((codec) => [codec.id, codec])
)

/**
 * Adds a codec, or replaces the one with the same number, for the whole process. Throws a RangeError for a number that no
 * codec can have or that Kafka has under another name, and a TypeError where a function is missing.
 */
export function registerCodec(codec: CompressionCodec): void {
  if (!Number.isInteger(codec.id) || codec.id < 1 || codec.id > 7) {
    throw new RangeError(`The id of a codec is a number from 1 to 7, not ${codec.id}`)
  }
  const name = compressionNames[codec.id]
  if (name !== undefined && name !== codec.name) throw new RangeError(`Codec ${codec.id} is ${name}, not ${codec.name}`)
  for (const method of ['compress', 'decompress'] as const) {
    if (typeof codec[method] !== 'function') throw new TypeError(`A codec needs a function ${method}`)
  }
  codecs.set(codec.id, codec)
}

/** The codec with this number. Throws a ProtocolError `UNSUPPORTED_COMPRESSION` that says how to add it. */
export function codecById(id: number): CompressionCodec {
  const codec = codecs.get(id)
  if (codec !== undefined) return codec
  const name = compressionNames[id]
  throw new ProtocolError(
    'UNSUPPORTED_COMPRESSION',
    name === undefined
      ? `Kafka has no compression codec ${id}`
      : `No codec for ${name} (codec ${id}) is here: add one with registerCodec({ id: ${id}, name: '${name}', ... })`
  )
}

/** The codec with this name; throws as `codecById` does. */
export function codecByName(name: CompressionName): CompressionCodec {
  const id = compressionNames.indexOf(name)
  if (id < 1) throw new ProtocolError('UNSUPPORTED_COMPRESSION', `There is no compression codec by the name ${name}`)
  return codecById(id)
}
