// Owns files as Node has them, in the few operations from which a crash-safe store can be built. Nothing here retries
// or hides an error: what can fail, fails with Node's code.

import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from './failure_code.ts'
import type { Files } from './runtime.ts'

/** The real file system. `mkdir` also makes missing parents and is content with a folder that is there. */
export const nodeFiles: Files = Object.freeze({
  async mkdir(path, mode) {
    if (await isMade(path, mode)) return
    const parent = dirname(path)
    if (parent !== path) await nodeFiles.mkdir(parent, mode)
    if (!(await isMade(path, mode))) throw Object.assign(new Error(`${path} cannot be made`), { code: 'ENOENT' })
  },

  list(path) {
    return readdir(path)
  },

  read,

  async create(path, mode) {
    const handle = await open(path, 'wx', mode)
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close()
    }
  },

  link,
  rename,
  remove: unlink,

  async syncFolder(path) {
    // Windows has no handles of folders to flush; its file system logs names by itself.
    if (process.platform === 'win32') return
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
} satisfies Files)

// Node's own way to make parents too never comes to an end where a folder refuses new ones with ENOENT, as /proc does.
/** False where the parent is missing. */
async function isMade(path: string, mode: number | undefined): Promise<boolean> {
  try {
    await mkdir(path, mode === undefined ? {} : { mode })
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    const there = await stat(path).catch(() => undefined)
    if (there?.isDirectory() === true) return true
    throw error
  }
}

async function read(path: string, bytesMax: number): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (size > bytesMax) throw tooLarge(path, bytesMax)
    // One byte more than its size, so that the end shows at once; a file that grows is followed up to the limit.
    let bytes = new Uint8Array(size + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length)
      if (bytesRead === 0) return bytes.subarray(0, length)
      length += bytesRead
      if (length > bytesMax) throw tooLarge(path, bytesMax)
      if (length === bytes.length) {
        const larger = new Uint8Array(bytes.length * 2)
        larger.set(bytes)
        bytes = larger
      }
    }
  } finally {
    await handle.close()
  }
}

function tooLarge(path: string, bytesMax: number): Error {
  return Object.assign(new Error(`${path} has more than ${bytesMax} bytes`), { code: 'EFBIG' })
}
