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
    for (let i = this.#firstEndingAt(fetchOffset); i < this.#transactions.length; i++) {
      const transaction = this.#transactions[i]!
      if (transaction.firstOffset < upperBound) found.push(transaction)
      if (transaction.lastStableOffset >= upperBound) break
    }
    return found
  }

  /** Number of the first transaction whose marker is at or behind an offset. */
  #firstEndingAt(offset: bigint): number {
    let low = 0
    let high = this.#transactions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#transactions[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
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
