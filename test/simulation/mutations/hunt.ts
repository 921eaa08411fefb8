// Plays seeds until one fails, and says which: the part of the mutation run that happens inside a copy of the project in
// which the engine has a bug. Prints one line of JSON.
import { parseArgs } from 'node:util'
import { planOf, profileNames } from '../profiles.ts'
import { runPlan } from '../run_plan.ts'

/** What one hunt found. */
export interface Hunted {
  /** Seeds that were played. */
  readonly seeds: number
  /** Undefined where none failed. */
  readonly found: { readonly seed: number; readonly profile: string; readonly faults: readonly string[] } | undefined
}

const faultsMax = 5

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '2000' },
    profile: { type: 'string', multiple: true }
  }
})
const first = Number(values.seed)
const profiles = values.profile ?? profileNames

Error.stackTraceLimit = 0
let unhandled: string | undefined
process.on('unhandledRejection', (reason) => {
  unhandled ??= `a rejection that nobody handled: ${String(reason)}`
})

async function hunt(): Promise<Hunted> {
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const profile = profiles[seed % profiles.length] ?? 'crash'
    const { faults } = await runPlan(planOf(seed, profile))
    const all = unhandled === undefined ? faults : [...faults, unhandled]
    if (all.length > 0) return { seeds: seed - first + 1, found: { seed, profile, faults: all.slice(0, faultsMax) } }
  }
  return { seeds: Number(values.seeds), found: undefined }
}

console.log(JSON.stringify(await hunt()))
