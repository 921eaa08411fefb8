// Owns the checksums of record batches once more, written differently from the sources: to see that no damaged batch is
// read, and to give spoiled batches the right one, without which nothing behind the checksum would be reached.

const castagnoli = table(0x82f63b78)
const ieee = table(0xedb88320)
const headerBytes = 61

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1
    return rest
  })
}

function checksum(bytes: Uint8Array, of: Uint32Array): number {
  let rest = 0xffffffff
  for (const byte of bytes) rest = (rest >>> 8) ^ of[(rest ^ byte) & 0xff]!
  return (rest ^ 0xffffffff) >>> 0
}

/** A copy whose first batch has the right checksum, and, if wanted, takes all the bytes. */
export function resealed(bytes: Uint8Array, takesAll: boolean): Uint8Array {
  const copy = bytes.slice()
  if (copy.length < 18) return copy
  const view = new DataView(copy.buffer)
  if (takesAll) view.setInt32(8, copy.length - 12)
  const end = Math.min(copy.length, Math.max(view.getInt32(8) + 12, 0))
  if (copy[16] === 2 && end >= headerBytes) view.setUint32(17, checksum(copy.subarray(21, end), castagnoli))
  else if (copy[16]! < 2 && end > 16) view.setUint32(12, checksum(copy.subarray(16, end), ieee))
  return copy
}

/** A copy in which every message of an old format has the right checksum, as far as their sizes lead. */
export function resealedMessages(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  for (let at = 0; at + 17 <= copy.length && copy[at + 16]! < 2;) {
    const end = at + 12 + view.getInt32(at + 8)
    if (end > copy.length || end < at + 17) break
    view.setUint32(at + 12, checksum(copy.subarray(at + 16, end), ieee))
    at = end
  }
  return copy
}

/** Where the first batch or old message stands that is all there and has a wrong checksum. */
export function damagedBatchIn(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 17 <= bytes.length;) {
    const end = at + 12 + view.getInt32(at + 8)
    if (end > bytes.length || end < at + 17) return undefined
    const isOld = bytes[at + 16]! < 2
    if (!isOld && end < at + headerBytes) return undefined
    const claimed = view.getUint32(at + (isOld ? 12 : 17))
    const computed = isOld
      ? checksum(bytes.subarray(at + 16, end), ieee)
      : checksum(bytes.subarray(at + 21, end), castagnoli)
    if (claimed !== computed) return at
    at = end
  }
  return undefined
}
