// The errors of the engine. Each has a stable code, says what happened with its numbers, and what to do next. A fatal
// one is never answered by restarting the job.
import type { LostTransaction } from './participant.ts'

export type JobErrorCode =
  | 'INVALID_JOB' // the graph or its settings contradict themselves: nothing was started
  | 'JOB_FAILED' // a function, source or sink threw, and no restart is left
  | 'JOB_FENCED' // another run of this job has taken over
  | 'CHECKPOINT_TIMEOUT' // a checkpoint did not complete in time
  | 'CHECKPOINT_STORE' // the store could not be read or written
  | 'CHECKPOINT_STORE_HELD' // a living process holds the store
  | 'CHECKPOINT_CORRUPT' // a checkpoint exists but its content is not what was written
  | 'COMMITTED_DATA_LOST' // a transaction is lost and the checkpoint before it is gone
  | 'TRANSACTION_LOST' // a transaction is lost; replay follows
  | 'LEDGER_MISMATCH' // the output holds commits that no checkpoint here knows of
  | 'HANGING_TRANSACTION' // a partition lacks the marker of a decided transaction, and it may not be repaired from here
  | 'TRANSACTION_UNDECIDED' // neither witness nor markers tell how a transaction ended
  | 'SOURCE_LOST' // the position to go on from is no longer in the log, or the topic is another one

export interface JobErrorDetails {
  readonly fatal?: boolean
  readonly nextStep?: string
  readonly cause?: unknown
}

export class JobError extends Error {
  override readonly name: string = 'JobError'
  readonly code: JobErrorCode
  readonly fatal: boolean
  readonly nextStep: string

  constructor(code: JobErrorCode, message: string, details: JobErrorDetails = {}) {
    const nextStep = details.nextStep ?? ''
    super(
      nextStep === '' ? message : `${message} ${nextStep}`,
      details.cause === undefined ? {} : { cause: details.cause }
    )
    this.code = code
    this.fatal = details.fatal ?? false
    this.nextStep = nextStep
  }
}

/** A transaction is proven lost and its output cannot be made again from a checkpoint. */
export class CommittedDataLostError extends JobError {
  override readonly name = 'CommittedDataLostError'
  readonly loss: LostTransaction

  /** `why` it cannot be made again, to be read after "and". */
  constructor(loss: LostTransaction, why = 'the checkpoint before it is not in the store') {
    const producer = loss.producerEpoch < 0 ? '' : `producerId ${loss.producerId}, epoch ${loss.producerEpoch}, `
    const where = loss.partitions.map((p) => ` in ${p.topic}-${p.partition} from offset ${p.firstOffset}`).join(',')
    super(
      'COMMITTED_DATA_LOST',
      `Checkpoint ${loss.checkpointId}: the transaction of ${loss.transactionalId} (${producer}` +
        `${Math.round(loss.ageMs)} ms old) is lost: ${loss.evidence}. Its records${where} will never be visible, and ${why}.`,
      {
        fatal: true,
        nextStep:
          "Restore the missing checkpoint file, or set onLostTransaction: 'acceptLoss' to go on without these records."
      }
    )
    this.loss = loss
  }
}

/** The ledger holds the witness of a commit that no checkpoint in the store contains. */
export class LedgerMismatchError extends JobError {
  override readonly name = 'LedgerMismatchError'

  constructor(details: string) {
    super('LEDGER_MISMATCH', `The output knows of commits that no checkpoint here contains: ${details}.`, {
      fatal: true,
      nextStep:
        'The checkpoint directory is empty, older than the output, or belongs to another job: point the job at the right ' +
        'directory. To start anew on purpose, use a new transactionalIdPrefix.'
    })
  }
}

/** A transaction is decided, but some partitions have no marker of it (KAFKA-20734). */
export class HangingTransactionError extends JobError {
  override readonly name = 'HangingTransactionError'

  constructor(transactionalId: string, details: string, cause?: unknown) {
    super('HANGING_TRANSACTION', `The transaction of ${transactionalId} is committed, but ${details}.`, {
      fatal: true,
      nextStep:
        'Grant this principal CLUSTER_ACTION and start again, so that the markers can be written; never abort it by hand.',
      cause
    })
  }
}
