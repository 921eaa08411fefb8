// A run follows from its seed alone; processes can die at every call through their Runtime; files of a dead process.
import type { Runtime } from 'kafka-once/runtime'
import { describe, expect, test } from 'vitest'
import { simulate, StuckError } from '../../src/testing/simulation/simulate.ts'
import type { WorldWatcher } from '../../src/testing/simulation/world.ts'

async function scribble(runtime: Runtime, told: (text: string) => void): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const file = await runtime.files.create(`/file-${i}`, 0o600)
    await file.write(runtime.randomBytes(10))
    await file.sync()
    await file.close()
    const wait = runtime.faultPoint('written')
    if (wait) await wait
    await runtime.sleep(runtime.random() * 10)
    told(`${i} at ${runtime.monotonicMs()}`)
  }
}

const nothing: WorldWatcher = {
  fateOf: () => undefined,
  calls: () => undefined,
  called: () => undefined,
  passes: () => undefined
}

const run = (seed: number) =>
  simulate({ seed }, async (world) => {
    const told: string[] = []
    await scribble(world.spawn('here', 'program').runtime, (text) => told.push(text))
    return told
  })

const forever = async (runtime: Runtime): Promise<void> => {
  for (;;) await runtime.sleep(1000)
}

/** Lets the program live until its n-th call, then a moment longer; answers what it told and what is on the disk. */
const dyingAt = (calls: number, seed: number, action: 'kill' | 'pause') =>
  simulate({ seed }, async (world) => {
    const { process, runtime } = world.spawn('here', 'program')
    const other = world.spawn('there', 'watcher')
    const told: string[] = []
    world.watch({
      ...nothing,
      calls: (one) => {
        if (one === process && one.calls === calls) world[action](process)
      },
      passes: (one) => {
        if (one === process && one.calls === calls) world[action](process)
      }
    })
    void scribble(runtime, (text) => told.push(text))
    await other.runtime.sleep(10_000)
    world.resume(process)
    await other.runtime.sleep(10_000)
    const disk = world.disk('here')
    return { told, state: process.state, files: disk.list('/').map((name) => disk.read(`/${name}`).length) }
  })

describe('a run', () => {
  test('is the same for the same seed, and another one for another', async () => {
    const [first, second, other] = [await run(5), await run(5), await run(6)]
    expect(second).toEqual(first)
    expect(first.outcome.kind).toBe('ended')
    expect(other.hash).not.toBe(first.hash)
    expect(first.virtualMs).toBeGreaterThan(50)
  })

  test('that waits for nothing is told to be stuck', async () => {
    const { outcome } = await simulate({ seed: 1 }, () => new Promise(() => {}))
    expect(outcome).toMatchObject({ kind: 'failed', error: expect.any(StuckError) })
  })

  test('that never ends is ended', async () => {
    const { outcome, virtualMs } = await simulate({ seed: 1, virtualMsMax: 60_000 }, (world) =>
      forever(world.spawn('here', 'program').runtime)
    )
    expect(outcome).toMatchObject({ kind: 'failed', error: expect.any(StuckError) })
    expect(virtualMs).toBeLessThan(62_000)
  })

  test('shows what its program throws', async () => {
    const { outcome } = await simulate({ seed: 1 }, () => Promise.reject(new Error('a bug')))
    expect(outcome).toMatchObject({ kind: 'failed', error: expect.objectContaining({ message: 'a bug' }) })
  })
})

describe('a process', () => {
  test.each([1, 2, 3, 4, 5, 6, 25, 44])('dies at its call %i and does nothing more', async (calls) => {
    const { outcome } = await dyingAt(calls, calls, 'kill')
    if (outcome.kind === 'failed') throw outcome.error
    const { told, state, files } = outcome.value
    expect(state).toBe('dead')
    // Six calls a round.
    const rounds = Math.floor((calls - 1) / 6)
    expect(told).toHaveLength(rounds)
    expect(files.length === rounds || files.length === rounds + 1).toBe(true)
    expect(files.slice(0, rounds)).toEqual(Array.from({ length: rounds }, () => 10))
  })

  test('that dies in a write leaves nothing of it, a part, or all', async () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 60; seed++) {
      const { outcome } = await simulate({ seed }, async (world) => {
        const { process, runtime } = world.spawn('here', 'program')
        const other = world.spawn('there', 'watcher')
        void scribble(runtime, () => undefined)
        await other.runtime.sleep(0.3)
        world.kill(process)
        const disk = world.disk('here')
        return disk.list('/').map((name) => disk.read(`/${name}`).length)
      })
      if (outcome.kind === 'failed') throw outcome.error
      for (const length of outcome.value) lengths.add(length)
    }
    expect(lengths).toContain(0)
    expect(lengths).toContain(10)
    expect([...lengths].some((length) => length > 0 && length < 10)).toBe(true)
  })

  test.each([1, 2, 5, 6])('that is paused at its call %i goes on there when it wakes', async (calls) => {
    const { outcome } = await dyingAt(calls, calls, 'pause')
    if (outcome.kind === 'failed') throw outcome.error
    expect(outcome.value.told).toHaveLength(20)
    expect(outcome.value.files).toHaveLength(20)
  })

  test('knows of others on its machine whether they live', async () => {
    const { outcome } = await simulate({ seed: 1 }, async (world) => {
      const self = world.spawn('here', 'self').runtime
      const other = world.spawn('here', 'other')
      const far = world.spawn('there', 'far')
      const asked = async () => [
        await self.isAlive(other.process.identity),
        await self.isAlive(far.process.identity),
        await self.isAlive(self.process)
      ]
      const before = await asked()
      world.kill(other.process)
      return [before, await asked()]
    })
    expect(outcome).toMatchObject({
      value: [
        [true, undefined, true],
        [false, undefined, true]
      ]
    })
  })
})
