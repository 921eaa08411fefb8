// The bytes around everything that a store keeps: a head that tells kind, format and length, and a checksum over head
// and content, so that a torn, shortened, lengthened or altered file shows. The head and the checksum are the same in
// every format, so that a newer format is told apart from damage.
//
//   0  4  magic "KOCS"
//   4  1  format of the content
//   5  1  kind: 1 checkpoint, 2 run record
//   6  1  packing: 0 as it is, 1 gzip
//   7  1  0
//   8  4  length of the content, big-endian
//  12  4  CRC-32C over all of the file with these four bytes as 0
//  16     the content, UTF-8
import { crc32c } from '../../client/index.ts'
import type { Runtime } from '../../runtime/index.ts'

export type EnvelopeKind = 'checkpoint' | 'run'

export type Opened =
  | { readonly kind: 'content'; readonly text: string }
  | { readonly kind: 'corrupt'; readonly reason: string }
  /** Whole, but written by a later version of this library. */
  | { readonly kind: 'newer'; readonly format: number }

const magic = 0x4b4f4353
const format = 1
const headBytes = 16
const checksumAt = 12
const kinds: Readonly<Record<EnvelopeKind, number>> = { checkpoint: 1, run: 2 }
const plain = 0
const gzipped = 1

export async function seal(runtime: Pick<Runtime, 'gzip'>, kind: EnvelopeKind, text: string): Promise<Uint8Array> {
  const content = new TextEncoder().encode(text)
  const packed = await runtime.gzip(content, 6)
  const isSmaller = packed.length < content.length
  const stored = isSmaller ? packed : content
  const file = new Uint8Array(headBytes + stored.length)
  const view = new DataView(file.buffer)
  view.setUint32(0, magic)
  view.setUint8(4, format)
  view.setUint8(5, kinds[kind])
  view.setUint8(6, isSmaller ? gzipped : plain)
  view.setUint32(8, stored.length)
  file.set(stored, headBytes)
  view.setUint32(checksumAt, crc32c(file))
  return file
}

/** Never throws for what the bytes hold. A content of more than `contentBytesMax` is refused before it is unpacked. */
export async function open(
  runtime: Pick<Runtime, 'gunzip'>,
  kind: EnvelopeKind,
  bytes: Uint8Array,
  contentBytesMax: number
): Promise<Opened> {
  if (bytes.length < headBytes) return corrupt(`it has ${bytes.length} bytes, fewer than its head`)
  const file = new Uint8Array(bytes) // a copy, also of a Buffer
  const view = new DataView(file.buffer)
  if (view.getUint32(0) !== magic) return corrupt('it does not begin as a checkpoint file does')
  const length = view.getUint32(8)
  if (length !== file.length - headBytes) {
    return corrupt(`it has ${file.length - headBytes} bytes of content where ${length} were written`)
  }
  const checksum = view.getUint32(checksumAt)
  view.setUint32(checksumAt, 0)
  if (crc32c(file) !== checksum) return corrupt('its checksum does not match')
  if (view.getUint8(4) !== format) return { kind: 'newer', format: view.getUint8(4) }
  if (view.getUint8(5) !== kinds[kind] || view.getUint8(6) > gzipped || view.getUint8(7) !== 0) {
    return corrupt('its head makes no sense')
  }
  const stored = file.subarray(headBytes)
  if (view.getUint8(6) === plain) return textOf(stored)
  try {
    return textOf(await runtime.gunzip(stored, contentBytesMax))
  } catch (error) {
    return corrupt(`its content cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function textOf(bytes: Uint8Array): Opened {
  try {
    return { kind: 'content', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return corrupt('its content is not UTF-8')
  }
}

function corrupt(reason: string): Opened {
  return { kind: 'corrupt', reason }
}
