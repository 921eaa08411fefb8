// A share of the zombies that fits into every run of the tests. `npm run prove:zombies` wakes fifty in each version.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { faultSeed } from './seeded.ts'
import { zombieRun, zombieSeed } from './zombies.ts'

const times = 6
const timeout = 180_000

for (const transactionVersion of [1, 2] as const) {
  describeBrokers(`a paused run that wakes beside its successor, transaction version ${transactionVersion},`, () => {
    let broker: TestBroker

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion })
    })
    afterAll(async () => broker?.[Symbol.asyncDispose]())

    test(`costs nothing, and one of the two says that it lost (seed ${faultSeed})`, { timeout }, async () => {
      const seed = zombieSeed(faultSeed, transactionVersion)
      const run = await zombieRun({ bootstrap: broker.bootstrap, name: 'zombie', seed, times })
      expect(run.faults).toEqual([])
      expect(run.times.map(({ code }) => code)).toEqual(Array.from({ length: times }, () => 'JOB_FENCED'))
      expect(run.outputs[0]?.records).toBeGreaterThan(0)
    })
  })
}
