import { describe, expect, test } from 'vitest'
import { isOnLineage } from '../../../src/exactlyonce/checkpoint/lineage.ts'
import { memoryCheckpointStorage } from '../../../src/exactlyonce/checkpoint/memory_storage.ts'
import type { CheckpointStore, StoreContents } from '../../../src/exactlyonce/checkpoint/storage.ts'
import { checkpointOf, runOf, storageContext } from '../kit/checkpoints.ts'

interface RunIds {
  readonly incarnation: number
  readonly restored?: number
}

/** A store that a run has opened and taken over. */
async function opened(storage: ReturnType<typeof memoryCheckpointStorage>, run?: RunIds): Promise<CheckpointStore> {
  const store = await storage.open(storageContext())
  if (run !== undefined) {
    const { incarnation, restored } = run
    expect(await store.publishRun(runOf({ incarnation, restoredCheckpointId: restored }))).toBe('published')
  }
  return store
}

const idsOf = ({ checkpoints }: StoreContents): number[] => checkpoints.map(({ checkpointId }) => checkpointId)

describe('a checkpoint store', () => {
  test('gives back checkpoints in order of id, with all they hold', async () => {
    const storage = memoryCheckpointStorage()
    const store = await opened(storage, { incarnation: 0 })
    const full = checkpointOf({
      checkpointId: 12,
      previousCheckpointId: 3,
      operators: new Map([
        ['source', [new Map([['positions', { redistribution: 'union' as const, elements: [[0, { $bigint: '5' }]] }]])]],
        ['__proto__', [new Map([['list', { redistribution: 'split' as const, elements: ['x'] }]]), new Map()]]
      ]),
      participants: new Map([
        ['kafka:p', { pending: [{ checkpointId: 12, handle: { id: 5n, list: [null, true] } }], recorded: ['a', -0] }]
      ])
    })
    await store.publishCheckpoint(full)
    await store.publishCheckpoint(checkpointOf({ checkpointId: 3 }))
    const contents = await (await opened(storage)).load()
    expect(idsOf(contents)).toEqual([3, 12])
    expect(contents.checkpoints[1]).toEqual(full)
    expect(contents).toMatchObject({ checkpointIdMax: 12, incarnationMax: 0, abandoned: [], corrupt: [] })
    expect(contents.latestRun).toEqual(runOf())
  })

  test('is empty at first', async () => {
    const contents = await (await opened(memoryCheckpointStorage())).load()
    expect(contents).toEqual({
      checkpoints: [],
      abandoned: [],
      corrupt: [],
      latestRun: undefined,
      incarnationMax: -1,
      checkpointIdMax: -1
    })
  })

  test('lets one run alone take an incarnation', async () => {
    const storage = memoryCheckpointStorage()
    await opened(storage, { incarnation: 4 })
    expect(await (await opened(storage)).publishRun(runOf({ incarnation: 4, runId: 'ffffffffffffffff' }))).toBe('taken')
  })

  test('refuses what belongs to another job', async () => {
    const storage = memoryCheckpointStorage()
    await opened(storage, { incarnation: 0 })
    const other = await storage.open(storageContext({ jobName: 'another' }))
    await expect(other.load()).rejects.toMatchObject({ code: 'INVALID_JOB', fatal: true })
  })
})

describe('a run that was cut off', () => {
  test('can publish no checkpoint once the record of a later run is there', async () => {
    const storage = memoryCheckpointStorage()
    const zombie = await opened(storage, { incarnation: 0 })
    await opened(storage, { incarnation: 1 })
    await expect(zombie.publishCheckpoint(checkpointOf())).rejects.toMatchObject({ code: 'JOB_FENCED', fatal: true })
    expect(storage.blobs.size).toBe(2)
  })

  test('is told so when the later run came between the check and the name, and its checkpoint does not count', async () => {
    const storage = memoryCheckpointStorage()
    const zombie = await opened(storage, { incarnation: 0 })
    await zombie.publishCheckpoint(checkpointOf({ checkpointId: 8 }))
    const elsewhere = memoryCheckpointStorage()
    await opened(elsewhere, { incarnation: 1, restored: 8 })
    const record = elsewhere.blobs.get('run-1') ?? new Uint8Array()
    const set = storage.blobs.set.bind(storage.blobs)
    storage.blobs.set = (name, bytes) => {
      set('run-1', record) // at the last moment
      return set(name, bytes)
    }
    const publishing = zombie.publishCheckpoint(checkpointOf({ checkpointId: 9 }))
    await expect(publishing).rejects.toMatchObject({ code: 'JOB_FENCED' })
    const successor = await opened(storage)
    const contents = await successor.load()
    expect(idsOf(contents)).toEqual([8])
    expect(contents.abandoned.map(({ checkpointId }) => checkpointId)).toEqual([9])
  })

  test('takes nothing with it that the later run goes on from', async () => {
    const storage = memoryCheckpointStorage()
    const zombie = await opened(storage, { incarnation: 0 })
    await zombie.publishCheckpoint(checkpointOf({ checkpointId: 4 }))
    const successor = await opened(storage)
    const restored = (await successor.load()).checkpoints.at(-1)
    // The zombie goes on while its successor recovers, with a checkpoint that leaves no trace in Kafka.
    await zombie.publishCheckpoint(checkpointOf({ checkpointId: 5, previousCheckpointId: 4 }))
    await zombie.prune(5)
    const run = runOf({ incarnation: 1, restoredCheckpointId: 4, runId: 'aaaaaaaaaaaaaaaa' })
    await successor.publishRun(run, restored)
    const next = await (await opened(storage)).load()
    expect(next.checkpoints).toEqual([{ ...restored, incarnation: 1, runId: run.runId }])
    expect(next.abandoned.map(({ checkpointId }) => checkpointId)).toEqual([5])
  })

  test('takes nothing with it while the later run is about to publish its record, and may die before', async () => {
    const storage = memoryCheckpointStorage()
    const zombie = await opened(storage, { incarnation: 0 })
    await zombie.publishCheckpoint(checkpointOf({ checkpointId: 4 }))
    const successor = await opened(storage)
    const restored = (await successor.load()).checkpoints.at(-1)
    await zombie.publishCheckpoint(checkpointOf({ checkpointId: 5, previousCheckpointId: 4 }))
    await successor.publishRun(runOf({ incarnation: 1, restoredCheckpointId: 4, runId: 'aaaaaaaaaaaaaaaa' }), restored)
    expect([...storage.blobs.keys()].slice(-2)).toEqual(['checkpoint-0000000004-1-aaaaaaaaaaaaaaaa', 'run-1'])
    storage.blobs.delete('run-1')
    await zombie.prune(5)
    const contents = await (await opened(storage)).load()
    expect(idsOf(contents)).toEqual([4, 4, 5])
    // Nobody has been taken over from, and whoever begins at the same time wants the same incarnation.
    expect(contents).toMatchObject({ incarnationMax: 0, latestRun: { incarnation: 0 } })
  })

  test('leaves nothing where it came too late for its incarnation', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    await first.publishCheckpoint(checkpointOf({ checkpointId: 4 }))
    const restored = (await first.load()).checkpoints.at(-1)
    await opened(storage, { incarnation: 1, restored: 4 })
    const before = [...storage.blobs.keys()]
    const late = runOf({ incarnation: 1, restoredCheckpointId: 4, runId: 'bbbbbbbbbbbbbbbb' })
    expect(await (await opened(storage)).publishRun(late, restored)).toBe('taken')
    expect([...storage.blobs.keys()]).toEqual(before)
  })

  test('that ended before its record was there leaves a copy, from which nobody must go on in its name', async () => {
    const copy = { checkpointId: 7, incarnation: 1, runId: 'aaaaaaaaaaaaaaaa' }
    const origins = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'].map((runId) => {
      return new Map([[1, { runId, restoredCheckpointId: 4 }]])
    })
    expect(isOnLineage(copy, new Map())).toBe(true)
    expect(origins.map((known) => isOnLineage(copy, known))).toEqual([true, false])
  })

  test('leaves a dead branch: what lies beyond the point where any later run went on does not count', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    for (const checkpointId of [0, 1, 2, 3]) await first.publishCheckpoint(checkpointOf({ checkpointId }))
    const second = await opened(storage, { incarnation: 1, restored: 2 })
    await second.publishCheckpoint(checkpointOf({ checkpointId: 6, incarnation: 1 }))
    expect(idsOf(await second.load())).toEqual([0, 1, 2, 6])
    const third = await opened(storage, { incarnation: 2, restored: 1 })
    await third.publishCheckpoint(checkpointOf({ checkpointId: 9, incarnation: 2 }))
    const contents = await third.load()
    expect(idsOf(contents)).toEqual([0, 1, 9])
    expect(contents.abandoned.map(({ checkpointId }) => checkpointId)).toEqual([2, 3, 6])
  })

  test('that began anew leaves nothing that counts to those before it', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    await first.publishCheckpoint(checkpointOf({ checkpointId: 5 }))
    const second = await opened(storage, { incarnation: 1 })
    expect(idsOf(await second.load())).toEqual([])
  })
})

describe('pruning', () => {
  test('keeps the proven checkpoint and all after it, and removes what is older or cut off', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    for (const checkpointId of [0, 1, 2, 7]) await first.publishCheckpoint(checkpointOf({ checkpointId }))
    const second = await opened(storage, { incarnation: 1, restored: 2 })
    for (const checkpointId of [9, 10]) await second.publishCheckpoint(checkpointOf({ checkpointId, incarnation: 1 }))
    await second.prune(9)
    const names = [...storage.blobs.keys()].filter((name) => name.startsWith('checkpoint')).toSorted()
    expect(names.map((name) => Number(name.split('-')[1]))).toEqual([9, 10])
  })

  test('does nothing in a run that was cut off', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    for (const checkpointId of [0, 1]) await first.publishCheckpoint(checkpointOf({ checkpointId }))
    const second = await opened(storage, { incarnation: 1, restored: 0 })
    await first.prune(1)
    expect(idsOf(await second.load())).toEqual([0])
  })

  test('keeps the records of runs as long as they cut something off, and a number of them beyond', async () => {
    const storage = memoryCheckpointStorage()
    const first = await opened(storage, { incarnation: 0 })
    await first.publishCheckpoint(checkpointOf({ checkpointId: 0 }))
    for (let incarnation = 1; incarnation < 40; incarnation++) await opened(storage, { incarnation, restored: 0 })
    const last = await opened(storage, { incarnation: 40, restored: 0 })
    await last.prune(0)
    expect([...storage.blobs.keys()].filter((name) => name.startsWith('run-'))).toHaveLength(40)
    await last.publishCheckpoint(checkpointOf({ checkpointId: 90, incarnation: 40 }))
    await last.prune(90)
    const kept = [...storage.blobs.keys()].filter((name) => name.startsWith('run-'))
    expect(kept).toHaveLength(16)
    expect(kept).toContain('run-40')
  })
})

async function filled(): Promise<ReturnType<typeof memoryCheckpointStorage>> {
  const storage = memoryCheckpointStorage()
  const store = await opened(storage, { incarnation: 0 })
  for (const checkpointId of [0, 1]) await store.publishCheckpoint(checkpointOf({ checkpointId }))
  return storage
}
const nameOf = (storage: { readonly blobs: Map<string, Uint8Array> }, start: string): string =>
  [...storage.blobs.keys()].find((name) => name.startsWith(start)) ?? ''

describe('a damaged store', () => {
  test('names a damaged checkpoint and gives the older one', async () => {
    const storage = await filled()
    const name = nameOf(storage, 'checkpoint-0000000001')
    storage.blobs.set(name, storage.blobs.get(name)?.subarray(0, 40) ?? new Uint8Array())
    const contents = await (await opened(storage)).load()
    expect(idsOf(contents)).toEqual([0])
    expect(contents.corrupt).toMatchObject([{ name, checkpointId: 1 }])
    expect(contents.checkpointIdMax).toBe(1)
  })

  test('takes a checkpoint under the name of another for damaged', async () => {
    const storage = await filled()
    const [one, zero] = [nameOf(storage, 'checkpoint-0000000001'), nameOf(storage, 'checkpoint-0000000000')]
    storage.blobs.set(one, storage.blobs.get(zero) ?? new Uint8Array())
    expect((await (await opened(storage)).load()).corrupt).toMatchObject([{ checkpointId: 1 }])
  })

  test('does not trust what an unreadable record of a run may have cut off', async () => {
    const storage = await filled()
    await opened(storage, { incarnation: 1, restored: 1 })
    storage.blobs.set('run-1', new Uint8Array(30))
    const contents = await (await opened(storage)).load()
    expect(idsOf(contents)).toEqual([])
    expect(contents.corrupt).toMatchObject([{ name: 'run-1' }])
  })

  test('leaves alone what it does not know', async () => {
    const storage = await filled()
    storage.blobs.set('README', new Uint8Array())
    storage.blobs.set('checkpoint-1-0-0123456789abcdef', new Uint8Array())
    storage.blobs.set('run-00', new Uint8Array())
    const store = await opened(storage)
    expect(idsOf(await store.load())).toEqual([0, 1])
    await store.publishRun(runOf({ incarnation: 1, restoredCheckpointId: 1 }))
    await store.prune(1)
    expect(storage.blobs.has('README')).toBe(true)
  })

  test.each([
    ['a negative id', 1, -1],
    ['an id that is a string', 1, '1'],
    ['a previous id that is a string', 2, 'x'],
    ['no participants', 7, null],
    ['operators in a list', 6, []],
    ['state that is no list', 6, { a: [{ s: 5 }] }],
    [
      'pending out of order',
      7,
      {
        a: [
          [
            [2, 0],
            [1, 0]
          ],
          null
        ]
      }
    ],
    ['a bigint that is none', 7, { a: [[[1, { $bigint: 'x' }]], null] }],
    ['nothing recorded', 7, { a: [[]] }],
    ['more than it should have', 8, 0]
  ])('knows a checkpoint with %s, sealed well, for damaged', async (_, field, value) => {
    const { seal, open } = await import('../../../src/exactlyonce/checkpoint/envelope.ts')
    const { runtime } = storageContext()
    const storage = await filled()
    const name = nameOf(storage, 'checkpoint-0000000001')
    const whole = await open(runtime, 'checkpoint', storage.blobs.get(name) ?? new Uint8Array(), 1e6)
    const json = JSON.parse(whole.kind === 'content' ? whole.text : '[]')
    json[field] = value
    storage.blobs.set(name, await seal(runtime, 'checkpoint', JSON.stringify(json)))
    const contents = await (await opened(storage)).load()
    expect(idsOf(contents)).toEqual([0])
    expect(contents.corrupt).toHaveLength(1)
  })
})
