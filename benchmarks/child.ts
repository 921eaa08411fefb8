// Measures one client in one scenario, once, in this process, and prints the result as one line of JSON. Started by
// main.ts with the client, the scenario and the workload.
import { client as kafkaOnce } from './clients/kafka_once.ts'
import { client as kafkajs } from './clients/kafkajs.ts'
import { client as platformatic } from './clients/platformatic.ts'
import { clientNames, Meter, scenarioNames } from './workload.ts'
import type { BenchClient, ClientName, Workload } from './workload.ts'

const clients: Readonly<Record<ClientName, BenchClient>> = { 'kafka-once': kafkaOnce, kafkajs, platformatic }

const [, , givenClient, givenScenario, givenWorkload = '{}'] = process.argv
const clientName = clientNames.find((name) => name === givenClient)
const scenario = scenarioNames.find((name) => name === givenScenario)
if (clientName === undefined || scenario === undefined) throw new Error('Start main.js instead')
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- main.ts wrote it
const workload = JSON.parse(givenWorkload) as Workload

const run = clients[clientName][scenario]
if (run === undefined) {
  console.log(JSON.stringify({ notRun: `${clientName} has no scenario ${scenario}` }))
} else {
  const meter = new Meter()
  await run(workload, meter)
  console.log(JSON.stringify(meter.measurement))
  // A peer that keeps something open must not keep the benchmark waiting.
  process.exit(0)
}
