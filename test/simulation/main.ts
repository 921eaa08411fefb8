// `npm run simulate -- --seeds 10000 [--seed 1] [--profile crash] [--processes 2] [--replay 1000]`: runs the real client
// and engine against the embedded Kafka in virtual time. A seed that fails is made smaller and told with the end of its
// trace; `--seed N --profile P --only 0,2 --trace` shows the whole of it, with those of its faults alone. `--report FILE`
// leaves a report of tests.
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Campaign } from './campaign.ts'
import type { SeedFailure } from './campaign.ts'
import { playerHere, playerProcess } from './player.ts'
import { planOf, profileNames } from './profiles.ts'
import { coverageText, jsonReport, progressText } from './report.ts'
import { runPlan, shrink, withFaults } from './run_plan.ts'
import { serveParent } from './serve_parent.ts'
import type { Plan } from './plan.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    profile: { type: 'string', multiple: true },
    processes: { type: 'string' },
    replay: { type: 'string', default: '0' },
    only: { type: 'string' },
    report: { type: 'string' },
    'fail-fast': { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    player: { type: 'boolean', default: false }
  }
})

const profiles = values.profile ?? [...profileNames]
const chunkSeeds = 20
const reportMs = 5000
const traceLinesTold = 60

// What goes wrong in a simulation is rarely read, and stacks are dear.
Error.stackTraceLimit = values.trace ? 20 : 0

process.on('unhandledRejection', (reason) => {
  console.error('a rejection that nobody handled:', reason)
  process.exit(1)
})

if (values.player) serveParent(playerHere(planSeed))
else if (values.trace) await showTrace(Number(values.seed ?? 1))
else await playAll()

function planSeed(seed: number): Plan {
  const plan = planOf(seed, profiles[seed % profiles.length] ?? 'crash')
  return values.only === undefined ? plan : withFaults(plan, values.only.split(',').map(Number))
}

async function showTrace(seed: number): Promise<void> {
  const { lines, faults, hash } = await runPlan(planSeed(seed), undefined, true)
  console.log(lines.join('\n'))
  console.log(faults.length === 0 ? 'all is well' : faults.join('\n'))
  console.log(`hash ${hash}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

async function playAll(): Promise<void> {
  const startMs = performance.now()
  const count = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1))
  const wanted = Math.min(Number(values.processes ?? availableParallelism()), Math.ceil(count / chunkSeeds))
  const args = ['--player', ...profiles.flatMap((profile) => ['--profile', profile])]
  if (values.only !== undefined) args.push('--only', values.only)
  const program = fileURLToPath(import.meta.url)
  const processes = wanted <= 1 ? [] : Array.from({ length: wanted }, () => playerProcess(program, args))
  let toldMs = startMs
  let toldFailures = 0
  const campaign = await Campaign.run(wanted <= 1 ? [playerHere(planSeed)] : processes.map(({ play }) => play), {
    first: Number(values.seed ?? 1),
    count,
    replays: Number(values.replay),
    failuresMax: values['fail-fast'] ? 1 : 5,
    chunkSeeds,
    onProgress(so) {
      for (; toldFailures < so.failures.length; toldFailures++) {
        console.log(`seed ${so.failures[toldFailures]!.seed} fails, more of it at the end`)
      }
      if (performance.now() - toldMs < reportMs) return
      toldMs = performance.now()
      console.log(progressText(so, startMs))
    }
  })
  for (const one of processes) one.end()
  for (const failure of campaign.failures) await tellFailure(failure)
  for (const seed of campaign.unequal) console.log(`seed ${seed} was another run the second time`)
  console.log(progressText(campaign, startMs))
  console.log(coverageText(campaign))
  if (values.report !== undefined) writeFileSync(values.report, jsonReport(campaign, 'test/simulation/main.ts'))
  process.exitCode = campaign.isClean ? 0 : 1
}

async function tellFailure({ seed, profile, faults }: SeedFailure): Promise<void> {
  console.log(`\nseed ${seed} (${profile}) fails:`)
  for (const fault of faults.slice(0, 5)) console.log(`  ${fault}`)
  const plan = planSeed(seed)
  const kept = await shrink({ plan, faults })
  const { lines } = await runPlan(withFaults(plan, kept), undefined, true)
  console.log(`the end of its trace, with the ${kept.length} of ${plan.faults.length} faults that it needs:`)
  for (const line of lines.slice(-traceLinesTold)) console.log(`  ${line.slice(0, 200)}`)
  console.log(`shape ${JSON.stringify(plan.shape)}`)
  for (const place of kept) console.log(`fault ${place}: ${JSON.stringify(plan.faults[place])}`)
  console.log(`all of it: npm run simulate -- --profile ${profile} --seed ${seed} --only ${kept.join(',')} --trace`)
}
