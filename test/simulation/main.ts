// `npm run simulate -- --seeds 1000 [--seed 1] [--profile crash]`: runs the real client and engine against the embedded
// Kafka in virtual time, one seed after the other. A seed that fails is made smaller and printed with its trace.
import { parseArgs } from 'node:util'
import { Coverage } from './coverage.ts'
import { planOf, profileNames } from './profiles.ts'
import { runPlan, shrink } from './run_plan.ts'
import type { PlanRun } from './run_plan.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    profile: { type: 'string', multiple: true },
    'fail-fast': { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false }
  }
})

const profiles = values.profile ?? [...profileNames]
const first = Number(values.seed ?? 1)
const count = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1))
const failuresMax = 5
const reportMs = 5000

// What goes wrong in a simulation is rarely read, and stacks are dear.
Error.stackTraceLimit = values.trace ? 20 : 0

process.on('unhandledRejection', (reason) => {
  console.error('a rejection that nobody handled:', reason)
  process.exitCode = 1
})

const sums = { seeds: 0, stopped: 0, verdicts: 0, requests: 0, processes: 0, events: 0, virtualMs: 0, failures: 0 }
const coverage = new Coverage()
const startMs = performance.now()
const startCpu = process.cpuUsage()
let reportedMs = startMs

for (let seed = first; seed < first + count && sums.failures < failuresMax; seed++) {
  const plan = planOf(seed, profiles[seed % profiles.length] ?? 'crash')
  const run = await runPlan(plan, coverage, values.trace)
  add(run)
  if (values.trace) console.log(run.lines.join('\n'))
  if (run.faults.length > 0) {
    sums.failures++
    await tellFailure(run)
    if (values['fail-fast']) break
  }
  if (performance.now() - reportedMs > reportMs) report()
}
report()
console.log(`${coverage.met.size} different meetings of place, state and error code`)
process.exitCode = sums.failures > 0 ? 1 : process.exitCode

function add({ events, virtualMs, requests, result }: PlanRun): void {
  sums.seeds++
  sums.events += events
  sums.virtualMs += virtualMs
  sums.requests += requests
  sums.verdicts += result?.verdicts ?? 0
  sums.stopped += result?.stoppedBy === undefined ? 0 : 1
  sums.processes += result?.processes ?? 0
}

async function tellFailure(run: PlanRun): Promise<void> {
  console.log(`\nseed ${run.plan.seed} (${run.plan.profile}) fails:`)
  for (const fault of run.faults.slice(0, 5)) console.log(`  ${fault}`)
  const small = await shrink(run)
  console.log(`shape ${JSON.stringify(small.plan.shape)}`)
  console.log(`faults that it needs, ${small.plan.faults.length} of ${run.plan.faults.length}:`)
  for (const fault of small.plan.faults) console.log(`  ${JSON.stringify(fault)}`)
}

function report(): void {
  reportedMs = performance.now()
  const { user, system } = process.cpuUsage(startCpu)
  const cpuSeconds = (user + system) / 1e6
  const perSeed = (sum: number): string => (sum / Math.max(1, sums.seeds)).toFixed(1)
  console.log(
    `${sums.seeds} seeds in ${Math.round((reportedMs - startMs) / 1000)} s, ${(sums.seeds / cpuSeconds).toFixed(1)} per CPU second; ` +
      `per seed ${perSeed(sums.requests)} requests, ${perSeed(sums.events)} events, ${perSeed(sums.processes)} processes, ` +
      `${perSeed(sums.verdicts)} verdicts, ${(sums.virtualMs / 1000 / Math.max(1, sums.seeds)).toFixed(1)} s of virtual time; ` +
      `${sums.stopped} rightly stopped, ${sums.failures} failed`
  )
}
