// Alignment of barriers where streams come together: an input whose barrier has come is held back until the barrier has
// come from every input, so that a snapshot covers the same checkpoint on all of them. Pure: a state, an event, the next
// state.
import { assert } from '../client/index.ts'

export interface Alignment {
  readonly inputsCount: number
  /** The checkpoint whose barriers are being awaited; undefined between checkpoints. */
  readonly checkpointId: number | undefined
  /** Inputs whose barrier has come: they are held back. */
  readonly arrived: ReadonlySet<number>
}

export interface AlignmentStep {
  readonly alignment: Alignment
  /** Set when this was the last barrier: the checkpoint to pass on, and no input is held back any longer. */
  readonly alignedCheckpointId: number | undefined
}

export function noBarrier(inputsCount: number): Alignment {
  return { inputsCount, checkpointId: undefined, arrived: new Set() }
}

export function isHeldBack(alignment: Alignment, input: number): boolean {
  return alignment.arrived.has(input)
}

export function onBarrier(alignment: Alignment, input: number, checkpointId: number): AlignmentStep {
  const { inputsCount, arrived } = alignment
  assert(!arrived.has(input), `Input ${input} delivered barrier ${checkpointId} while it was held back`)
  const awaited = alignment.checkpointId ?? checkpointId
  assert(checkpointId === awaited, `Input ${input} delivered barrier ${checkpointId} where ${awaited} is awaited`)
  if (arrived.size + 1 === inputsCount) {
    return { alignment: noBarrier(inputsCount), alignedCheckpointId: checkpointId }
  }
  return {
    alignment: { inputsCount, checkpointId, arrived: new Set(arrived).add(input) },
    alignedCheckpointId: undefined
  }
}
