// Owns the list of aborted transactions of a partition, from which readers of committed records learn what to skip.
// Source: org.apache.kafka.storage.internals.log.TransactionIndex. KIP-98.

import type { CompletedTransaction } from './producer_state.ts'

export class AbortedIndex {
  #transactions: CompletedTransaction[] = []

  /** In the order of their markers. */
  add(transaction: CompletedTransaction): void {
    this.#transactions.push(transaction)
  }

  /** Those that reach into the offsets from `fetchOffset` up to, without it, `upperBound`. */
  between(fetchOffset: bigint, upperBound: bigint): readonly CompletedTransaction[] {
    const found: CompletedTransaction[] = []
    for (const transaction of this.#transactions) {
      if (transaction.lastOffset >= fetchOffset && transaction.firstOffset < upperBound) found.push(transaction)
      if (transaction.lastStableOffset >= upperBound) break
    }
    return found
  }

  truncateFromEnd(endOffset: bigint): void {
    this.#transactions = this.#transactions.filter(({ lastOffset }) => lastOffset < endOffset)
  }

  truncateFromStart(startOffset: bigint): void {
    this.#transactions = this.#transactions.filter(({ lastOffset }) => lastOffset >= startOffset)
  }

  clear(): void {
    this.#transactions = []
  }
}
