// The native checksum that users may install, from benchmarks/node_modules.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { benchmarksFolder } from '../clients/peer_packages.ts'

export function nativeCrc32c(): (bytes: Uint8Array) => number {
  const load = createRequire(join(benchmarksFolder, 'package.json'))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- another package's exports
  const { crc32c } = load('@node-rs/crc32') as { crc32c: (bytes: Uint8Array) => number }
  return (bytes) => crc32c(bytes)
}
