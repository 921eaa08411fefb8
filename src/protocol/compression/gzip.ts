// Owns gzip for records. The work itself is done by functions of the caller, since zlib lives outside this layer.

import type { CompressionCodec } from './codec.ts'
import { isOutputTooLarge, tooLarge } from './decoding.ts'
import { ProtocolError } from '../protocol_error.ts'

/** Level 1 compresses records nearly as well as 6 at three times the speed. */
const levelDefault = 1

export const gzipCodec: CompressionCodec = Object.freeze({
  id: 1,
  name: 'gzip',

  compress(bytes, { gzip, level }) {
    if (gzip === undefined) throw missing('gzip')
    return gzip(bytes, level ?? levelDefault)
  },

  async decompress(bytes, bytesMax, { gunzip }) {
    if (gunzip === undefined) throw missing('gunzip')
    try {
      return await gunzip(bytes, bytesMax)
    } catch (cause) {
      if (isOutputTooLarge(cause)) throw tooLarge('gzip', bytesMax)
      throw new ProtocolError('MALFORMED', 'A batch in gzip cannot be decompressed', { cause })
    }
  }
} satisfies CompressionCodec)

function missing(name: string): ProtocolError {
  return new ProtocolError('UNSUPPORTED_COMPRESSION', `gzip needs a ${name} function: pass the runtime's`)
}
