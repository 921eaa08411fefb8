// A run that fails without its process dying: something throws at a named point, and the job recovers in the same process,
// beside whatever the failed run has not let go of yet. Every point fails in a process of its own, on one pipeline whose
// input never stops; at the end everything is judged.
import { Dice, partSeed } from './seeded.ts'
import type { FaultOrder } from './orders.ts'
import { Site } from './site.ts'
import type { Judgement } from './site.ts'

type Place = Pick<FaultOrder, 'point' | 'phase'>

const inRun = [
  'checkpoint.beforeBarrier',
  'checkpoint.barrierPassed',
  'transaction.flush',
  'checkpoint.preCommitted',
  'store.torn',
  'store.written',
  'checkpoint.durable',
  'transaction.beforeEndTxn',
  'transaction.endTxnAnswered',
  'checkpoint.proven'
]

const inRecovery = [
  'recovery.loaded',
  'transaction.beforeEndTxn',
  'transaction.endTxnAnswered',
  'recovery.settled',
  'recovery.fenced',
  'recovery.verified',
  'store.torn',
  'store.written',
  'recovery.began'
]

/** Where a run can fail. */
export const restartPlaces: readonly Place[] = [
  ...inRun.map((point) => ({ point, phase: 'run' as const })),
  ...inRecovery.map((point) => ({ point, phase: 'recovery' as const }))
]

export interface RestartRoundOptions {
  readonly bootstrap: string
  readonly name: string
  readonly seed: number
  readonly places: readonly Place[]
}

export interface RestartRound extends Judgement {
  readonly failures: number
}

/** Fails once at each of these places, in an order of the seed's choice, then runs to the end. */
export async function restartRound({ bootstrap, name, seed, places }: RestartRoundOptions): Promise<RestartRound> {
  const dice = new Dice(seed)
  const site = await Site.open({ bootstrap, name, partitions: 3 })
  let failures = 0
  try {
    for (const place of dice.shuffled(places)) if (await failAt(site, place, dice)) failures++
    await site.finish()
    return { ...(await site.judge()), failures }
  } catch (cause) {
    throw new Error(`the round could not be ended:\n${await site.history(3)}`, { cause })
  } finally {
    await site.close()
  }
}

/** True where the run failed there; its process must then go on with another run. */
async function failAt(site: Site, { point, phase }: Place, dice: Dice): Promise<boolean> {
  // A recovery has something to settle only after a process that died with a durable checkpoint.
  if (phase === 'recovery') {
    await site.start({ order: { point: 'checkpoint.durable', hit: 2, phase: 'run', action: 'kill' } }).untilGone()
  }
  const hit = phase === 'run' ? dice.between(1, 3) : 1
  const settings = { parallelism: dice.between(1, 2), concurrentMax: dice.between(1, 2) }
  const pipeline = site.start({ order: { point, phase, hit, action: 'fail' }, ...settings })
  const isPast = (): boolean => phase === 'recovery' && pipeline.has('started')
  await pipeline.until(`the failure at ${point}`, () => (pipeline.has('fault') || isPast() ? true : undefined))
  const hasFailed = pipeline.has('fault')
  const isUpAgain = (): boolean => {
    const last = pipeline.events.findLastIndex(({ event }) => event === 'started')
    const restarted = pipeline.events.findLastIndex(({ event }) => event === 'restarting')
    const checkpoints = pipeline.events.slice(last + 1).filter(({ event }) => event === 'checkpoint')
    return last > restarted && checkpoints.length >= 2 && (!hasFailed || restarted >= 0)
  }
  await pipeline.until('the run after the failure', () => (isUpAgain() ? true : undefined))
  // With something pending for the next one, or without.
  if (dice.next() < 0.3) await pipeline.stop()
  else await pipeline.kill()
  return hasFailed
}

/** The seed of one round of one version. */
export function restartSeed(seed: number, transactionVersion: number, round: number): number {
  return partSeed(seed, 'restarts', transactionVersion, round)
}
