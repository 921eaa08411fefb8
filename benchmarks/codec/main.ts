// Measures the codecs of kafka-once beside those of its peers on the same bytes, in rounds in which each client has its
// turn, and prints medians with their ranges. See README.md one folder up. Never fails on how long something takes.
//
//   npm run bench:codec -- [--rounds 5] [--only messages] [--workloads name,name] [--clients kafka-once,kafka-ts]
//     [--ms 500] [--json file]
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { installPeers, peerMissing, projectFolder } from '../clients/peer_packages.ts'
import { allocationFlags } from './allocation.ts'
import { codecWorkloads } from './registry.ts'
import { codecTables } from './report.ts'
import type { CodecSeries } from './report.ts'
import { codecClientNames, codecGroups, codecPeerNames } from './workload.ts'
import type { CodecClientName, CodecFigure, CodecMeasurement, CodecWorkload } from './workload.ts'

const { values: settings } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: codecGroups.join(',') },
    workloads: { type: 'string' },
    clients: { type: 'string', default: codecClientNames.join(',') },
    ms: { type: 'string', default: '500' },
    json: { type: 'string', default: 'build/bench/codec.json' }
  }
})

/** Flags of Node that a client is measured under. */
const nodeFlags: { readonly [C in CodecClientName]?: readonly string[] } = {
  closures: ['--disallow-code-generation-from-strings']
}

function chosen<N extends string>(given: string, names: readonly N[]): N[] {
  const wanted = given.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !names.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`'${unknown}' is none of ${names.join(', ')}`)
  return names.filter((name) => wanted.includes(name))
}

function missingReason(client: CodecClientName): string | undefined {
  const peer = codecPeerNames.find((name) => name === client)
  return peer === undefined ? undefined : peerMissing(peer)
}

/** One measurement, or why there is none. */
function measure(workload: CodecWorkload, client: CodecClientName, what: CodecFigure): Promise<number | string> {
  const program = join(projectFolder, 'build', 'benchmarks', 'codec', 'child.js')
  const flags = [...(nodeFlags[client] ?? []), ...(what === 'allocatedBytes' ? allocationFlags : [])]
  const args = [...flags, program, workload.name, client, what, settings.ms]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: projectFolder, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    child.stderr.on('data', (chunk) => (errors += String(chunk)))
    child.on('close', (code) => {
      const result = output.split('\n').find((line) => line.startsWith('{'))
      if (code !== 0 || result === undefined) return resolve(errors.trim().slice(0, 2_000) || `ended with code ${code}`)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- child.ts wrote it
      const parsed = JSON.parse(result) as CodecMeasurement | { notRun: string }
      resolve('notRun' in parsed ? parsed.notRun : parsed.figure)
    })
  })
}

interface Growing extends CodecSeries {
  readonly cpuNs: number[]
  allocatedBytes: number | undefined
  notRun: string
}

function note(one: Growing, measured: number | string, keep: (figure: number) => void): void {
  if (typeof measured === 'string') one.notRun = measured
  else keep(measured)
  process.stderr.write(typeof measured === 'string' ? '!' : '.')
}

async function runWorkload(workload: CodecWorkload, wanted: readonly CodecClientName[]): Promise<CodecSeries[]> {
  const clients = wanted.filter((client) => workload.subjects[client] !== undefined)
  const series = clients.map((client): Growing => {
    return { workload, client, cpuNs: [], allocatedBytes: undefined, notRun: missingReason(client) ?? '' }
  })
  const able = series.filter(({ notRun }) => notRun === '')
  for (const one of able) {
    note(one, await measure(workload, one.client, 'allocatedBytes'), (bytes) => (one.allocatedBytes = bytes))
  }
  for (let round = 0; round < Number(settings.rounds); round++) {
    // Another client begins in each round, so that none always meets the machine in the same state.
    const turn = round % Math.max(1, able.length)
    for (const one of [...able.slice(turn), ...able.slice(0, turn)]) {
      note(one, await measure(workload, one.client, 'cpuNs'), (ns) => one.cpuNs.push(ns))
    }
  }
  return series
}

const groups = chosen(settings.only, codecGroups)
const clients = chosen(settings.clients, codecClientNames)
const names = codecWorkloads.filter(({ group }) => groups.includes(group)).map(({ name }) => name)
const workloadNames = settings.workloads === undefined ? names : chosen(settings.workloads, names)
await installPeers(codecPeerNames)
const loadBefore = loadavg()[0]
const series: CodecSeries[] = []
for (const workload of codecWorkloads) {
  if (workloadNames.includes(workload.name)) series.push(...(await runWorkload(workload, clients)))
}
process.stderr.write('\n')
console.log(codecTables(series))
const environment = { node: process.version, cpus: cpus().length, loadBefore, loadAfter: loadavg()[0] }
console.log(`\nNode ${process.version}, load ${loadBefore?.toFixed(1)} before and ${loadavg()[0]?.toFixed(1)} after`)
const file = join(projectFolder, settings.json)
mkdirSync(dirname(file), { recursive: true })
const recorded = series.map(({ workload, ...rest }) => ({ workload: workload.name, ...rest }))
writeFileSync(
  file,
  `${JSON.stringify({ at: new Date().toISOString(), environment, settings, series: recorded }, null, 2)}\n`
)
console.log(`recorded in ${settings.json}`)
