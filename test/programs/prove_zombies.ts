// The whole proof of the zombies: first incarnations that wake while a second one takes over.
//
//   npm run prove:zombies -- [--seed N] [--times 50] [--versions 1,2]
//
// Prints who lost and how, and ends with 1 where anything was lost, doubled, out of order, wrongly judged or silent.
import { parseArgs } from 'node:util'
import { startBroker } from '../broker/broker.ts'
import { Summary, versionsOf } from '../faults/summary.ts'
import { zombieRun, zombieSeed } from '../faults/zombies.ts'
import type { ZombieTime } from '../faults/zombies.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    times: { type: 'string', default: '50' },
    versions: { type: 'string', default: '1,2' }
  }
})

const seed = Number(values.seed)
const times = Number(values.times)
const summary = new Summary('zombies', seed, 'takeovers')

for (const transactionVersion of versionsOf(values.versions)) {
  await using broker = await startBroker({ transactionVersion })
  const { bootstrap } = broker
  const name = `zombie-v${transactionVersion}`
  const own = zombieSeed(seed, transactionVersion)
  const run = await zombieRun({ bootstrap, name, seed: own, times, onTime: tell })
  summary.add(`version ${transactionVersion}`, run, run.times.length)
  const secondLost = run.times.filter(({ loser }) => loser === 'second').length
  console.log(`version ${transactionVersion}: of ${run.times.length} times the second run lost ${secondLost}`)
}
process.exitCode = summary.finish()

function tell({ paused, held, loser, code }: ZombieTime): void {
  console.log(`  first paused at ${paused}, second held at ${held}: the ${loser} one ended with ${code}`)
}
