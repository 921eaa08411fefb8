// Owns sets of partitions of several topics, as assignments of the consumer protocol are: partitions of each topic in
// ascending order, topics in the order in which they came. Values: operations answer new ones.

import type { Uuid } from '../../protocol/index.ts'

export type PartitionSets = ReadonlyMap<Uuid, readonly number[]>

export const noPartitions: PartitionSets = new Map()

/** As requests and responses have them. */
export interface TopicPartitions {
  readonly topicId: Uuid
  readonly partitions: readonly number[]
}

export function partitionSets(topics: readonly TopicPartitions[]): PartitionSets {
  return new Map(topics.map(({ topicId, partitions }) => [topicId, partitions.toSorted((a, b) => a - b)]))
}

export function topicPartitions(sets: PartitionSets): TopicPartitions[] {
  return [...sets].map(([topicId, partitions]) => ({ topicId, partitions }))
}

export function has(sets: PartitionSets, topicId: Uuid, partition: number): boolean {
  return sets.get(topicId)?.includes(partition) === true
}

/** The partitions for which `keep` says so; topics without any are left out. */
export function filterSets(sets: PartitionSets, keep: (topicId: Uuid, partition: number) => boolean): PartitionSets {
  const kept = new Map<Uuid, readonly number[]>()
  for (const [topicId, partitions] of sets) {
    const some = partitions.filter((partition) => keep(topicId, partition))
    if (some.length > 0) kept.set(topicId, some)
  }
  return kept
}

export function union(left: PartitionSets, right: PartitionSets): PartitionSets {
  const all = new Map(left)
  for (const [topicId, partitions] of right) {
    const both = new Set([...(all.get(topicId) ?? []), ...partitions])
    all.set(
      topicId,
      [...both].toSorted((a, b) => a - b)
    )
  }
  return all
}

export function isSubset(sets: PartitionSets, of: PartitionSets): boolean {
  for (const [topicId, partitions] of sets) {
    if (!partitions.every((partition) => has(of, topicId, partition))) return false
  }
  return true
}

export function isSame(left: PartitionSets, right: PartitionSets): boolean {
  return isSubset(left, right) && isSubset(right, left)
}
