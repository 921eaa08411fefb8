// Owns the question which record batches of one partition belong to aborted transactions, for read_committed. A pure
// state machine over what a fetch response lists and the batches in it, in offset order; touches no socket. KIP-98.
// Source: org.apache.kafka.clients.consumer.internals.CompletedFetch.

/** One entry of a fetch response's list of aborted transactions. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/**
 * Which transactions were aborted among the batches of one reply for one partition.
 *
 * The list of a reply names every aborted transaction that reaches into its batches, also one that began in an earlier
 * reply or whose marker lies in a later one. So nothing is carried from one reply to the next: an entry whose marker
 * compaction has removed meanwhile would hide what its producer committed later. Other brokers than Kafka's send the
 * list out of order.
 */
export class AbortedTransactions {
  /** Listed and not yet reached, by descending first offset, so that the next one is at the end. */
  private readonly upcoming: AbortedTransaction[]
  /** Producers whose transaction at this point of the log was aborted. */
  private readonly aborted = new Set<bigint>()

  constructor(list: readonly AbortedTransaction[]) {
    this.upcoming = list.length < 2 ? list.slice() : list.toSorted(byDescendingFirstOffset)
  }

  /** Whether the records of this transactional batch were aborted. Batches must come in offset order. */
  isAborted(producerId: bigint, lastOffset: bigint): boolean {
    this.advanceTo(lastOffset)
    return this.aborted.has(producerId)
  }

  /**
   * Notes an ABORT marker: the producer's aborted transaction ends here. A COMMIT marker needs no call, because it ends
   * a transaction that was never listed.
   */
  abortMarker(producerId: bigint, offset: bigint): void {
    this.advanceTo(offset)
    this.aborted.delete(producerId)
  }

  private advanceTo(lastOffset: bigint): void {
    const { upcoming } = this
    for (let next = upcoming.at(-1); next !== undefined && next.firstOffset <= lastOffset; next = upcoming.at(-1)) {
      this.aborted.add(next.producerId)
      upcoming.pop()
    }
  }
}

function byDescendingFirstOffset(left: AbortedTransaction, right: AbortedTransaction): number {
  if (left.firstOffset === right.firstOffset) return 0
  return left.firstOffset < right.firstOffset ? 1 : -1
}
