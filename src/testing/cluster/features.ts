// Owns the features of a cluster as KIP-584 has them: which levels its brokers can do, and which one is finalized. What
// transactions may do follows from `transaction.version` alone, never from the versions of requests that are offered.

/** Levels that Kafka 4.4.0 supports, and the one that a new cluster of it is given. */
const supported = [
  ['eligible.leader.replicas.version', 1, 1],
  ['group.version', 1, 1],
  ['kraft.version', 1, 1],
  ['metadata.version', 30, 30],
  ['share.version', 1, 1],
  ['streams.version', 1, 1],
  ['transaction.version', 2, 2]
] as const

export interface FeatureRange {
  readonly name: string
  readonly min: number
  readonly max: number
}

export class Features {
  readonly #finalized = new Map<string, number>()
  /** Grows with every change, as the metadata offset does in Kafka. */
  #epoch = 1n

  constructor(levels: Readonly<Record<string, number>> = {}) {
    for (const [name, , level] of supported) this.#finalized.set(name, levels[name] ?? level)
  }

  get epoch(): bigint {
    return this.#epoch
  }

  supported(): readonly FeatureRange[] {
    return supported.map(([name, max]) => ({ name, min: 0, max }))
  }

  /** Finalized levels above 0. */
  finalized(): readonly (readonly [name: string, level: number])[] {
    return [...this.#finalized].filter(([, level]) => level > 0)
  }

  level(name: string): number {
    return this.#finalized.get(name) ?? 0
  }

  get transactionVersion(): number {
    return this.level('transaction.version')
  }

  setLevel(name: string, level: number): void {
    this.#finalized.set(name, level)
    this.#epoch++
  }
}
