// Calls to the disk as the store and its lock use them: what is expected to fail is a value, and a file system that cannot
// do what a safe store needs is named.
import { dirname } from 'node:path'
import { codeOf } from '../../runtime/index.ts'
import type { Files } from '../../runtime/index.ts'
import { JobError } from '../errors.ts'

/** How file systems without hard links refuse one. */
const noLinks: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/** Gives a file a second name; false where that is taken. Rejects with JobError where there can be no second names. */
export async function linked(files: Files, from: string, to: string): Promise<boolean> {
  try {
    await files.link(from, to)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return false
    if (code !== undefined && noLinks.includes(code)) throw cannotLink(dirname(to), code, error)
    throw error
  }
}

export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function cannotLink(folder: string, code: string, cause: unknown): JobError {
  return new JobError('CHECKPOINT_STORE', `The file system of ${folder} refuses hard links (${code}).`, {
    fatal: true,
    nextStep:
      'A checkpoint gets its name by a link, which never replaces another one: choose a directory on a file system that ' +
      'has them, such as ext4, xfs, APFS or NTFS.',
    cause
  })
}
