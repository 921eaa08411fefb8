import { describe, expect, test } from 'vitest'
import { memoryCheckpointStorage } from '../../src/exactlyonce/checkpoint/memory_storage.ts'
import type { CheckpointStore } from '../../src/exactlyonce/checkpoint/storage.ts'
import { CheckpointCoordinator, nextPhase, triggerDelayMs } from '../../src/exactlyonce/coordinator.ts'
import type { CoordinatorContext } from '../../src/exactlyonce/coordinator.ts'
import type { TransactionParticipant } from '../../src/exactlyonce/participant.ts'
import { deferred } from '../../src/runtime/index.ts'
import { runOf, storageContext } from './kit/checkpoints.ts'
import { settle, VirtualTime } from './kit/virtual_time.ts'

const settings = { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, concurrentMax: 1 }

const never = (): never => {
  throw new Error('not part of a run')
}

/** A participant of which only the calls of a run matter. `wait` holds a call up. */
function participantOf(
  name: string,
  log: string[],
  wait: (call: string) => Promise<void> | void = () => undefined
): TransactionParticipant {
  return {
    name,
    kind: 'losable',
    checkStart: never,
    recoverAndCommit: never,
    recoverAndAbort: never,
    fence: never,
    verify: never,
    begin: never,
    close: never,
    async preCommit(checkpointId) {
      log.push(`${name} preCommit ${checkpointId}`)
      await wait(`${name} preCommit ${checkpointId}`)
      return { pending: [{ checkpointId, handle: name }], recorded: null }
    },
    async commit(checkpointId) {
      log.push(`${name} commit ${checkpointId}`)
      await wait(`${name} commit ${checkpointId}`)
      log.push(`${name} committed ${checkpointId}`)
    }
  }
}

interface Bench {
  readonly time: VirtualTime
  readonly coordinator: CheckpointCoordinator
  readonly log: string[]
  readonly failures: unknown[]
  readonly store: CheckpointStore
}

async function bench(given: Partial<CoordinatorContext> = {}, log: string[] = []): Promise<Bench> {
  const time = new VirtualTime()
  const failures: unknown[] = []
  const storage = memoryCheckpointStorage()
  const real = await storage.open(storageContext({ runtime: time.runtime }))
  await real.publishRun(runOf())
  const store: CheckpointStore = {
    load: () => real.load(),
    publishRun: (run) => real.publishRun(run),
    close: () => real.close(),
    publishCheckpoint: async (checkpoint) => {
      const published = await real.publishCheckpoint(checkpoint)
      log.push(`durable ${checkpoint.checkpointId}`)
      return published
    },
    prune: async (id) => {
      await real.prune(id)
      log.push(`prune ${id}`)
    }
  }
  const coordinator = new CheckpointCoordinator({
    jobName: 'job',
    runId: '0123456789abcdef',
    incarnation: 0,
    firstCheckpointId: 5,
    restoredCheckpointId: 3,
    settings,
    participants: [participantOf('a', log)],
    store,
    tasksCount: 2,
    runtime: time.runtime,
    trigger: (checkpointId) => void log.push(`trigger ${checkpointId}`),
    onProven: ({ checkpointId }) => void log.push(`proven ${checkpointId}`),
    onPruneFailed: () => void log.push('prune failed'),
    fail: (error) => void failures.push(error),
    ...given
  })
  return { time, coordinator, log, failures, store }
}

describe('the time of the next checkpoint', () => {
  const progress = { notDurable: 0, notProven: 0, lastTriggeredMs: undefined, lastProvenMs: undefined }

  test.each([
    ['an interval after the beginning', progress, 1030, 70],
    ['an interval after the last one began', { ...progress, lastTriggeredMs: 1050 }, 1060, 90],
    ['at once where the last one took longer than the interval', { ...progress, lastTriggeredMs: 1000 }, 1500, 0],
    ['a pause after the last one ended', { ...progress, lastTriggeredMs: 1000, lastProvenMs: 1190 }, 1200, 20],
    ['not while as many as allowed are not durable', { ...progress, notDurable: 1, notProven: 1 }, 9999, undefined],
    ['one more while the last is durable but not proven', { ...progress, notProven: 1 }, 9999, 0],
    ['not while more than that are not proven', { ...progress, notProven: 2 }, 9999, undefined]
  ])('is %s', (_, given, nowMs, expected) => {
    expect(triggerDelayMs(given, { ...settings, minPauseMs: 30 }, nowMs, 1000)).toBe(expected)
  })

  test('allows as many at once as the settings say', () => {
    const three = { ...settings, concurrentMax: 3 }
    expect(triggerDelayMs({ ...progress, notDurable: 2, notProven: 3 }, three, 9999, 0)).toBe(0)
    expect(triggerDelayMs({ ...progress, notDurable: 3, notProven: 3 }, three, 9999, 0)).toBeUndefined()
    expect(triggerDelayMs({ ...progress, notDurable: 0, notProven: 4 }, three, 9999, 0)).toBeUndefined()
  })
})

describe('a checkpoint', () => {
  test('moves on step by step, and never back', () => {
    expect(nextPhase('triggered', 'acknowledged')).toBe('acknowledged')
    expect(() => nextPhase('triggered', 'durable')).toThrow('from triggered to durable')
    expect(() => nextPhase('proven', 'triggered')).toThrow('from proven to triggered')
  })

  test('is sealed when every task has passed, made durable, committed, told, and only then are older ones removed', async () => {
    const log: string[] = []
    const participants = [participantOf('a', log), participantOf('b', log)]
    const { coordinator, time, store } = await bench({ participants }, log)
    coordinator.start()
    await time.advance(100)
    expect(log).toEqual(['trigger 5'])
    coordinator.acknowledge(1, 5, new Map([['op', new Map([['s', { redistribution: 'split', elements: [2] }]])]]))
    await settle()
    expect(log).toEqual(['trigger 5'])
    coordinator.acknowledge(0, 5, new Map([['op', new Map([['s', { redistribution: 'split', elements: [1] }]])]]))
    await settle()
    expect(log).toEqual([
      'trigger 5',
      'a preCommit 5',
      'b preCommit 5',
      'durable 5',
      'a commit 5',
      'a committed 5',
      'b commit 5',
      'b committed 5',
      'proven 5',
      'prune 5'
    ])
    const [kept] = (await store.load()).checkpoints
    expect(kept).toMatchObject({ checkpointId: 5, previousCheckpointId: 3, incarnation: 0 })
    expect(kept?.operators.get('op')?.map((state) => state.get('s')?.elements)).toEqual([[1], [2]])
    expect(kept?.participants.get('b')?.pending).toEqual([{ checkpointId: 5, handle: 'b' }])
    await coordinator.close()
    expect(time.timersCount).toBe(0)
  })

  test('is sealed while the one before it is still being committed, but not committed before it', async () => {
    const log: string[] = []
    const commit5 = deferred<void>()
    const participants = [participantOf('a', log, (call) => (call === 'a commit 5' ? commit5.promise : undefined))]
    const { coordinator, time } = await bench({ participants, tasksCount: 1 }, log)
    coordinator.start()
    await time.advance(100)
    coordinator.acknowledge(0, 5, new Map())
    await time.advance(100)
    coordinator.acknowledge(0, 6, new Map())
    await time.advance(1000)
    expect(log.slice(-3)).toEqual(['trigger 6', 'a preCommit 6', 'durable 6'])
    commit5.resolve()
    await settle()
    const from = log.indexOf('a committed 5')
    expect(log.slice(from).filter((entry) => !entry.startsWith('prune'))).toEqual([
      'a committed 5',
      'proven 5',
      'a commit 6',
      'a committed 6',
      'proven 6'
    ])
    await coordinator.close()
  })

  test('that is not durable in time ends the run, and nothing of it is committed', async () => {
    const { coordinator, time, log, failures } = await bench()
    coordinator.start()
    await time.advance(100)
    coordinator.acknowledge(0, 5, new Map())
    await time.advance(999)
    expect(failures).toEqual([])
    await time.advance(1)
    expect(failures).toMatchObject([{ code: 'CHECKPOINT_TIMEOUT', fatal: false }])
    expect(String(failures[0])).toContain('1 of 2 subtasks')
    coordinator.acknowledge(1, 5, new Map())
    await settle()
    expect(log).toEqual(['trigger 5'])
    await coordinator.close()
    expect(time.timersCount).toBe(0)
  })

  test('whose commit is refused ends the run: the next one is never committed', async () => {
    const log: string[] = []
    const refused = new Error('refused')
    const gate = deferred<void>()
    const participants = [
      participantOf('a', log, (call) =>
        call === 'a commit 5' ? gate.promise.then(() => Promise.reject(refused)) : undefined
      )
    ]
    const { coordinator, time, failures } = await bench({ participants, tasksCount: 1 }, log)
    coordinator.start()
    await time.advance(100)
    coordinator.acknowledge(0, 5, new Map())
    await time.advance(100)
    coordinator.acknowledge(0, 6, new Map())
    await settle()
    gate.resolve()
    await settle()
    expect(failures).toEqual([refused])
    expect(log).not.toContain('a commit 6')
    await coordinator.close()
  })

  test.each(['a preCommit 5', 'durable 5'])('that fails at %s ends the run before any commit', async (at) => {
    const log: string[] = []
    const failure = new Error('no')
    const participants = [participantOf('a', log, (call) => (call === at ? Promise.reject(failure) : undefined))]
    const { coordinator, failures, store } = await bench({ participants, tasksCount: 1 }, log)
    if (at === 'durable 5') store.publishCheckpoint = () => Promise.reject(failure)
    void coordinator.takeNow()
    await settle()
    coordinator.acknowledge(0, 5, new Map())
    await settle()
    expect(failures).toEqual([failure])
    expect(log.filter((entry) => entry.includes('commit ') && !entry.includes('preCommit'))).toEqual([])
    await coordinator.close()
  })

  test('is complete even where old ones cannot be removed', async () => {
    const { coordinator, log, failures, store } = await bench({ tasksCount: 1 })
    store.prune = () => Promise.reject(new Error('EACCES'))
    const taken = coordinator.takeNow()
    await settle()
    coordinator.acknowledge(0, 5, new Map())
    await taken
    await settle()
    expect(log.slice(-2)).toEqual(['proven 5', 'prune failed'])
    expect(failures).toEqual([])
    await coordinator.close()
  })
})

describe('the last checkpoint', () => {
  test('comes after those under way, and none follows', async () => {
    const { coordinator, time, log } = await bench({ tasksCount: 1 })
    coordinator.start()
    await time.advance(100)
    const final = coordinator.takeFinal()
    await settle()
    expect(log).toEqual(['trigger 5'])
    coordinator.acknowledge(0, 5, new Map())
    await settle()
    expect(log).toContain('trigger 6')
    coordinator.acknowledge(0, 6, new Map())
    await final
    expect(log).toContain('proven 6')
    await time.advance(5000)
    expect(log).not.toContain('trigger 7')
    await coordinator.close()
    expect(time.timersCount).toBe(0)
  })
})
