// Owns the folder in which a cluster is kept between its runs: one file, replaced as a whole, so that a crash leaves the
// old one or the new one. Nothing is written while the cluster runs, unless it is told to save.

import type { Files } from '../../runtime/index.ts'
import type { Cluster } from './cluster.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'

const fileName = 'cluster.snapshot'
/** A larger file is not read. */
const fileBytesMax = 2 ** 31 - 1

export class DataFolder {
  readonly #files: Files
  readonly #path: string

  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = path
  }

  /** Fills a new cluster with what the folder holds; nothing where it is empty. */
  async load(cluster: Cluster): Promise<void> {
    await this.#files.mkdir(this.#path)
    const names = await this.#files.list(this.#path)
    if (!names.includes(fileName)) return
    restoreSnapshot(cluster, await this.#files.read(`${this.#path}/${fileName}`, fileBytesMax))
  }

  /** Replaces what the folder holds; durable when it resolves. */
  async save(cluster: Cluster): Promise<void> {
    const pieces = encodeSnapshot(cluster)
    const temporary = `${this.#path}/${fileName}.new`
    if ((await this.#files.list(this.#path)).includes(`${fileName}.new`)) await this.#files.remove(temporary)
    const handle = await this.#files.create(temporary, 0o600)
    try {
      for (const piece of pieces) await handle.write(piece)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await this.#files.rename(temporary, `${this.#path}/${fileName}`)
    await this.#files.syncFolder(this.#path)
  }
}
