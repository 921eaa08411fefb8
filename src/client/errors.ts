// The few error classes of the client. Each error says what happened, whether trying again, aborting or giving up is
// right, and what to do next; `code` is stable, messages are not. Owns the classification of failures, nothing else.
import { errorByCode } from '../protocol/index.ts'
import { adviceOn, clientNextSteps } from './error_advice.ts'

/** Stable codes of failures that no broker error code names. */
export type ClientErrorCode =
  | 'BROKER_ERROR' // the broker answered with an error code: see `kafkaCode` and `kafkaName`
  | 'CONNECTION_REFUSED' // nothing listens there, or the name does not resolve
  | 'CONNECTION_LOST' // the connection closed before the reply came
  | 'REQUEST_TIMEOUT' // no reply within the time allowed: the outcome is unknown
  | 'DEADLINE_EXCEEDED' // retried until the caller's deadline
  | 'SPEAKS_TLS' // the port answers with TLS, the client was told to speak plaintext
  | 'SPEAKS_HTTP' // the port answers with HTTP
  | 'TLS_FAILED' // the TLS handshake failed, for instance because of a certificate
  | 'BROKER_TOO_OLD' // the broker has no version in common with this client for a needed API
  | 'CLUSTER_CHANGED' // the addresses lead to another cluster than before
  | 'PROTOCOL_VIOLATION' // the reply could not be decoded
  | 'INVALID_OPTION' // an option given to the client is unknown, of a wrong type, or contradicts another
  | 'INVALID_STATE' // a call that the present state does not allow
  | 'CLOSED' // the client, or this part of it, was closed
  | 'BUFFER_FULL' // a named limit was reached
  | 'PRODUCER_FENCED' // another producer with the same transactionalId took over
  | 'TRANSACTION_ABORTABLE' // this transaction must be aborted; the producer stays usable
  | 'RECORD_TOO_LARGE' // a record exceeds what one request, or one batch of the broker, can hold
  | 'TRANSACTION_TORN' // some partitions of one transaction are committed, others are aborted
  | 'OFFSET_OUT_OF_RANGE' // the position is outside the log and no reset is allowed
  | 'LOG_TRUNCATED' // the log no longer contains what was read before
  | 'TOPIC_RECREATED' // a topic was deleted and made anew: positions in the old one mean nothing
  | 'CORRUPT_BATCH' // a checksum did not match

export interface KafkaErrorDetails {
  readonly kafkaCode?: number | undefined
  readonly retriable?: boolean | undefined
  readonly abortable?: boolean | undefined
  readonly fatal?: boolean | undefined
  /** What to do about it, one sentence; the general advice about the code where absent. */
  readonly nextStep?: string | undefined
  /** host:port of the broker that answered, or was asked. */
  readonly broker?: string | undefined
  readonly api?: string | undefined
  readonly correlationId?: number | undefined
  /** True where the request may have taken effect although no reply came. */
  readonly outcomeUnknown?: boolean | undefined
  readonly cause?: unknown
}

/** Every failure that the client reports. Source of broker codes: org.apache.kafka.common.protocol.Errors. */
export class KafkaError extends Error {
  override readonly name: string = 'KafkaError'
  readonly code: ClientErrorCode
  /** The message without the next step. */
  readonly reason: string
  /** Kafka's numeric error code, where a broker sent one. */
  readonly kafkaCode: number | undefined
  /** Kafka's name of that code, such as `NOT_COORDINATOR`. */
  readonly kafkaName: string | undefined
  readonly retriable: boolean
  readonly abortable: boolean
  readonly fatal: boolean
  readonly nextStep: string
  readonly broker: string | undefined
  readonly api: string | undefined
  readonly correlationId: number | undefined
  readonly outcomeUnknown: boolean

  constructor(code: ClientErrorCode, message: string, details: KafkaErrorDetails = {}) {
    const nextStep = details.nextStep ?? generalNextStep(code, details.kafkaCode)
    super(`${message} ${nextStep}`, details.cause === undefined ? {} : { cause: details.cause })
    this.code = code
    this.reason = message
    this.kafkaCode = details.kafkaCode
    this.kafkaName = details.kafkaCode === undefined ? undefined : errorByCode(details.kafkaCode).name
    this.retriable = details.retriable ?? false
    this.abortable = details.abortable ?? false
    this.fatal = details.fatal ?? false
    this.nextStep = nextStep
    this.broker = details.broker
    this.api = details.api
    this.correlationId = details.correlationId
    this.outcomeUnknown = details.outcomeUnknown ?? false
  }
}

function generalNextStep(code: ClientErrorCode, kafkaCode: number | undefined): string {
  return code === 'BROKER_ERROR' ? adviceOn(kafkaCode ?? -1).nextStep : clientNextSteps[code]
}

/**
 * A broker's error code as an error; `details` override what is generally true of the code. `what` says which
 * operation met it, such as `EndTxn of payments.0.1`. Throws BugError for 0, which is no error.
 */
export function brokerError(kafkaCode: number, what: string, details: KafkaErrorDetails = {}): KafkaError {
  assert(kafkaCode !== 0, `${what}: code 0 is not an error`)
  const info = errorByCode(kafkaCode)
  const { effect } = adviceOn(kafkaCode)
  return new KafkaError('BROKER_ERROR', `${what}: ${info.name} (${info.code}): ${info.message}`, {
    retriable: info.retriable,
    abortable: effect === 'abort',
    fatal: effect === 'fatal',
    ...details,
    kafkaCode
  })
}

/** Thrown where the program, not its surroundings, is wrong. Never caught by the library. */
export class BugError extends Error {
  override readonly name = 'BugError'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BugError(message)
}
