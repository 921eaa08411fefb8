// Two incarnations of one job on one checkpoint folder without its lock: the first is paused, at a place of its own or at
// any moment; the second takes over, and is held somewhere on its way while the first one wakes. One of them must go on
// and the other end with a clear error; whatever both did, the output is right.
import type { FaultOrder } from './orders.ts'
import { Pipeline } from './pipeline.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { Dice, partSeed } from './seeded.ts'
import { Site } from './site.ts'
import type { Judgement } from './site.ts'

type Place = Pick<FaultOrder, 'point' | 'phase'>

const inRun = [
  'checkpoint.beforeBarrier',
  'checkpoint.barrierPassed',
  'transaction.flush',
  'wire.Produce.sent',
  'wire.TxnOffsetCommit.sent',
  'checkpoint.preCommitted',
  'store.torn',
  'store.written',
  'checkpoint.durable',
  'transaction.beforeEndTxn',
  'wire.EndTxn.sent',
  'transaction.endTxnAnswered',
  'checkpoint.proven'
]

const inRecovery = [
  'recovery.loaded',
  'recovery.settled',
  'wire.InitProducerId.sent',
  'recovery.fenced',
  'recovery.verified',
  'store.written',
  'recovery.began'
]

/** How the run that has lost says so. */
const clearCodes: readonly string[] = ['JOB_FENCED']

export interface ZombieOptions {
  readonly bootstrap: string
  readonly name: string
  readonly seed: number
  readonly times: number
  readonly onTime?: (told: ZombieTime) => void
}

export interface ZombieTime {
  /** Where the first one was paused, where the second one was held, and who lost. */
  readonly paused: string
  readonly held: string
  readonly loser: 'first' | 'second'
  readonly code: string
}

export interface ZombieRun extends Judgement {
  readonly times: readonly ZombieTime[]
}

/** Wakes zombies so many times on one pipeline, then runs it to the end. */
export async function zombieRun(options: ZombieOptions): Promise<ZombieRun> {
  const { bootstrap, name, seed, times, onTime } = options
  const dice = new Dice(seed)
  const site = await Site.open({ bootstrap, name, partitions: 3, lock: 'none' })
  const told: ZombieTime[] = []
  try {
    for (let i = 0; i < times; i++) {
      const time = await zombieTime(site, dice)
      told.push(time)
      onTime?.(time)
    }
    await site.finish()
    return { ...(await site.judge()), times: told }
  } catch (cause) {
    throw new Error(`the run could not be ended:\n${await site.history(2)}`, { cause })
  } finally {
    await site.close()
  }
}

async function zombieTime(site: Site, dice: Dice): Promise<ZombieTime> {
  const first = await pausedPipeline(site, dice)
  const place = dice.pick<Place>([
    ...inRecovery.map((point) => ({ point, phase: 'recovery' as const })),
    ...inRun.map((point) => ({ point, phase: 'run' as const }))
  ])
  const second = site.start({ order: { ...place, hit: 1, action: 'pause' }, ...someSettings(dice) })
  const held = await heldAt(second, place, dice)
  first.signal('SIGCONT')
  await sleep(dice.between(0, 400))
  second.signal('SIGCONT')
  // One that had not come to its place before pauses there now.
  const waking = setInterval(() => [first, second].forEach((pipeline) => pipeline.signal('SIGCONT')), 100)
  try {
    const { winner, loser, code } = await outcomeOf(first, second)
    const checkpointsBefore = winner.all('checkpoint').length
    await winner.until('another checkpoint of the run that goes on', () => {
      return winner.all('checkpoint').length > checkpointsBefore ? true : undefined
    })
    await winner.kill()
    return { paused: pausedAt(first), held, loser: loser === first ? 'first' : 'second', code }
  } finally {
    clearInterval(waking)
  }
}

/** A process that was stopped: by itself at some place, or from outside at any moment. */
async function pausedPipeline(site: Site, dice: Dice): Promise<Pipeline> {
  const at = dice.next()
  if (at < 0.3) {
    const pipeline = site.start(someSettings(dice))
    await sleep(dice.between(200, 1500))
    pipeline.signal('SIGSTOP')
    return pipeline
  }
  const isRunning = at < 0.8
  const point = dice.pick(isRunning ? inRun : inRecovery)
  const phase = isRunning ? 'run' : 'recovery'
  const hit = isRunning ? dice.between(1, 4) : 1
  const pipeline = site.start({ order: { point, phase, hit, action: 'pause' }, ...someSettings(dice) })
  await pipeline.until(`the pause at ${point}`, () => {
    return pipeline.has('fault') || (!isRunning && pipeline.has('started')) ? true : undefined
  })
  pipeline.signal('SIGSTOP')
  return pipeline
}

function pausedAt(pipeline: Pipeline): string {
  return pipeline.all('fault').at(0)?.point ?? 'any moment'
}

/** Waits until the second one has paused itself, or for a moment where that is not to come. */
async function heldAt(pipeline: Pipeline, { point, phase }: Place, dice: Dice): Promise<string> {
  // Also woken on its way there.
  if (dice.next() < 0.2) {
    await sleep(dice.between(0, 800))
    return 'nowhere'
  }
  const isMissed = (): boolean => phase === 'recovery' && pipeline.has('started')
  const isHeld = (): true | undefined => (isMissed() || pipeline.has('fault') ? true : undefined)
  await pipeline.until(`the pause at ${point}`, isHeld)
  return pipeline.has('fault') ? point : 'nowhere'
}

interface Outcome {
  readonly winner: Pipeline
  readonly loser: Pipeline
  readonly code: string
}

async function outcomeOf(first: Pipeline, second: Pipeline): Promise<Outcome> {
  const loser = await Pipeline.firstGone([first, second])
  const winner = loser === first ? second : first
  const failure = loser.all('failed').at(-1)
  const isClear = loser.exitCode !== null && loser.exitCode !== 0 && clearCodes.includes(failure?.code ?? '')
  if (!isClear) throw new Error(`the run that lost did not say so: ${loser.story()}\nbeside it: ${winner.story()}`)
  return { winner, loser, code: failure?.code ?? '' }
}

function someSettings(dice: Dice) {
  return { parallelism: dice.between(1, 2), concurrentMax: dice.between(1, 2), intervalMs: dice.pick([50, 100]) }
}

/** The seed of the run of one version. */
export function zombieSeed(seed: number, transactionVersion: number): number {
  return partSeed(seed, 'zombies', transactionVersion)
}
