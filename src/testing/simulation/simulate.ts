// Owns one run of a simulation: a program in a world of its own, from the seed to its end. The same seed gives the same
// run, event by event, as its hash shows.

import { runTurns } from '../../runtime/index.ts'
import { World } from './world.ts'
import type { WorldOptions } from './world.ts'

export interface SimulateOptions extends WorldOptions {
  /** Virtual time after which the program counts as stuck. Default one hour. */
  readonly virtualMsMax?: number
  /** Events after which it counts as running in circles. Default 2,000,000. */
  readonly eventsMax?: number
}

/** How a run ended, and what it took. */
export interface SimulationRun<T> {
  readonly outcome: { readonly kind: 'ended'; readonly value: T } | { readonly kind: 'failed'; readonly error: unknown }
  /** The same for every run of the same program with the same seed. */
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  /** Lines to read; empty unless they were asked for. */
  readonly lines: readonly string[]
}

/** Says that a program did not end. */
export class StuckError extends Error {
  override readonly name = 'StuckError'
}

const virtualMsMaxDefault = 3_600_000
const eventsMaxDefault = 2_000_000

/** Runs a program in a world made from a seed. What the program throws, or that it does not end, is part of the result. */
export async function simulate<T>(
  options: SimulateOptions,
  program: (world: World) => Promise<T>
): Promise<SimulationRun<T>> {
  const { virtualMsMax = virtualMsMaxDefault, eventsMax = eventsMaxDefault } = options
  const world = new World(options)
  let outcome: SimulationRun<T>['outcome'] | undefined
  const stuck = (why: string): void => {
    outcome ??= { kind: 'failed', error: new StuckError(why) }
  }
  let isStarted = false
  await runTurns(() => {
    if (!isStarted) {
      isStarted = true
      program(world).then(
        (value) => (outcome ??= { kind: 'ended', value }),
        (error: unknown) => (outcome ??= { kind: 'failed', error })
      )
      return true
    }
    if (outcome !== undefined) return false
    if (!world.step()) stuck('The program waits, and nothing is to come')
    else if (world.nowMs > virtualMsMax) stuck(`The program had not ended after ${virtualMsMax} ms`)
    else if (world.events > eventsMax) stuck(`The program had not ended after ${eventsMax} events`)
    return true
  })
  if (outcome === undefined) throw new Error('A run ends with an outcome')
  return {
    outcome,
    hash: world.trace.hash,
    events: world.events,
    virtualMs: world.nowMs,
    lines: world.trace.lines ?? []
  }
}
