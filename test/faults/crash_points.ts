// The crash points C1 to C12 of one checkpoint and of recovery, each as a way to die there, and the proof that walks
// through them: one process after the other is killed at a point of its own, on one pipeline whose input never stops; at
// the end everything is judged.
import { Dice, partSeed } from './seeded.ts'
import type { FaultOrder } from './orders.ts'
import type { Pipeline } from './pipeline.ts'
import { Site } from './site.ts'
import type { Judgement, RunOptions } from './site.ts'

export interface CrashPoint {
  /** `C1` to `C12`, and where that stands for several places, which one. */
  readonly name: string
  /** For the last of the kills: where. One of them is chosen. */
  readonly places: readonly Place[]
  /** Processes that are killed before it, so that it finds something to recover. */
  readonly before?: readonly Place[]
}

interface Place {
  readonly point: string
  readonly phase: FaultOrder['phase']
  readonly after?: string
  /** At the n-th time; chosen where absent. */
  readonly hit?: number
}

const running = (point: string, after?: string): Place => ({
  point,
  phase: 'run',
  ...(after === undefined ? {} : { after })
})
const recovering = (point: string): Place => ({ point, phase: 'recovery' })

const sealed = running('checkpoint.preCommitted')
const durable = running('checkpoint.durable')
const decided = running('transaction.endTxnAnswered')
const sent = running('wire.EndTxn.sent')
const undecided = [durable, running('transaction.beforeEndTxn')]

export const crashPoints: readonly CrashPoint[] = [
  { name: 'C1 before the barrier', places: [running('checkpoint.beforeBarrier')] },
  { name: 'C2 barrier passed', places: [running('checkpoint.barrierPassed')] },
  {
    name: 'C3 in flush',
    places: [
      running('transaction.flush'),
      running('wire.Produce.sent', 'transaction.flush'),
      running('wire.Produce.answered', 'transaction.flush'),
      running('wire.TxnOffsetCommit.sent'),
      running('wire.TxnOffsetCommit.answered')
    ]
  },
  { name: 'C4 sealed', places: [sealed] },
  {
    // The first transaction of each run lies on the same id: what is pending there has been committed before.
    name: 'C4 sealed, on the id of a committed one',
    before: [
      { ...decided, hit: 1 },
      { ...running('checkpoint.proven'), hit: 1 }
    ],
    places: [
      { ...sealed, hit: 1 },
      { ...running('wire.TxnOffsetCommit.answered'), hit: 1 }
    ]
  },
  { name: 'C5 half written', places: [running('store.torn')] },
  { name: 'C6 written', places: [running('store.written')] },
  { name: 'C7 durable', places: [durable] },
  { name: 'C8 before EndTxn', places: [running('transaction.beforeEndTxn')] },
  { name: 'C9 EndTxn sent', places: [sent] },
  { name: 'C10 EndTxn answered', places: [decided, running('wire.EndTxn.answered')] },
  { name: 'C11 proven', places: [running('checkpoint.proven')] },
  { name: 'C12 loaded', before: [sealed, durable, sent], places: [recovering('recovery.loaded')] },
  { name: 'C12 before EndTxn', before: undecided, places: [recovering('transaction.beforeEndTxn')] },
  { name: 'C12 EndTxn sent', before: undecided, places: [recovering('wire.EndTxn.sent')] },
  {
    name: 'C12 EndTxn answered',
    before: undecided,
    places: [recovering('transaction.endTxnAnswered'), recovering('wire.EndTxn.answered')]
  },
  { name: 'C12 settled', before: [durable, sent, decided], places: [recovering('recovery.settled')] },
  {
    name: 'C12 while fencing',
    before: [sealed, durable, sent],
    places: [recovering('wire.InitProducerId.sent'), recovering('wire.InitProducerId.answered')]
  },
  { name: 'C12 fenced', before: [sealed, durable, sent], places: [recovering('recovery.fenced')] },
  { name: 'C12 reading the ledger', before: [durable, decided], places: [recovering('wire.OffsetCommit.answered')] },
  { name: 'C12 verified', before: [sealed, durable, decided], places: [recovering('recovery.verified')] },
  {
    name: 'C12 writing the run record',
    before: [sealed, durable, sent],
    places: [recovering('store.torn'), recovering('store.written')]
  },
  { name: 'C12 begun', before: [sealed, durable, decided], places: [recovering('recovery.began')] }
]

export interface CrashRoundOptions {
  readonly bootstrap: string
  readonly name: string
  readonly seed: number
  readonly points: readonly CrashPoint[]
  readonly onKill?: (point: CrashPoint) => void
}

export interface CrashRound extends Judgement {
  readonly kills: number
}

/** Where the very first process of a job can die: where it begins must be durable before its first record. */
const firstCheckpoint: CrashPoint = {
  name: 'in checkpoint 0',
  places: [
    recovering('checkpoint.beforeBarrier'),
    recovering('checkpoint.barrierPassed'),
    recovering('checkpoint.preCommitted'),
    recovering('checkpoint.durable'),
    recovering('checkpoint.proven')
  ]
}

/** Dies once at each of these points, in an order of the seed's choice, then runs to the end. */
export async function crashRound(options: CrashRoundOptions): Promise<CrashRound> {
  const { bootstrap, name, seed, points, onKill } = options
  const dice = new Dice(seed)
  const site = await Site.open({ bootstrap, name, partitions: 3, outputs: dice.between(1, 2) })
  let kills = 0
  try {
    for (const point of [firstCheckpoint, ...dice.shuffled(points)]) {
      kills += await dieOf(site, point, dice)
      onKill?.(point)
    }
    await site.finish()
    const judgement = await site.judge()
    return { ...judgement, faults: [...site.complaints(), ...judgement.faults], kills }
  } catch (cause) {
    throw new Error(`the round could not be ended:\n${await site.history()}`, { cause })
  } finally {
    await site.close()
  }
}

/** A recovery may find less to do than the point needs, where the process before it died on an empty checkpoint. */
const attemptsMax = 10

/** Dies at the point, and answers after how many kills. */
async function dieOf(site: Site, { name, before, places }: CrashPoint, dice: Dice): Promise<number> {
  let kills = 0
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const place = dice.pick(places)
    const hasBefore = before === undefined || (await diesAt(site, dice.pick(before), dice))
    const hasDied = await diesAt(site, place, dice)
    kills += (hasBefore && before !== undefined ? 1 : 0) + (hasDied ? 1 : 0)
    if (hasDied) return kills
  }
  throw new Error(`${name} was not reached in ${attemptsMax} attempts`)
}

/** Starts a process that is to die there; false where it did not come that way. */
async function diesAt(site: Site, { point, phase, after, hit: givenHit }: Place, dice: Dice): Promise<boolean> {
  // In recovery most points are passed once.
  const hit = givenHit ?? (phase === 'recovery' ? 1 : dice.between(1, 4))
  const order: FaultOrder = { point, phase, hit, action: 'kill', ...(after === undefined ? {} : { after }) }
  const pipeline = site.start({ order, ...chosenSettings(dice) })
  // One in ten is on its way to an orderly end.
  if (phase === 'run' && dice.next() < 0.1) void stopSoon(pipeline)
  const isMissed = (): boolean => pipeline.has('ended') || (phase === 'recovery' && pipeline.has('started'))
  const isOver = (): true | undefined => (isMissed() || pipeline.has('fault') ? true : undefined)
  await pipeline.until(`the kill at ${point}`, isOver)
  if (isMissed()) await pipeline.kill()
  await pipeline.untilGone()
  const last = pipeline.events.at(-1)
  if (isMissed()) return false
  const diedThere = pipeline.signalCode === 'SIGKILL' && last?.event === 'fault' && last.point === point
  if (!diedThere) throw new Error(`no kill at ${point}: ${pipeline.story()}`)
  return true
}

async function stopSoon(pipeline: Pipeline): Promise<void> {
  await pipeline.untilEvent('started').catch(() => undefined)
  pipeline.signal('SIGTERM')
}

function chosenSettings(dice: Dice): RunOptions {
  return {
    parallelism: dice.between(1, 2),
    concurrentMax: dice.between(1, 2),
    intervalMs: dice.pick([50, 100, 150]),
    lingerMs: dice.pick([0, 5, 30])
  }
}

export interface Tally {
  readonly point: string
  readonly transactionVersion: number
  readonly count: number
}

/** A table of how often each point was died at in each transaction version. */
export function formatTally(tally: readonly Tally[]): string {
  const versions = [...new Set(tally.map(({ transactionVersion }) => transactionVersion))].toSorted((a, b) => a - b)
  const order = [firstCheckpoint, ...crashPoints].map(({ name }) => name)
  const names = order.filter((name) => tally.some(({ point }) => point === name))
  const countOf = (name: string, version: number): number =>
    tally
      .filter(({ point, transactionVersion }) => point === name && transactionVersion === version)
      .reduce((sum, { count }) => sum + count, 0)
  const head = `| point | ${versions.map((version) => `version ${version}`).join(' | ')} |`
  const line = `| --- |${' ---: |'.repeat(versions.length)}`
  const rows = names.map((name) => `| ${name} | ${versions.map((version) => countOf(name, version)).join(' | ')} |`)
  return [head, line, ...rows].join('\n')
}

/** The seed of one round of one version. */
export function roundSeed(seed: number, transactionVersion: number, round: number): number {
  return partSeed(seed, 'crash', transactionVersion, round)
}
