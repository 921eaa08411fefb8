// Owns the one error class of the protocol layer: bytes that cannot be read, or values that cannot be written. It never
// carries record contents, only names, positions and sizes, so that it is safe to log.

/** Stable names of everything the protocol layer refuses; a name never changes its meaning. */
export type ProtocolErrorCode =
  /** A value was given for a field that the chosen version cannot carry. */
  | 'UNSUPPORTED_FIELD'
  /** A value is not of its field's type or range, or is missing. */
  | 'INVALID_VALUE'
  /** The message, record batch or header has a version that is not spoken here. */
  | 'UNSUPPORTED_VERSION'
  /** The bytes end before the value does. */
  | 'TRUNCATED'
  /** The bytes contradict the format. */
  | 'MALFORMED'
  /** Bytes are left after the value. */
  | 'TRAILING_BYTES'
  /** A frame announces more bytes than the limit, or its values would take more memory than theirs. */
  | 'FRAME_TOO_LARGE'
  /** A frame announces a negative size. */
  | 'FRAME_NEGATIVE'
  /** The other side answered in HTTP. */
  | 'SPEAKS_HTTP'
  /** The other side answered in TLS. */
  | 'SPEAKS_TLS'
  /** A record batch does not have the checksum it claims. */
  | 'CORRUPT_BATCH'
  /** No codec is registered for the compression of a batch. */
  | 'UNSUPPORTED_COMPRESSION'
  /** A batch exceeds a limit, before or after decompression. */
  | 'BATCH_TOO_LARGE'
  /** A response answers another request than the one that waits for it. */
  | 'CORRELATION_MISMATCH'

/** Where a refusal happened, as far as it is known. */
export interface ProtocolErrorDetails {
  /** Path of the field in its message, such as `topics.partitions.records`. */
  readonly field?: string
  /** Position in bytes from the start of what was being read. */
  readonly offset?: number
  /** What led to it, when another library found it. */
  readonly cause?: unknown
}

/**
 * Bytes or values that the protocol refuses. `code` is stable and `message` says what to do next; `field` and `offset`
 * (bytes) say where. Never retriable by itself: the same bytes fail again.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode
  readonly field: string | undefined
  readonly offset: number | undefined

  constructor(code: ProtocolErrorCode, message: string, details?: ProtocolErrorDetails) {
    super(message, details?.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.field = details?.field
    this.offset = details?.offset
  }
}
