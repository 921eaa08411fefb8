// Owns the meaning of every error code that a broker can give to a batch: stored, to be repeated, to be split, to be
// sent under a new epoch, or failed. A pure decision over the code and what is known of the batch. KIP-98, KIP-360,
// KIP-890. Source: org.apache.kafka.clients.producer.internals.{Sender, TransactionManager}.
import { errorByCode, errorCode } from '../../protocol/index.ts'

export type ProduceOutcome =
  /** It is in the log. */
  | 'stored'
  /** Send the same bytes again. */
  | 'retry'
  /** Send the same bytes again, perhaps to another leader. */
  | 'refresh'
  /** Send it in two halves. */
  | 'split'
  /** The leader does not know this sequence: take another epoch and begin at sequence 0. */
  | 'reset'
  /** It is not in the log and cannot get there. In a transaction: the transaction must be aborted. */
  | 'fail'
  /** Another producer has taken over. */
  | 'fenced'

// The leader has stored the batch, but not all replicas have; or nobody knows how far it came.
const maybeStoredCodes: ReadonlySet<number> = new Set([
  errorCode.UNKNOWN_SERVER_ERROR,
  errorCode.REQUEST_TIMED_OUT,
  errorCode.NETWORK_EXCEPTION,
  errorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
])

/**
 * Whether the batch may be in the log although this code was answered. An out-of-order sequence says that it is not,
 * whatever was unknown before: a stored one would have been recognised.
 */
export function mayBeStored(code: number, before: boolean): boolean {
  if (code === errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) return false
  return before || maybeStoredCodes.has(code)
}

export interface BatchFacts {
  readonly isTransactional: boolean
  readonly recordCount: number
  /** An earlier batch of the partition is not acknowledged: until it is, this one cannot be in order. */
  readonly hasEarlier: boolean
}

// A leader is somewhere else, or the topic is not what it was.
const refreshCodes: ReadonlySet<number> = new Set([
  errorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorCode.LEADER_NOT_AVAILABLE,
  errorCode.NOT_LEADER_OR_FOLLOWER,
  errorCode.REPLICA_NOT_AVAILABLE,
  errorCode.NETWORK_EXCEPTION,
  errorCode.KAFKA_STORAGE_ERROR,
  errorCode.LISTENER_NOT_FOUND,
  errorCode.FENCED_LEADER_EPOCH,
  errorCode.UNKNOWN_LEADER_EPOCH,
  errorCode.UNKNOWN_TOPIC_ID,
  errorCode.INCONSISTENT_TOPIC_ID
])

export function decideProduce(code: number, batch: BatchFacts): ProduceOutcome {
  switch (code) {
    case errorCode.NONE:
    case errorCode.DUPLICATE_SEQUENCE_NUMBER:
      return 'stored'
    case errorCode.MESSAGE_TOO_LARGE:
    case errorCode.RECORD_LIST_TOO_LARGE:
      return batch.recordCount > 1 ? 'split' : 'fail'
    case errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      if (batch.hasEarlier) return 'retry'
      return batch.isTransactional ? 'fail' : 'reset'
    case errorCode.UNKNOWN_PRODUCER_ID:
    case errorCode.INVALID_PRODUCER_EPOCH:
    case errorCode.INVALID_PRODUCER_ID_MAPPING:
      // In a transaction the end of it tells whether another producer or the timeout was the reason.
      return batch.isTransactional ? 'fail' : 'reset'
    case errorCode.PRODUCER_FENCED:
      return batch.isTransactional ? 'fenced' : 'reset'
    default:
      if (refreshCodes.has(code)) return 'refresh'
      return errorByCode(code).retriable ? 'retry' : 'fail'
  }
}

/** Whether the code says that the topic or partition is not there. */
export function isMissingTopic(code: number): boolean {
  return code === errorCode.UNKNOWN_TOPIC_OR_PARTITION || code === errorCode.UNKNOWN_TOPIC_ID
}
