// The proof that the simulation sees what it is there for: every known bug of an engine, one after the other, is put into
// a copy of ours, and must be found within so many seeds; ours without them must be clean on the same seeds.
//
//   npm run mutations -- [--seeds 2000] [--seed 1] [--at-once 2] [--only NAME] [--profile NAME] [--survivors]
//
// Ends with 1 where a bug is not found, a patch no longer applies, or the engine itself fails. With --survivors those are
// tried that are not found so far (README.md here says why): one that is found belongs among the others.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkerOf } from '../checkers.ts'
import type { Hunted } from './hunt.ts'
import { Mutant } from './mutant.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '2' },
    only: { type: 'string', multiple: true },
    profile: { type: 'string', multiple: true },
    survivors: { type: 'boolean', default: false }
  }
})

const project = resolve('.')
const folder = join(project, 'test/simulation/mutations', values.survivors ? 'survivors' : 'patches')
const hunter = 'build/test/simulation/mutations/hunt.js'
const outputBytesMax = 16 * 1024 * 1024
/** A copy that does nothing for so long runs in circles. */
const huntMsMax = 45 * 60 * 1000

type Outcome = 'right' | 'wrong'

const only = values.only
const patches = readdirSync(folder)
  .filter((name) => name.endsWith('.patch') && (only === undefined || only.some((part) => name.includes(part))))
  .toSorted()
const works = patches.map((name) => () => tryPatch(join(folder, name)))
if (only === undefined) works.unshift(tryProject)
const total = works.length
const startMs = performance.now()
let wrong = 0

async function worker(): Promise<void> {
  for (let work = works.shift(); work !== undefined; work = works.shift()) if ((await work()) === 'wrong') wrong++
}
await Promise.all(Array.from({ length: Number(values['at-once']) }, worker))

const seconds = Math.round((performance.now() - startMs) / 1000)
console.log(`mutations: ${total - wrong} of ${total} as they must be, ${seconds} s`)
process.exitCode = wrong === 0 ? 0 : 1

async function tryProject(): Promise<Outcome> {
  const { seeds, found } = await hunt(project)
  if (found === undefined) return tell('right', 'the engine itself', `clean on ${seeds} seeds`)
  return tell(
    'wrong',
    'the engine itself',
    `FAILS at seed ${found.seed} (${found.profile}): ${found.faults.join('; ')}`
  )
}

async function tryPatch(patch: string): Promise<Outcome> {
  const name = basename(patch, '.patch')
  const [what = ''] = readFileSync(patch, 'utf8').split('\n')
  try {
    using mutant = new Mutant(project, patch)
    const { seeds, found } = await hunt(mutant.folder)
    if (found === undefined)
      return tell(values.survivors ? 'right' : 'wrong', name, `NOT FOUND in ${seeds} seeds: ${what}`)
    const by = `by '${checkerOf(found.faults[0] ?? '')}' after ${seeds} seeds (seed ${found.seed}, ${found.profile})`
    return tell(values.survivors ? 'wrong' : 'right', name, `found ${by}: ${found.faults[0]?.slice(0, 160) ?? ''}`)
  } catch (error) {
    return tell('wrong', name, `could not be tried: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function hunt(cwd: string): Promise<Hunted> {
  const profiles = (values.profile ?? []).flatMap((name) => ['--profile', name])
  const args = [join(cwd, hunter), '--seeds', values.seeds, '--seed', values.seed, ...profiles]
  return new Promise((resolveHunt, reject) => {
    execFile(
      process.execPath,
      args,
      { cwd, maxBuffer: outputBytesMax, timeout: huntMsMax },
      (error, stdout, stderr) => {
        const line = stdout.trim().split('\n').at(-1) ?? ''
        if (error !== null || !line.startsWith('{')) {
          reject(new Error(`the hunt ended without a word: ${error?.message ?? ''} ${stderr.slice(-500)}`))
          return
        }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what hunt.ts prints
        resolveHunt(JSON.parse(line) as Hunted)
      }
    )
  })
}

function tell(outcome: Outcome, name: string, text: string): Outcome {
  console.log(`${outcome === 'right' ? '    ' : 'BAD '}${name}: ${text}`)
  return outcome
}
