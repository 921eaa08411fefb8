// Measures kafka-once beside its peers on one real Kafka, in rounds in which each client has its turn, and prints
// medians with their ranges. See README.md in this folder. Never fails on how long something takes.
//
//   npm run bench -- [--rounds 3] [--records 300000] [--only produce,transactions] [--clients kafka-once] [--json file]
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka } from '../test/programs/package.ts'
import { findKafka } from '../test/broker/find.ts'
import { installPeers, peerMissing, projectFolder } from './clients/peer_packages.ts'
import { countCommitted, fillCommitted, fillPlain } from './topics.ts'
import { figuresOf, tables } from './report.ts'
import type { Figures, Series } from './report.ts'
import { clientNames, scenarioNames } from './workload.ts'
import type { ClientName, Measurement, ScenarioName, Workload } from './workload.ts'

const { values: settings } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '300000' },
    'value-bytes': { type: 'string', default: '100' },
    only: { type: 'string', default: scenarioNames.join(',') },
    clients: { type: 'string', default: clientNames.join(',') },
    json: { type: 'string', default: 'build/bench/last.json' }
  }
})

const partitions = 6
/** Time for one measurement, milliseconds; then its process is ended and the round is reported as missing. */
const childTimeoutMs = 300_000

interface Plan {
  readonly warmUp: number
  readonly count: number
  /** The topic that is read is filled once; topics that are written to are made anew for each measurement. */
  readonly fill?: (kafka: Kafka, topic: string, records: number, valueBytes: number) => Promise<void>
}

function planOf(scenario: ScenarioName): Plan {
  const records = Number(settings.records)
  if (scenario === 'one') return { warmUp: 500, count: 2_000 }
  if (scenario === 'transactions') return { warmUp: 20, count: 100 }
  const load = { warmUp: Math.ceil(records / 2), count: records }
  if (scenario === 'produce') return load
  return { ...load, fill: scenario === 'consumeCommitted' ? fillCommitted : fillPlain }
}

function chosen<N extends string>(given: string, names: readonly N[]): N[] {
  const wanted = given.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !names.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`'${unknown}' is none of ${names.join(', ')}`)
  return names.filter((name) => wanted.includes(name))
}

function failureOf(errors: string, code: number | null): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /error/i.test(line))?.trim() ?? lines[0] ?? `ended with code ${code}`
}

function measure(client: ClientName, scenario: ScenarioName, workload: Workload): Promise<Measurement | string> {
  return new Promise((resolve) => {
    const program = join(projectFolder, 'build', 'benchmarks', 'child.js')
    const child = spawn(process.execPath, [program, client, scenario, JSON.stringify(workload)], {
      cwd: projectFolder,
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    child.stderr.on('data', (chunk) => (errors += String(chunk)))
    const timer = setTimeout(() => child.kill('SIGKILL'), childTimeoutMs)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const result = output.split('\n').find((line) => line.startsWith('{'))
      if (code !== 0 || result === undefined) {
        return resolve(signal === null ? failureOf(errors, code) : `was ended after ${childTimeoutMs} ms`)
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- child.ts wrote it
      const parsed = JSON.parse(result) as Measurement | { notRun: string }
      resolve('notRun' in parsed ? parsed.notRun : parsed)
    })
  })
}

/** What a fast pipeline is worth shows in its output. */
async function faultOf(
  kafka: Kafka,
  scenario: ScenarioName,
  output: string,
  expected: number
): Promise<string | undefined> {
  if (scenario !== 'pipeline') return undefined
  const written = await countCommitted(kafka, output, partitions)
  return written === expected ? undefined : `wrote ${written} records where ${expected} were read`
}

async function runScenario(
  kafka: Kafka,
  bootstrap: string,
  scenario: ScenarioName,
  clients: ClientName[]
): Promise<Series[]> {
  const { fill, warmUp, count } = planOf(scenario)
  const valueBytes = Number(settings['value-bytes'])
  const runOf = Date.now().toString(36)
  const made: string[] = []
  const makeTopic = async (name: string): Promise<string> => {
    const topic = `bench-${scenario}-${runOf}-${name}`
    await kafka.admin().createTopics([{ topic, partitionCount: partitions, replicationFactor: 1 }])
    made.push(topic)
    return topic
  }
  const input = fill === undefined ? undefined : await makeTopic('input')
  if (fill !== undefined && input !== undefined) await fill(kafka, input, warmUp + count, valueBytes)
  const results = new Map<ClientName, { measurements: Measurement[]; notRun?: string }>()
  for (const client of clients) results.set(client, { measurements: [] })
  for (let round = 0; round < Number(settings.rounds); round++) {
    // Another client begins in each round, so that none always meets the broker in the same state.
    const turn = round % clients.length
    for (const client of [...clients.slice(turn), ...clients.slice(0, turn)]) {
      const result = results.get(client)!
      const missing = client === 'kafka-once' ? undefined : peerMissing(client)
      if (missing !== undefined) {
        result.notRun = missing
        continue
      }
      const output = await makeTopic(`${client}-${round}`)
      const measured = await measure(client, scenario, {
        bootstrap,
        topic: input ?? output,
        outputTopic: output,
        partitions,
        warmUp,
        count,
        valueBytes,
        recordsPerSend: 1_000,
        commitIntervalMs: 100,
        runId: `${runOf}-${client}-${round}`
      })
      const fault = typeof measured === 'string' ? measured : await faultOf(kafka, scenario, output, warmUp + count)
      if (fault !== undefined) result.notRun = fault
      else if (typeof measured !== 'string') result.measurements.push(measured)
      process.stderr.write(fault === undefined ? '.' : '!')
    }
  }
  await kafka.admin().deleteTopics(made)
  return clients.map((client) => ({ scenario, client, ...results.get(client)! }))
}

function lastRun(file: string): readonly Figures[] {
  if (!existsSync(file)) return []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an earlier run wrote it
  return (JSON.parse(readFileSync(file, 'utf8')) as { figures: Figures[] }).figures
}

const scenarios = chosen(settings.only, scenarioNames)
const clients = chosen(settings.clients, clientNames)
await installPeers(clientNames.filter((name) => name !== 'kafka-once'))
const found = await findKafka('bench')
if (found.via === 'none') {
  process.exitCode = 1
} else {
  const kafka = new Kafka({ brokers: found.bootstrap.split(','), clientId: 'benchmark' })
  try {
    const series: Series[] = []
    for (const scenario of scenarios) series.push(...(await runScenario(kafka, found.bootstrap, scenario, clients)))
    process.stderr.write('\n')
    const file = join(projectFolder, settings.json)
    console.log(tables(series, lastRun(file)))
    mkdirSync(dirname(file), { recursive: true })
    const environment = { node: process.version, cpus: cpus().length, broker: found.via }
    const figures = series.flatMap((one) => figuresOf(one) ?? [])
    const recorded = { at: new Date().toISOString(), environment, settings, figures, series }
    writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
    console.log(`\nrecorded in ${settings.json}`)
  } finally {
    await kafka.close()
    await found.stop()
  }
}
