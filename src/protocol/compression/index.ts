// The door of the compression folder: the codecs, and the decompression of a batch.

import type { RecordBatch } from '../record_batch.ts'
import { bytesOf, type GivenTools } from './codec.ts'
import { codecById } from './codecs.ts'
import { tooLarge } from './decoding.ts'

export { compressionNames } from './codec.ts'
export type {
  CompressionCodec,
  CompressionName,
  CompressionTools,
  CompressOptions,
  DecompressOptions,
  GivenTools,
  PlatformZstd
} from './codec.ts'
export { codecById, codecByName, registerCodec } from './codecs.ts'

/** The most bytes that the records of one batch may decompress to, unless the caller says otherwise: 64 MiB. */
export const decompressedBytesMaxDefault = 64 * 1024 * 1024

/** What `decompressBatch` needs: the tools of a Runtime, of which gzip cannot do without `gunzip`. */
export interface DecompressBatchOptions extends GivenTools {
  /** The most bytes that the records may decompress to. */
  readonly decompressedBytesMax?: number
}

/**
 * Decompresses the records of a batch, so that `batch.records()` can be called. Answers a promise only where the codec
 * does its work off the thread, as gzip does, or a package is looked for; a batch that is not compressed is ready at
 * once. Throws, or rejects with, a ProtocolError: `UNSUPPORTED_COMPRESSION`, `BATCH_TOO_LARGE` or `MALFORMED`; and
 * whatever a codec throws that was registered besides.
 */
export function decompressBatch(batch: RecordBatch, options: DecompressBatchOptions): Promise<void> | void {
  if (!batch.needsDecompression) return undefined
  const { decompressedBytesMax = decompressedBytesMaxDefault, ...tools } = options
  const codec = codecById(batch.compressionId)
  const records = codec.decompress(batch.compressedRecords, decompressedBytesMax, { ...tools, magic: batch.magic })
  const accept = (answer: Uint8Array): void => {
    const plain = bytesOf(codec, answer)
    if (plain.length > decompressedBytesMax) throw tooLarge(codec.name, decompressedBytesMax)
    batch.acceptDecompressed(plain)
  }
  if (records instanceof Promise) return records.then(accept)
  accept(records)
  return undefined
}
