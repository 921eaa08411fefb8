// Fuzzes everything that reads bytes from outside. Ends with 1 where something was found, and prints it with the input, a
// smaller one, and how to run that execution again.
//
//   npm run fuzz -- [--executions 100000] [--seed N] [--processes 2] [--only EXECUTION]
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Fuzzer, type Finding, type Tally } from '../fuzz/fuzzer.ts'

/** What a child tells. */
interface Report {
  /** The first execution that has not been run yet. */
  readonly next: number
  readonly findings: readonly Finding[]
  readonly tally?: Tally
  readonly cpuSeconds?: number
}

/** Executions of one child. */
interface Part {
  readonly from: number
  readonly until: number
}

const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    processes: { type: 'string', default: '2' },
    only: { type: 'string' },
    child: { type: 'string' }
  }
})

/** A young generation of twice this is more than an execution may allocate. */
const semiSpaceMib = 32
const childFlags = ['--expose-gc', `--min-semi-space-size=${semiSpaceMib}`, `--max-semi-space-size=${semiSpaceMib}`]
const findingsMax = 10
const reportEveryMs = 500
/** A child that says nothing for so long hangs in the execution after its last report. */
const silenceMsMax = 60_000

const seed = Number(values.seed)

function tell(report: Report): void {
  process.send?.(report)
}

async function runChild({ from, until }: Part, isCareful: boolean): Promise<void> {
  const fuzzer = await Fuzzer.create(seed)
  let findings: Finding[] = []
  let reported = Date.now()
  for (let execution = from; execution < until; execution++) {
    if (isCareful) tell({ next: execution, findings: [] })
    const finding = await fuzzer.execute(execution)
    if (finding !== undefined) findings.push(finding)
    if (finding === undefined && (execution % 64 !== 0 || Date.now() - reported < reportEveryMs)) continue
    reported = Date.now()
    tell({ next: execution + 1, findings })
    findings = []
    // A report leaves only when the loop of events turns.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage()
  tell({ next: until, findings, tally: fuzzer.tally, cpuSeconds: (user + system) / 1e6 })
  process.disconnect()
}

const findings: Finding[] = []
const tally: Tally = {}
let cpuSeconds = 0

function startChild(part: Part, isCareful: boolean): ChildProcess {
  const own = [`--seed=${seed}`, `--child=${part.from},${part.until},${isCareful ? 1 : 0}`]
  return fork(fileURLToPath(import.meta.url), own, { execArgv: [...process.execArgv, ...childFlags] })
}

/** Runs a part to its end, in one child after another where executions end theirs. */
async function runPart(part: Part, onProgress: (executions: number) => void): Promise<void> {
  let { from } = part
  let isCareful = false
  while (from < part.until && findings.length < findingsMax) {
    const next = await followChild(startChild({ from, until: part.until }, isCareful), from, onProgress)
    if (next >= part.until) return
    // The careful child tells of each execution before it runs it.
    if (isCareful) findings.push(lethal(next))
    from = isCareful ? next + 1 : next
    isCareful = !isCareful
  }
}

/** The first execution that the child has not finished. */
function followChild(child: ChildProcess, from: number, onProgress: (executions: number) => void): Promise<number> {
  return new Promise((resolve) => {
    let next = from
    let silence = setTimeout(() => child.kill('SIGKILL'), silenceMsMax)
    child.on('message', (report: Report) => {
      clearTimeout(silence)
      silence = setTimeout(() => child.kill('SIGKILL'), silenceMsMax)
      onProgress(report.next - next)
      next = report.next
      findings.push(...report.findings)
      cpuSeconds += report.cpuSeconds ?? 0
      for (const [name, counts] of Object.entries(report.tally ?? {})) {
        const sums = (tally[name] ??= { values: 0, refusals: 0 })
        sums.values += counts.values
        sums.refusals += counts.refusals
      }
      if (findings.length >= findingsMax) child.kill('SIGKILL')
    })
    child.on('close', () => {
      clearTimeout(silence)
      resolve(next)
    })
  })
}

/** An execution that hung or ended its process. */
function lethal(execution: number): Finding {
  return { seed, execution, target: 'unknown', error: 'The process hung or ended', input: '', minimized: '' }
}

function print(finding: Finding): void {
  const { execution, target, error, input, minimized } = finding
  console.log(`\nFOUND in ${target}: ${error}`)
  console.log(`  seed ${seed}, execution ${execution}: npm run fuzz -- --seed ${seed} --only ${execution}`)
  console.log(`  input     ${input}\n  minimized ${minimized}`)
}

async function runAll(executions: number, processes: number): Promise<void> {
  const started = Date.now()
  let done = 0
  let printed = started
  const onProgress = (more: number): void => {
    done += more
    if (Date.now() - printed < 10_000) return
    printed = Date.now()
    const rate = done / ((printed - started) / 1000)
    console.log(`${done} of ${executions} executions, ${rate.toFixed(0)} per second, ${findings.length} findings`)
  }
  const share = Math.ceil(executions / processes)
  const parts = Array.from({ length: processes }, (_, i) => ({
    from: i * share,
    until: Math.min((i + 1) * share, executions)
  }))
  await Promise.all(parts.map((part) => runPart(part, onProgress)))
  for (const finding of findings) print(finding)
  const seconds = (Date.now() - started) / 1000
  for (const [name, counts] of Object.entries(tally)) {
    console.log(`${name}: ${counts.values} values, ${counts.refusals} refusals`)
  }
  const rate = (done / seconds).toFixed(0)
  console.log(
    `seed ${seed}: ${done} executions in ${seconds.toFixed(0)} s (${rate} per second), ${cpuSeconds.toFixed(0)} s`
  )
  console.log(`of the processors; ${findings.length} findings`)
  process.exitCode = findings.length === 0 && done === executions ? 0 : 1
}

async function runOnly(execution: number): Promise<void> {
  const fuzzer = await Fuzzer.create(seed)
  const { target, bytes } = fuzzer.draw(execution)
  console.log(`${target.name}: ${Buffer.from(bytes).toString('hex')}`)
  const finding = await fuzzer.execute(execution)
  if (finding === undefined) console.log('Nothing was found')
  else print(finding)
  process.exitCode = finding === undefined ? 0 : 1
}

if (values.child !== undefined) {
  const [from = 0, until = 0, careful = 0] = values.child.split(',').map(Number)
  await runChild({ from, until }, careful === 1)
} else if (values.only === undefined) await runAll(Number(values.executions), Number(values.processes))
else await runOnly(Number(values.only))
