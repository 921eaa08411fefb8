// Owns one member of a group of the consumer protocol and the way its partitions go from what it has to what it should
// have: it gives up first, and gets what others have given up. KIP-848.
// Source: org.apache.kafka.coordinator.group.modern.consumer.{ConsumerGroupMember, CurrentAssignmentBuilder}.

import type { Uuid } from '../../protocol/index.ts'
import { assignors } from './assignors.ts'
import type { Protocols } from './classic_member.ts'
import { filterSets, has, noPartitions, union, type PartitionSets } from './partition_sets.ts'

/** Whether the member has what it should have, must give up first, or waits for others to give up. */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased'

/** The member says that it goes. */
export const leaveEpoch = -1
/** A static member says that it will be back. */
export const staticLeaveEpoch = -2

/** What a member of the classic protocol brought with its last JoinGroup. */
export interface ClassicOffer {
  readonly sessionTimeoutMs: number
  readonly protocols: Protocols
}

export interface ConsumerMember {
  readonly id: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly topicNames: readonly string[]
  readonly topicRegex: string | null
  readonly assignor: string | null
  readonly epoch: number
  readonly previousEpoch: number
  readonly state: MemberState
  readonly assigned: PartitionSets
  /** To be given up; not for others until the member no longer reports them. */
  readonly revoking: PartitionSets
  /** The epochs at which it was given what it has and what it gives up, by `partitionKey`. KIP-1251. */
  readonly since: ReadonlyMap<string, number>
  /** Null for a member of the consumer protocol. */
  readonly classic: ClassicOffer | null
}

export function newConsumerMember(id: string): ConsumerMember {
  return {
    id,
    instanceId: null,
    rackId: null,
    clientId: '',
    clientHost: '',
    rebalanceTimeoutMs: -1,
    topicNames: [],
    topicRegex: null,
    assignor: null,
    epoch: 0,
    previousEpoch: -1,
    state: 'stable',
    assigned: noPartitions,
    revoking: noPartitions,
    since: new Map(),
    classic: null
  }
}

export function partitionKey(topicId: Uuid, partition: number): string {
  return `${topicId}/${partition}`
}

/** The same epoch for all partitions. */
export function sinceEpoch(sets: PartitionSets, epoch: number): Map<string, number> {
  return new Map(keysOf(sets).map((key) => [key, epoch]))
}

function keysOf(sets: PartitionSets): string[] {
  return [...sets].flatMap(([topicId, partitions]) => partitions.map((partition) => partitionKey(topicId, partition)))
}

export interface ReconcileInput {
  readonly targetEpoch: number
  readonly target: PartitionSets
  /** What the member reports to have; undefined where its heartbeat does not say. */
  readonly owned: PartitionSets | undefined
  /** Whether a partition is with any member, or not yet given up by it. */
  readonly isHeld: (topicId: Uuid, partition: number) => boolean
}

/** The member one step nearer to its target, or the same where nothing can move. */
export function reconcile(member: ConsumerMember, input: ReconcileInput): ConsumerMember {
  if (member.state === 'unreleased') return next(member, member.epoch, input)
  if (member.state === 'stable') {
    return member.epoch === input.targetEpoch ? member : next(member, member.epoch, input)
  }
  // With all of it given up the member is one epoch further, and may go on towards the newest target.
  return ownsAny(input.owned, member.revoking) ? member : next(member, member.epoch + 1, input)
}

function next(member: ConsumerMember, epoch: number, input: ReconcileInput): ConsumerMember {
  const { target, targetEpoch, owned, isHeld } = input
  const kept = filterSets(member.assigned, (topicId, partition) => has(target, topicId, partition))
  const revoking = filterSets(member.assigned, (topicId, partition) => !has(target, topicId, partition))
  const wanted = filterSets(target, (topicId, partition) => !has(kept, topicId, partition))
  const free = filterSets(wanted, (topicId, partition) => !isHeld(topicId, partition))
  const waits = sizeOf(free) < sizeOf(wanted)
  if (revoking.size > 0 && ownsAny(owned, revoking)) {
    const since = sinceOf(member, union(kept, revoking), epoch)
    return { ...moved(member, epoch), state: 'unrevoked', assigned: kept, revoking, since }
  }
  const state = waits ? 'unreleased' : 'stable'
  const assigned = union(kept, free)
  const since = sinceOf(member, assigned, targetEpoch)
  return { ...moved(member, targetEpoch), state, assigned, revoking: noPartitions, since }
}

/** What it has already it has since then, and what is new since `epoch`. */
function sinceOf({ since }: ConsumerMember, sets: PartitionSets, epoch: number): Map<string, number> {
  return new Map(keysOf(sets).map((key) => [key, since.get(key) ?? epoch]))
}

function moved(member: ConsumerMember, epoch: number): ConsumerMember {
  return { ...member, epoch, previousEpoch: member.epoch }
}

function ownsAny(owned: PartitionSets | undefined, partitions: PartitionSets): boolean {
  if (owned === undefined) return true
  for (const [topicId, some] of owned) {
    if (some.some((partition) => has(partitions, topicId, partition))) return true
  }
  return false
}

function sizeOf(sets: PartitionSets): number {
  let size = 0
  for (const partitions of sets.values()) size += partitions.length
  return size
}

/** The one that most members ask for, or the first of the broker's. */
export function preferredAssignor(members: readonly ConsumerMember[]): string {
  const votes = new Map<string, number>()
  for (const { assignor } of members) {
    if (assignor !== null) votes.set(assignor, (votes.get(assignor) ?? 0) + 1)
  }
  let best: string | undefined
  for (const [name, count] of votes) if (best === undefined || count > (votes.get(best) ?? 0)) best = name
  return best ?? assignors.keys().next().value ?? ''
}
