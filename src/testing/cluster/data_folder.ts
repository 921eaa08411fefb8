// Owns the folder in which a cluster is kept between its runs: one file, replaced as a whole, so that a crash leaves the
// old one or the new one. Nothing is written while the cluster runs, unless it is told to save. A second file says which
// process has the folder, since of two clusters the one that closes last would overwrite the other.

import { codeOf } from '../../runtime/index.ts'
import type { Files, ProcessIdentity, Runtime } from '../../runtime/index.ts'
import type { Cluster } from './cluster.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'

const fileName = 'cluster.snapshot'
const lockName = 'cluster.lock'
/** A larger file is not read. */
const fileBytesMax = 2 ** 31 - 1
const lockBytesMax = 4096

export class DataFolder {
  readonly #runtime: Pick<Runtime, 'files' | 'process' | 'isAlive'>
  readonly #path: string
  #isLocked = false

  constructor(runtime: Pick<Runtime, 'files' | 'process' | 'isAlive'>, path: string) {
    this.#runtime = runtime
    this.#path = path
  }

  /** Takes the folder, and fills a new cluster with what it holds; nothing where it is empty. */
  async open(cluster: Cluster): Promise<void> {
    await this.#files.mkdir(this.#path)
    await this.#lock()
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
    if (!this.#isLocked) return
    this.#isLocked = false
    await this.#files.remove(this.#pathOf(lockName))
  }

  get #files(): Files {
    return this.#runtime.files
  }

  #pathOf(name: string): string {
    return `${this.#path}/${name}`
  }

  async #lock(): Promise<void> {
    const path = this.#pathOf(lockName)
    if ((await this.#files.list(this.#path)).includes(lockName)) {
      const holder = holderIn(await this.#files.read(path, lockBytesMax))
      // Who was killed has left its lock behind.
      const isGone = holder === undefined || (await this.#runtime.isAlive(holder)) === false
      if (!isGone) throw this.#inUse(holder)
      await this.#files.remove(path)
    }
    const lock = await this.#files.create(path, 0o600).catch((error: unknown) => {
      throw codeOf(error) === 'EEXIST' ? this.#inUse(undefined) : error
    })
    this.#isLocked = true
    try {
      await lock.write(new TextEncoder().encode(JSON.stringify(this.#runtime.process)))
    } finally {
      await lock.close()
    }
  }

  #inUse(holder: ProcessIdentity | undefined): Error {
    const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`
    const remedy = `close that one first, or give this one a folder of its own (where nobody uses it, remove ${lockName})`
    return new Error(`The data folder ${this.#path} is in use by an embedded Kafka of ${who}: ${remedy}`)
  }
}

/** Undefined where its writer did not get to the end. */
function holderIn(bytes: Uint8Array): ProcessIdentity | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by this file alone
    return JSON.parse(new TextDecoder().decode(bytes)) as ProcessIdentity
  } catch {
    return undefined
  }
}
