// What tests may do to the markers that end transactions: hold them back, delay them, or leave them out, per partition.
// One for a cluster: its rules outlive brokers, as a network's faults do. Without a rule every marker is sent at once.

/** One marker that is about to be sent to one partition. */
export interface Marker {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly committed: boolean
  readonly topic: string
  readonly partition: number
}

export type MarkerFate =
  | 'send'
  /** Until the rule is taken back. */
  | 'hold'
  /** Never sent, and the transaction completes without it: what a real 4.4.0 does where a leader is missing. */
  | 'skip'
  | { readonly afterMs: number }

/** Undefined leaves the marker to the next rule. */
export type MarkerRule = (marker: Marker) => MarkerFate | undefined

export class MarkerControl {
  readonly #rules = new Set<MarkerRule>()
  readonly #releases = new Set<() => void>()

  /** Puts a rule in force, before those that are there already. Disposing of it lets go what it holds. */
  add(rule: MarkerRule): Disposable {
    const own: MarkerRule = (marker) => rule(marker)
    this.#rules.add(own)
    return {
      [Symbol.dispose]: () => {
        if (!this.#rules.delete(own)) return
        for (const release of this.#releases) release()
      }
    }
  }

  fateOf(marker: Marker): MarkerFate {
    if (this.#rules.size === 0) return 'send'
    for (const rule of [...this.#rules].toReversed()) {
      const fate = rule(marker)
      if (fate !== undefined) return fate
    }
    return 'send'
  }

  /** Calls back when a rule was taken back, until the returned value is disposed of. */
  onRelease(release: () => void): Disposable {
    this.#releases.add(release)
    return { [Symbol.dispose]: () => void this.#releases.delete(release) }
  }
}
