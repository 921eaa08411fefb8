// What a failure means for the job: whether trying again makes sense, and what the user is told. One decision, in one
// place.
import { BugError, KafkaError } from '../client/index.ts'
import { JobError } from './errors.ts'

export interface Failure {
  /** What `done` rejects with when no restart follows. */
  readonly error: Error
  readonly isFatal: boolean
}

/** Errors of the client that a restart would meet again. */
const lastingCodes: ReadonlySet<string> = new Set([
  'INVALID_OPTION',
  'INVALID_STATE',
  'SPEAKS_TLS',
  'SPEAKS_HTTP',
  'BROKER_TOO_OLD',
  'BUFFER_FULL',
  'RECORD_TOO_LARGE'
])

/** A coordinator fences by the first of these, the leader of a partition by the second. */
const fencedNames: ReadonlySet<string | undefined> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'])

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof JobError) return { error: thrown, isFatal: thrown.fatal }
  if (thrown instanceof BugError) return { error: thrown, isFatal: true }
  if (thrown instanceof KafkaError) return kafkaFailure(thrown)
  const what = thrown instanceof Error ? thrown.message : String(thrown)
  return { error: new JobError('JOB_FAILED', `The job failed: ${what}`, { cause: thrown }), isFatal: false }
}

function kafkaFailure(error: KafkaError): Failure {
  if (error.code === 'PRODUCER_FENCED' || fencedNames.has(error.kafkaName)) {
    // A broker that ends a transaction by its timeout fences its producer too, below transaction version 2 with the same
    // code. Recovery knows: it stops where another run has taken over.
    const what = 'Another run has taken over a transactional id of this job, or a transaction has waited too long.'
    const fenced = new JobError('JOB_FENCED', what, {
      nextStep: 'Run one process of a job at a time, and give each job a transactionalIdPrefix of its own.',
      cause: error
    })
    return { error: fenced, isFatal: false }
  }
  const isFatal = error.fatal || isLasting(error) || isLastingRecord(error.cause)
  return { error: new JobError('JOB_FAILED', error.message, { fatal: isFatal, cause: error }), isFatal }
}

function isLasting({ code, kafkaName }: KafkaError): boolean {
  return lastingCodes.has(code) || kafkaName === 'MESSAGE_TOO_LARGE'
}

// A transaction is given up because of one record, which the next run would meet again.
function isLastingRecord(cause: unknown): boolean {
  return cause instanceof KafkaError && (cause.code === 'INVALID_OPTION' || cause.code === 'RECORD_TOO_LARGE')
}
