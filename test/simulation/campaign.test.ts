// What the simulator promises of itself: chunks are played by all players, a seed that fails is found, told, and made
// smaller, and one that is another run the second time is found too. The bug is planted in a small program of these tests.
import { Injector, simulate } from 'kafka-once/testing'
import type { Runtime } from 'kafka-once/runtime'
import { describe, expect, test } from 'vitest'
import { Campaign } from './campaign.ts'
import type { CampaignOptions, Player } from './campaign.ts'
import type { Coverage } from './coverage.ts'
import type { Action, Plan, PlannedFault } from './plan.ts'
import { commandLine, usage } from './command_line.ts'
import { playerHere } from './player.ts'
import { planOf } from './profiles.ts'
import { coverageText, jsonReport } from './report.ts'
import { shrink, withFaults } from './run_plan.ts'
import type { PlanRun } from './run_plan.ts'

const cut: PlannedFault = {
  when: { at: 'point', name: 'written', hit: 3 },
  action: { do: 'kill', power: true, downMs: 0 }
}
const clock = (hit: number): PlannedFault => ({ when: { at: 'before', hit }, action: { do: 'clock', ms: 5 } })

/** Tells that it has written a file, and has not made it safe. */
async function forgetful(runtime: Runtime, written: string[]): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const file = await runtime.files.create(`/file-${i}`, 0o600)
    await file.write(Buffer.from('text'))
    await file.close()
    await runtime.files.syncFolder('/')
    written.push(`file-${i}`)
    const wait = runtime.faultPoint('written')
    if (wait) await wait
  }
}

async function runForgetful(plan: Plan): Promise<PlanRun> {
  const { outcome, hash, events, virtualMs, lines } = await simulate({ seed: plan.seed }, async (world) => {
    const { process, runtime } = world.spawn('machine', 'program')
    const injector = new Injector<Action>(world, plan.faults, (action) => {
      if (action.do === 'kill') world.cutPower('machine')
      return undefined
    })
    injector.watched.add(process)
    world.watch(injector)
    const written: string[] = []
    void forgetful(runtime, written)
    await world.spawn('elsewhere', 'judge').runtime.sleep(1000)
    const disk = world.disk('machine')
    return written.filter((name) => disk.read(`/${name}`).length < 4).map((name) => `${name} is not whole`)
  })
  const faults = outcome.kind === 'ended' ? outcome.value : [String(outcome.error)]
  return { plan, faults, result: undefined, hash, events, virtualMs, requests: 0, lines }
}

function runMeeting(plan: Plan, coverage: Coverage): Promise<PlanRun> {
  const key = 'kill at store.torn | running | EndTxn PRODUCER_FENCED'
  coverage.met.set(key, (coverage.met.get(key) ?? 0) + 1)
  return runForgetful(plan)
}

const harmless = Array.from({ length: 6 }, (_, i) => clock(i + 1))
/** Only this seed's plan has the fault that the program cannot bear. */
const badSeed = 17
const planSeed = (seed: number): Plan => {
  const faults = seed === badSeed ? [...harmless.slice(0, 4), cut, ...harmless.slice(4)] : harmless
  return { ...planOf(seed, 'crash'), faults }
}

const options: CampaignOptions = {
  first: 1,
  count: 50,
  replays: 0,
  failuresMax: 5,
  chunkSeeds: 4,
  onProgress: () => undefined
}

describe('the command line', () => {
  test('asks for a thousand seeds of all profiles, or for what it says', () => {
    expect(commandLine([])).toMatchObject({ first: 1, count: 1000, replays: 0, failuresMax: 5, isPlayer: false })
    expect(commandLine(['--seed', '7'])).toMatchObject({ first: 7, count: 1 })
    const some = ['--seeds', '50', '--seed', '101', '--profile', 'crash', '--profile', 'disk', '--fail-fast']
    expect(commandLine(some)).toMatchObject({ first: 101, count: 50, profiles: ['crash', 'disk'], failuresMax: 1 })
    expect(commandLine(['--seed', '7', '--only', '0,2', '--trace'])).toMatchObject({ only: [0, 2], trace: true })
    expect(commandLine(['--help'])).toBeUndefined()
    expect(usage).toContain('--seeds 100000 --seed 100001')
  })

  test.each([
    ['--seeds', 'abc', "--seeds is 'abc', but must be a whole number of at least 1"],
    ['--seeds', '0', "--seeds is '0'"],
    ['--seed=-1', undefined, "--seed is '-1', but must be a whole number of at least 0"],
    ['--processes', '0', "--processes is '0'"],
    ['--profile', 'nosuch', 'No profile is called nosuch: there are crash'],
    ['--only', '1', '--trace and --only need a --seed'],
    ['--sed', '1', "Unknown option '--sed'"],
    ['more', undefined, "Unexpected argument 'more'"]
  ])('refuses %s %s', (name, value, message) => {
    expect(commandLine(value === undefined ? [name] : [name, value])).toContain(message)
  })
})

describe('a campaign', () => {
  test('plays every seed once, on all its players', async () => {
    const seen: number[][] = [[], []]
    const players = seen.map((seeds): Player => {
      return async (chunk) => {
        for (let seed = chunk.first; seed < chunk.first + chunk.count; seed++) seeds.push(seed)
        await new Promise((resolve) => setImmediate(resolve))
        return playerHere((seed) => ({ ...planSeed(seed), faults: [] }), runForgetful)(chunk)
      }
    })
    const campaign = await Campaign.run(players, options)
    expect(seen.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(seen.every((seeds) => seeds.length > 0)).toBe(true)
    expect(campaign.sums.seeds).toBe(50)
    expect(campaign.isClean).toBe(true)
  })

  test('finds the seed in which a planted bug shows, and reports it as a failed test', async () => {
    const campaign = await Campaign.run([playerHere(planSeed, runForgetful)], options)
    expect(campaign.failures.map(({ seed }) => seed)).toEqual([badSeed])
    expect(campaign.isClean).toBe(false)
    expect(JSON.parse(jsonReport(campaign, 'a suite'))).toMatchObject({
      success: false,
      testResults: [
        {
          status: 'failed',
          assertionResults: [
            {
              status: 'failed',
              failureMessages: [expect.stringMatching(/^npm run simulate -- --profile crash --seed 17\n.*not whole/)]
            }
          ]
        }
      ]
    })
  })

  test('ends at once when as many seeds have failed as it was told', async () => {
    const campaign = await Campaign.run([playerHere(planSeed, runForgetful)], { ...options, failuresMax: 1 })
    expect(campaign.sums.seeds).toBe(20)
  })

  test('ends after what is under way when it is told to, and says where to go on', async () => {
    const ending = new AbortController()
    const play = playerHere((seed) => ({ ...planSeed(seed), faults: [] }), runForgetful)
    const player: Player = async (chunk) => {
      if (chunk.first === 9) ending.abort()
      return play(chunk)
    }
    const campaign = await Campaign.run([player], { ...options, signal: ending.signal })
    expect([campaign.sums.seeds, campaign.nextSeed]).toEqual([12, 13])
  })

  test('plays as many seeds twice as asked for, and finds them equal', async () => {
    const campaign = await Campaign.run([playerHere(planSeed, runForgetful)], { ...options, replays: 8 })
    expect(campaign.replayed).toBe(8)
    expect(campaign.unequal).toEqual([])
  })

  test('finds a seed that is another run the second time', async () => {
    let runs = 0
    const player = playerHere(planSeed, (plan) =>
      runForgetful(plan.seed === 3 ? { ...plan, seed: 1000 + runs++ } : plan)
    )
    const campaign = await Campaign.run([player], { ...options, replays: 8 })
    expect(campaign.unequal).toEqual([3])
    expect(campaign.isClean).toBe(false)
  })

  test('adds up what its players have met', async () => {
    const campaign = await Campaign.run([playerHere(planSeed, runMeeting)], options)
    expect([...campaign.met.values()]).toEqual([50])
    expect(coverageText(campaign)).toMatch(/store\.torn +1 faults, 1 states, 1 codes, 1 meetings/)
  })
})

describe('a plan that fails', () => {
  test('is made smaller to the one fault that it needs', async () => {
    const failed = await runForgetful(planSeed(badSeed))
    expect(failed.faults).not.toEqual([])
    let runs = 0
    const kept = await shrink(failed, (plan) => {
      runs++
      return runForgetful(plan)
    })
    expect(withFaults(failed.plan, kept).faults).toEqual([cut])
    // Fewer than one for each fault and each size.
    expect(runs).toBeLessThanOrEqual(12)
  })

  test('keeps two faults that it needs together', async () => {
    const plan = { ...planSeed(1), faults: [...harmless, cut, clock(9)] }
    const run = (one: Plan) => {
      const isBad = one.faults.includes(cut) && one.faults.includes(harmless[1]!)
      return Promise.resolve({ plan: one, faults: isBad ? ['lost 3 records'] : one.faults.length > 2 ? ['else'] : [] })
    }
    expect(await shrink({ plan, faults: ['lost 17 records'] }, run)).toEqual([1, 6])
  })
})
