// The whole proof of random kills: a loaded pipeline with two outputs and parallelism 2 to 4.
//
//   npm run prove:random-kills -- [--seed N] [--kills 200] [--versions 2]
//
// The kills are shared out among the versions. Ends with 1 where anything was lost, doubled, out of order, torn between
// the outputs, or wrongly judged.
import { parseArgs } from 'node:util'
import { startBroker } from '../broker/broker.ts'
import { randomKills, randomKillsSeed } from '../faults/random_kills.ts'
import { Summary, versionsOf } from '../faults/summary.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'string', default: '200' },
    versions: { type: 'string', default: '2' }
  }
})

const seed = Number(values.seed)
const versions = versionsOf(values.versions)
const kills = Math.ceil(Number(values.kills) / versions.length)
const summary = new Summary('random kills', seed)

for (const transactionVersion of versions) {
  await using broker = await startBroker({ transactionVersion })
  const { bootstrap } = broker
  const name = `random-v${transactionVersion}`
  const own = randomKillsSeed(seed, transactionVersion)
  const run = await randomKills({ bootstrap, name, seed: own, kills, onKill: tell })
  summary.add(`version ${transactionVersion}`, run, run.kills.length)
  const recovering = run.kills.filter(({ wasRecovering }) => wasRecovering).length
  console.log(`version ${transactionVersion}: ${recovering} of the kills met a process that had not recovered yet`)
}
process.exitCode = summary.finish()

function tell(_kill: unknown, number: number): void {
  if (number % 20 === 0) console.log(`  ${number} kills`)
}
