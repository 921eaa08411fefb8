// Owns the committed offsets of the groups in one partition of __consumer_offsets, those of open transactions included:
// they wait beside the others until the marker of their producer comes. Durable: it stands for that partition's log.
// KIP-98, KIP-447. Source: org.apache.kafka.coordinator.group.OffsetMetadataManager.

/** A committed position as the log of offsets keeps it. */
export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  /** Milliseconds since 1970. */
  readonly committedAtMs: number
  /** When it goes whatever the settings say; only OffsetCommit up to version 4 can give it. */
  readonly expiresAtMs: number | undefined
}

/** Where a record stands in the log of offsets decides which of two commits is the later one. */
interface Stored extends CommittedOffset {
  readonly recordedAt: number
}

type Offsets = Map<string, Stored>

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}

export class OffsetStore {
  readonly #groups = new Map<string, Offsets>()
  /** By producer id, then by group. */
  readonly #pending = new Map<bigint, Map<string, Offsets>>()
  #recorded = 0

  /** Writes offsets outside of any transaction. */
  commit(groupId: string, offsets: readonly CommittedOffset[]): void {
    if (offsets.length === 0) return
    const known = offsetsOf(this.#groups, groupId)
    for (const one of offsets) known.set(keyOf(one.topic, one.partition), { ...one, recordedAt: this.#recorded++ })
  }

  /** Writes offsets that count when the producer's transaction is committed. */
  commitPending(producerId: bigint, groupId: string, offsets: readonly CommittedOffset[]): void {
    if (offsets.length === 0) return
    let groups = this.#pending.get(producerId)
    if (groups === undefined) this.#pending.set(producerId, (groups = new Map()))
    const known = offsetsOf(groups, groupId)
    for (const one of offsets) known.set(keyOf(one.topic, one.partition), { ...one, recordedAt: this.#recorded++ })
  }

  /** The marker of a producer has come. An offset that was committed after a pending one stays. */
  complete(producerId: bigint, isCommit: boolean): void {
    const groups = this.#pending.get(producerId)
    if (groups === undefined) return
    this.#pending.delete(producerId)
    if (!isCommit) return
    for (const [groupId, offsets] of groups) {
      const known = offsetsOf(this.#groups, groupId)
      for (const [key, one] of offsets) {
        const existing = known.get(key)
        if (existing === undefined || existing.recordedAt < one.recordedAt) known.set(key, one)
      }
    }
  }

  find(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(keyOf(topic, partition))
  }

  /** What is committed, in the order in which each partition came first. */
  all(groupId: string): readonly CommittedOffset[] {
    return [...(this.#groups.get(groupId)?.values() ?? [])]
  }

  /** What open transactions have written for a group, in the order of its producers. */
  pending(groupId: string): (CommittedOffset & { readonly producerId: bigint })[] {
    return [...this.#pending].flatMap(([producerId, groups]) => {
      return [...(groups.get(groupId)?.values() ?? [])].map((one) => ({ ...one, producerId }))
    })
  }

  /** Whether an open transaction has written an offset of this partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    if (this.#pending.size === 0) return false
    const key = keyOf(topic, partition)
    for (const groups of this.#pending.values()) if (groups.get(groupId)?.has(key) === true) return true
    return false
  }

  hasPending(groupId: string): boolean {
    for (const groups of this.#pending.values()) if (groups.has(groupId)) return true
    return false
  }

  /** Groups that have offsets, pending ones included. */
  groupIds(): string[] {
    const ids = new Set(this.#groups.keys())
    for (const groups of this.#pending.values()) for (const groupId of groups.keys()) ids.add(groupId)
    return [...ids]
  }

  /** Forgets one offset, in open transactions too, as a tombstone does. */
  delete(groupId: string, topic: string, partition: number): void {
    const key = keyOf(topic, partition)
    deleteIn(this.#groups, groupId, key)
    for (const groups of this.#pending.values()) deleteIn(groups, groupId, key)
  }

  deleteGroup(groupId: string): void {
    this.#groups.delete(groupId)
    for (const groups of this.#pending.values()) groups.delete(groupId)
  }

  /** A deleted topic takes its offsets with it. */
  forgetTopic(topic: string): void {
    for (const [groupId, offsets] of this.#groups) {
      for (const { topic: name, partition } of offsets.values())
        if (name === topic) this.delete(groupId, topic, partition)
    }
  }

  /** Drops what `isExpired` names, unless a transaction is about to replace it. Answers whether anything is left. */
  expire(groupId: string, isExpired: (offset: CommittedOffset) => boolean): boolean {
    for (const one of this.all(groupId)) {
      if (this.isPending(groupId, one.topic, one.partition) || !isExpired(one)) continue
      deleteIn(this.#groups, groupId, keyOf(one.topic, one.partition))
    }
    return this.#groups.has(groupId) || this.hasPending(groupId)
  }

  encode(): unknown {
    return {
      recorded: this.#recorded,
      groups: [...this.#groups].map(encodeGroup),
      pending: [...this.#pending].map(([producerId, groups]) => ({
        producerId: String(producerId),
        groups: [...groups].map(encodeGroup)
      }))
    }
  }

  /** From what `encode` answered, after JSON. */
  static decode(json: unknown): OffsetStore {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by encode alone
    const stored = json as StoredStore
    const store = new OffsetStore()
    store.#recorded = stored.recorded
    for (const group of stored.groups) store.#groups.set(group.groupId, decodeGroup(group))
    for (const { producerId, groups } of stored.pending) {
      store.#pending.set(BigInt(producerId), new Map(groups.map((group) => [group.groupId, decodeGroup(group)])))
    }
    return store
  }
}

interface StoredStore {
  readonly recorded: number
  readonly groups: readonly StoredGroup[]
  readonly pending: readonly { readonly producerId: string; readonly groups: readonly StoredGroup[] }[]
}

interface StoredGroup {
  readonly groupId: string
  readonly offsets: readonly (Omit<Stored, 'offset'> & { readonly offset: string })[]
}

function encodeGroup([groupId, offsets]: [string, Offsets]): StoredGroup {
  return { groupId, offsets: [...offsets.values()].map((one) => ({ ...one, offset: String(one.offset) })) }
}

function decodeGroup({ offsets }: StoredGroup): Offsets {
  return new Map(offsets.map((one) => [keyOf(one.topic, one.partition), { ...one, offset: BigInt(one.offset) }]))
}

function offsetsOf(groups: Map<string, Offsets>, groupId: string): Offsets {
  let offsets = groups.get(groupId)
  if (offsets === undefined) groups.set(groupId, (offsets = new Map()))
  return offsets
}

function deleteIn(groups: Map<string, Offsets>, groupId: string, key: string): void {
  const offsets = groups.get(groupId)
  if (offsets === undefined) return
  offsets.delete(key)
  if (offsets.size === 0) groups.delete(groupId)
}
