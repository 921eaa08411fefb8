// Owns how a group looks to tests: its state, its members with what they read and have, and its offsets, those of open
// transactions apart. A copy: nothing changes it later. Where no broker coordinates the group it is told from the log.

import { ConsumerProtocolAssignment, decodeVersioned, ProtocolError } from '../../protocol/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Partition } from '../cluster/topic.ts'
import { ClassicGroup } from './classic_group.ts'
import type { ClassicMember } from './classic_member.ts'
import type { ConsumerGroup } from './consumer_group.ts'
import { groupCoordinatorOf } from './group_coordinator.ts'
import { groupStateKind } from './group_state.ts'
import type { Group } from './loaded_groups.ts'
import type { CommittedOffset } from './offset_store.ts'
import { union, type PartitionSets } from './partition_sets.ts'

/** Partitions of one topic, in ascending order. */
export interface AssignedTopic {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** A member of a group. */
export interface MemberView {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  /** Topics that it reads; empty where that cannot be known, and for a pattern. */
  readonly topics: readonly string[]
  /** What it has; empty while the members of a classic group come to an agreement. */
  readonly assignment: readonly AssignedTopic[]
}

/** A committed position. */
export interface OffsetView {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** -1 where the client has not told it. */
  readonly leaderEpoch: number
  readonly metadata: string
}

/** A position that counts when its producer's transaction commits. */
export interface PendingOffsetView extends OffsetView {
  readonly producerId: bigint
}

/** A group as it is at this moment. */
export interface GroupView {
  readonly groupId: string
  readonly protocol: 'classic' | 'consumer'
  /** As Kafka calls it: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Assigning`, `Reconciling`. */
  readonly state: string
  /** The generation of a classic group, the epoch of one of the consumer protocol. */
  readonly generation: number
  readonly members: readonly MemberView[]
  readonly offsets: readonly OffsetView[]
  readonly pendingOffsets: readonly PendingOffsetView[]
}

/** The groups that a partition of `__consumer_offsets` keeps. */
export function groupIdsIn(cluster: Cluster, partition: Partition): string[] {
  const { offsets, classic, consumer } = partition.durable(groupStateKind)
  const loaded = loadedIn(cluster, partition).map(({ groupId }) => groupId)
  return [...new Set([...loaded, ...classic.keys(), ...consumer.keys(), ...offsets.groupIds()])]
}

/** A group of that partition; undefined where there is none. */
export function viewGroup(cluster: Cluster, partition: Partition, groupId: string): GroupView | undefined {
  const group = loadedIn(cluster, partition).find((one) => one.groupId === groupId) ?? storedIn(partition, groupId)
  if (group === undefined) return undefined
  const { offsets } = partition.durable(groupStateKind)
  const isClassic = group.type === 'classic'
  return {
    groupId,
    protocol: group.type,
    state: group.state,
    generation: isClassic ? group.generationId : group.epoch,
    members: isClassic ? classicMembers(group) : consumerMembers(cluster, group),
    offsets: offsets.all(groupId).map(offsetView),
    pendingOffsets: offsets.pending(groupId).map((one) => ({ producerId: one.producerId, ...offsetView(one) }))
  }
}

function loadedIn(cluster: Cluster, partition: Partition): readonly Group[] {
  const broker = cluster.leaderOf(partition)
  if (broker === undefined) return []
  const loaded = groupCoordinatorOf(broker).loaded()
  return loaded.find((one) => one.partition === partition)?.all() ?? []
}

function storedIn(partition: Partition, groupId: string): Group | undefined {
  const { offsets, classic, consumer } = partition.durable(groupStateKind)
  const stored = classic.get(groupId)
  if (stored !== undefined) return ClassicGroup.load(stored)
  return consumer.get(groupId) ?? (offsets.groupIds().includes(groupId) ? new ClassicGroup(groupId, 0) : undefined)
}

function classicMembers(group: ClassicGroup): MemberView[] {
  return [...group.members.values()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.client.clientId,
    topics: member.subscribedTopics(group.protocolName) ?? [],
    assignment: group.state === 'Stable' ? classicAssignment(member) : []
  }))
}

/** What groups of other types than consumers' tell their members is theirs alone. */
function classicAssignment({ assignment }: ClassicMember): AssignedTopic[] {
  if (assignment.length === 0) return []
  try {
    const { assignedPartitions } = decodeVersioned(ConsumerProtocolAssignment, assignment).value
    return assignedPartitions.map(({ topic, partitions }) => ({ topic, partitions: sorted(partitions) }))
  } catch (error) {
    if (error instanceof ProtocolError) return []
    throw error
  }
}

function consumerMembers(cluster: Cluster, group: ConsumerGroup): MemberView[] {
  return [...group.members.values()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    topics: [...member.topicNames],
    assignment: namedTopics(cluster, union(member.assigned, member.revoking))
  }))
}

function namedTopics(cluster: Cluster, sets: PartitionSets): AssignedTopic[] {
  return [...sets].flatMap(([topicId, partitions]) => {
    const name = cluster.topicById(topicId)?.name
    return name === undefined ? [] : [{ topic: name, partitions: sorted(partitions) }]
  })
}

function offsetView({ topic, partition, offset, leaderEpoch, metadata }: CommittedOffset): OffsetView {
  return { topic, partition, offset, leaderEpoch, metadata }
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b)
}
