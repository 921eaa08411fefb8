// A share of the crash points that fits into every run of the tests: each point once, spread over the transaction
// versions. `npm run prove:crash-points` does all of them in all versions, many times.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { crashPoints, crashRound, roundSeed } from './crash_points.ts'
import { faultSeed } from './seeded.ts'

const suiteTimeoutMs = 300_000

for (const version of [0, 1, 2] as const) {
  describeBrokers(`killed at points of a checkpoint, transaction version ${version},`, () => {
    let broker: TestBroker

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion: version })
    })
    afterAll(async () => broker?.[Symbol.asyncDispose]())

    test(
      `a pipeline loses nothing, doubles nothing and judges rightly (seed ${faultSeed})`,
      { timeout: suiteTimeoutMs },
      async () => {
        const points = crashPoints.filter((_, i) => i % 3 === version)
        const seed = roundSeed(faultSeed, version, 0)
        const round = await crashRound({ bootstrap: broker.bootstrap, name: 'crash', seed, points })
        expect(round.faults).toEqual([])
        expect(round.kills).toBeGreaterThan(points.length)
        expect(round.outputs[0]?.records).toBeGreaterThan(0)
        expect(round.verdicts.get('proven')).toBeGreaterThan(0)
      }
    )
  })
}
