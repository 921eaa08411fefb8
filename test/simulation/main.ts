// `npm run simulate -- --seeds 10000`: runs the real client and engine against the embedded Kafka in virtual time. A seed
// that fails is made smaller and told with the end of its trace. `--help` says what else it can be told.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Campaign } from './campaign.ts'
import type { Player, SeedFailure } from './campaign.ts'
import { commandLine, usage } from './command_line.ts'
import type { CommandLine } from './command_line.ts'
import { playerHere, playerProcess } from './player.ts'
import { planOf } from './profiles.ts'
import { coverageText, jsonReport, progressText } from './report.ts'
import { runPlan, shrink, withFaults } from './run_plan.ts'
import { serveParent } from './serve_parent.ts'
import type { Plan } from './plan.ts'

const chunkSeeds = 20
const reportMs = 5000
const traceLinesTold = 60

const asked = commandLine(process.argv.slice(2))
if (asked === undefined) console.log(usage)
else if (typeof asked === 'string') {
  console.error(`${asked}\nnpm run simulate -- --help tells what there is`)
  process.exitCode = 2
} else await simulateAsAsked(asked)

async function simulateAsAsked(line: CommandLine): Promise<void> {
  // What goes wrong in a simulation is rarely read, and stacks are dear.
  Error.stackTraceLimit = line.trace ? 20 : 0
  process.on('unhandledRejection', (reason) => {
    console.error('a rejection that nobody handled:', reason)
    process.exit(1)
  })
  if (line.isPlayer) {
    // Ctrl-C is for the parent, which lets the seeds that are under way come to their end.
    process.on('SIGINT', () => undefined)
    serveParent(playerHere((seed) => planSeed(line, seed)))
  } else if (line.trace) await showTrace(planSeed(line, line.first))
  else await playAll(line)
}

function planSeed({ profiles, only }: CommandLine, seed: number): Plan {
  const plan = planOf(seed, profiles[seed % profiles.length] ?? 'crash')
  return only === undefined ? plan : withFaults(plan, only)
}

async function showTrace(plan: Plan): Promise<void> {
  const { lines, faults, hash } = await runPlan(plan, undefined, true)
  console.log(lines.join('\n'))
  console.log(faults.length === 0 ? 'all is well' : faults.join('\n'))
  console.log(`hash ${hash}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

async function playAll(line: CommandLine): Promise<void> {
  const startMs = performance.now()
  const { first, count, replays, failuresMax } = line
  const wanted = Math.min(line.processes, Math.ceil(count / chunkSeeds))
  const args = ['--player', ...line.profiles.flatMap((profile) => ['--profile', profile])]
  if (line.only !== undefined) args.push('--only', line.only.join())
  const program = fileURLToPath(import.meta.url)
  const processes = wanted <= 1 ? [] : Array.from({ length: wanted }, () => playerProcess(program, args))
  const ending = new AbortController()
  process.once('SIGINT', () => ending.abort()).once('SIGTERM', () => ending.abort())
  let toldMs = startMs
  let toldFailures = 0
  const play = playerHere((seed) => planSeed(line, seed))
  const here: Player = async (chunk) => {
    const result = await play(chunk)
    // Virtual time leaves no room for signals.
    await new Promise(setImmediate)
    return result
  }
  const campaign = await Campaign.run(wanted <= 1 ? [here] : processes.map(({ play }) => play), {
    first,
    count,
    replays,
    failuresMax,
    chunkSeeds,
    signal: ending.signal,
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
  for (const failure of campaign.failures) await tellFailure(line, failure)
  for (const seed of campaign.unequal) console.log(`seed ${seed} was another run the second time`)
  console.log(progressText(campaign, startMs))
  console.log(coverageText(campaign))
  if (campaign.nextSeed < first + count) {
    console.log(
      `ended before its time; go on with --seed ${campaign.nextSeed} --seeds ${first + count - campaign.nextSeed}`
    )
  }
  if (line.report !== undefined) writeFileSync(line.report, jsonReport(campaign, 'test/simulation/main.ts'))
  process.exitCode = campaign.isClean && !ending.signal.aborted ? 0 : 1
}

async function tellFailure(line: CommandLine, { seed, profile, faults }: SeedFailure): Promise<void> {
  console.log(`\nseed ${seed} (${profile}) fails:`)
  for (const fault of faults.slice(0, 5)) console.log(`  ${fault}`)
  const plan = planSeed(line, seed)
  const kept = await shrink({ plan, faults })
  const { lines } = await runPlan(withFaults(plan, kept), undefined, true)
  console.log(`the end of its trace, with the ${kept.length} of ${plan.faults.length} faults that it needs:`)
  for (const line of lines.slice(-traceLinesTold)) console.log(`  ${line.slice(0, 200)}`)
  console.log(`shape ${JSON.stringify(plan.shape)}`)
  for (const place of kept) console.log(`fault ${place}: ${JSON.stringify(plan.faults[place])}`)
  console.log(`all of it: npm run simulate -- --profile ${profile} --seed ${seed} --only ${kept.join(',')} --trace`)
}
