// A share of the restarts that fits into every run of the tests. `npm run prove:restarts` fails at every point, in all
// transaction versions.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { restartPlaces, restartRound, restartSeed } from './restarts.ts'
import { Dice, faultSeed } from './seeded.ts'

const timeout = 180_000
const failures = 7

describeBrokers('a job whose runs fail while its process lives', () => {
  let broker: TestBroker

  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(async () => broker?.[Symbol.asyncDispose]())

  test(`recovers in its process, and loses and doubles nothing (seed ${faultSeed})`, { timeout }, async () => {
    const seed = restartSeed(faultSeed, 2, 0)
    const places = new Dice(seed).shuffled(restartPlaces).slice(0, failures)
    const round = await restartRound({ bootstrap: broker.bootstrap, name: 'restart', seed, places })
    expect(round.faults).toEqual([])
    expect(round.failures).toBeGreaterThan(0)
    expect(round.outputs[0]?.records).toBeGreaterThan(0)
  })
})
