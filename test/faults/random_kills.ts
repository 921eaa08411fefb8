// A loaded pipeline with two outputs, killed at moments that nobody chose: whatever a kill meets, each record must be in
// both outputs once, and no transaction may be visible in one of them only.
import { setTimeout as sleep } from 'node:timers/promises'
import { Dice, partSeed } from './seeded.ts'
import { Site } from './site.ts'
import type { Judgement } from './site.ts'

export interface RandomKillsOptions {
  readonly bootstrap: string
  readonly name: string
  readonly seed: number
  readonly kills: number
  readonly onKill?: (kill: RandomKill, number: number) => void
}

export interface RandomKill {
  /** After the start of its process. */
  readonly afterMs: number
  readonly parallelism: number
  readonly wasRecovering: boolean
}

export interface RandomKillsRun extends Judgement {
  readonly kills: readonly RandomKill[]
}

/** Kills so many processes on one pipeline, then runs it to the end. */
export async function randomKills(options: RandomKillsOptions): Promise<RandomKillsRun> {
  const { bootstrap, name, seed, onKill } = options
  const dice = new Dice(seed)
  const site = await Site.open({ bootstrap, name, partitions: 4, outputs: 2, batchRecords: 10 })
  const kills: RandomKill[] = []
  try {
    while (kills.length < options.kills) {
      const kill = await killOnce(site, dice)
      kills.push(kill)
      onKill?.(kill, kills.length)
    }
    await site.finish()
    const judgement = await site.judge()
    return { ...judgement, faults: [...site.complaints(), ...judgement.faults], kills }
  } catch (cause) {
    throw new Error(`the run could not be ended:\n${await site.history(3)}`, { cause })
  } finally {
    await site.close()
  }
}

/** Two in five die in the first moments, which are those of recovery; the others at any later moment. */
async function killOnce(site: Site, dice: Dice): Promise<RandomKill> {
  const parallelism = dice.between(2, 4)
  const pipeline = site.start({
    parallelism,
    concurrentMax: dice.between(1, 3),
    intervalMs: dice.pick([30, 100, 200]),
    lingerMs: dice.pick([0, 5, 20])
  })
  const startMs = performance.now()
  const isEarly = dice.next() < 0.4
  if (!isEarly) await pipeline.untilEvent('started')
  await sleep(isEarly ? dice.between(0, 500) : dice.between(0, 1200))
  const wasRecovering = !pipeline.has('started')
  if (pipeline.isGone) throw new Error(`the pipeline ended by itself: ${pipeline.story()}`)
  await pipeline.kill()
  return { afterMs: Math.round(performance.now() - startMs), parallelism, wasRecovering }
}

/** The seed of the run of one version. */
export function randomKillsSeed(seed: number, transactionVersion: number): number {
  return partSeed(seed, 'random kills', transactionVersion)
}
