// Owns the two assignors that a broker brings for the consumer protocol, as pure functions: who should have which
// partitions. `uniform` balances and keeps what members have; `range` gives each member a range of every topic.
// KIP-848. Source: org.apache.kafka.coordinator.group.assignor.{UniformAssignor, RangeAssignor}.

import type { Uuid } from '../../protocol/index.ts'
import { filterSets, has, noPartitions, union, type PartitionSets } from './partition_sets.ts'

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

/** All members read the same topics: each keeps what it has up to its quota, the rest goes to who is below. */
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
  for (const { id, target } of members) {
    let quota = least
    if (extra > 0) {
      quota++
      extra--
    }
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
    if (quota > 0) room.push({ id, count: quota })
  }
  let at = 0
  for (const { id, count } of room) {
    result.set(id, withSlots(result.get(id) ?? noPartitions, free.slice(at, at + count)))
    at += count
  }
  return result
}

/** Members read different topics: each partition stays, or goes to the reader that has least; then loads are evened. */
function assignByLoad(members: readonly AssignableMember[], counts: PartitionCounts): Map<string, PartitionSets> {
  const held = new Map(members.map(({ id }) => [id, [] as Slot[]]))
  const loadOf = (id: string): number => held.get(id)?.length ?? 0
  const topicIds = [...new Set(members.flatMap((member) => member.topicIds))]
  for (const slot of slotsOf(topicIds, counts)) {
    const readers = members.filter((member) => member.topicIds.includes(slot.topicId))
    const least = readers.reduce((best, one) => (loadOf(one.id) < loadOf(best.id) ? one : best))
    const owner = readers.find(({ target }) => holds(target, slot)) ?? least
    held.get(owner.id)?.push(slot)
  }
  for (let hasMoved = true; hasMoved;) hasMoved = evenOut(members, held)
  return new Map(members.map(({ id }) => [id, withSlots(noPartitions, held.get(id) ?? [])]))
}

/** Moves one partition from a member that has two more than another reader of the topic. */
function evenOut(members: readonly AssignableMember[], held: ReadonlyMap<string, Slot[]>): boolean {
  for (const from of members) {
    const slots = held.get(from.id) ?? []
    for (const to of members) {
      const others = held.get(to.id) ?? []
      if (slots.length - others.length < 2) continue
      const i = slots.findLastIndex(({ topicId }) => to.topicIds.includes(topicId))
      if (i < 0) continue
      others.push(...slots.splice(i, 1))
      return true
    }
  }
  return false
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
