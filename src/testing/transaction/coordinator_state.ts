// The partitions of `__transaction_state` that one broker leads, with the transactional ids in them: which are loaded,
// which are loading, and at which epoch. Owns the way of a value into the log and, only then, into memory.
// Source: kafka.coordinator.transaction.TransactionStateManager of Kafka 4.4.0.
import { errorCode } from '../../protocol/index.ts'
import { coordinatorPartition } from '../cluster/java_hash.ts'
import type { TransactionEntry } from './entry.ts'
import type { TransactionPorts } from './ports.ts'
import { Transaction } from './transaction.ts'

interface LoadedPartition {
  readonly coordinatorEpoch: number
  readonly transactions: Map<string, Transaction>
}

/** A transaction, and the epoch of the coordinator under which it was found. */
export interface Found {
  readonly partition: number
  readonly coordinatorEpoch: number
  readonly transaction: Transaction
}

export class CoordinatorState {
  readonly #ports: TransactionPorts
  readonly #onWritten: (entry: TransactionEntry) => void
  readonly #loaded = new Map<number, LoadedPartition>()
  /** The epoch of each partition that is being loaded. */
  readonly #loading = new Map<number, number>()

  /** `onWritten` gets every value that takes effect. */
  constructor(ports: TransactionPorts, onWritten: (entry: TransactionEntry) => void) {
    this.#ports = ports
    this.#onWritten = onWritten
  }

  get isLoading(): boolean {
    return this.#loading.size > 0
  }

  /** Reads a partition that this broker has begun to lead. `onLoaded` is not called where it has lost it meanwhile. */
  load(partition: number, coordinatorEpoch: number, onLoaded: (found: readonly Found[]) => void): void {
    this.#loading.set(partition, coordinatorEpoch)
    this.#ports.load(partition, (entries) => {
      if (this.#loading.get(partition) !== coordinatorEpoch) return
      this.#loading.delete(partition)
      const transactions = new Map<string, Transaction>()
      for (const entry of entries) transactions.set(entry.transactionalId, new Transaction(entry))
      this.#loaded.set(partition, { coordinatorEpoch, transactions })
      onLoaded(Array.from(transactions.values(), (transaction) => ({ partition, coordinatorEpoch, transaction })))
    })
  }

  unload(partition: number): void {
    this.#loading.delete(partition)
    this.#loaded.delete(partition)
  }

  clear(): void {
    this.#loading.clear()
    this.#loaded.clear()
  }

  /** The transaction of an id, undefined where the id is unknown, or the code of why it cannot be told. */
  find(transactionalId: string): Found | undefined | number {
    const partition = coordinatorPartition(transactionalId, this.#ports.partitionCount())
    if (this.#loading.has(partition)) return errorCode.COORDINATOR_LOAD_IN_PROGRESS
    const loaded = this.#loaded.get(partition)
    if (loaded === undefined) return errorCode.NOT_COORDINATOR
    const transaction = loaded.transactions.get(transactionalId)
    return transaction && { partition, coordinatorEpoch: loaded.coordinatorEpoch, transaction }
  }

  /** Keeps a new id in memory; the log gets it with its first value. Only after `find` has not found it. */
  add(entry: TransactionEntry): Found {
    const partition = coordinatorPartition(entry.transactionalId, this.#ports.partitionCount())
    const loaded = this.#loaded.get(partition)
    if (loaded === undefined) throw new Error(`${entry.transactionalId} belongs to another coordinator`)
    const transaction = new Transaction(entry)
    loaded.transactions.set(entry.transactionalId, transaction)
    return { partition, coordinatorEpoch: loaded.coordinatorEpoch, transaction }
  }

  /**
   * Writes the value of a transition that was begun, and lets it take effect. A transition that cannot be written is
   * given up, unless `keepsPending` asks for it to be tried again.
   */
  append(found: Found, next: TransactionEntry, keepsPending: boolean, done: (code: number) => void): void {
    const { partition, coordinatorEpoch, transaction } = found
    if (!this.isCurrent(found)) return done(errorCode.NOT_COORDINATOR)
    // The log's form of version 0 cannot say that a producer speaks version 2. Kafka fails over it with the transition
    // begun, so that the id is busy until its partition is loaded again.
    const isUnwritable = next.clientVersion === 2 && this.#ports.transactionVersion() === 0
    if (isUnwritable) return done(errorCode.UNSUPPORTED_VERSION)
    this.#ports.append(partition, coordinatorEpoch, next.transactionalId, next, (code) => {
      if (!this.isCurrent(found)) return done(this.#codeOf(partition))
      if (code === errorCode.NONE) {
        transaction.complete(next)
        this.#onWritten(next)
      } else if (!keepsPending) transaction.pending = undefined
      done(code)
    })
  }

  /** Forgets an id whose tombstone can be written. */
  remove(found: Found): void {
    const { partition, coordinatorEpoch, transaction } = found
    const { transactionalId } = transaction.entry
    transaction.begin('Dead')
    this.#ports.append(partition, coordinatorEpoch, transactionalId, null, (code) => {
      if (!this.isCurrent(found)) return
      transaction.pending = undefined
      if (code === errorCode.NONE) this.#loaded.get(partition)?.transactions.delete(transactionalId)
    })
  }

  /** Whether this broker still is the coordinator that it was when the transaction was found. */
  isCurrent(found: Found): boolean {
    const loaded = this.#loaded.get(found.partition)
    if (loaded?.coordinatorEpoch !== found.coordinatorEpoch) return false
    return loaded.transactions.get(found.transaction.entry.transactionalId) === found.transaction
  }

  #codeOf(partition: number): number {
    return this.#loading.has(partition) ? errorCode.COORDINATOR_LOAD_IN_PROGRESS : errorCode.NOT_COORDINATOR
  }

  /** Every transaction in memory, by partition and in the order in which the ids came. */
  *all(): IterableIterator<Found> {
    for (const [partition, { coordinatorEpoch, transactions }] of this.#loaded) {
      for (const transaction of transactions.values()) yield { partition, coordinatorEpoch, transaction }
    }
  }
}
