// The two ways in which a transaction fails for its holder: it must be aborted, or its producer is finished. Owns how
// any other failure is told as one of them.
import { errorCode } from '../../protocol/index.ts'
import { KafkaError } from '../errors.ts'

/** Why a transaction must be aborted, with what led to it as the cause. */
export function abortableError(transactionalId: string, cause: KafkaError): KafkaError {
  if (cause.code === 'TRANSACTION_ABORTABLE' || cause.code === 'PRODUCER_FENCED') return cause
  return new KafkaError(
    'TRANSACTION_ABORTABLE',
    `The transaction of ${transactionalId} cannot be committed: ${cause.message}`,
    {
      abortable: true,
      kafkaCode: cause.kafkaCode,
      broker: cause.broker,
      api: cause.api,
      correlationId: cause.correlationId,
      cause
    }
  )
}

/** Another producer has the id; this one can do nothing any more. */
export function fencedError(transactionalId: string, evidence: string): KafkaError {
  const message = `The producer of ${transactionalId} is fenced: ${evidence}.`
  return new KafkaError('PRODUCER_FENCED', message, { fatal: true, kafkaCode: errorCode.PRODUCER_FENCED })
}
