// Owns what a compression codec is: Kafka's numbers and names, and the shape of one. What a codec needs from outside
// (zlib runs off the thread, packages may be installed) comes in through its options. One may be of anybody's making.
// Source: org.apache.kafka.common.record.internal.CompressionType.

/** Kafka's names of the codecs; a name's position is its number. */
export const compressionNames = Object.freeze(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)

export type CompressionName = (typeof compressionNames)[number]

/** zstd as the platform has it. Both work off the thread. */
export interface PlatformZstd {
  /** Decompresses the first frame. Must reject when its output would exceed `bytesMax`. */
  decompress(frame: Uint8Array, bytesMax: number): Promise<Uint8Array>
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array>
}

/** What codecs need from the outside world; a Runtime has it. */
export interface CompressionTools {
  /** Off the thread. Must reject when the output would exceed `bytesMax`. */
  gunzip(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array>
  gzip(bytes: Uint8Array, level: number): Promise<Uint8Array>
  /** Undefined where the platform has no zstd (Node before 22.15). */
  readonly zstd: PlatformZstd | undefined
  /**
   * A package that users may install besides, by its name; undefined where it is not here. A promise only until that is
   * known.
   */
  optionalPackage(name: string): object | undefined | Promise<object | undefined>
}

/** The tools that a caller has; codecs do without what is absent, or say what they need. */
export type GivenTools = { readonly [K in keyof CompressionTools]?: CompressionTools[K] | undefined }

/** How `compress` is called. */
export interface CompressOptions extends GivenTools {
  /** The codec's own level; its default where absent. */
  readonly level?: number | undefined
}

/** How `decompress` is called. */
export interface DecompressOptions extends GivenTools {
  /** The format of the batch, 0 to 2; 2 where absent. Kafka's first lz4 frames had another header checksum. */
  readonly magic?: number | undefined
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

/** What a codec has answered. Throws a TypeError for anything but bytes, which would be taken for no records at all. */
export function bytesOf(codec: CompressionCodec, answer: unknown): Uint8Array {
  if (answer instanceof Uint8Array) return answer
  throw new TypeError(`The codec ${codec.name} (codec ${codec.id}) answered with something else than bytes`)
}
