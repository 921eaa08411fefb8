import { describe, expect, it } from 'vitest'
import { KafkaError } from '../../src/client/errors.ts'
import type { Logger } from '../../src/client/logger.ts'
import { silentLogger } from '../../src/client/logger.ts'
import { backoffDelayMs, retry } from '../../src/client/retry.ts'
import type { RetryOptions } from '../../src/client/retry.ts'
import { nodeRuntime } from '../../src/runtime/index.ts'
import type { Runtime } from '../../src/runtime/index.ts'

/** A runtime of which the clock moves only when somebody sleeps. */
function sleepyRuntime(random = 0.5) {
  const slept: number[] = []
  let now = 1_000
  const runtime: Runtime = {
    ...nodeRuntime(),
    monotonicMs: () => now,
    random: () => random,
    sleep: (delayMs, signal) => {
      signal?.throwIfAborted()
      slept.push(delayMs)
      now += delayMs
      return Promise.resolve()
    }
  }
  return { runtime, slept, pass: (ms: number) => (now += ms) }
}

const limits: RetryOptions = {
  deadlineMs: 1_000,
  backoffMs: 100,
  backoffMsMax: 300,
  what: 'EndTxn of a',
  logger: silentLogger
}

const again = (outcomeUnknown = false) =>
  new KafkaError('CONNECTION_LOST', 'It went away.', { retriable: true, outcomeUnknown, broker: 'b:1', api: 'EndTxn' })

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
}

function loud(): never {
  expect.fail('Nothing is to be told above debug.')
}

describe('retry', () => {
  it('ends with the first result', async () => {
    const { runtime, slept } = sleepyRuntime()
    let calls = 0
    const result = await retry(runtime, limits, async (leftMs, number) => {
      calls++
      expect(number).toBe(calls)
      expect(leftMs).toBeGreaterThan(0)
      if (calls === 1) return { again: again() }
      if (calls === 2) throw again()
      return { done: 'yes' }
    })
    expect(result).toBe('yes')
    expect(slept).toEqual([100, 200])
  })

  it('waits longer and longer up to the limit, then gives up at the deadline with the last error', async () => {
    const { runtime, slept } = sleepyRuntime()
    const error = await failure(retry(runtime, limits, async () => ({ again: again() })))
    // The last attempt begins shortly before the deadline.
    expect(slept.map((ms) => Math.round(ms))).toEqual([100, 200, 300, 300, 80])
    expect(error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retriable: true,
      outcomeUnknown: false,
      broker: 'b:1',
      api: 'EndTxn'
    })
    expect(error).toHaveProperty('cause.code', 'CONNECTION_LOST')
    expect(String(error)).toContain(
      'EndTxn of a: gave up after 6 attempts in 1000 ms. The last error was: It went away.'
    )
  })

  it('remembers that any attempt may have taken effect', async () => {
    const { runtime } = sleepyRuntime()
    let calls = 0
    const error = await failure(retry(runtime, limits, async () => ({ again: again(++calls === 1) })))
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcomeUnknown: true })
  })

  it('counts the time of the attempts too', async () => {
    const { runtime, slept, pass } = sleepyRuntime()
    const lefts: number[] = []
    await failure(
      retry(runtime, limits, async (leftMs) => {
        lefts.push(Math.round(leftMs))
        pass(600)
        return { again: again() }
      })
    )
    expect(lefts).toEqual([1_000, 300])
    expect(slept).toEqual([100])
  })

  it('takes the wait that an attempt asks for', async () => {
    const { runtime, slept } = sleepyRuntime()
    let calls = 0
    await retry(runtime, limits, async () => (++calls < 3 ? { again: again(), backoffMs: 0.5 } : { done: 1 }))
    expect(slept).toEqual([0.5, 0.5])
  })

  it('passes on what cannot be retried, and what is no error of Kafka', async () => {
    const { runtime } = sleepyRuntime()
    for (const reason of [new KafkaError('CLOSED', 'Closed.'), new TypeError('a bug')]) {
      expect(await failure(retry(runtime, limits, () => Promise.reject(reason)))).toBe(reason)
    }
  })

  it('ends with the reason of the signal, before an attempt and while waiting', async () => {
    const reason = new Error('enough')
    const runtime = nodeRuntime()
    expect(await failure(retry(runtime, { ...limits, signal: AbortSignal.abort(reason) }, () => expect.fail()))).toBe(
      reason
    )
    const abort = new AbortController()
    const waiting = retry(
      runtime,
      { ...limits, backoffMs: 60_000, backoffMsMax: 60_000, deadlineMs: 1e6, signal: abort.signal },
      async () => ({ again: again() })
    )
    setTimeout(() => abort.abort(reason), 10)
    expect(await failure(waiting)).toBe(reason)
  })

  it('tells of retries at debug only', async () => {
    const told: string[] = []
    const logger: Logger = { debug: (message) => void told.push(message), info: loud, warn: loud, error: loud }
    const { runtime } = sleepyRuntime()
    await failure(retry(runtime, { ...limits, logger }, async () => ({ again: again() })))
    expect(told).toEqual(Array.from({ length: 5 }, () => 'EndTxn of a: trying again'))
  })

  it('backs off between 80 and 120 per cent, and never overflows', () => {
    const between = { backoffMs: 100, backoffMsMax: 1_000 }
    expect(backoffDelayMs(sleepyRuntime(0).runtime, between, 1)).toBeCloseTo(80)
    expect(backoffDelayMs(sleepyRuntime(0.999_999).runtime, between, 2)).toBeCloseTo(240, 1)
    expect(backoffDelayMs(sleepyRuntime(0.5).runtime, between, 10_000)).toBeCloseTo(1_000)
  })
})
