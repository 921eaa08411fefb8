import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FolderHeldError, lockFolder, nodeRuntime } from '../../src/runtime/index.ts'
import type { ProcessIdentity, Runtime } from '../../src/runtime/index.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-once-lock-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const runtime = nodeRuntime()

/** A runtime of another process; `living` says which pids of this host run. */
function processOf(given: Partial<ProcessIdentity>, living: ReadonlySet<number>): Runtime {
  const process = { host: 'here', bootId: 'boot', pid: 1, startTime: '1', ...given }
  return {
    ...runtime,
    process,
    isAlive: (other) => Promise.resolve(other.host === process.host ? living.has(other.pid) : undefined)
  }
}

async function deadProcess(): Promise<number> {
  const child = execFile(process.execPath, ['-e', ''])
  await new Promise((resolve) => child.once('exit', resolve))
  return child.pid ?? 0
}

async function leaveLock(owner: ProcessIdentity): Promise<void> {
  await writeFile(join(folder, 'lock'), JSON.stringify({ token: 'ab'.repeat(16), owner }))
}

describe('the lock of a folder', () => {
  test('is refused while a living process has it, and names that process', async () => {
    const lock = await lockFolder(runtime, folder)
    const second = lockFolder(runtime, folder)
    await expect(second).rejects.toBeInstanceOf(FolderHeldError)
    await expect(second).rejects.toThrow(`process ${process.pid} on`)
    await lock.release()
    await (await lockFolder(runtime, folder)).release()
    expect(await readdir(folder)).toEqual([])
  })

  test('of a process that is gone is taken over', async () => {
    await leaveLock({ ...runtime.process, pid: await deadProcess() })
    const lock = await lockFolder(runtime, folder)
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ owner: { pid: process.pid } })
    expect(await readdir(folder)).toEqual(['lock'])
    await lock.release()
  })

  test('of a process whose number another one has now is taken over', async () => {
    await leaveLock({ ...runtime.process, startTime: '1' })
    await (await lockFolder(runtime, folder)).release()
  })

  test('from before this machine was restarted is taken over', async () => {
    await leaveLock({ ...runtime.process, bootId: 'an earlier boot' })
    await (await lockFolder(runtime, folder)).release()
  })

  test('of a process on another host is refused, since nobody can tell whether it runs', async () => {
    await leaveLock({ ...runtime.process, host: 'elsewhere' })
    const locking = lockFolder(runtime, folder)
    await expect(locking).rejects.toBeInstanceOf(FolderHeldError)
    await expect(locking).rejects.toThrow('elsewhere')
  })

  test('that makes no sense is refused, not removed', async () => {
    for (const content of ['', 'nonsense', '{"token":"x"}', '{"token":5,"owner":{}}']) {
      await writeFile(join(folder, 'lock'), content)
      await expect(lockFolder(runtime, folder)).rejects.toBeInstanceOf(FolderHeldError)
      expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(content)
    }
  })

  test('is not removed by a release that comes after somebody else took it', async () => {
    const lock = await lockFolder(runtime, folder)
    await leaveLock({ ...runtime.process, pid: 5 })
    await lock.release()
    expect(await readdir(folder)).toEqual(['lock'])
  })

  test('has one winner of many that take over from a dead process at once, also when some die on the way', async () => {
    for (let round = 0; round < 30; round++) {
      await leaveLock({ host: 'here', bootId: 'boot', pid: 999, startTime: '1' })
      const living = new Set([1, 2, 3, 4, 5, 6, 7, 8])
      const winners: number[] = []
      const attempts = [...living].map(async (pid) => {
        const own = processOf({ pid }, living)
        let calls = 0
        const diesAt = pid <= 4 ? 2 + ((round * 3 + pid * 5) % 9) : Infinity
        const files = new Proxy(
          { ...own.files },
          {
            get: (target, name: keyof Runtime['files']) => {
              return async (...args: unknown[]): Promise<unknown> => {
                if (++calls >= diesAt) {
                  living.delete(pid)
                  return new Promise(() => undefined)
                }
                return Reflect.apply(target[name], target, args)
              }
            }
          }
        )
        await lockFolder({ ...own, files }, folder)
        winners.push(pid)
      })
      for (const attempt of attempts) attempt.catch(() => undefined) // who dies may lose before
      await Promise.allSettled(attempts.slice(4))
      // Whoever lost to a process that then died may try again, and gets it then.
      for (let again = 0; again < 5 && winners.filter((pid) => living.has(pid)).length === 0; again++) {
        await lockFolder(processOf({ pid: 8 }, living), folder).then(
          () => winners.push(8),
          () => undefined
        )
      }
      const alive = winners.filter((pid) => living.has(pid))
      expect(alive).toHaveLength(1)
      const holder = JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))
      expect(holder.owner.pid).toBe(alive[0])
      await rm(folder, { recursive: true, force: true })
      folder = await mkdtemp(join(tmpdir(), 'kafka-once-lock-'))
    }
  })
})
