// Owns the one shape in which a transaction is settled, whether its handle is ours or another client's: numbers as
// numbers, checked. Pure.
import { zeroUuid } from '../../protocol/index.ts'
import type { TopicPartition } from '../cluster.ts'
import type { PreparedPartition, PreparedTransaction, Witness } from './prepared.ts'
import type { TransactionOwner } from './coordinator_calls.ts'

export interface ResumeTarget extends TransactionOwner {
  readonly transactionVersion: 0 | 1 | 2
  readonly endTxnVersion: number
  readonly transactionTimeoutMs: number
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  readonly partitions: readonly PreparedPartition[]
  readonly witness: Witness | null
  /** Whether this cluster is known to have given out the producer id; not so for another client's word. */
  readonly isOwn: boolean
}

/** A partition of which it is not known where the transaction begins in it. */
export function placeOnly({ topic, partition }: TopicPartition): PreparedPartition {
  return { topic, topicId: zeroUuid, partition, firstOffset: '-1' }
}

/** The target of a transaction without a handle, of a producer that this cluster is known to have. */
export function targetWithoutHandle(
  { transactionalId, producerId, producerEpoch }: TransactionOwner,
  transactionVersion: 0 | 1 | 2,
  partitions: Iterable<TopicPartition>,
  startedAtMs = 0
): ResumeTarget {
  const owner = { transactionalId, producerId, producerEpoch, transactionVersion, isOwn: true, witness: null }
  return {
    ...owner,
    partitions: Array.from(partitions, placeOnly),
    startedAtMs,
    endTxnVersion: 0,
    transactionTimeoutMs: 0
  }
}

export function targetOf(handle: PreparedTransaction): ResumeTarget {
  return {
    transactionalId: handle.transactionalId,
    producerId: BigInt(handle.producerId),
    producerEpoch: handle.producerEpoch,
    transactionVersion: handle.transactionVersion,
    endTxnVersion: handle.endTxnVersion,
    transactionTimeoutMs: handle.transactionTimeoutMs,
    startedAtMs: handle.startedAtMs,
    partitions: handle.partitions,
    witness: handle.witness,
    isOwn: true
  }
}
