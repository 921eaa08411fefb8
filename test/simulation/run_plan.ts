// Runs one plan, and makes a plan that fails smaller: faults that are not needed for the failure are left out, halves of
// them first and then one after the other, until none can be missed.
import { simulate } from 'kafka-once/testing'
import { Coverage } from './coverage.ts'
import type { Plan } from './plan.ts'
import { Scene } from './scene.ts'
import type { RunResult } from './scene.ts'

export interface PlanRun {
  readonly plan: Plan
  /** Empty where all is well. */
  readonly faults: readonly string[]
  /** Undefined where the run did not come to its end. */
  readonly result: RunResult | undefined
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly requests: number
  readonly lines: readonly string[]
}

const eventsMax = 400_000

export async function runPlan(plan: Plan, coverage = new Coverage(), isTraceKept = false): Promise<PlanRun> {
  coverage.begin()
  const run = await simulate({ seed: plan.seed, isTraceKept, eventsMax }, (world) => Scene.play(world, plan, coverage))
  const { outcome, hash, events, virtualMs, lines } = run
  const result = outcome.kind === 'ended' ? outcome.value : undefined
  const faults = outcome.kind === 'ended' ? outcome.value.faults : [textOf(outcome.error)]
  return { plan, faults, result, hash, events, virtualMs, requests: coverage.requests, lines }
}

/** The same failure, for the purpose of making a plan smaller: its first words. */
function kindOf(faults: readonly string[]): string {
  return (faults[0] ?? '').replaceAll(/\d+/g, '#').slice(0, 40)
}

type Failed = Pick<PlanRun, 'plan' | 'faults'>

/** Leaves out every fault that the failure does not need. Answers the places of the others in the plan. */
export async function shrink(failed: Failed, run: (plan: Plan) => Promise<Failed> = runPlan): Promise<number[]> {
  const { plan } = failed
  const kind = kindOf(failed.faults)
  let kept = plan.faults.map((_, place) => place)
  for (let length = kept.length; length > 0; length >>= 1) {
    for (let from = 0; from < kept.length;) {
      const fewer = kept.filter((_, at) => at < from || at >= from + length)
      const { faults } = await run(withFaults(plan, fewer))
      if (faults.length > 0 && kindOf(faults) === kind) kept = fewer
      else from += length
    }
  }
  return kept
}

/** The plan with those of its faults that have these places. */
export function withFaults(plan: Plan, places: readonly number[]): Plan {
  return { ...plan, faults: plan.faults.filter((_, place) => places.includes(place)) }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
