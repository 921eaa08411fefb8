// Owns the folder in which a cluster is kept between its runs: one file, replaced as a whole, so that a crash leaves the
// old one or the new one. Nothing is written while the cluster runs, unless it is told to save. A second file says which
// process has the folder, since of two clusters the one that closes last would overwrite the other.

import { FolderHeldError, lockFolder, NoLinksError } from '../../runtime/index.ts'
import type { FolderLock, Runtime } from '../../runtime/index.ts'
import type { Cluster } from './cluster.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'

const fileName = 'cluster.snapshot'
/** A larger file is not read. */
const fileBytesMax = 2 ** 31 - 1

const needsLinks = 'The lock of a data folder is taken by a link: choose a dataFolder on a file system that has them.'

type FolderRuntime = Parameters<typeof lockFolder>[0]

export class DataFolder {
  readonly #runtime: FolderRuntime
  readonly #path: string
  #lock: FolderLock | undefined

  constructor(runtime: FolderRuntime, path: string) {
    this.#runtime = runtime
    this.#path = path
  }

  /** Takes the folder, and fills a new cluster with what it holds; nothing where it is empty. */
  async open(cluster: Cluster): Promise<void> {
    await this.#files.mkdir(this.#path)
    this.#lock = await lockFolder(this.#runtime, this.#path).catch(refused)
    const names = await this.#files.list(this.#path)
    if (!names.includes(fileName)) return
    restoreSnapshot(cluster, await this.#files.read(this.#pathOf(fileName), fileBytesMax))
  }

  /** Replaces what the folder holds; durable when it resolves. */
  async save(cluster: Cluster): Promise<void> {
    const pieces = encodeSnapshot(cluster)
    const temporary = this.#pathOf(`${fileName}.new`)
    if ((await this.#files.list(this.#path)).includes(`${fileName}.new`)) await this.#files.remove(temporary)
    const handle = await this.#files.create(temporary, 0o600)
    try {
      for (const piece of pieces) await handle.write(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await this.#files.rename(temporary, this.#pathOf(fileName))
    await this.#files.syncFolder(this.#path)
  }

  /** Lets others have the folder. */
  async release(): Promise<void> {
    const lock = this.#lock
    this.#lock = undefined
    await lock?.release()
  }

  get #files(): Runtime['files'] {
    return this.#runtime.files
  }

  #pathOf(name: string): string {
    return `${this.#path}/${name}`
  }
}

function refused(error: unknown): never {
  if (error instanceof FolderHeldError) throw new Error(`${error.message} ${error.nextStep}`, { cause: error })
  if (error instanceof NoLinksError) throw new Error(`${error.message} ${needsLinks}`, { cause: error })
  throw error
}
