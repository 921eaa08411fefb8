import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fileCheckpointStorage } from '../../../src/exactlyonce/checkpoint/file_storage.ts'
import type { Checkpoint, CheckpointStore } from '../../../src/exactlyonce/checkpoint/storage.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'
import type { Files, Runtime } from '../../../src/runtime/index.ts'
import { checkpointOf, runOf, storageContext } from '../kit/checkpoints.ts'
import { SimulatedProcess } from '../kit/process.ts'

let parent = ''
let folder = ''

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'kafka-once-store-'))
  folder = join(parent, 'checkpoints')
})

afterEach(async () => {
  await rm(parent, { recursive: true, force: true })
})

const open = (runtime: Runtime = nodeRuntime()): Promise<CheckpointStore> =>
  fileCheckpointStorage(folder, { lock: 'none' }).open(storageContext({ runtime }))

/** The real files, with some calls replaced. */
function withFiles(replaced: Partial<Files>): Runtime {
  const runtime = nodeRuntime()
  return { ...runtime, files: { ...runtime.files, ...replaced } }
}

const checkpointNames = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('checkpoint-'))

describe('a checkpoint file', () => {
  test('lies under a name with id, incarnation and run, for its owner alone, with nothing beside it', async () => {
    const store = await open()
    await store.publishRun(runOf({ incarnation: 3 }))
    await store.publishCheckpoint(checkpointOf({ checkpointId: 17, incarnation: 3 }))
    expect((await readdir(folder)).toSorted()).toEqual(['checkpoint-0000000017-3-0123456789abcdef', 'run-3'])
    for (const name of await readdir(folder)) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
  })

  test('is flushed before it has its name, and its name is flushed before it counts', async () => {
    const { files } = nodeRuntime()
    const calls: string[] = []
    const store = await open(
      withFiles({
        create: async (path, mode) => {
          const handle = await files.create(path, mode)
          return {
            write: async (bytes) => void (await handle.write(bytes), calls.push('write')),
            sync: async () => void (await handle.sync(), calls.push('sync')),
            close: () => handle.close()
          }
        },
        link: async (from, to) => void (await files.link(from, to), calls.push('link')),
        syncFolder: async (path) => void (await files.syncFolder(path), calls.push('syncFolder')),
        remove: async (path) => void (await files.remove(path), calls.push('remove'))
      })
    )
    calls.length = 0
    await store.publishRun(runOf())
    expect(calls).toEqual(['write', 'write', 'sync', 'link', 'syncFolder', 'remove'])
  })

  test('torn at any length by hand is left out, and the one before it counts', async () => {
    const store = await open()
    await store.publishRun(runOf())
    for (const checkpointId of [1, 2]) await store.publishCheckpoint(checkpointOf({ checkpointId }))
    const [, newest = ''] = (await checkpointNames()).toSorted()
    const whole = await readFile(join(folder, newest))
    for (let length = 0; length < whole.length; length++) {
      await writeFile(join(folder, newest), whole.subarray(0, length))
      const { checkpoints, corrupt } = await store.load()
      expect(checkpoints.map(({ checkpointId }) => checkpointId)).toEqual([1])
      expect(corrupt).toMatchObject([{ checkpointId: 2 }])
    }
  })

  test('that is far too large is left out without being read', async () => {
    const store = await fileCheckpointStorage(folder, { lock: 'none', checkpointBytesMax: 10_000 }).open(
      storageContext()
    )
    await store.publishRun(runOf())
    await writeFile(join(folder, 'checkpoint-0000000005-0-0123456789abcdef'), new Uint8Array(20_000))
    expect((await store.load()).corrupt).toMatchObject([{ checkpointId: 5 }])
  })

  test('too large to be written is refused', async () => {
    const store = await fileCheckpointStorage(folder, { lock: 'none', checkpointBytesMax: 2000 }).open(storageContext())
    const elements = Array.from({ length: 1000 }, (_, i) => i)
    const state = [new Map([['list', { redistribution: 'split' as const, elements }]])]
    const publishing = store.publishCheckpoint(checkpointOf({ operators: new Map([['a', state]]) }))
    await expect(publishing).rejects.toMatchObject({ code: 'CHECKPOINT_STORE', fatal: true })
    expect(await readdir(folder)).toEqual([])
  })

  test('is measured going in as it is coming out: in bytes', async () => {
    const storage = fileCheckpointStorage(folder, { lock: 'none', checkpointBytesMax: 2000 })
    const store = await storage.open(storageContext())
    await store.publishRun(runOf())
    // Fewer than 2,000 characters, and more bytes.
    const publishing = store.publishCheckpoint(checkpointWith('\u20ac'.repeat(1000)))
    await expect(publishing).rejects.toMatchObject({ code: 'CHECKPOINT_STORE', fatal: true })
    await store.publishCheckpoint(checkpointWith('\u20ac'.repeat(600)))
    const { checkpoints, corrupt } = await (await storage.open(storageContext())).load()
    expect([checkpoints.length, corrupt]).toEqual([1, []])
  })
})

function checkpointWith(text: string): Checkpoint {
  const list = { redistribution: 'split' as const, elements: [text] }
  return checkpointOf({ operators: new Map([['a', [new Map([['list', list]])]]]) })
}

const failing = (code: string) => (): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }))

describe('a disk that fails', () => {
  test.each(['ENOSPC', 'EIO', 'EACCES'])('with %s when a file is made is told as CHECKPOINT_STORE', async (code) => {
    const store = await open(withFiles({ create: failing(code) }))
    const publishing = store.publishCheckpoint(checkpointOf())
    await expect(publishing).rejects.toMatchObject({ code: 'CHECKPOINT_STORE', fatal: false })
    await expect(publishing).rejects.toThrow(code)
  })

  test.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
    'without hard links (%s) is named, with and without a lock',
    async (code) => {
      const runtime = withFiles({ link: failing(code) })
      const expected = {
        code: 'CHECKPOINT_STORE',
        fatal: true,
        message: expect.stringContaining(`The file system of ${folder} refuses hard links (${code}).`)
      }
      const store = await open(runtime)
      await expect(store.publishRun(runOf())).rejects.toMatchObject(expected)
      await expect(fileCheckpointStorage(folder).open(storageContext({ runtime }))).rejects.toMatchObject(expected)
      expect(await readdir(folder)).toEqual([])
    }
  )

  test.each([
    ['ENOSPC', 'Make room'],
    ['EACCES', 'Let the user'],
    ['EROFS', 'Let the user'],
    ['ENOENT', 'bring it back']
  ])('with %s says what to do about it', async (code, nextStep) => {
    const store = await open(withFiles({ create: failing(code) }))
    await expect(store.publishRun(runOf())).rejects.toMatchObject({ nextStep: expect.stringContaining(nextStep) })
  })

  test('where a file is in the way of the folder is told so', async () => {
    const file = join(parent, 'file')
    await writeFile(file, '')
    for (const directory of [file, join(file, 'below')]) {
      const opening = fileCheckpointStorage(directory).open(storageContext())
      await expect(opening).rejects.toMatchObject({
        code: 'CHECKPOINT_STORE',
        nextStep: 'Something that is no directory has that name: choose another one.'
      })
    }
  })

  test.each(['write', 'sync'] as const)('in %s leaves no checkpoint and no temporary file', async (call) => {
    const { files } = nodeRuntime()
    const create: Files['create'] = async (path, mode) => {
      const handle = await files.create(path, mode)
      return Object.assign(handle, { [call]: failing('ENOSPC') })
    }
    const store = await open(withFiles({ create }))
    await expect(store.publishCheckpoint(checkpointOf())).rejects.toMatchObject({ code: 'CHECKPOINT_STORE' })
    expect(await readdir(folder)).toEqual([])
  })

  test('after the name was made leaves it open whether the checkpoint is there', async () => {
    const store = await open()
    await store.publishRun(runOf())
    let isBroken = false
    const { files } = nodeRuntime()
    const syncFolder = (path: string): Promise<void> => (isBroken ? failing('EIO')() : files.syncFolder(path))
    const broken = await open(withFiles({ syncFolder }))
    isBroken = true
    await expect(broken.publishRun(runOf({ incarnation: 1 }))).rejects.toMatchObject({ code: 'CHECKPOINT_STORE' })
    expect((await store.load()).incarnationMax).toBe(1)
  })
})

/** Files that kill the process before their nth call. */
function killedAt(nth: number): SimulatedProcess {
  const base = nodeRuntime()
  let calls = 0
  const process = new SimulatedProcess(undefined, {
    ...base,
    files: new Proxy(
      { ...base.files },
      {
        get: (files, name: keyof Files) => {
          return (...args: unknown[]) => {
            if (++calls >= nth) process.kill()
            return process.isRunning ? Reflect.apply(files[name], files, args) : new Promise(() => undefined)
          }
        }
      }
    )
  })
  return process
}

describe('a process killed', () => {
  test('at any call to the disk leaves whole checkpoints only, and each that was said to be durable', async () => {
    for (let nth = 1; ; nth++) {
      const process = killedAt(nth)
      let durableId = -1
      const work = (async () => {
        const store = await open(process.runtime)
        await store.publishRun(runOf({ incarnation: 0 }))
        for (const checkpointId of [1, 2, 3]) {
          await store.publishCheckpoint(checkpointOf({ checkpointId }))
          durableId = checkpointId
          await store.prune(checkpointId)
        }
        return 'done'
      })()
      const how = await Promise.race([work, process.stopped.promise])
      await new Promise((resolve) => setTimeout(resolve, 2)) // what was asked for before still happens
      const { checkpoints, corrupt } = await (await open()).load()
      const newestId = checkpoints.at(-1)?.checkpointId ?? -1
      expect(corrupt).toEqual([])
      expect(newestId === durableId || newestId === durableId + 1 || durableId === -1).toBe(true)
      await rm(folder, { recursive: true, force: true })
      if (how === 'done') {
        expect(nth).toBeGreaterThan(30)
        break
      }
    }
  })

  test.each(['store.torn', 'store.written'])('at %s leaves the checkpoint before it', async (point) => {
    const process = new SimulatedProcess((name, count, self) => {
      if (name === point && count === 3) self.kill()
    })
    const store = await open(process.runtime)
    await store.publishRun(runOf())
    await store.publishCheckpoint(checkpointOf({ checkpointId: 1 }))
    void store.publishCheckpoint(checkpointOf({ checkpointId: 2 }))
    await process.stopped.promise
    expect((await readdir(folder)).some((name) => name.startsWith('tmp-'))).toBe(true)
    const next = await fileCheckpointStorage(folder).open(storageContext())
    const { checkpoints, corrupt } = await next.load()
    expect({ ids: checkpoints.map(({ checkpointId }) => checkpointId), corrupt }).toEqual({ ids: [1], corrupt: [] })
    expect((await readdir(folder)).filter((name) => name.startsWith('tmp-'))).toEqual([])
    await next.close()
  })
})

describe('a checkpoint storage in a folder', () => {
  test('is held by one store at a time, until it is closed', async () => {
    const storage = fileCheckpointStorage(folder)
    const store = await storage.open(storageContext())
    await expect(storage.open(storageContext())).rejects.toMatchObject({ code: 'CHECKPOINT_STORE_HELD', fatal: true })
    await store.close()
    await (await storage.open(storageContext())).close()
  })

  test('without a lock can be open twice', async () => {
    const storage = fileCheckpointStorage(folder, { lock: 'none' })
    await storage.open(storageContext())
    await storage.open(storageContext())
    expect(await readdir(folder)).toEqual([])
  })

  test('refuses options it does not know', () => {
    expect(() => fileCheckpointStorage(folder, { retained: 3 } as object)).toThrow(/retained.*retainedMax/)
    expect(() => fileCheckpointStorage('')).toThrow('directory')
  })
})
