// The whole proof of restarts: runs that fail at every named point and recover within their process.
//
//   npm run prove:restarts -- [--seed N] [--rounds 5] [--versions 0,1,2]
import { parseArgs } from 'node:util'
import { startBroker } from '../broker/broker.ts'
import { restartPlaces, restartRound, restartSeed } from '../faults/restarts.ts'
import { Summary, versionsOf } from '../faults/summary.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rounds: { type: 'string', default: '5' },
    versions: { type: 'string', default: '0,1,2' }
  }
})

const seed = Number(values.seed)
const summary = new Summary('restarts', seed, 'failures')

for (const transactionVersion of versionsOf(values.versions)) {
  await using broker = await startBroker({ transactionVersion })
  for (let round = 1; round <= Number(values.rounds); round++) {
    const name = `restart-v${transactionVersion}-${round}`
    const own = restartSeed(seed, transactionVersion, round)
    const outcome = await restartRound({ bootstrap: broker.bootstrap, name, seed: own, places: restartPlaces })
    summary.add(`version ${transactionVersion}, round ${round}`, outcome, outcome.failures)
  }
}
process.exitCode = summary.finish()
