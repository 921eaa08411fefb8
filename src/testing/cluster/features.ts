// Owns the features of a cluster as KIP-584 has them: which levels its brokers can do, and which one is finalized. What
// transactions may do follows from `transaction.version` alone, never from the versions of requests that are offered.

export interface FeatureRange {
  readonly name: string
  readonly min: number
  readonly max: number
}

/** What Kafka 4.4.0 supports, without share groups and streams groups, which are not kept here. */
const supported: readonly FeatureRange[] = Object.freeze([
  { name: 'group.version', min: 0, max: 1 },
  { name: 'kraft.version', min: 0, max: 1 },
  { name: 'metadata.version', min: 7, max: 33 },
  { name: 'transaction.version', min: 0, max: 2 },
  { name: 'eligible.leader.replicas.version', min: 0, max: 1 }
])

/** What a new cluster of Kafka 4.4.0 is given. */
const initialLevels: Readonly<Record<string, number>> = {
  'group.version': 1,
  'transaction.version': 2,
  'eligible.leader.replicas.version': 1,
  'metadata.version': 33
}

export class Features {
  readonly #finalized = new Map<string, number>(Object.entries(initialLevels))
  /** Grows with every change, as the metadata offset does in Kafka. */
  #epoch = 1n

  constructor(levels: Readonly<Record<string, number>> = {}) {
    for (const [name, level] of Object.entries(levels)) this.#finalized.set(name, level)
  }

  get epoch(): bigint {
    return this.#epoch
  }

  supported(): readonly FeatureRange[] {
    return supported
  }

  range(name: string): FeatureRange | undefined {
    return supported.find((one) => one.name === name)
  }

  /** Finalized levels above 0. */
  finalized(): readonly (readonly [name: string, level: number])[] {
    return [...this.#finalized].filter(([, level]) => level > 0)
  }

  /** All levels, those that are 0 too. */
  levels(): readonly (readonly [name: string, level: number])[] {
    return [...this.#finalized]
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
