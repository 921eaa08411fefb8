// Owns what a log knows of leader epochs: where each of them began. It answers up to which offset a client that read
// under an older leader may trust what it read. KIP-101, KIP-320.
// Source: org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache.

export interface LeaderEpochStart {
  readonly epoch: number
  readonly startOffset: bigint
}

/** Where an epoch ends, and the greatest epoch that is known up to the one that was asked for; -1 where unknown. */
export interface LeaderEpochEnd {
  readonly epoch: number
  readonly endOffset: bigint
}

const unknown: LeaderEpochEnd = Object.freeze({ epoch: -1, endOffset: -1n })

export class LeaderEpochs {
  #starts: LeaderEpochStart[] = []

  get latest(): number | undefined {
    return this.#starts.at(-1)?.epoch
  }

  all(): readonly LeaderEpochStart[] {
    return this.#starts
  }

  /** Records of `epoch` are written from this offset on. */
  assign(epoch: number, startOffset: bigint): void {
    const last = this.#starts.at(-1)
    if (last !== undefined && last.epoch === epoch && startOffset >= last.startOffset) return
    while (this.#starts.length > 0) {
      const { epoch: lastEpoch, startOffset: lastStart } = this.#starts.at(-1)!
      if (lastEpoch < epoch && lastStart < startOffset) break
      this.#starts.pop()
    }
    this.#starts.push({ epoch, startOffset })
  }

  /** The epoch of the record at that offset, or undefined where the log has none so early. */
  epochAt(offset: bigint): number | undefined {
    return this.#starts.findLast(({ startOffset }) => startOffset <= offset)?.epoch
  }

  /** The end of an epoch, in a log that ends at `logEndOffset`. */
  endOf(epoch: number, logEndOffset: bigint): LeaderEpochEnd {
    if (epoch === -1) return unknown
    if (this.latest === epoch) return { epoch, endOffset: logEndOffset }
    const higher = this.#starts.find((one) => one.epoch > epoch)
    if (higher === undefined) return unknown
    const floor = this.#starts.findLast((one) => one.epoch <= epoch)
    return { epoch: floor?.epoch ?? epoch, endOffset: higher.startOffset }
  }

  truncateFromEnd(endOffset: bigint): void {
    this.#starts = this.#starts.filter(({ startOffset }) => startOffset < endOffset)
  }

  truncateFromStart(startOffset: bigint): void {
    const first = this.#starts.findLast((one) => one.startOffset <= startOffset)
    if (first === undefined) return
    this.#starts = [{ epoch: first.epoch, startOffset }, ...this.#starts.filter((one) => one.startOffset > startOffset)]
  }
}
