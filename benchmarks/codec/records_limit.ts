// What encoding and decoding would take if they were loops written by hand for these batches alone: no compression, one
// kind of timestamps, lengths below two megabytes, no errors but one. The line that a codec for all batches can come
// near to.
import castagnoli from 'crc-32/crc32c.js'
import { nativeCrc32c } from './checksums.ts'
import { bytesRecords } from './records_data.ts'
import type { BytesRecord, Taking, TextRecord } from './records_data.ts'
import type { MakeRecordCodec, RecordCodec } from './records_peers.ts'

type Crc = (bytes: Uint8Array) => number

const headerBytes = 61

/** Room enough for every batch here. */
const bytesMax = 2 * 1024 * 1024

function varint(target: Uint8Array, start: number, value: number): number {
  let at = start
  let raw = value << 1
  while (raw > 0x7f) {
    target[at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  target[at++] = raw
  return at
}

function sizeOf(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : 3
}

function part(target: Uint8Array, start: number, bytes: Uint8Array): number {
  const at = varint(target, start, bytes.length)
  if (bytes.length > 16) target.set(bytes, at)
  else for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i]!
  return at + bytes.length
}

interface PreparedRecord extends Omit<BytesRecord, 'headers'> {
  readonly headers: readonly (readonly [Buffer, Buffer])[]
}

function bodySize({ key, value, headers }: PreparedRecord, delta: number, i: number): number {
  let size = 1 + sizeOf(delta) + sizeOf(i) + sizeOf(value.length) + value.length + 1
  size += key === null ? 1 : sizeOf(key.length) + key.length
  for (const [name, bytes] of headers) size += sizeOf(name.length) + name.length + sizeOf(bytes.length) + bytes.length
  return size
}

function encodeAll(records: readonly PreparedRecord[], target: Uint8Array): number {
  const base = records[0]!.timestamp
  let at = headerBytes
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    const delta = record.timestamp - base
    at = varint(target, at, bodySize(record, delta, i))
    target[at++] = 0
    at = varint(target, at, delta)
    at = varint(target, at, i)
    if (record.key === null) target[at++] = 1
    else at = part(target, at, record.key)
    at = part(target, at, record.value)
    target[at++] = record.headers.length << 1
    for (const [name, bytes] of record.headers) at = part(target, part(target, at, name), bytes)
  }
  return at
}

function fillHeader(bytes: Buffer, records: readonly PreparedRecord[], crc: Crc): void {
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes[16] = 2
  bytes.writeInt16BE(0, 21)
  bytes.writeInt32BE(records.length - 1, 23)
  bytes.writeBigInt64BE(BigInt(records[0]!.timestamp), 27)
  bytes.writeBigInt64BE(BigInt(records.at(-1)!.timestamp), 35)
  bytes.fill(0xff, 43, 57)
  bytes.writeInt32BE(records.length, 57)
  bytes.writeInt32BE(crc(bytes.subarray(21)) | 0, 17)
}

/** Where the last number ended. */
let end = 0

function number(bytes: Uint8Array, at: number): number {
  let raw = bytes[at]!
  end = at + 1
  if (raw > 0x7f) {
    const second = bytes[at + 1]!
    raw = (raw & 0x7f) | ((second & 0x7f) << 7)
    end = at + 2
    if (second > 0x7f) raw |= bytes[end++]! << 14
  }
  return (raw >>> 1) ^ -(raw & 1)
}

function check(batch: Buffer, crc: Crc): void {
  if (batch.readInt32BE(17) !== (crc(batch.subarray(21)) | 0)) throw new Error('The checksum is wrong')
}

function decodeValues(bytes: Uint8Array, buffer: ArrayBuffer, offset: number, count: number, taking: Taking): void {
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    const length = number(bytes, at)
    const next = end + length
    number(bytes, end + 1)
    number(bytes, end)
    const keyLength = number(bytes, end)
    if (keyLength > 0) end += keyLength
    const valueLength = number(bytes, end)
    if (end + valueLength >= next || next > bytes.length) throw new Error('A record is too long')
    taking.takeValue(new Uint8Array(buffer, offset + end, valueLength))
    at = next
  }
}

function decodePlaces(bytes: Uint8Array, count: number, taking: Taking): void {
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    const length = number(bytes, at)
    const next = end + length
    number(bytes, end + 1)
    number(bytes, end)
    const keyLength = number(bytes, end)
    if (keyLength > 0) end += keyLength
    const valueLength = number(bytes, end)
    if (end + valueLength >= next || next > bytes.length) throw new Error('A record is too long')
    taking.takeEnds(bytes[end]!, bytes[end + valueLength - 1]!)
    at = next
  }
}

const noHeaders: readonly unknown[] = []

function decodeEverything(bytes: Buffer, buffer: ArrayBuffer, offset: number, count: number, taking: Taking): void {
  const baseOffset = bytes.readBigInt64BE(0)
  const baseTimestamp = Number(bytes.readBigInt64BE(27))
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    const length = number(bytes, at)
    const next = end + length
    const timestamp = baseTimestamp + number(bytes, end + 1)
    const delta = number(bytes, end)
    const keyLength = number(bytes, end)
    const key = keyLength < 0 ? null : new Uint8Array(buffer, offset + end, keyLength)
    if (keyLength > 0) end += keyLength
    const valueLength = number(bytes, end)
    if (end + valueLength >= next || next > bytes.length) throw new Error('A record is too long')
    const value = new Uint8Array(buffer, offset + end, valueLength)
    end += valueLength
    const headerCount = number(bytes, end)
    const headers = headerCount === 0 ? noHeaders : decodeHeaders(bytes, buffer, offset, headerCount)
    taking.take(key, value, headers, baseOffset + BigInt(delta), timestamp)
    at = next
  }
}

function decodeHeaders(bytes: Buffer, buffer: ArrayBuffer, offset: number, count: number): unknown[] {
  const headers: unknown[] = []
  for (let i = 0; i < count; i++) {
    const nameLength = number(bytes, end)
    const name = bytes.toString('latin1', end, end + nameLength)
    end += nameLength
    const length = number(bytes, end)
    headers.push([name, new Uint8Array(buffer, offset + end, length)])
    end += length
  }
  return headers
}

function limitCodec(records: readonly TextRecord[], batch: Buffer, taking: Taking, crc: Crc): RecordCodec {
  const prepared = bytesRecords(records).map(({ headers, ...rest }): PreparedRecord => {
    return { ...rest, headers: headers.map(([name, bytes]) => [Buffer.from(name), bytes]) }
  })
  const target = Buffer.from(new ArrayBuffer(bytesMax))
  const buffer = new ArrayBuffer(batch.length)
  const bytes = Buffer.from(buffer)
  batch.copy(bytes)
  return {
    encode() {
      const encoded = target.subarray(0, encodeAll(prepared, target))
      fillHeader(encoded, prepared, crc)
      return encoded
    },
    values() {
      check(bytes, crc)
      decodeValues(bytes, buffer, 0, bytes.readInt32BE(57), taking)
    },
    places() {
      check(bytes, crc)
      decodePlaces(bytes, bytes.readInt32BE(57), taking)
    },
    everything() {
      check(bytes, crc)
      decodeEverything(bytes, buffer, 0, bytes.readInt32BE(57), taking)
    }
  }
}

export const limitOf: Readonly<Record<'plain' | 'native' | 'unchecked', MakeRecordCodec>> = {
  plain: (records, batch, taking) => limitCodec(records, batch, taking, (bytes) => castagnoli.buf(bytes)),
  native: (records, batch, taking) => limitCodec(records, batch, taking, nativeCrc32c()),
  unchecked: (records, batch, taking) => limitCodec(records, batch, taking, () => batch.readInt32BE(17))
}
