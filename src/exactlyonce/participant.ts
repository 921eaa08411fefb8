// The contract between the checkpoint coordinator and those who take part in a checkpoint with a transaction of their
// own: all Kafka sinks on one cluster together, or a user's two-phase-commit sink. Owns types only; recovery.ts and
// coordinator.ts decide when each call comes.
import type { StateValue } from './functions.ts'

/** A sealed transaction that is not proven yet, as a checkpoint keeps it. */
export interface PendingTransaction {
  readonly checkpointId: number
  readonly handle: StateValue
}

/** What a checkpoint keeps of a participant. */
export interface ParticipantSnapshot {
  /** In order of checkpoint id; every transaction sealed and not proven when the snapshot was taken, its own the last. */
  readonly pending: readonly PendingTransaction[]
  /** What else the participant needs to judge a store against the world, such as its ids and their last proven witness. */
  readonly recorded: StateValue
}

export interface RetainedCheckpoint {
  readonly checkpointId: number
  readonly snapshot: ParticipantSnapshot | undefined
}

/** What recovery found out about one pending transaction. */
export type SettledTransaction =
  /** Proven: visible for good. */
  | { readonly kind: 'committed' }
  /**
   * Proven never to become visible. `partlyCommitted`: some part of it is visible all the same, so that replaying it
   * would double that part; the job then stops.
   */
  | { readonly kind: 'lost'; readonly loss: LostTransaction; readonly partlyCommitted?: boolean }

/** What became of a pending transaction that was to be ended: `committed` where it turned out to be visible already. */
export type AbortOutcome = 'aborted' | 'committed'

export interface LostTransaction {
  readonly checkpointId: number
  /** Or what else names it outside. */
  readonly transactionalId: string
  readonly producerId: string
  /** -1 where it is none of Kafka's. */
  readonly producerEpoch: number
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly firstOffset: string }[]
  readonly ageMs: number
  readonly evidence: string
}

/** Whether the world knows of commits that the chosen checkpoint does not contain. */
export type LedgerFinding =
  /** `checkpointIdMax` is the highest id that was found out there; -1 where there is none. */
  | { readonly kind: 'consistent'; readonly checkpointIdMax: number }
  | { readonly kind: 'unexplained'; readonly details: string }

/**
 * One two-phase-commit participant. Losable: its prepared transaction can vanish (a Kafka transaction times out), so it
 * commits first and its outcome decides. Durable: a prepared transaction stays until it is told (PREPARE TRANSACTION).
 */
export interface TransactionParticipant {
  readonly name: string
  readonly kind: 'losable' | 'durable'

  /** Refuses settings under which the promise cannot be kept. First call. */
  checkStart(): Promise<void>

  // Recovery, in this order.

  /** Commits a pending transaction of an earlier run and works to the proof. Never touches an id with InitProducerId that has an unresolved pending transaction before it. */
  recoverAndCommit(pending: PendingTransaction): Promise<SettledTransaction>
  /** Ends a pending transaction that must not become visible. */
  recoverAndAbort(pending: PendingTransaction): Promise<AbortOutcome>
  /**
   * Shuts out every earlier run and ends what it left open. `retained` is every readable checkpoint of the store in
   * order of id, also those that will not be restored: they may name ids that no other one does. Recovery may begin
   * again from `recoverAndCommit` after this call.
   */
  fence(retained: readonly RetainedCheckpoint[]): Promise<void>
  /**
   * After `fence`: compares what is committed with the chosen checkpoint (undefined: the store was empty). `isNewest`
   * asks the store whether recovery still knows its newest checkpoint. As long as it does, no earlier run has committed
   * one that recovery does not know: each is durable first.
   */
  verify(chosen: RetainedCheckpoint | undefined, isNewest: () => Promise<boolean>): Promise<LedgerFinding>
  /**
   * The run begins from this checkpoint. Its own checkpoints are numbered from `firstCheckpointId` on, without a gap;
   * ids of a job never repeat. The first one of a new job is 0: it is taken before the first record.
   */
  begin(chosen: RetainedCheckpoint | undefined, firstCheckpointId: number): Promise<void>

  // The run.

  /**
   * Every writer has passed the barrier: seals the checkpoint's transaction. The snapshot goes into the checkpoint.
   * Calls come in order of checkpoint id, one at a time; `commit` of an earlier checkpoint may be under way.
   */
  preCommit(checkpointId: number): Promise<ParticipantSnapshot>
  /**
   * The checkpoint is durable: commits its transaction and works to the proof, within a deadline of its own. Calls come
   * in order, one at a time. Throws where the transaction is lost (the job then recovers) or another run has taken over (the job stops).
   */
  commit(checkpointId: number): Promise<void>
  /** Ends the open transaction where there is one; never touches a sealed one. */
  close(): Promise<void>
  /** What is open and what is sealed at this moment, for metrics. */
  transactions?(): readonly TransactionStatus[]
}

export interface TransactionStatus {
  /** A transactional id, or what else names it outside. */
  readonly id: string
  readonly checkpointId: number
  readonly state: 'open' | 'sealed'
  /** Wall clock, milliseconds since 1970. */
  readonly openedAtMs: number
}
