// Runs one plan, and makes a plan that fails smaller: faults that are not needed for the failure are left out, one after
// the other, until none can be missed.
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

/** Leaves out every fault that the failure does not need. */
export async function shrink(failed: PlanRun): Promise<PlanRun> {
  let smallest = failed
  for (let i = 0; i < smallest.plan.faults.length;) {
    const faults = smallest.plan.faults.filter((_, at) => at !== i)
    const run = await runPlan({ ...smallest.plan, faults })
    if (run.faults.length > 0 && kindOf(run.faults) === kindOf(failed.faults)) smallest = run
    else i++
  }
  return smallest
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
