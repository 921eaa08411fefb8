// Owns the shape of an expected failure inside the broker: a code of Kafka's protocol, and a sentence for the responses
// that have room for one.

/** What was refused, and why. */
export class Refusal {
  /** Not 0. */
  readonly errorCode: number
  readonly message: string | null
  /** For a produced batch: the records that were refused. */
  readonly recordErrors: readonly RecordError[]

  constructor(errorCode: number, message: string | null = null, recordErrors: readonly RecordError[] = []) {
    this.errorCode = errorCode
    this.message = message
    this.recordErrors = recordErrors
  }
}

/** One record of a refused batch, by its place in it. */
export interface RecordError {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}
