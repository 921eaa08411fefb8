import { runTurns } from 'kafka-once/runtime'
import { expect, test } from 'vitest'

async function afterTurns(count: number, then: () => void): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
  then()
}

test('all that promises have made ready runs between two steps', async () => {
  const told: string[] = []
  let steps = 0
  await runTurns(() => {
    if (steps === 3) return false
    const step = ++steps
    told.push(`step ${step}`)
    void afterTurns(50 * step, () => told.push(`after ${step}`))
    return true
  })
  expect(told).toEqual(['step 1', 'after 1', 'step 2', 'after 2', 'step 3', 'after 3'])
})

test('others on the event loop have their turns meanwhile', async () => {
  let isEnough = false
  const timer = setTimeout(() => (isEnough = true), 5)
  await runTurns(() => !isEnough)
  clearTimeout(timer)
  expect(isEnough).toBe(true)
})

test('what a step throws ends the run', async () => {
  const failing = runTurns(() => {
    throw new Error('a bug')
  })
  await expect(failing).rejects.toThrow('a bug')
})
