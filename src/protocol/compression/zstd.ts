// Owns zstd for records: the platform's where it has it (Node from 22.15 on), else a decoder of our own and, to compress,
// a package that the user installs. The frames are looked at before the platform sees them, since Node's function stops
// after the first one without a word, and takes as much memory as a frame asks for. KIP-110.

import { ProtocolError } from '../protocol_error.ts'
import type { CompressionCodec, CompressOptions, PlatformZstd } from './codec.ts'
import { isOutputTooLarge, tooLarge } from './decoding.ts'
import { optionalPackages, wasmZstd } from './natives.ts'
import type { WasmZstd } from './natives.ts'
import { decompressZstd } from './zstd_decoder.ts'
import { measureFrames, withTightWindow } from './zstd_frame.ts'

/** zstd's own default, and Kafka's. */
const levelDefault = 3

/** Below this size the way to another thread and back takes longer than decoding here. */
const platformBytesMin = 1024

export const zstdCodec: CompressionCodec = Object.freeze({
  id: 4,
  name: 'zstd',
  compress,

  decompress(bytes, bytesMax, { zstd }) {
    const { capacity, single } = measureFrames(bytes, bytesMax)
    if (zstd === undefined || single === undefined || bytes.length < platformBytesMin) {
      return decompressZstd(bytes, capacity, bytesMax)
    }
    return decompressByPlatform(zstd, withTightWindow(bytes, single, capacity), bytesMax)
  }
} satisfies CompressionCodec)

function compress(bytes: Uint8Array, options: CompressOptions): Uint8Array | Promise<Uint8Array> {
  const level = options.level ?? levelDefault
  if (options.zstd !== undefined) return options.zstd.compress(bytes, level)
  const act = (wasm: WasmZstd | undefined): Uint8Array => {
    if (wasm === undefined) throw missing()
    return wasm.compress(bytes, level)
  }
  const wasm = wasmZstd(options)
  return wasm instanceof Promise ? wasm.then(act) : act(wasm)
}

async function decompressByPlatform(zstd: PlatformZstd, frame: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  try {
    return await zstd.decompress(frame, bytesMax)
  } catch (cause) {
    if (isOutputTooLarge(cause)) throw tooLarge('zstd', bytesMax)
    throw new ProtocolError('MALFORMED', 'A batch in zstd cannot be decompressed', { cause })
  }
}

function missing(): ProtocolError {
  return new ProtocolError(
    'UNSUPPORTED_COMPRESSION',
    `zstd cannot compress here: run on Node 22.15 or newer, install ${optionalPackages.zstd}, or use lz4 or gzip instead`
  )
}
