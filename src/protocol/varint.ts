// Owns the variable-length integers inside record batches: zigzag, seven bits a byte, at most five bytes for an int32
// and ten for an int64. Plain code over positions, because every record has at least six of them.
// Source: org.apache.kafka.common.utils.ByteUtils.

/** Where the last `readVarint` or `readVarlong` stopped. Read it at once: the next call overwrites it. */
export let varintEnd = 0

/**
 * Reads a zigzag int32 at `at`, without going to or beyond `limit`, and leaves the next position in `varintEnd`.
 * Answers undefined where the bytes end first or more than five bytes belong to the number.
 */
export function readVarint(bytes: Uint8Array, at: number, limit: number): number | undefined {
  let value = 0
  let position = at
  for (let shift = 0; shift < 35; shift += 7) {
    if (position >= limit) return undefined
    const byte = bytes[position++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      varintEnd = position
      return (value >>> 1) ^ -(value & 1)
    }
  }
  return undefined
}

/** As `readVarint`, for a zigzag int64; numbers beyond 2^53 come out rounded. */
export function readVarlong(bytes: Uint8Array, at: number, limit: number): number | undefined {
  let low = 0
  let high = 0
  let position = at
  for (let shift = 0; shift < 70; shift += 7) {
    if (position >= limit) return undefined
    const byte = bytes[position++]!
    if (shift < 28) low |= (byte & 0x7f) << shift
    else high += (byte & 0x7f) * 2 ** (shift - 28)
    if (byte < 0x80) {
      varintEnd = position
      const half = high * 0x8000000 + (low >>> 1)
      return low & 1 ? -half - 1 : half
    }
  }
  return undefined
}

/** How many bytes `writeVarint` uses. */
export function varintSize(value: number): number {
  const raw = (value << 1) ^ (value >> 31)
  if ((raw & 0xffffff80) === 0) return 1
  if ((raw & 0xffffc000) === 0) return 2
  if ((raw & 0xffe00000) === 0) return 3
  return (raw & 0xf0000000) === 0 ? 4 : 5
}

/** Writes a zigzag int32 and answers the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  let position = at
  while (raw > 0x7f) {
    bytes[position++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  bytes[position++] = raw
  return position
}

/** How many bytes `writeVarlong` uses for a whole number within 2^53. */
export function varlongSize(value: number): number {
  if (value === value >> 0) return varintSize(value)
  let size = 1
  for (let raw = zigzag(value); raw > 0x7fn; raw >>= 7n) size++
  return size
}

/** Writes a zigzag int64, a whole number within 2^53, and answers the position after it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === value >> 0) return writeVarint(bytes, at, value)
  let raw = zigzag(value)
  let position = at
  for (; raw > 0x7fn; raw >>= 7n) bytes[position++] = Number(raw & 0x7fn) | 0x80
  bytes[position++] = Number(raw)
  return position
}

// Only for what does not fit into 32 bits, which in practice is nothing: a difference of more than 24 days in a batch.
function zigzag(value: number): bigint {
  const wide = BigInt(value)
  return wide < 0n ? -2n * wide - 1n : 2n * wide
}
