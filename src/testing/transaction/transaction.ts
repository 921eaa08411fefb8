// One transactional id in the memory of its coordinator: the value that the log holds, the transition that is on its way
// there, and the partitions that still wait for a marker. All of it is lost with the broker except the value.
// Source: org.apache.kafka.coordinator.transaction.TransactionMetadata of Kafka 4.4.0.
import type { TopicPartition } from '../cluster/ports.ts'
import { partitionKey } from './entry.ts'
import type { PartitionMap, TransactionEntry } from './entry.ts'
import { isPrepared, previousStates } from './states.ts'
import type { TransactionState } from './states.ts'

export class Transaction {
  entry: TransactionEntry
  /** Where a transition leads that was begun and is not in the log yet. Nearly everything is refused meanwhile. */
  pending: TransactionState | undefined
  /** A fencing epoch could not be written, and must not be raised once more. */
  hasFailedFence = false
  #unmarked: Map<string, TopicPartition> | undefined

  constructor(entry: TransactionEntry) {
    this.entry = entry
  }

  /** The partitions of the transaction; while it ends, those without their marker. */
  get partitions(): PartitionMap {
    return this.#unmarked ?? this.entry.partitions
  }

  /** Throws where the table of states has no way there, or where another transition is under way. */
  begin(to: TransactionState): void {
    const { transactionalId, state } = this.entry
    if (this.pending !== undefined) throw new Error(`${transactionalId} already becomes ${this.pending}, not ${to}`)
    if (!previousStates[to].includes(state)) throw new Error(`${transactionalId} cannot become ${to} from ${state}`)
    this.pending = to
  }

  /** The value is in the log. */
  complete(next: TransactionEntry): void {
    if (this.pending !== next.state) {
      throw new Error(`${next.transactionalId} becomes ${this.pending ?? 'nothing'}, and ${next.state} was written`)
    }
    this.pending = undefined
    this.entry = next
    this.#unmarked = undefined
  }

  /** The partition has its marker, or will never get one. */
  removePartition(topic: string, partition: number): void {
    const { transactionalId, state, partitions } = this.entry
    if (!isPrepared(state)) throw new Error(`a marker of ${transactionalId} was answered while it is ${state}`)
    this.#unmarked ??= new Map(partitions)
    this.#unmarked.delete(partitionKey(topic, partition))
  }
}
