// Checkpoints as files in one folder. A file is written under a temporary name, flushed, and gets its final name by a
// link, which fails where that name is taken; then the folder is flushed. So a name that is there has whole content, and
// nothing is ever replaced. Files are readable by their owner alone: what they hold can commit transactions.
import { dirname, join, resolve } from 'node:path'
import { codeOf, FolderHeldError, linked, lockFolder, NoLinksError, unlessMissing } from '../../runtime/index.ts'
import type { Files, FolderLock, Runtime } from '../../runtime/index.ts'
import { JobError } from '../errors.ts'
import { checkFileStorageOptions } from '../options.ts'
import type { FileStorageOptions } from '../options.ts'
import { BlobCheckpointStore } from './store.ts'
import type { Blobs } from './store.ts'
import type { CheckpointStorage, CheckpointStore, StorageContext } from './storage.ts'

/** Room for the head of a file besides its content. */
const headBytesMax = 1024
const temporaryPrefix = 'tmp-'
/** How a folder that this user cannot have made refuses to be flushed. */
const othersFolder: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'EINVAL']

const diskFull = 'Make room on the disk; nothing of an earlier checkpoint is lost.'
const notAllowed = 'Let the user of this process write there, or choose another directory.'
const inTheWay = 'Something that is no directory has that name: choose another one.'
const isGone = 'The directory was removed, and with it what the job goes on from: bring it back.'
const needsLinks =
  'A checkpoint gets its name by a link, which never replaces another one: choose a directory on a file system that ' +
  'has them, such as ext4, xfs, APFS or NTFS.'
const nextSteps: Readonly<Record<string, string>> = {
  ENOSPC: diskFull,
  EDQUOT: diskFull,
  EACCES: notAllowed,
  EPERM: notAllowed,
  EROFS: notAllowed,
  EEXIST: inTheWay,
  ENOTDIR: inTheWay,
  ENOENT: isGone
}

/**
 * Keeps the checkpoints of one job as files in `directory`, which is created where it is missing.
 * Throws KafkaError INVALID_OPTION; opening rejects with JobError CHECKPOINT_STORE_HELD or CHECKPOINT_STORE.
 */
export function fileCheckpointStorage(directory: string, options?: FileStorageOptions): CheckpointStorage {
  const checked = checkFileStorageOptions(directory, options)
  const folder = resolve(checked.directory)
  return {
    async open(context: StorageContext): Promise<CheckpointStore> {
      const { files } = context.runtime
      await ioOf(`create ${folder}`, async () => {
        await files.mkdir(folder, 0o700)
        await syncAncestors(files, folder)
      })
      const lock =
        checked.lock === 'none' ? undefined : await ioOf(`lock ${folder}`, () => lockFolder(context.runtime, folder))
      const blobs = new FileBlobs(context.runtime, folder, lock, checked.checkpointBytesMax + headBytesMax)
      if (lock !== undefined) await blobs.removeTemporary()
      return new BlobCheckpointStore(blobs, context, checked)
    }
  }
}

class FileBlobs implements Blobs {
  readonly #runtime: Runtime
  readonly #folder: string
  readonly #lock: FolderLock | undefined
  readonly #fileBytesMax: number

  constructor(runtime: Runtime, folder: string, lock: FolderLock | undefined, fileBytesMax: number) {
    this.#runtime = runtime
    this.#folder = folder
    this.#lock = lock
    this.#fileBytesMax = fileBytesMax
  }

  list(): Promise<readonly string[]> {
    return ioOf(`list ${this.#folder}`, () => this.#runtime.files.list(this.#folder))
  }

  async listDurable(): Promise<readonly string[]> {
    const names = await this.list()
    await ioOf(`flush ${this.#folder}`, () => this.#runtime.files.syncFolder(this.#folder))
    return names
  }

  read(name: string): Promise<Uint8Array | 'tooLarge' | undefined> {
    const path = join(this.#folder, name)
    return ioOf(`read ${path}`, async () => {
      try {
        return await unlessMissing(this.#runtime.files.read(path, this.#fileBytesMax))
      } catch (error) {
        if (codeOf(error) === 'EFBIG') return 'tooLarge'
        throw error
      }
    })
  }

  publish(name: string, bytes: Uint8Array, beforePublish?: () => Promise<void>): Promise<'published' | 'taken'> {
    const random = Buffer.from(this.#runtime.randomBytes(8)).toString('hex')
    const temporary = join(this.#folder, `${temporaryPrefix}${random}`)
    return ioOf(`write ${join(this.#folder, name)}`, async () => {
      try {
        await this.#write(temporary, bytes)
        await beforePublish?.()
        if (!(await linked(this.#runtime.files, temporary, join(this.#folder, name)))) return 'taken'
        await this.#runtime.files.syncFolder(this.#folder)
        return 'published'
      } finally {
        await unlessMissing(this.#runtime.files.remove(temporary))
      }
    })
  }

  async remove(name: string): Promise<void> {
    const path = join(this.#folder, name)
    await ioOf(`remove ${path}`, () => unlessMissing(this.#runtime.files.remove(path)))
  }

  async close(): Promise<void> {
    await ioOf(`unlock ${this.#folder}`, async () => this.#lock?.release())
  }

  /** What a process that died has left. Only with the lock: without it, another one may be writing. */
  async removeTemporary(): Promise<void> {
    for (const name of await this.list()) {
      if (name.startsWith(temporaryPrefix)) await this.remove(name)
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await this.#runtime.files.create(path, 0o600)
    try {
      const half = bytes.length >> 1
      await handle.write(bytes.subarray(0, half))
      const torn = this.#runtime.faultPoint('store.torn')
      if (torn) await torn
      await handle.write(bytes.subarray(half))
      await handle.sync()
    } finally {
      await handle.close()
    }
    const written = this.#runtime.faultPoint('store.written')
    if (written) await written
  }
}

/**
 * Makes the name of a folder safe, and those of all folders above it: `mkdir` may have made any of them, in this start or
 * in one that was cut short. What lies far above may belong to somebody else and be closed to us.
 */
async function syncAncestors(files: Files, folder: string): Promise<void> {
  const parent = dirname(folder)
  await files.syncFolder(parent)
  for (let at = parent; at !== dirname(at);) {
    at = dirname(at)
    try {
      await files.syncFolder(at)
    } catch (error) {
      if (!othersFolder.includes(codeOf(error))) throw error
    }
  }
}

async function ioOf<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof FolderHeldError) {
      throw new JobError('CHECKPOINT_STORE_HELD', error.message, { fatal: true, nextStep: error.nextStep })
    }
    if (error instanceof NoLinksError) {
      throw new JobError('CHECKPOINT_STORE', error.message, { fatal: true, nextStep: needsLinks, cause: error })
    }
    const code = codeOf(error)
    if (error instanceof JobError || code === undefined) throw error
    const nextStep = nextSteps[code] ?? 'See that the disk has room and that this user may write there.'
    throw new JobError('CHECKPOINT_STORE', `Could not ${what}: ${code}.`, { nextStep, cause: error })
  }
}
