// Hands out producer ids from the broker's block. The controller gives each broker blocks of a thousand, and a broker
// that starts again takes a new one, so that no id is ever given twice. KIP-730.
// Source: org.apache.kafka.coordinator.transaction.RPCProducerIdManager of Kafka 4.4.0.

/** How many ids the controller gives at a time. */
export const producerIdBlockSize = 1_000

export class ProducerIds {
  readonly #allocateBlock: () => bigint
  #next = 0n
  #left = 0

  /** `allocateBlock` returns the first id of a block that nobody else has. */
  constructor(allocateBlock: () => bigint) {
    this.#allocateBlock = allocateBlock
  }

  next(): bigint {
    if (this.#left === 0) {
      this.#next = this.#allocateBlock()
      this.#left = producerIdBlockSize
    }
    this.#left--
    return this.#next++
  }
}
