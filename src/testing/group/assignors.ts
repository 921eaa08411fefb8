// Owns the two assignors that a broker brings for the consumer protocol, as pure functions: who should have which
// partitions. `uniform` balances and keeps what members have; `range` gives each member a range of every topic.
// KIP-848. Source: org.apache.kafka.coordinator.group.assignor.{UniformAssignor, RangeAssignor}.

import type { Uuid } from '../../protocol/index.ts'
import { filterSets, has, noPartitions, union, type PartitionSets } from './partition_sets.ts'
import { assignByLoad } from './uniform_by_load.ts'

export interface AssignableMember {
  readonly id: string
  readonly instanceId: string | null
  readonly topicIds: readonly Uuid[]
  /** What it was to have before. */
  readonly target: PartitionSets
}

export type PartitionCounts = ReadonlyMap<Uuid, number>
export type Assignor = (members: readonly AssignableMember[], counts: PartitionCounts) => Map<string, PartitionSets>

/** In the order of preference: the first is taken where no member names one. */
export const assignors: ReadonlyMap<string, Assignor> = new Map([
  ['uniform', assignUniform],
  ['range', assignRange]
])

function assignRange(members: readonly AssignableMember[], counts: PartitionCounts): Map<string, PartitionSets> {
  const subscribers = new Map<Uuid, number>()
  for (const { topicIds } of members) {
    for (const topicId of topicIds) subscribers.set(topicId, (subscribers.get(topicId) ?? 0) + 1)
  }
  const next = new Map<Uuid, { start: number; extra: number }>()
  const result = new Map<string, PartitionSets>()
  for (const { id, topicIds } of members.toSorted(byInstance)) {
    const sets = new Map<Uuid, readonly number[]>()
    for (const topicId of topicIds) {
      const count = counts.get(topicId) ?? 0
      const sharers = subscribers.get(topicId) ?? 1
      const at = next.get(topicId) ?? { start: 0, extra: count % sharers }
      const size = Math.floor(count / sharers) + (at.extra > 0 ? 1 : 0)
      const end = Math.min(at.start + size, count)
      next.set(topicId, { start: end, extra: Math.max(at.extra - 1, 0) })
      if (end > at.start)
        sets.set(
          topicId,
          Array.from({ length: end - at.start }, (_, i) => at.start + i)
        )
    }
    result.set(id, sets)
  }
  return result
}

/** Static members first, by their instance ids: they come back under another member id. */
function byInstance(left: AssignableMember, right: AssignableMember): number {
  if (left.instanceId !== null && right.instanceId !== null) return compare(left.instanceId, right.instanceId)
  if (left.instanceId !== null) return -1
  if (right.instanceId !== null) return 1
  return compare(left.id, right.id)
}

function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

interface Slot {
  readonly topicId: Uuid
  readonly partition: number
}

function assignUniform(members: readonly AssignableMember[], counts: PartitionCounts): Map<string, PartitionSets> {
  const [first] = members
  if (first === undefined) return new Map()
  const isHomogeneous = members.every(({ topicIds }) => isSameList(topicIds, first.topicIds))
  return isHomogeneous ? assignEqually(members, first.topicIds, counts) : assignByLoad(members, counts)
}

function isSameList(left: readonly Uuid[], right: readonly Uuid[]): boolean {
  return left.length === right.length && left.every((one) => right.includes(one))
}

/**
 * All members read the same topics: each keeps what it has up to its quota, the rest goes to who is below. What cannot be
 * shared out evenly stays with those who have it. Source: UniformHomogeneousAssignmentBuilder.
 */
function assignEqually(
  members: readonly AssignableMember[],
  topicIds: readonly Uuid[],
  counts: PartitionCounts
): Map<string, PartitionSets> {
  const total = topicIds.reduce((sum, topicId) => sum + (counts.get(topicId) ?? 0), 0)
  const least = Math.floor(total / members.length)
  let extra = total % members.length
  const free = slotsOf(topicIds, counts).filter((slot) => !members.some(({ target }) => holds(target, slot)))
  const result = new Map<string, PartitionSets>()
  const room: { readonly id: string; readonly count: number }[] = []
  for (const [i, { id, target }] of members.entries()) {
    let mayHaveExtra = extra > 0
    let quota = mayHaveExtra ? least + 1 : least
    const kept = filterSets(target, (topicId, partition) => {
      if (!topicIds.includes(topicId)) return false
      if (quota > 0) {
        quota--
        return true
      }
      free.push({ topicId, partition })
      return false
    })
    result.set(id, kept)
    // Who does not have one more already gets none, as long as there are enough others.
    if (quota > 0 && mayHaveExtra && members.length - i > extra) {
      quota--
      mayHaveExtra = false
    }
    if (mayHaveExtra) extra--
    if (quota > 0) room.push({ id, count: quota })
  }
  let at = 0
  for (const { id, count } of room) {
    result.set(id, withSlots(result.get(id) ?? noPartitions, free.slice(at, at + count)))
    at += count
  }
  return result
}

function slotsOf(topicIds: readonly Uuid[], counts: PartitionCounts): Slot[] {
  return topicIds.flatMap((topicId) =>
    Array.from({ length: counts.get(topicId) ?? 0 }, (_, partition) => ({ topicId, partition }))
  )
}

function holds(sets: PartitionSets, { topicId, partition }: Slot): boolean {
  return has(sets, topicId, partition)
}

function withSlots(sets: PartitionSets, slots: readonly Slot[]): PartitionSets {
  const added = new Map<Uuid, number[]>()
  for (const { topicId, partition } of slots) {
    const known = added.get(topicId)
    if (known === undefined) added.set(topicId, [partition])
    else known.push(partition)
  }
  return union(sets, added)
}
