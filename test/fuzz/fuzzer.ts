// Owns the fuzzing itself: every execution follows from the seed and its own number, so that any of them can be run again
// alone. Reading must end with a value or a ProtocolError, at a limited cost, and what the target checks must hold.

import { Dice } from '../faults/seeded.ts'
import { largeInput } from './large_targets.ts'
import { messageGroups } from './message_targets.ts'
import { meteredOutcome } from './meter.ts'
import { minimized } from './minimize.ts'
import { Mutator } from './mutator.ts'
import { reportGroups } from './report_targets.ts'
import { recordGroups } from './record_targets.ts'
import { streamGroups } from './stream_targets.ts'
import { SystematicInputs } from './systematic.ts'
import type { Target, TargetGroup } from './target.ts'

/** Something that must not be. */
export interface Finding {
  readonly seed: number
  readonly execution: number
  readonly target: string
  /** What was thrown. */
  readonly error: string
  /** Hexadecimal. */
  readonly input: string
  /** A smaller input with which the same happens. */
  readonly minimized: string
}

/** One execution in so many spoils the seeds in order, the others by dice. */
const systematicEvery = 4

/** One execution in so many has a large input; never one of those in order. */
const largeEvery = 4_096
const largeRemainder = 1
const largeGroup: TargetGroup = { name: 'large bodies', share: 0, targets: [] }

/** How many executions of each group ended how. */
export type Tally = Record<string, { values: number; refusals: number }>

export class Fuzzer {
  readonly tally: Tally = {}
  readonly #seed: number
  readonly #groups: readonly TargetGroup[]
  readonly #shares: number
  readonly #systematic: SystematicInputs

  private constructor(seed: number, groups: readonly TargetGroup[]) {
    this.#seed = seed
    this.#groups = groups
    this.#shares = groups.reduce((sum, { share }) => sum + share, 0)
    this.#systematic = new SystematicInputs(groups)
    for (const { name } of [...groups, largeGroup]) this.tally[name] = { values: 0, refusals: 0 }
  }

  static async create(seed: number): Promise<Fuzzer> {
    // Nearly every execution ends with an error, whose stack would cost more than the rest.
    Error.stackTraceLimit = 0
    const groups = [...messageGroups(seed), ...(await recordGroups(seed)), ...streamGroups(seed), ...reportGroups()]
    return new Fuzzer(seed, groups)
  }

  /** How many inputs the seeds give in order. */
  get systematicCount(): number {
    return this.#systematic.count
  }

  get targets(): readonly Target[] {
    return this.#groups.flatMap(({ targets }) => targets)
  }

  /** Runs one execution; what it finds, already minimized. */
  async execute(execution: number): Promise<Finding | undefined> {
    const { group, target, bytes } = this.draw(execution)
    try {
      const outcome = await meteredOutcome(target, bytes)
      const counts = this.tally[group.name]!
      if ('value' in outcome) counts.values++
      else counts.refusals++
      target.check?.(bytes, outcome)
      return undefined
    } catch (error) {
      return this.#finding(execution, target, bytes, error)
    }
  }

  /** What an execution runs. */
  draw(execution: number): { readonly group: TargetGroup; readonly target: Target; readonly bytes: Uint8Array } {
    const dice = new Dice(mixed(this.#seed, execution))
    if (execution % systematicEvery === 0) {
      const { group, target, bytes } = this.#systematic.input(execution / systematicEvery)
      return { group, target, bytes: finished(target, bytes, dice) }
    }
    if (execution % largeEvery === largeRemainder) return { group: largeGroup, ...largeInput(dice) }
    let left = dice.next() * this.#shares
    const group = this.#groups.find(({ share }) => (left -= share) < 0) ?? this.#groups[0]!
    const target = dice.pick(group.targets)
    const spoiled = new Mutator(dice).mutate(dice.pick(target.seeds), dice.pick(target.seeds))
    return { group, target, bytes: finished(target, spoiled, dice) }
  }

  async #finding(execution: number, target: Target, bytes: Uint8Array, error: unknown): Promise<Finding> {
    Error.stackTraceLimit = 20
    const thrown = (await errorOf(target, bytes)) ?? error
    Error.stackTraceLimit = 0
    const small = await minimized(
      bytes,
      async (candidate) => kindOf(await errorOf(target, candidate)) === kindOf(error)
    )
    return {
      seed: this.#seed,
      execution,
      target: target.name,
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
      input: hex(bytes),
      minimized: hex(small)
    }
  }
}

function finished(target: Target, bytes: Uint8Array, dice: Dice): Uint8Array {
  return target.finish === undefined ? bytes.slice() : target.finish(bytes, dice)
}

async function errorOf(target: Target, bytes: Uint8Array): Promise<unknown> {
  try {
    const outcome = await meteredOutcome(target, bytes)
    target.check?.(bytes, outcome)
    return undefined
  } catch (error) {
    return error
  }
}

/** Two errors are of one kind when they differ in numbers only. */
function kindOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message.replace(/\d+/g, '#')}` : String(error)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Neighbours must not look alike. */
function mixed(seed: number, execution: number): number {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(execution + 1, 0xc2b2ae35)
  state = Math.imul(state ^ (state >>> 16), 0x7feb352d)
  return (state ^ (state >>> 15)) >>> 0
}
