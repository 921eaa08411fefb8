// The whole proof of downtime: pipelines that come back after the broker has ended their prepared transactions, on
// brokers with no special settings.
//
//   npm run prove:downtime -- [--runs 48] [--seed N] [--versions 0,1,2] [--at-once 4]
//
// The runs are shared out among transaction versions and ways to be away. Ends with 1 where anything was not as it must
// be.
import { parseArgs } from 'node:util'
import { startBroker } from '../broker/broker.ts'
import { Dice, partSeed } from '../faults/seeded.ts'
import { versionsOf } from '../faults/summary.ts'
import { replayAfterDeath, replayAfterSleep, stopWithoutCheckpoint } from '../proofs/downtime.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '48' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    versions: { type: 'string', default: '0,1,2' },
    'at-once': { type: 'string', default: '4' }
  }
})

const seed = Number(values.seed)
const versions = versionsOf(values.versions)
const runsEach = Math.ceil(Number(values.runs) / versions.length)
// Replay is the promise; the other two are its edges.
const ways = [replayAfterDeath, replayAfterDeath, replayAfterSleep, stopWithoutCheckpoint]
const counts = new Map<string, number>()
const startMs = performance.now()
let faulty = 0

console.log(`downtime: seed ${seed}`)
for (const transactionVersion of versions) {
  await using broker = await startBroker({ transactionVersion })
  const left = Array.from({ length: runsEach }, (_, run) => run)
  const worker = async (): Promise<void> => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      await runOnce(broker.bootstrap, transactionVersion, run)
    }
  }
  await Promise.all(Array.from({ length: Number(values['at-once']) }, worker))
}

for (const [what, count] of counts) console.log(`${what}: ${count} runs`)
const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
const seconds = Math.round((performance.now() - startMs) / 1000)
console.log(`downtime: ${faulty} of ${total} runs were not as they must be; seed ${seed}, ${seconds} s`)
process.exitCode = faulty === 0 ? 0 : 1

async function runOnce(bootstrap: string, transactionVersion: number, run: number): Promise<void> {
  const dice = new Dice(partSeed(seed, 'downtime', transactionVersion, run))
  const way = ways[run % ways.length] ?? replayAfterDeath
  const name = `downtime-v${transactionVersion}-${run}`
  const faults = await way({ bootstrap, name, hit: dice.between(2, 8) })
  const what = `version ${transactionVersion}, ${way.name}`
  counts.set(what, (counts.get(what) ?? 0) + 1)
  console.log(`${name} (${way.name}): ${faults.length === 0 ? 'right' : faults.join('\n  ')}`)
  if (faults.length > 0) faulty++
}
