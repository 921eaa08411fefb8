// The contract between the engine and whatever keeps checkpoints. A run first publishes a record of itself, then its
// checkpoints: the record cuts off every checkpoint that an earlier run publishes late, so that of two runs that
// believe to be the only one at most one has checkpoints that count. Types only.
import type { Logger } from '../../client/index.ts'
import type { Runtime } from '../../runtime/index.ts'
import type { ParticipantSnapshot } from '../participant.ts'
import type { OperatorState } from '../state.ts'

/** One checkpoint as it is kept. */
export interface Checkpoint {
  readonly jobName: string
  /** Increases over all runs of the job. */
  readonly checkpointId: number
  /** The one before it, from which its output could be made again; undefined for the first of the job. */
  readonly previousCheckpointId: number | undefined
  readonly incarnation: number
  readonly runId: string
  /** Wall clock, milliseconds since 1970. */
  readonly takenAtMs: number
  /** By name. */
  readonly operators: ReadonlyMap<string, OperatorState>
  /** By name. */
  readonly participants: ReadonlyMap<string, ParticipantSnapshot>
}

/** Says that a run has taken over, and from where. */
export interface RunRecord {
  readonly jobName: string
  /** One more than that of the run before. */
  readonly incarnation: number
  readonly runId: string
  /** The checkpoint that the run goes on from; undefined: from none. Later ones of earlier runs count no more. */
  readonly restoredCheckpointId: number | undefined
  readonly firstCheckpointId: number
  /** So many ids may be in use before the first of them is durable. */
  readonly concurrentMax: number
  /** Wall clock, milliseconds since 1970. */
  readonly startedAtMs: number
}

/** A checkpoint that is there but is not what was written. */
export interface CorruptCheckpoint {
  readonly name: string
  readonly checkpointId: number
  readonly reason: string
}

export interface StoreContents {
  /** Those from which the job may go on, in order of id. */
  readonly checkpoints: readonly Checkpoint[]
  /** Readable ones that a later run has cut off, in order of id. */
  readonly abandoned: readonly Checkpoint[]
  /** Those that could be gone on from if they could be read. */
  readonly corrupt: readonly CorruptCheckpoint[]
  readonly latestRun: RunRecord | undefined
  /** The highest ids of which there is a trace; -1 where there is none. */
  readonly incarnationMax: number
  readonly checkpointIdMax: number
}

export interface StorageContext {
  readonly jobName: string
  readonly runtime: Runtime
  readonly logger: Logger
}

/** Somewhere to keep the checkpoints of one job. */
export interface CheckpointStorage {
  /** Rejects with JobError CHECKPOINT_STORE_HELD where a living process has it open. */
  open(context: StorageContext): Promise<CheckpointStore>
}

/** A storage that is open. Calls reject with JobError CHECKPOINT_STORE where it cannot be read or written. */
export interface CheckpointStore {
  load(): Promise<StoreContents>
  /**
   * Durable when it resolves. `taken`: another run has published this incarnation. `restored` is the checkpoint that the
   * run goes on from: it is published again as this run's, before the record is, so that an earlier run which does not
   * know of this one may remove it.
   */
  publishRun(run: RunRecord, restored?: Checkpoint): Promise<'published' | 'taken'>
  /**
   * Durable when it resolves; when it rejects it may be so or not. Rejects with JobError JOB_FENCED where a later run
   * has published its record.
   */
  publishCheckpoint(checkpoint: Checkpoint): Promise<{ readonly bytes: number }>
  /**
   * The transactions of this checkpoint are proven: what came before it may go, and so may what was cut off. Nothing
   * from it on is removed.
   */
  prune(provenCheckpointId: number): Promise<void>
  /** Lets go of the storage. */
  close(): Promise<void>
}
