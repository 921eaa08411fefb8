// Loads the peers from benchmarks/node_modules, where `npm ci` puts them; the package itself never depends on them.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** The project's folder; programs are started in it. */
export const projectFolder = process.cwd()
export const benchmarksFolder = join(projectFolder, 'benchmarks')

const packageFolders = { kafkajs: 'kafkajs', platformatic: '@platformatic/kafka', 'kafka-ts': 'kafka-ts' } as const
const entryFiles = { kafkajs: 'index.js', platformatic: 'dist/index.js', 'kafka-ts': 'dist/index.js' } as const

export type PeerName = keyof typeof packageFolders

/** The first Node on which a peer runs. */
const nodeMin: Readonly<Record<PeerName, readonly [major: number, minor: number]>> = {
  kafkajs: [14, 0],
  platformatic: [22, 22],
  'kafka-ts': [18, 0]
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
  return isPeerInstalled(name) ? undefined : notInstalled
}

/** Whether a peer is there, for whichever Node. */
export function isPeerInstalled(name: PeerName): boolean {
  return existsSync(packageFolder(name))
}

/**
 * Installs peers where they are missing, those that this Node can run; without a registry they are reported as not run. Answers nothing: whoever needs
 * a peer asks `peerMissing` again.
 */
export async function installPeers(names: readonly PeerName[]): Promise<void> {
  const missing = names.map((name) => peerMissing(name))
  if (!missing.includes(notInstalled)) return
  try {
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: benchmarksFolder })
  } catch (error) {
    console.log(`the peers could not be installed: ${String(error).split('\n')[0]}`)
  }
}

/** The exports of a peer. Its types are the caller's guess, which the measurement soon tests. */
export function loadPeer<M>(name: PeerName): Promise<M> {
  return loadPeerFile(name, entryFiles[name])
}

/** The exports of one file of a peer, which need not be public. */
export async function loadPeerFile<M>(name: PeerName, path: string): Promise<M> {
  const file = join(packageFolder(name), path)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- another package's exports
  const loaded = (await import(pathToFileURL(file).href)) as { default?: M } & M
  return name === 'platformatic' ? loaded : (loaded.default ?? loaded)
}

function packageFolder(name: PeerName): string {
  return join(benchmarksFolder, 'node_modules', packageFolders[name])
}
