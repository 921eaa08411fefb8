// Owns the writing of Kafka's primitive types. The result is a list of pieces for one vectored write: long byte strings
// stay where they are, all else goes into growing chunks. A value out of range is refused, never wrapped. KIP-482.

import { ProtocolError } from './protocol_error.ts'
import type { Uuid } from './schema.ts'

const utf8 = new TextEncoder()
const chunkBytesMin = 512
/** Byte strings up to this size are copied: a piece of its own costs more than the copy. */
const copiedBytesMax = 4096
/** Longest string in UTF-8 that Kafka writes or reads. */
export const stringBytesMax = 0x7fff

function invalid(expected: string, value: unknown): ProtocolError {
  const given = typeof value === 'number' || typeof value === 'bigint' ? String(value) : typeof value
  return new ProtocolError('INVALID_VALUE', `${expected} is needed, not ${given}`)
}

/** Writes forwards into memory of its own; `finish` gives the pieces, in order. */
export class Writer {
  #chunk: Uint8Array
  /** Of the chunk; a look at it must follow, not precede, the call of `reserve`. */
  view: DataView
  /** Position of the next byte in the chunk. */
  #position = 0
  /** Where the part of the chunk begins that is in no piece yet. */
  #pieceStart = 0
  /** Sum of the sizes of the finished pieces. */
  #piecesBytes = 0
  #pieces: Uint8Array[] = []
  #openSizedParts = 0

  constructor(sizeBytes = chunkBytesMin) {
    this.#chunk = new Uint8Array(sizeBytes)
    this.view = new DataView(this.#chunk.buffer)
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#piecesBytes + this.#position - this.#pieceStart
  }

  bool(value: boolean): void {
    const start = this.reserve(1)
    this.view.setInt8(start, value ? 1 : 0)
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw invalid('An int8', value)
    const start = this.reserve(1)
    this.view.setInt8(start, value)
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw invalid('An int16', value)
    const start = this.reserve(2)
    this.view.setInt16(start, value)
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw invalid('An int32', value)
    const start = this.reserve(4)
    this.view.setInt32(start, value)
  }

  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw invalid('An int64 (bigint)', value)
    const start = this.reserve(8)
    this.view.setBigInt64(start, value)
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw invalid('A uint16', value)
    const start = this.reserve(2)
    this.view.setUint16(start, value)
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw invalid('A uint32', value)
    const start = this.reserve(4)
    this.view.setUint32(start, value)
  }

  float64(value: number): void {
    const start = this.reserve(8)
    this.view.setFloat64(start, value)
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(value: number): void {
    if (value >>> 0 !== value) throw invalid('A uint32', value)
    let start = this.reserve(5)
    let rest = value
    while (rest > 0x7f) {
      this.view.setUint8(start++, (rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.view.setUint8(start++, rest)
    this.#position = start
  }

  uuid(value: Uuid): void {
    if (value.length !== 22) throw invalid('A uuid of 22 base64url characters', value)
    const start = this.reserve(16)
    for (let i = 0, at = start; i < 20; i += 4, at += 3) {
      const three = (sextet(value, i) << 18) | (sextet(value, i + 1) << 12) | (sextet(value, i + 2) << 6)
      this.view.setUint8(at, three >> 16)
      this.view.setUint16(at + 1, (three | sextet(value, i + 3)) & 0xffff)
    }
    const last = sextet(value, 21)
    if ((last & 15) !== 0) throw invalid('A uuid of 22 base64url characters', value)
    this.view.setUint8(start + 15, (sextet(value, 20) << 2) | (last >> 4))
  }

  /** A string with the length of before KIP-482; null as -1. */
  string(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.#text(value, false)
  }

  /** A string with a compact length; null as 0. */
  compactString(value: string | null): void {
    if (value === null) this.uvarint(0)
    else this.#text(value, true)
  }

  /** Bytes with the length of before KIP-482; null as -1. */
  byteString(value: Uint8Array | null): void {
    this.int32(value === null ? -1 : value.byteLength)
    if (value !== null) this.raw(value)
  }

  /** Bytes with a compact length; null as 0. */
  compactByteString(value: Uint8Array | null): void {
    this.uvarint(value === null ? 0 : value.byteLength + 1)
    if (value !== null) this.raw(value)
  }

  /** Pieces under one length, which is compact or not. */
  records(pieces: readonly Uint8Array[], compact: boolean): void {
    let size = 0
    for (const piece of pieces) size += piece.byteLength
    if (compact) this.uvarint(size + 1)
    else this.int32(size)
    for (const piece of pieces) this.raw(piece)
  }

  /** Bytes as they are. Long ones are not copied: they must not change until the pieces have been sent. */
  raw(value: Uint8Array): void {
    const length = value.byteLength
    if (length <= copiedBytesMax || this.#openSizedParts > 0) {
      const start = this.reserve(length)
      this.#chunk.set(value, start)
      return
    }
    this.#closePiece()
    this.#pieces.push(value)
    this.#piecesBytes += length
  }

  /** Bytes with their plain size before them, as in an unknown tagged field. */
  sizedBytes(value: Uint8Array): void {
    this.uvarint(value.byteLength)
    this.raw(value)
  }

  /** Opens a part that is preceded by its size as a varint; close it with `endSized`. All its bytes are copied. */
  beginSized(): number {
    this.reserve(1)
    this.#openSizedParts++
    return this.size
  }

  endSized(mark: number): void {
    const size = this.size - mark
    this.#openSizedParts--
    let prefix = 1
    for (let rest = size; rest > 0x7f; rest >>>= 7) prefix++
    // Reserving may move everything to another chunk, and `uvarint` would reserve too much in front of the part.
    if (prefix > 1) this.reserve(prefix - 1)
    const end = this.#position
    const start = end - size
    if (prefix > 1) this.#chunk.copyWithin(start, start - prefix + 1, end - prefix + 1)
    let position = start - prefix
    let rest = size
    for (; rest > 0x7f; rest >>>= 7) this.view.setUint8(position++, (rest & 0x7f) | 0x80)
    this.view.setUint8(position, rest)
  }

  /** Overwrites four bytes of the first chunk that were written at `position`. */
  patchInt32(position: number, value: number): void {
    const first = this.#pieces[0]
    if (first === undefined) this.view.setInt32(position, value)
    else new DataView(first.buffer, first.byteOffset, first.byteLength).setInt32(position, value)
  }

  /** All that was written. The writer is of no use afterwards. */
  finish(): Uint8Array[] {
    this.#closePiece()
    return this.#pieces
  }

  /** All that was written, in one buffer. The writer is of no use afterwards. */
  finishWhole(): Uint8Array {
    const size = this.size
    const pieces = this.finish()
    const [only] = pieces
    if (pieces.length === 1 && only !== undefined) return only
    const whole = new Uint8Array(size)
    let position = 0
    for (const piece of pieces) {
      whole.set(piece, position)
      position += piece.byteLength
    }
    return whole
  }

  #text(value: string, compact: boolean): void {
    const length = utf8Length(value)
    if (length > stringBytesMax) {
      throw new ProtocolError('INVALID_VALUE', `A string of ${length} bytes exceeds ${stringBytesMax} bytes`)
    }
    if (compact) this.uvarint(length + 1)
    else this.int16(length)
    const start = this.reserve(length)
    if (length !== value.length) utf8.encodeInto(value, this.#chunk.subarray(start, start + length))
    else for (let i = 0; i < length; i++) this.#chunk[start + i] = value.charCodeAt(i)
  }

  /** Room for some bytes. It may replace chunk and view, so it must come before either is looked at. */
  reserve(length: number): number {
    const start = this.#position
    if (start + length > this.#chunk.length) return this.#grow(length)
    this.#position = start + length
    return start
  }

  /** A larger chunk that takes over what is in no piece yet; finished pieces keep the old one. */
  #grow(length: number): number {
    const pending = this.#position - this.#pieceStart
    const larger = new Uint8Array(Math.max(this.#chunk.length * 2, pending + length))
    larger.set(this.#chunk.subarray(this.#pieceStart, this.#position))
    this.#chunk = larger
    this.view = new DataView(larger.buffer)
    this.#pieceStart = 0
    this.#position = pending + length
    return pending
  }

  #closePiece(): void {
    const length = this.#position - this.#pieceStart
    if (length === 0) return
    this.#pieces.push(this.#chunk.subarray(this.#pieceStart, this.#position))
    this.#piecesBytes += length
    this.#pieceStart = this.#position
  }
}

/** Size in UTF-8; a surrogate without its other half counts as U+FFFD, which is what is written for it. */
function utf8Length(value: string): number {
  let length = value.length
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) length += 1
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(value.charCodeAt(i + 1))) {
      length += 2
      i++
    } else length += 2
  }
  return length
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}

/** Six bits of a base64url character. */
function sextet(text: string, index: number): number {
  const code = text.charCodeAt(index)
  if (code >= 65 && code <= 90) return code - 65
  if (code >= 97 && code <= 122) return code - 71
  if (code >= 48 && code <= 57) return code + 4
  if (code === 45) return 62
  if (code === 95) return 63
  throw invalid('A uuid of 22 base64url characters', text)
}
