import { describe, expect, test } from 'vitest'
import { memoryCheckpointStorage } from '../../src/exactlyonce/checkpoint/memory_storage.ts'
import { JobError } from '../../src/exactlyonce/errors.ts'
import { startPipeline } from './kit/pipeline.ts'
import type { SimulatedProcess } from './kit/process.ts'
import { faultOf } from './kit/sources.ts'
import { World } from './kit/world.ts'

/** A run that fails looks again after a moment whether another one has taken over. */
const environment = { restart: { delayMs: 20 } }

const points = [
  'checkpoint.beforeBarrier',
  'checkpoint.barrierPassed',
  'checkpoint.preCommitted',
  'checkpoint.durable',
  'checkpoint.proven',
  'recovery.loaded',
  'recovery.fenced',
  'recovery.verified',
  'recovery.began'
]
const wakeups = [
  'recovery.loaded',
  'recovery.settled',
  'recovery.fenced',
  'recovery.verified',
  'recovery.began',
  'later'
]

// With a head start the first run gets on with what it was doing before the second goes on.
const headStartsMs = [0, 12]

describe.each(points)('a first run paused at %s', (point) => {
  const cases = wakeups.flatMap((wakeAt) => headStartsMs.map((headStartMs) => [wakeAt, headStartMs] as const))

  test.each(cases)(
    'and woken when the second is at %s, %d ms ahead: once, and the loser says so',
    async (wakeAt, headStartMs) => {
      for (const hit of point.startsWith('checkpoint') ? [1, 3] : [1]) {
        const worlds = [new World('a', 'losable')]
        const storage = memoryCheckpointStorage()
        const pauseAt = (met: string, count: number, process: SimulatedProcess): void => {
          if (met === point && count === hit) process.pause()
        }
        const first = await startPipeline({ worlds, storage, plan: pauseAt, recordsMax: 120, environment })
        await first.process.stopped.promise
        const wake = (met: string, count: number, process: SimulatedProcess): void => {
          if (met !== wakeAt && !(wakeAt === 'later' && met === 'checkpoint.durable' && count === 3)) return
          first.process.wake()
          if (headStartMs === 0) return
          process.pause()
          setTimeout(() => process.wake(), headStartMs)
        }
        const second = await startPipeline({ worlds, storage, plan: wake, recordsMax: 120, environment })
        const afterwards = second.handle.done.finally(() => first.process.wake())
        const outcomes = await Promise.allSettled([first.handle.done, afterwards])
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue
          expect(outcome.reason).toBeInstanceOf(JobError)
          expect(outcome.reason).toMatchObject({ code: 'JOB_FENCED', fatal: true })
        }
        expect(outcomes.map(({ status }) => status)).toContain('fulfilled')
        expect(faultOf(worlds[0]?.visible ?? [], 2, 120)).toBeUndefined()
      }
    }
  )
})
