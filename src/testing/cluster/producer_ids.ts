// Owns the giving away of producer ids: the cluster hands out blocks, which it never hands out again, and each life of a
// broker uses up blocks of its own. Source: ProducerIdsBlock, RPCProducerIdManager. KIP-730.

/** How many ids a broker is given at once. */
const blockSize = 1000n

/** The cluster's side: durable. */
export class ProducerIdBlocks {
  #next = 0n

  /** The first id that was never given to any broker. */
  get next(): bigint {
    return this.#next
  }

  /** Goes on where another run of the cluster ended. */
  skipTo(next: bigint): void {
    this.#next = next
  }

  /** The first id of a new block. */
  allocate(): bigint {
    const first = this.#next
    this.#next += blockSize
    return first
  }
}

/** The broker's side: what is left of its block dies with it. */
export class ProducerIds {
  readonly #blocks: ProducerIdBlocks
  #next = 0n
  #end = 0n

  constructor(blocks: ProducerIdBlocks) {
    this.#blocks = blocks
  }

  /** An id that no producer has ever had. */
  take(): bigint {
    if (this.#next === this.#end) {
      this.#next = this.#blocks.allocate()
      this.#end = this.#next + blockSize
    }
    return this.#next++
  }
}
