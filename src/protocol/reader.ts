// Owns the reading of Kafka's primitive types from one buffer. Every length is checked against the bytes left before
// anything is allocated for it, and what becomes more than its bytes is counted against a limit. KIP-482 (compact
// lengths, tags).

import { decodedBytesLimit, listBytes, listLengthMax } from './decoded_size.ts'
import { ProtocolError } from './protocol_error.ts'
import type { Uuid } from './schema.ts'
import { emptyBytes, int32ListAt, textAt, uuidAt } from './shared_values.ts'

/** Reads from a view, forwards only. Views that it hands out share the memory of what is read. */
export class Reader {
  readonly bytes: Uint8Array
  /** The same bytes, for numbers. */
  readonly view: DataView
  /** Position of the next byte. */
  position: number
  readonly end: number
  /** Memory that the values may take, at least 16 MiB and twice the bytes. */
  readonly decodedBytesMax: number
  /** What is left of it. */
  decodedBytesLeft: number

  constructor(bytes: Uint8Array, position = 0, decodedBytesMax?: number) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
    this.end = bytes.byteLength
    this.decodedBytesMax = decodedBytesLimit(bytes.byteLength, decodedBytesMax)
    this.decodedBytesLeft = this.decodedBytesMax
  }

  get remaining(): number {
    return this.end - this.position
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  int8(): number {
    return this.view.getInt8(this.#take(1))
  }

  int16(): number {
    return this.view.getInt16(this.#take(2))
  }

  int32(): number {
    return this.view.getInt32(this.#take(4))
  }

  int64(): bigint {
    return this.view.getBigInt64(this.#take(8))
  }

  uint16(): number {
    return this.view.getUint16(this.#take(2))
  }

  uint32(): number {
    return this.view.getUint32(this.#take(4))
  }

  float64(): number {
    return this.view.getFloat64(this.#take(8))
  }

  /** An unsigned varint of at most 32 bits, in at most five bytes. */
  uvarint(): number {
    const start = this.position
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.view.getUint8(this.#take(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = this.view.getUint8(this.#take(1))
    if (last > 0x0f) throw new ProtocolError('MALFORMED', 'A varint has more than 32 bits', { offset: start })
    return (value | (last << 28)) >>> 0
  }

  uuid(): Uuid {
    return uuidAt(this.view, this.#take(16))
  }

  /** The next `length` int32, frozen. */
  int32List(length: number): readonly number[] {
    return int32ListAt(this.view, this.#take(length * 4), length)
  }

  /** Length of a string before KIP-482; -1 for null. */
  stringLength(): number {
    return this.#length(this.position, this.int16())
  }

  /** Length of bytes or records before KIP-482; -1 for null. */
  bytesLength(): number {
    return this.#length(this.position, this.int32())
  }

  /** Length in bytes as KIP-482 writes it; -1 for null. */
  compactLength(): number {
    return this.#length(this.position, this.uvarint() - 1)
  }

  /** Count of an array before KIP-482, whose elements take at least `elementBytesMin` bytes; -1 for null. */
  arrayCount(elementBytesMin: number): number {
    return this.#count(this.position, this.int32(), elementBytesMin)
  }

  /** Count of an array as KIP-482 writes it; -1 for null. */
  compactArrayCount(elementBytesMin: number): number {
    return this.#count(this.position, this.uvarint() - 1, elementBytesMin)
  }

  /** The next `length` bytes as text. Bytes that are not UTF-8 become U+FFFD, as in Java. */
  text(length: number): string {
    return textAt(this.bytes, this.view, this.#take(length), length)
  }

  /** The next `length` bytes, as a view; a plain array also where Node hands out Buffers. */
  slice(length: number): Uint8Array {
    const start = this.#take(length)
    if (length === 0) return emptyBytes
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** Counts a list before it is made. `start` is where its count stands. */
  chargeList(count: number, elementBytes: number, start: number): void {
    if (count > listLengthMax) {
      const message = `A list of ${count} elements is longer than ${listLengthMax}, the most that is read`
      throw new ProtocolError('FRAME_TOO_LARGE', message, { offset: start })
    }
    this.charge(count * elementBytes + listBytes, start, `A list of ${count} elements`)
  }

  /** Counts memory before it is taken. */
  charge(bytes: number, start: number, what: string): void {
    const left = this.decodedBytesLeft
    this.decodedBytesLeft = left - bytes
    if (bytes <= left) return
    const estimate = `${what} may take ${bytes} bytes of memory, and ${left} of ${this.decodedBytesMax} are left`
    throw new ProtocolError('FRAME_TOO_LARGE', `${estimate}: raise decodedBytesMax if it is meant`, { offset: start })
  }

  /** Refuses what is left over. */
  expectEnd(): void {
    if (this.position === this.end) return
    const left = this.end - this.position
    throw new ProtocolError('TRAILING_BYTES', `${left} bytes are left after the message`, { offset: this.position })
  }

  #take(length: number): number {
    const start = this.position
    if (length > this.end - start) {
      const message = `${length} bytes are needed and ${this.end - start} are left`
      throw new ProtocolError('TRUNCATED', message, { offset: start })
    }
    this.position = start + length
    return start
  }

  #length(start: number, length: number): number {
    if (length < -1) throw new ProtocolError('MALFORMED', `The length ${length} is negative`, { offset: start })
    if (length > this.end - this.position) {
      const message = `A length of ${length} bytes is announced and ${this.end - this.position} are left`
      throw new ProtocolError('TRUNCATED', message, { offset: start })
    }
    return length
  }

  #count(start: number, count: number, elementBytesMin: number): number {
    if (count < -1) throw new ProtocolError('MALFORMED', `The count ${count} is negative`, { offset: start })
    const left = this.end - this.position
    if (count * elementBytesMin > left) {
      const message = `${count} elements of at least ${elementBytesMin} bytes are announced and ${left} bytes are left`
      throw new ProtocolError('TRUNCATED', message, { offset: start })
    }
    return count
  }
}
