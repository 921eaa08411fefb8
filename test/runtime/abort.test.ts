import { expect, it } from 'vitest'
import { nodeRuntime, onAbort, raceAbort } from 'kafka-once/runtime'

it('many wait for one signal, each is told once, and Node has nothing to warn of', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  const abort = new AbortController()
  const reason = new Error('enough')
  const told: number[] = []
  const forgets = Array.from({ length: 100 }, (_, index) => onAbort(abort.signal, () => told.push(index)))
  for (const forget of forgets.slice(0, 98)) forget()
  const runtime = nodeRuntime()
  const waiting = Array.from({ length: 50 }, (_, index) =>
    index % 2 === 0 ? runtime.sleep(60_000, abort.signal) : raceAbort(new Promise(() => {}), abort.signal)
  )
  const settled = Promise.allSettled(waiting)
  abort.abort(reason)
  expect(told).toEqual([98, 99])
  for (const result of await settled) expect(result).toEqual({ status: 'rejected', reason })
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warn)
  expect(warnings).toEqual([])
})

it('the same function may wait twice, and is taken back once at a time', () => {
  const abort = new AbortController()
  let calls = 0
  const count = (): void => void calls++
  const first = onAbort(abort.signal, count)
  onAbort(abort.signal, count)
  first()
  first()
  abort.abort()
  expect(calls).toBe(1)
})
