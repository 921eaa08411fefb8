// Owns what a compression codec is: Kafka's numbers and names, and the shape of one. What a codec needs from outside
// (gzip runs off the thread) comes in through its options.
// Source: org.apache.kafka.common.record.internal.CompressionType.

/** Kafka's names of the codecs; a name's position is its number. */
export const compressionNames = Object.freeze(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)

export type CompressionName = (typeof compressionNames)[number]

/** What codecs need from the outside world; a Runtime has it. */
export interface CompressionTools {
  /** Off the thread. Must reject when the output would exceed `bytesMax`. */
  gunzip(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array>
  gzip(bytes: Uint8Array, level: number): Promise<Uint8Array>
}

/** How `compress` is called. */
export interface CompressOptions {
  readonly gzip: CompressionTools['gzip'] | undefined
  /** The codec's own level; undefined for its default. */
  readonly level: number | undefined
}

/** How `decompress` is called. */
export interface DecompressOptions {
  readonly gunzip: CompressionTools['gunzip'] | undefined
}

/** One codec. Both directions may answer at once or later. */
export interface CompressionCodec {
  /** The number in the attributes of a batch, 1 to 7. */
  readonly id: number
  readonly name: CompressionName
  compress(bytes: Uint8Array, options: CompressOptions): Uint8Array | Promise<Uint8Array>
  /** Must refuse, best before it allocates, an output of more than `bytesMax` bytes. */
  decompress(bytes: Uint8Array, bytesMax: number, options: DecompressOptions): Uint8Array | Promise<Uint8Array>
}
