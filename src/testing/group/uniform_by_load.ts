// Owns the assignment of `uniform` where members read different topics: everybody keeps what it may keep, free partitions go
// to the reader that has least, and then each topic is evened out among its readers, again and again. Equal to Kafka's own
// for any order of members, which is a hash map's there. KIP-848.
// Source: org.apache.kafka.coordinator.group.assignor.UniformHeterogeneousAssignmentBuilder.

import type { Uuid } from '../../protocol/index.ts'
import type { AssignableMember, PartitionCounts } from './assignors.ts'
import { partitionSets, type PartitionSets } from './partition_sets.ts'

/** Kafka evens out no longer than this, though it might go on. */
const roundsMax = 16
const nobody = -1

export function assignByLoad(
  members: readonly AssignableMember[],
  counts: PartitionCounts
): Map<string, PartitionSets> {
  return new Loads(members, counts).assign()
}

class Loads {
  readonly #members: readonly AssignableMember[]
  /** How many partitions each member has. */
  readonly #loads: number[]
  /** Who reads a topic, by place among the members. */
  readonly #readers = new Map<Uuid, number[]>()
  /** Who has each partition of a topic. */
  readonly #owners = new Map<Uuid, number[]>()

  constructor(members: readonly AssignableMember[], counts: PartitionCounts) {
    this.#members = members
    this.#loads = members.map(() => 0)
    for (const [i, { topicIds }] of members.entries()) {
      for (const topicId of topicIds) {
        this.#readersOf(topicId).push(i)
        const count = counts.get(topicId) ?? 0
        if (!this.#owners.has(topicId))
          this.#owners.set(
            topicId,
            Array.from({ length: count }, () => nobody)
          )
      }
    }
  }

  assign(): Map<string, PartitionSets> {
    this.#keep()
    const topicIds = [...this.#owners.keys()].toSorted((left, right) => this.#compareTopics(left, right))
    for (const topicId of topicIds) this.#giveOut(topicId)
    this.#evenOut(topicIds.filter((topicId) => this.#readersOf(topicId).length > 1))
    return this.#result()
  }

  #keep(): void {
    for (const [i, { topicIds, target }] of this.#members.entries()) {
      for (const [topicId, partitions] of target) {
        if (!topicIds.includes(topicId)) continue
        for (const partition of partitions) this.#give(topicId, partition, i)
      }
    }
  }

  #giveOut(topicId: Uuid): void {
    const readers = this.#inOrder(topicId)
    for (const [partition, owner] of this.#ownersOf(topicId).entries()) {
      if (owner === nobody) this.#give(topicId, partition, this.#least(readers))
    }
  }

  /** Topic after topic, until a whole round has changed nothing. */
  #evenOut(topicIds: readonly Uuid[]): void {
    let changedLast: Uuid | undefined
    for (let round = 0; round < roundsMax; round++) {
      for (const topicId of topicIds) {
        if (topicId === changedLast) return
        if (this.#evenOutTopic(topicId) || changedLast === undefined) changedLast = topicId
      }
    }
  }

  #evenOutTopic(topicId: Uuid): boolean {
    const readers = this.#inOrder(topicId)
    if (this.#load(readers.at(-1)) - this.#load(readers[0]) <= 1) return false
    const held = new Map(readers.map((reader) => [reader, [] as number[]]))
    for (const [partition, owner] of this.#ownersOf(topicId).entries()) held.get(owner)?.push(partition)
    let hasChanged = false
    // Readers from here on have nothing of this topic to give.
    let givers = readers.length
    while (givers > 0) {
      const at = this.#mostAt(readers, givers)
      const most = readers[at] ?? nobody
      const partition = held.get(most)?.pop()
      if (partition === undefined) {
        givers--
        readers[at] = readers[givers] ?? nobody
        readers[givers] = most
        continue
      }
      const least = this.#least(readers)
      if (this.#load(most) - this.#load(least) <= 1) break
      this.#give(topicId, partition, least)
      hasChanged = true
    }
    return hasChanged
  }

  /** The readers of a topic, those with the smallest loads first. */
  #inOrder(topicId: Uuid): number[] {
    return this.#readersOf(topicId).toSorted((left, right) => this.#load(left) - this.#load(right) || left - right)
  }

  /** Of those that have least, the first. */
  #least(readers: readonly number[]): number {
    return readers.reduce((best, one) => (this.#load(one) < this.#load(best) ? one : best))
  }

  /** Where the last of those is that have most, among the first `count`. */
  #mostAt(readers: readonly number[], count: number): number {
    let best = 0
    for (let at = 1; at < count; at++) if (this.#load(readers[at]) >= this.#load(readers[best])) best = at
    return best
  }

  #give(topicId: Uuid, partition: number, member: number): void {
    const owners = this.#ownersOf(topicId)
    const before = owners[partition] ?? nobody
    if (before !== nobody) this.#loads[before] = this.#load(before) - 1
    owners[partition] = member
    this.#loads[member] = this.#load(member) + 1
  }

  #result(): Map<string, PartitionSets> {
    const topics = [...this.#owners]
    return new Map(
      this.#members.map(({ id }, i) => {
        const own = topics.map(([topicId, owners]) => {
          return { topicId, partitions: owners.flatMap((owner, partition) => (owner === i ? [partition] : [])) }
        })
        return [id, partitionSets(own.filter(({ partitions }) => partitions.length > 0))]
      })
    )
  }

  /** Those with most partitions for each reader first, then those with few readers. */
  #compareTopics(left: Uuid, right: Uuid): number {
    const [leftReaders, rightReaders] = [this.#readersOf(left).length, this.#readersOf(right).length]
    const byShare = this.#ownersOf(right).length / rightReaders - this.#ownersOf(left).length / leftReaders
    return byShare || leftReaders - rightReaders || compareUuids(left, right)
  }

  #load(member: number | undefined): number {
    return this.#loads[member ?? nobody] ?? 0
  }

  #readersOf(topicId: Uuid): number[] {
    const known = this.#readers.get(topicId)
    if (known !== undefined) return known
    const readers: number[] = []
    this.#readers.set(topicId, readers)
    return readers
  }

  #ownersOf(topicId: Uuid): number[] {
    return this.#owners.get(topicId) ?? []
  }
}

/** As Java does it: by two halves, each with a sign. */
function compareUuids(left: Uuid, right: Uuid): number {
  return Buffer.compare(unsigned(left), unsigned(right))
}

function unsigned(id: Uuid): Buffer {
  const bytes = Buffer.from(id, 'base64url')
  for (const at of [0, 8]) bytes[at] = (bytes[at] ?? 0) ^ 0x80
  return bytes
}
