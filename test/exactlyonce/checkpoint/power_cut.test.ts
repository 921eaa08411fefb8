// What a power cut leaves of a checkpoint directory, on the simulated disk, which loses all that was not flushed.
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import { simulate } from 'kafka-once/testing'
import { expect, test } from 'vitest'
import { checkpointOf, runOf, storageContext } from '../kit/checkpoints.ts'

test('a published checkpoint outlives a power cut, with all the folders that were made for it', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { outcome } = await simulate({ seed }, async (world) => {
      const storage = fileCheckpointStorage('/var/jobs/checkpoints')
      const before = world.spawn('machine', 'before')
      const store = await storage.open(storageContext({ runtime: before.runtime }))
      await store.publishRun(runOf({ incarnation: 0 }))
      await store.publishCheckpoint(checkpointOf({ checkpointId: 1, incarnation: 0 }))
      world.cutPower('machine')
      const after = world.spawn('machine', 'after')
      const again = await storage.open(storageContext({ runtime: after.runtime }))
      const { checkpoints } = await again.load()
      return checkpoints.map(({ checkpointId }) => checkpointId)
    })
    expect(outcome).toMatchObject({ value: [1] })
  }
})

test('a folder above that belongs to somebody else need not be flushed', async () => {
  const { outcome } = await simulate({ seed: 1 }, async (world) => {
    const { runtime } = world.spawn('machine', 'process')
    const syncFolder = (path: string): Promise<void> =>
      path === '/'
        ? Promise.reject(Object.assign(new Error('denied'), { code: 'EACCES' }))
        : runtime.files.syncFolder(path)
    const files = { ...runtime.files, syncFolder }
    const store = await fileCheckpointStorage('/var/jobs').open(storageContext({ runtime: { ...runtime, files } }))
    await store.close()
  })
  expect(outcome.kind).toBe('ended')
})

test('a checkpoint that was read outlives a power cut, also where its name was never flushed', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { outcome } = await simulate({ seed }, async (world) => {
      const storage = fileCheckpointStorage('/var/jobs/checkpoints', { lock: 'none' })
      const { runtime } = world.spawn('machine', 'writer')
      let isFull = false
      const syncFolder = (path: string): Promise<void> =>
        isFull ? Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) : runtime.files.syncFolder(path)
      const files = { ...runtime.files, syncFolder }
      const store = await storage.open(storageContext({ runtime: { ...runtime, files } }))
      await store.publishRun(runOf({ incarnation: 0 }))
      isFull = true
      const published = store.publishCheckpoint(checkpointOf({ checkpointId: 1, incarnation: 0 }))
      await expect(published).rejects.toMatchObject({ code: 'CHECKPOINT_STORE' })
      const read = async (name: string): Promise<number[]> => {
        const reader = await storage.open(storageContext({ runtime: world.spawn('machine', name).runtime }))
        return (await reader.load()).checkpoints.map(({ checkpointId }) => checkpointId)
      }
      const before = await read('reader')
      world.cutPower('machine')
      return [before, await read('after')]
    })
    expect(outcome).toMatchObject({ value: [[1], [1]] })
  }
})
