// A share of the random kills that fits into every run of the tests. `npm run prove:random-kills` does two hundred.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { randomKills, randomKillsSeed } from './random_kills.ts'
import { faultSeed } from './seeded.ts'

const timeout = 180_000

describeBrokers('a loaded pipeline with two outputs, killed at any moment,', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(async () => broker?.[Symbol.asyncDispose]())

  test(`writes each record to both, once, or to none (seed ${faultSeed})`, { timeout }, async () => {
    const seed = randomKillsSeed(faultSeed, 2)
    const run = await randomKills({ bootstrap: broker.bootstrap, name: 'random', seed, kills: 8 })
    expect(run.faults).toEqual([])
    const [first, second] = run.outputs
    expect(first?.records).toBeGreaterThan(0)
    expect(second).toEqual(first)
  })
})
