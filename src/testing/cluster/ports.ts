// Owns the contracts between the core of the embedded broker and the coordinators that hang in it: what a coordinator is
// told, and what partition leaders ask of it. A coordinator is volatile, one per life of a broker; what must survive the
// broker is kept in the partitions of its internal topic (`Partition.durable`), which the cluster holds.

import type { Partition, Topic } from './topic.ts'

/** The internal topics, by Kafka's names. */
export const internalTopics = Object.freeze({
  groups: '__consumer_offsets',
  transactions: '__transaction_state'
} as const)

/** Whether a topic of that name belongs to a coordinator. */
export function isInternalName(name: string): boolean {
  return name === internalTopics.groups || name === internalTopics.transactions
}

/** A coordinator of one broker. All calls come from the cluster, in the broker's own turn. */
export interface Coordinator {
  /** The broker leads this partition of the internal topic from now on: load what `Partition.durable` holds. */
  onElection(partition: Partition): void
  /** Another broker leads it now, or none: forget what was loaded. Not called where the broker dies. */
  onResignation(partition: Partition): void
  /** The broker dies or stops. Its timers are cancelled already. */
  close(): void
}

/** A partition, by name. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What the leader of a partition asks before it lets a transactional batch in. KIP-890, part 1. */
export interface VerificationRequest {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly partitions: readonly TopicPartition[]
  /**
   * `verify`: the partitions must have been added already (Produce up to 11, TxnOffsetCommit up to 4). `add`: they are
   * added where they are missing, which may begin the transaction (transactions v2).
   */
  readonly operation: 'verify' | 'add'
}

/** What the core asks of the transaction coordinator of the broker that leads the id's partition. */
export interface TransactionPort extends Coordinator {
  /** One error code per partition, in their order; 0 where the transaction has it. */
  verify(request: VerificationRequest): readonly number[] | Promise<readonly number[]>
}

/** A marker as it was written to a partition. */
export interface WrittenMarker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
}

/** What the core tells the group coordinator. */
export interface GroupPort extends Coordinator {
  /**
   * Another broker leads the partition now, and this one, which stands still, has not heard of it: what is written from
   * now on is the other one's. `onResignation` follows.
   */
  onSuperseded(partition: Partition): void
  /** A marker was appended to a partition of `__consumer_offsets` that this broker leads. */
  onMarker(partition: Partition, marker: WrittenMarker): void
  /** A topic was deleted, and with it what groups have committed for it. */
  onTopicDeleted(topic: Topic): void
}

/**
 * A kind of durable state that a coordinator keeps beside the log of an internal partition. It is written to the data
 * directory with everything else, where there is one.
 */
export interface DurableKind<T> {
  /** Its own among all kinds. */
  readonly name: string
  create(): T
  encode(state: T): unknown
  /** From what `encode` answered, after JSON. */
  decode(json: unknown): T
}
