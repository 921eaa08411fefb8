// Clocks, timers, randomness and zlib behave as the contract says.
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { nodeRuntime } from 'kafka-once/runtime'

const runtime = nodeRuntime()

afterEach(() => {
  vi.useRealTimers()
})

describe('a timer', () => {
  test('fires once after its delay, and not when it was cancelled', () => {
    vi.useFakeTimers()
    const fire = vi.fn<() => void>()
    const cancelled = runtime.setTimer(10, fire)
    cancelled.cancel()
    cancelled.cancel()
    const timer = runtime.setTimer(10, fire)
    vi.advanceTimersByTime(9)
    expect(fire).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fire).toHaveBeenCalledTimes(1)
    timer.cancel()
    vi.advanceTimersByTime(1000)
    expect(fire).toHaveBeenCalledTimes(1)
  })

  test('may have a delay of more than 24 days, at whose end it fires', () => {
    vi.useFakeTimers()
    const fire = vi.fn<() => void>()
    const day = 24 * 3600 * 1000
    runtime.setTimer(60 * day, fire)
    vi.advanceTimersByTime(60 * day - 1)
    expect(fire).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fire).toHaveBeenCalledTimes(1)
    const later = runtime.setTimer(60 * day, fire)
    vi.advanceTimersByTime(30 * day)
    later.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('sleep', () => {
  test('ends after its time', async () => {
    const before = runtime.monotonicMs()
    await runtime.sleep(15)
    expect(runtime.monotonicMs() - before).toBeGreaterThanOrEqual(14)
  })

  test('ends with the reason of a signal, before and while it lasts, and leaves no timer', async () => {
    vi.useFakeTimers()
    const reason = new Error('enough')
    const controller = new AbortController()
    const sleeping = runtime.sleep(1000, controller.signal)
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    await expect(runtime.sleep(1000, controller.signal)).rejects.toBe(reason)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('takes its listener off the signal', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    await runtime.sleep(1, signal)
    expect(removed).toHaveBeenCalledTimes(1)
  })
})

test('defer runs after what was promised', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    runtime.defer(() => {
      order.push('deferred')
      resolve()
    })
    void Promise.resolve().then(() => order.push('promised'))
    order.push('first')
  })
  expect(order).toEqual(['first', 'promised', 'deferred'])
})

test('clocks tell milliseconds', () => {
  expect(Math.abs(runtime.nowMs() - Date.now())).toBeLessThan(1000)
  const first = runtime.monotonicMs()
  expect(runtime.monotonicMs()).toBeGreaterThanOrEqual(first)
})

test('random bytes are as many as asked for, and others each time', () => {
  const first = runtime.randomBytes(32)
  expect(first).toHaveLength(32)
  expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype)
  expect(runtime.randomBytes(32)).not.toEqual(first)
  expect(runtime.randomBytes(0)).toHaveLength(0)
  const number = runtime.random()
  expect(number >= 0 && number < 1).toBe(true)
})

describe('gzip', () => {
  const text = Buffer.from('some text that repeats itself '.repeat(10_000))

  test('is what zlib reads and writes', async () => {
    expect(gunzipSync(await runtime.gzip(text, 6)).equals(text)).toBe(true)
    expect(text.equals(await runtime.gunzip(gzipSync(text), text.length))).toBe(true)
    expect(await runtime.gunzip(gzipSync(''), 0)).toHaveLength(0)
  })

  test('is refused beyond its limit', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024))
    for (const [bytes, bytesMax] of [
      [gzipSync(text), text.length - 1],
      [bomb, 1024 * 1024]
    ] as const) {
      await expect(runtime.gunzip(bytes, bytesMax)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' })
    }
  })

  test('is refused when it is damaged', async () => {
    await expect(runtime.gunzip(gzipSync(text).subarray(0, 50), 1 << 20)).rejects.toMatchObject({ code: 'Z_BUF_ERROR' })
  })
})

test('a fault point does nothing unless a test wants it to', async () => {
  expect(runtime.faultPoint('anywhere')).toBeUndefined()
  const names: string[] = []
  const faulty = nodeRuntime({
    faultPoint(name) {
      names.push(name)
      return name === 'wait here' ? Promise.resolve() : undefined
    }
  })
  expect(faulty.faultPoint('pass')).toBeUndefined()
  await faulty.faultPoint('wait here')
  expect(names).toEqual(['pass', 'wait here'])
})
