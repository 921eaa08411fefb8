// Loads the peers from benchmarks/node_modules, where `npm ci` puts them; the package itself never depends on them.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The project's folder; programs are started in it. */
export const projectFolder = process.cwd()
export const benchmarksFolder = join(projectFolder, 'benchmarks')

const packageFolders = { kafkajs: 'kafkajs', platformatic: '@platformatic/kafka' } as const
const entryFiles = { kafkajs: 'index.js', platformatic: 'dist/index.js' } as const

export type PeerName = keyof typeof packageFolders

/** The first Node on which a peer runs. */
const nodeMin: Readonly<Record<PeerName, readonly [major: number, minor: number]>> = {
  kafkajs: [14, 0],
  platformatic: [22, 22]
}

/** Why a peer that this Node can run is not measured. */
export const notInstalled = 'is not installed in benchmarks/node_modules'

/** Why a peer cannot be measured here; undefined where it can. */
export function peerMissing(name: PeerName): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [majorMin, minorMin] = nodeMin[name]
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    return `needs Node ${majorMin}.${minorMin}, this is ${process.versions.node}`
  }
  return existsSync(packageFolder(name)) ? undefined : notInstalled
}

/** The exports of a peer. Its types are the caller's guess, which the measurement soon tests. */
export async function loadPeer<M>(name: PeerName): Promise<M> {
  const file = join(packageFolder(name), entryFiles[name])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- another package's exports
  const loaded = (await import(pathToFileURL(file).href)) as { default?: M } & M
  return name === 'kafkajs' ? (loaded.default ?? loaded) : loaded
}

function packageFolder(name: PeerName): string {
  return join(benchmarksFolder, 'node_modules', packageFolders[name])
}
