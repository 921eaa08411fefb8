// Owns the batches of one partition in the order in which they must be stored, with the producer id, epoch and sequence
// they go out under. Decides which batch may leave next so that neither a repetition nor a new leader can change the
// order. Never touches a socket or a clock. KIP-98, KIP-360; the rules follow Java's TransactionManager and Sender.
import { rewriteProducerState } from '../../protocol/index.ts'
import { assert } from '../errors.ts'
import type { ProducerBatch } from './batch.ts'
import type { BatchHabits } from './topic_routes.ts'

/** Under which a producer writes. A producerId of at least 0 is known to the cluster. */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

const sequenceMax = 0x7fffffff

/** Kafka counts sequences from 0 to 2147483647 and then from 0 again. Source: DefaultRecordBatch.incrementSequence. */
export function nextSequence(baseSequence: number, count: number): number {
  return baseSequence > sequenceMax - count ? count - (sequenceMax - baseSequence) - 1 : baseSequence + count
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Accepts records; its order is after all of `closed`. */
  open: ProducerBatch | undefined = undefined
  /** Waiting to be sent, by ascending number: first those to be repeated, then new ones. */
  readonly closed: ProducerBatch[] = []
  readonly wire = new Set<ProducerBatch>()
  /** Where the batches on the wire went. */
  wireNodeId = -1
  identity: ProducerIdentity | undefined = undefined
  /** Sequence of the next new batch. */
  sequence = 0
  /** A batch was acknowledged under the present identity, so that the leader knows where the sequence stands. */
  isEstablished = false
  /** The coordinator knows that the transaction writes here; below transaction version 2 it has to be told. */
  isAdmitted = false
  /** Batches that are being compressed or split. */
  readonly inWork = new Set<ProducerBatch>()
  /** Sequences after the ones that were given out cannot be used: a new epoch must be taken. */
  needsReset = false
  /** Monotonic, milliseconds: nothing is sent before. */
  notBeforeMs = 0
  /** Failures in a row. */
  failures = 0
  /** When the topic or partition was first reported missing; undefined while it is there. */
  missingSinceMs: number | undefined = undefined
  /** Offset of the first record that was acknowledged; undefined before, -1n where the broker could not tell. */
  firstOffset: bigint | undefined = undefined
  readonly habits: BatchHabits
  private batchCount = 0

  constructor(topic: string, partition: number, habits: BatchHabits) {
    this.topic = topic
    this.partition = partition
    this.habits = habits
  }

  get hasUnsent(): boolean {
    return this.open !== undefined || this.closed.length > 0
  }

  nextNumber(): number {
    return this.batchCount++
  }

  /**
   * Whether some new or repeated batch may go to `nodeId` now. A repeated one goes alone, or so many could follow it that
   * the leader, which remembers five, would not recognise it any more. New ones go behind each other over one
   * connection, once the leader has acknowledged one of this epoch: before that it would take any sequence.
   */
  maySend(nodeId: number, inFlightMax: number): boolean {
    if (this.inWork.size > 0 || (this.needsReset && !this.hasUnknown)) return false
    if (this.wire.size === 0) return true
    const next = this.closed[0]
    if (next !== undefined && next.attempts > 0) return false
    for (const batch of this.wire) if (batch.attempts > 1) return false
    return this.isEstablished && this.wireNodeId === nodeId && this.wire.size < inFlightMax
  }

  /** Whether everything of the old sequence is settled, so that it can be begun anew. */
  get mayReset(): boolean {
    return this.needsReset && this.wire.size === 0 && this.inWork.size === 0 && !this.hasUnknown
  }

  /**
   * A waiting batch may have been stored by an attempt without an answer. It keeps its sequence until an answer tells:
   * under another one it could be stored twice.
   */
  private get hasUnknown(): boolean {
    return this.closed.some((batch) => batch.outcomeUnknown)
  }

  /** The leader does not have the first of the waiting batches, so it has none of those that follow in sequence. */
  noteGap(): void {
    for (const batch of this.closed) batch.outcomeUnknown = false
  }

  /** Gives the batch its sequence under the present identity. */
  assignSequence(batch: ProducerBatch): void {
    assert(batch.baseSequence < 0, 'a batch gets its sequence once')
    batch.baseSequence = this.sequence
    this.sequence = nextSequence(this.sequence, batch.recordCount)
  }

  /** Begins at sequence 0 under another identity. No batch may be under way. */
  adopt(identity: ProducerIdentity): void {
    assert(this.wire.size === 0, 'the identity changes while batches are under way')
    this.identity = identity
    this.sequence = 0
    this.isEstablished = false
  }

  /** Numbers the batches that wait anew, under a new identity; their bytes are rewritten. */
  restartSequences(identity: ProducerIdentity): void {
    this.adopt(identity)
    this.needsReset = false
    for (const batch of this.closed) {
      if (batch.baseSequence < 0) break
      batch.baseSequence = -1
      this.assignSequence(batch)
      if (batch.bytes !== undefined) {
        batch.bytes = rewriteProducerState(batch.bytes, { ...identity, baseSequence: batch.baseSequence })
      }
    }
  }

  /** Puts a batch back to be sent again, in its place. */
  returnToQueue(batch: ProducerBatch): void {
    let at = 0
    while (at < this.closed.length && this.closed[at]!.number < batch.number) at++
    this.closed.splice(at, 0, batch)
  }

  /** Puts the halves of a split batch in its place. Both have its number: the order of arrival decides. */
  replaceBySplit(first: ProducerBatch, second: ProducerBatch): void {
    let at = 0
    while (at < this.closed.length && this.closed[at]!.number < first.number) at++
    this.closed.splice(at, 0, first, second)
  }

  /** Whether a batch with an earlier sequence is still not acknowledged. */
  hasEarlier(batch: ProducerBatch): boolean {
    for (const other of this.wire) if (other.number < batch.number) return true
    for (const other of this.inWork) if (other.number < batch.number) return true
    return this.closed.some((other) => other.number < batch.number)
  }
}
