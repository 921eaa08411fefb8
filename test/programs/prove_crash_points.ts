// The whole proof of the crash points: every point, in every transaction version, as many rounds as asked for.
//
//   npm run prove:crash-points -- [--seed N] [--rounds 5] [--versions 0,1,2] [--points C3,C12]
//
// Prints a table of the kills and ends with 1 where anything was lost, doubled, out of order, or wrongly judged.
import { parseArgs } from 'node:util'
import { startBroker } from '../broker/broker.ts'
import { crashPoints, crashRound, formatTally, roundSeed } from '../faults/crash_points.ts'
import type { Tally } from '../faults/crash_points.ts'
import { Summary, versionsOf } from '../faults/summary.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rounds: { type: 'string', default: '5' },
    versions: { type: 'string', default: '0,1,2' },
    points: { type: 'string', default: '' }
  }
})

const seed = Number(values.seed)
const rounds = Number(values.rounds)
const wanted = values.points === '' ? [] : values.points.split(',')
const points = crashPoints.filter(({ name }) => wanted.length === 0 || wanted.some((one) => name.startsWith(one)))
const tally: Tally[] = []
const summary = new Summary('crash points', seed)

for (const transactionVersion of versionsOf(values.versions)) {
  await using broker = await startBroker({ transactionVersion })
  for (let round = 1; round <= rounds; round++) {
    const name = `crash-v${transactionVersion}-${round}`
    const own = roundSeed(seed, transactionVersion, round)
    const onKill = ({ name: point }: { readonly name: string }): void => {
      tally.push({ point, transactionVersion, count: 1 })
    }
    const outcome = await crashRound({ bootstrap: broker.bootstrap, name, seed: own, points, onKill })
    summary.add(`version ${transactionVersion}, round ${round}`, outcome, outcome.kills)
  }
}

console.log(formatTally(tally))
process.exitCode = summary.finish()
