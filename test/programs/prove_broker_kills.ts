// The whole proof of broker kills: the only broker dies right after it answered a commit, or an abort of what a process
// left open, in turn.
//
//   npm run prove:broker-kills -- [--kills 20] [--seed N] [--versions 2]
//
// Prints each kill and how often a marker was missing; ends with 1 where anything was lost, doubled, out of order, or
// wrongly judged.
import { parseArgs } from 'node:util'
import { Summary, versionsOf } from '../faults/summary.ts'
import { killBroker } from '../proofs/broker_kills.ts'
import type { BrokerKill } from '../proofs/broker_kills.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    versions: { type: 'string', default: '2' }
  }
})

const seed = Number(values.seed)
const summary = new Summary('broker kills', seed)
const all: BrokerKill[] = []

function onKill({ at, answer, process: itself, repaired }: BrokerKill, number: number): void {
  const found = repaired.length === 0 ? 'no marker was missing' : `repaired: ${repaired.join(', ')}`
  console.log(
    `kill ${number} at a${at === 'abort' ? 'n abort' : ' commit'}: the answer ${answer}, the process ${itself}; ${found}`
  )
}

for (const transactionVersion of versionsOf(values.versions)) {
  const outcome = await killBroker({ kills: Number(values.kills), seed, transactionVersion, onKill })
  all.push(...outcome.kills)
  summary.add(`version ${transactionVersion}`, outcome, outcome.kills.length)
}

const withMissing = all.filter(({ repaired }) => repaired.length > 0)
const markers = withMissing.reduce((sum, { repaired }) => sum + repaired.length, 0)
console.log(
  `after ${withMissing.length} of ${all.length} kills markers were missing, ${markers} in all; all were written`
)
process.exitCode = summary.finish()
