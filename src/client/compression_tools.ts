// Owns what a client hands to the codecs of its batches: the runtime's zlib, and packages that are installed besides.
// The one for checksums is looked for here too, since only a runtime can.
import { useNativeCrc32c } from '../protocol/index.ts'
import type { CompressionTools } from '../protocol/index.ts'
import type { Runtime } from '../runtime/index.ts'

export function compressionTools(runtime: Runtime): CompressionTools {
  const tools = Object.freeze({
    gunzip: (bytes, bytesMax) => runtime.gunzip(bytes, bytesMax),
    gzip: (bytes, level) => runtime.gzip(bytes, level),
    zstd: runtime.zstd,
    optionalPackage: (name) => runtime.optionalPackage?.(name)
  } satisfies CompressionTools)
  useNativeCrc32c(tools)
  return tools
}
