// Which checkpoints of a store count. Each run's record says from which checkpoint it went on, so what an earlier run
// published beyond that point is a dead branch, whenever it came: its transactions were ended by the later run's fence.
// Also owns the names under which checkpoints and runs are kept. Pure.

export interface CheckpointName {
  readonly name: string
  readonly checkpointId: number
  readonly incarnation: number
  readonly runId: string
}

export interface RunName {
  readonly name: string
  readonly incarnation: number
}

/** Which run has an incarnation, and where it went on from; `unreadable` where its record is damaged. */
export type Origin = { readonly runId: string; readonly restoredCheckpointId: number | undefined } | 'unreadable'

const checkpointPattern = /^checkpoint-(\d{10,16})-(\d{1,15})-([0-9a-f]{16})$/
const runPattern = /^run-(\d{1,15})$/

export function checkpointNameOf(checkpointId: number, incarnation: number, runId: string): string {
  return `checkpoint-${String(checkpointId).padStart(10, '0')}-${incarnation}-${runId}`
}

export function runNameOf(incarnation: number): string {
  return `run-${incarnation}`
}

/** Undefined where this is not exactly the name of a checkpoint. */
export function parseCheckpointName(name: string): CheckpointName | undefined {
  const [, id, incarnation, runId] = checkpointPattern.exec(name) ?? []
  if (id === undefined || incarnation === undefined || runId === undefined) return undefined
  const parsed = { name, checkpointId: Number(id), incarnation: Number(incarnation), runId }
  return checkpointNameOf(parsed.checkpointId, parsed.incarnation, runId) === name ? parsed : undefined
}

export function parseRunName(name: string): RunName | undefined {
  const [, incarnation] = runPattern.exec(name) ?? []
  if (incarnation === undefined || runNameOf(Number(incarnation)) !== name) return undefined
  return { name, incarnation: Number(incarnation) }
}

/** Whether the job may go on from this checkpoint. `origins` has every run that the store knows, by incarnation. */
export function isOnLineage(
  checkpoint: Pick<CheckpointName, 'checkpointId' | 'incarnation' | 'runId'>,
  origins: ReadonlyMap<number, Origin>
): boolean {
  for (const [incarnation, origin] of origins) {
    if (incarnation < checkpoint.incarnation) continue
    const isOwn = incarnation === checkpoint.incarnation
    if (origin === 'unreadable') {
      if (isOwn) continue
      return false
    }
    // One that wanted the same incarnation and came too late has left a copy of what it would have gone on from.
    if (isOwn ? origin.runId !== checkpoint.runId : checkpoint.checkpointId > (origin.restoredCheckpointId ?? -1)) {
      return false
    }
  }
  return true
}

/** In order of id; of two with one id, that of the later run last. */
export function byCheckpointId(
  left: Pick<CheckpointName, 'checkpointId' | 'incarnation'>,
  right: Pick<CheckpointName, 'checkpointId' | 'incarnation'>
): number {
  return left.checkpointId - right.checkpointId || left.incarnation - right.incarnation
}
