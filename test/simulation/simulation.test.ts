// A small share of the seeds that `npm run simulate` goes through: the engine and the client under faults, judged from
// the logs. SIMULATION_SEEDS asks for more, SIMULATION_SEED begins elsewhere.
import { describe, expect, test } from 'vitest'
import { planOf, profileNames } from './profiles.ts'
import { runPlan } from './run_plan.ts'

const seeds = Number(process.env['SIMULATION_SEEDS'] ?? 10)
const first = Number(process.env['SIMULATION_SEED'] ?? 1)
const chunk = 10

describe.each(profileNames)('profile %s', (profile) => {
  const starts = Array.from({ length: Math.ceil(seeds / chunk) }, (_, i) => first + i * chunk)
  test.each(starts)('nothing is lost, doubled, torn or told wrongly from seed %i on', async (start) => {
    for (let seed = start; seed < start + chunk; seed++) {
      const { faults, plan } = await runPlan(planOf(seed, profile))
      expect(faults, `npm run simulate -- --profile ${profile} --seed ${plan.seed}`).toEqual([])
    }
  })
})

test.each(profileNames)('a seed of profile %s gives the same run each time', async (profile) => {
  for (let seed = first; seed < first + 5; seed++) {
    const plan = planOf(seed, profile)
    const [one, other] = [await runPlan(plan), await runPlan(plan, undefined, true)]
    expect(other.hash).toBe(one.hash)
    expect(other.events).toBe(one.events)
    expect(planOf(seed, profile)).toEqual(plan)
  }
})
