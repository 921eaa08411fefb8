// Calls to the disk whose expected failures are values, and what a file system that has no hard links is told by.

import { dirname } from 'node:path'
import { codeOf } from './failure_code.ts'
import type { Files } from './runtime.ts'

/** How file systems without hard links refuse one. */
const noLinks: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/** Says that the file system of a folder gives no file a second name. */
export class NoLinksError extends Error {
  override readonly name = 'NoLinksError'

  constructor(folder: string, code: string, cause: unknown) {
    super(`The file system of ${folder} refuses hard links (${code}).`, { cause })
  }
}

/** Gives a file a second name; false where that is taken. Rejects with NoLinksError where there can be no second names. */
export async function linked(files: Files, from: string, to: string): Promise<boolean> {
  try {
    await files.link(from, to)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return false
    if (code !== undefined && noLinks.includes(code)) throw new NoLinksError(dirname(to), code, error)
    throw error
  }
}

/** The result of a call; undefined where its file is not there. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
