// Owns what `npm run simulate` can be told, and refuses what makes no sense: a number that is none would play no seed at
// all, and find nothing.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { profileNames } from './profiles.ts'

export const usage = `npm run simulate -- [options]: the real client and engine against the embedded Kafka, in virtual time

  --seeds N       how many seeds are played; 1000, or 1 where --seed is given
  --seed N        the first of them; 1
  --profile NAME  only this profile of faults; may be given several times. All of them in turn:
                  ${profileNames.join(', ')}
  --processes N   how many seeds are played at once; as many as there are processors
  --replay N      so many of the seeds, from the first on, are played twice and must be the same run; 0
  --fail-fast     ends with the first seed that fails, and not with the fifth
  --report FILE   leaves a report in the form of vitest's
  --only 0,2      of one seed's faults only these, by their places in its plan; with --seed
  --trace         tells all that happens in one seed; with --seed
  --help          this

It tells every five seconds how far it is. A seed that fails is made smaller, and told with the end of its trace; the exit
code is 1 then, and 2 where an option is wrong. Ctrl-C ends it after the seeds that are under way, with what was found so
far and where to go on. A million seeds can be played in parts: --seeds 100000 --seed 1, --seeds 100000 --seed 100001, ...`

export interface CommandLine {
  readonly first: number
  readonly count: number
  readonly profiles: readonly string[]
  readonly processes: number
  readonly replays: number
  readonly failuresMax: number
  readonly report: string | undefined
  readonly only: readonly number[] | undefined
  readonly trace: boolean
  /** Plays for another process, which tells it what. */
  readonly isPlayer: boolean
}

const failuresTold = 5

/** What was asked for, or in a sentence what is wrong with it; undefined where nothing but help was. */
export function commandLine(args: readonly string[]): CommandLine | string | undefined {
  try {
    return read(args)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function read(args: readonly string[]): CommandLine | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      profile: { type: 'string', multiple: true },
      processes: { type: 'string' },
      replay: { type: 'string' },
      only: { type: 'string' },
      report: { type: 'string' },
      'fail-fast': { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      player: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) return undefined
  const { seed, seeds, profile = [...profileNames], only, trace } = values
  const wrong = profile.find((name) => !profileNames.includes(name))
  if (wrong !== undefined) throw new Error(`No profile is called ${wrong}: there are ${profileNames.join(', ')}`)
  const isOne = trace || only !== undefined
  if (isOne && seed === undefined && !values.player) throw new Error('--trace and --only need a --seed')
  if (isOne && seeds !== undefined) throw new Error('--trace and --only are for one --seed, without --seeds')
  return {
    first: wholeNumber('seed', seed, 1, 0),
    count: wholeNumber('seeds', seeds, seed === undefined ? 1000 : 1, 1),
    profiles: profile,
    processes: wholeNumber('processes', values.processes, availableParallelism(), 1),
    replays: wholeNumber('replay', values.replay, 0, 0),
    failuresMax: values['fail-fast'] ? 1 : failuresTold,
    report: values.report,
    only: only?.split(',').map((place) => wholeNumber('only', place, 0, 0)),
    trace,
    isPlayer: values.player
  }
}

function wholeNumber(name: string, text: string | undefined, absent: number, min: number): number {
  if (text === undefined) return absent
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && Number.isSafeInteger(value)) return value
  throw new Error(`--${name} is '${text}', but must be a whole number of at least ${min}`)
}
