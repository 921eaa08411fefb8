// Measures one client at one workload, once, in this process, and prints the result as one line of JSON. Started by
// main.ts with the workload, the client, what to measure and for how long. A process of its own, so that nobody runs in
// code that was compiled for somebody else's objects.
import { allocatedBytes } from './allocation.ts'
import { codecWorkloads } from './registry.ts'
import { codecClientNames, codecFigures } from './workload.ts'
import type { CodecMeasurement, CodecSubject } from './workload.ts'

/** Calls between two looks at the clock; measured so that a look costs nothing. */
const lookEveryNs = 2_000_000

/**
 * Lets the young generation grow to the size that it has in a process that has worked for a while. A small one fits into
 * the caches of the processor, which flatters whoever allocates, and when it would grow is left to chance.
 */
function age(): void {
  const kept: object[] = []
  for (let i = 0; i < 2_000_000; i++) kept[i % 100_000] = { i, list: [i] }
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1_000
}

/** Repeats the work for some CPU time and answers the cost of one run. */
async function cost(subject: CodecSubject, measureNs: number, timesAtOnce: number): Promise<number> {
  const start = cpuNs()
  let times = 0
  let taken = 0
  do {
    await subject.run(timesAtOnce)
    times += timesAtOnce
    taken = cpuNs() - start
  } while (taken < measureNs)
  return taken / times
}

async function timed(subject: CodecSubject, measureNs: number): Promise<number> {
  const first = await cost(subject, measureNs / 10, 10)
  await cost(subject, measureNs, Math.max(1, Math.ceil(lookEveryNs / first)))
  return cost(subject, measureNs, Math.max(1, Math.ceil(lookEveryNs / first)))
}

const [, , givenWorkload, givenClient, givenWhat, givenMs = '500'] = process.argv
const workload = codecWorkloads.find(({ name }) => name === givenWorkload)
const client = codecClientNames.find((name) => name === givenClient)
const what = codecFigures.find((name) => name === givenWhat)
if (workload === undefined || client === undefined || what === undefined) throw new Error('Start main.js instead')
const makeSubject = workload.subjects[client]
if (makeSubject === undefined) {
  console.log(JSON.stringify({ notRun: `${client} has no ${workload.name}` }))
} else {
  if (what === 'cpuNs') age()
  const subject = await makeSubject()
  await subject.check()
  const ns = await timed(subject, Number(givenMs) * 1e6)
  const figure = what === 'cpuNs' ? ns : await allocatedBytes(subject)
  await subject.check()
  const measurement: CodecMeasurement = { figure: figure / workload.unitsPerRun }
  console.log(JSON.stringify(measurement))
  // A peer that keeps something open must not keep the benchmark waiting.
  process.exit(0)
}
