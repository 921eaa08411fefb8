// Waiting can be given up, by time or by a signal, and leaves nothing behind.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DeadlineError, deferred, handled, nodeRuntime, raceAbort, withDeadline } from 'kafka-once/runtime'

const runtime = nodeRuntime()
const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))

afterEach(async () => {
  vi.useRealTimers()
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})

test('a deferred promise is settled from outside', async () => {
  const first = deferred<number>()
  first.resolve(5)
  expect(await first.promise).toBe(5)
  const second = deferred<number>()
  second.reject(new Error('no'))
  await expect(second.promise).rejects.toThrow('no')
})

test('a rejection that is handled troubles nobody', async () => {
  const { promise, reject } = deferred<void>()
  expect(handled(promise)).toBe(promise)
  reject(new Error('nobody waits'))
  await runtime.sleep(1)
})

describe('a deadline', () => {
  test('lets a result pass and leaves no timer', async () => {
    vi.useFakeTimers()
    expect(await withDeadline(runtime, Promise.resolve(1), 1000)).toBe(1)
    await expect(withDeadline(runtime, Promise.reject(new Error('no')), 1000)).rejects.toThrow('no')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('rejects when it passes, and ignores what comes later', async () => {
    const late = deferred<number>()
    await expect(withDeadline(runtime, late.promise, 5)).rejects.toMatchObject({
      name: 'DeadlineError',
      code: 'DEADLINE_EXCEEDED',
      deadlineMs: 5
    })
    late.reject(new Error('too late'))
    await runtime.sleep(1)
  })

  test('rejects with an error of the caller', async () => {
    const own = new Error('no answer from broker 1')
    await expect(withDeadline(runtime, new Promise(() => {}), 1, () => own)).rejects.toBe(own)
    expect(new DeadlineError(1)).toBeInstanceOf(Error)
  })
})

describe('a signal', () => {
  test('is not needed', async () => {
    const promise = Promise.resolve(1)
    expect(raceAbort(promise, undefined)).toBe(promise)
  })

  test('ends the wait with its reason, and what comes later is ignored', async () => {
    const controller = new AbortController()
    const late = deferred<number>()
    const waiting = raceAbort(late.promise, controller.signal)
    controller.abort('stop')
    await expect(waiting).rejects.toBe('stop')
    late.reject(new Error('too late'))
    await runtime.sleep(1)
  })

  test('that has aborted ends the wait at once', async () => {
    const late = deferred<number>()
    await expect(raceAbort(late.promise, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    late.reject(new Error('too late'))
    await runtime.sleep(1)
  })

  test('loses its listener with the result', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    expect(await raceAbort(Promise.resolve(2), signal)).toBe(2)
    await expect(raceAbort(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
    expect(removed).toHaveBeenCalledTimes(2)
  })
})
