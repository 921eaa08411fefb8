// Owns what a target of the fuzzer is: something that reads bytes, the seeds that its inputs are made from, and what must
// hold afterwards.

import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import type { Dice } from '../faults/seeded.ts'
import type { Seed } from './seed.ts'

/** How reading ended: with a value, or with a refusal. Anything else that is thrown is a finding. */
export type Outcome = { readonly value: unknown } | { readonly refusal: ProtocolError }

/** What one execution may cost. */
export interface Costs {
  /** Milliseconds of the processor. */
  readonly executionMs: number
  /** Live memory and garbage, bytes. */
  readonly allocatedBytes: number
}

export interface Target {
  readonly name: string
  readonly seeds: readonly Seed[]
  /** Where they are others than those of small inputs. */
  readonly costs?: Costs
  /** Reads the bytes: the part whose time and memory are measured. */
  read(bytes: Uint8Array): unknown
  /** Throws where the outcome is wrong. */
  check?(bytes: Uint8Array, outcome: Outcome): void
  /** Gives spoiled bytes what would otherwise be refused first, such as a checksum. */
  finish?(bytes: Uint8Array, dice: Dice): Uint8Array
}

/** Targets of one kind, and how large their share of all executions is. */
export interface TargetGroup {
  readonly name: string
  readonly share: number
  readonly targets: readonly Target[]
}

/** Reads once; answers a promise only where the target does. */
export function outcomeOf(target: Target, bytes: Uint8Array): Outcome | Promise<Outcome> {
  try {
    const value = target.read(bytes)
    if (!(value instanceof Promise)) return { value }
    return value.then((late: unknown) => ({ value: late }), refused)
  } catch (error) {
    return refused(error)
  }
}

function refused(error: unknown): Outcome {
  if (error instanceof ProtocolError) return { refusal: error }
  throw error
}
