// Owns how a group goes over from one protocol to the other while it has members: what becomes of its members, epochs and
// assignments, and which ways `group.consumer.migration.policy` allows. KIP-848.
// Source: org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroup.fromClassicGroup, ClassicGroup.fromConsumerGroup.

import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersioned,
  encodeVersioned,
  errorCode,
  ProtocolError
} from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import { ClassicGroup } from './classic_group.ts'
import { ClassicMember, consumerType } from './classic_member.ts'
import { ConsumerGroup } from './consumer_group.ts'
import { newConsumerMember, sinceEpoch, type ConsumerMember } from './consumer_member.ts'
import { noPartitions, partitionSets, type PartitionSets } from './partition_sets.ts'
import type { GroupPorts } from './ports.ts'

const policySetting = 'group.consumer.migration.policy'

function isAllowed(way: 'upgrade' | 'downgrade', ports: GroupPorts): boolean {
  return ['bidirectional', way].includes(ports.text(policySetting))
}

/** Whether a group with so many members may become a classic one. */
export function mayDowngrade(memberCount: number, ports: GroupPorts): boolean {
  return isAllowed('downgrade', ports) && memberCount <= ports.setting('group.max.size')
}

/** Whether members of the classic protocol may join a group of the consumer protocol. */
export function mayMix(ports: GroupPorts): boolean {
  return isAllowed('upgrade', ports) || isAllowed('downgrade', ports)
}

/** Partitions that members of the classic protocol name by topic, in the topics that there are. */
export function partitionsByName(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  ports: GroupPorts
): PartitionSets {
  return partitionSets(
    topics.flatMap(({ topic, partitions }) => {
      const topicId = ports.topicByName(topic)?.id
      return topicId === undefined ? [] : [{ topicId, partitions }]
    })
  )
}

/** An assignment in the version in which the member said what it reads. */
export function encodedAssignment(sets: PartitionSets, subscription: Uint8Array, ports: GroupPorts): Uint8Array {
  const { version } = decodeVersioned(ConsumerProtocolSubscription, subscription)
  const assignedPartitions = [...sets].flatMap(([topicId, partitions]) => {
    const topic = ports.topicById(topicId)?.name
    return topic === undefined ? [] : [{ topic, partitions }]
  })
  const known = Math.min(version, ConsumerProtocolAssignment.versions[1])
  return encodeVersioned(ConsumerProtocolAssignment, known, { assignedPartitions })
}

/** A classic group as one of the consumer protocol, with the assignment that its members have; or why it stays. */
export function upgradedGroup(group: ClassicGroup, ports: GroupPorts): ConsumerGroup | Refusal {
  if (!isAllowed('upgrade', ports)) return stays(group, 'online upgrade is disabled')
  if (group.protocolType !== consumerType) return stays(group, 'the group does not use the consumer embedded protocol')
  if (group.members.size > ports.setting('group.consumer.max.size')) return stays(group, 'it has too many members')
  const upgraded = new ConsumerGroup(group.groupId, ports.nowMs())
  upgraded.epoch = group.generationId
  upgraded.targetEpoch = group.generationId
  for (const member of group.members.values()) {
    const taken = takenOver(member, group, ports)
    if (typeof taken === 'string') return stays(group, taken)
    upgraded.members.set(taken.id, taken)
    upgraded.targets.set(taken.id, taken.assigned)
  }
  return upgraded
}

function stays({ groupId }: ClassicGroup, why: string): Refusal {
  const message = `Cannot upgrade classic group ${groupId} to consumer group because ${why}.`
  return new Refusal(errorCode.GROUP_ID_NOT_FOUND, message)
}

function takenOver(member: ClassicMember, group: ClassicGroup, ports: GroupPorts): ConsumerMember | string {
  const { generationId, protocolName } = group
  try {
    const assignment = assignmentOf(member)
    if ((assignment?.userData?.length ?? 0) > 0) return 'an unsupported custom assignor is in use'
    const { value: subscription } = decodeVersioned(ConsumerProtocolSubscription, member.metadata(protocolName))
    const assigned = assignment === undefined ? noPartitions : partitionsByName(assignment.assignedPartitions, ports)
    return {
      ...newConsumerMember(member.id),
      ...member.client,
      instanceId: member.instanceId,
      rackId: subscription.rackId === '' ? null : subscription.rackId,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      topicNames: subscription.topics.toSorted(),
      epoch: generationId,
      previousEpoch: generationId,
      assigned,
      since: sinceEpoch(assigned, generationId),
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols }
    }
  } catch (error) {
    if (error instanceof ProtocolError) return 'the embedded consumer protocol is malformed'
    throw error
  }
}

function assignmentOf({ assignment }: ClassicMember): ConsumerProtocolAssignment | undefined {
  return assignment.length === 0 ? undefined : decodeVersioned(ConsumerProtocolAssignment, assignment).value
}

/** Members as they are after the last one of the consumer protocol has gone. */
export interface DowngradeInput {
  readonly leaving: readonly ConsumerMember[]
  /** Has taken the place of a static member, by the classic protocol. */
  readonly joining?: ConsumerMember
  /** What the classic group begins with. */
  readonly generationId: number
}

/** A group of the consumer protocol as a classic one, with the targets of its members as their assignments. */
export function downgradedGroup(
  group: ConsumerGroup,
  { leaving, joining, generationId }: DowngradeInput,
  ports: GroupPorts
): ClassicGroup {
  const classic = new ClassicGroup(group.groupId, ports.nowMs())
  classic.generationId = generationId
  classic.protocolType = consumerType
  classic.state = 'Stable'
  const staying = [...group.members.values()].filter((member) => !leaving.includes(member) && member.id !== joining?.id)
  for (const member of joining === undefined ? staying : [...staying, joining]) {
    const { id, instanceId, clientId, clientHost, rebalanceTimeoutMs, classic: offer } = member
    if (offer === null) throw new Error(`${id} does not use the classic protocol`)
    classic.add(new ClassicMember(id, instanceId, { clientId, clientHost }, { ...offer, rebalanceTimeoutMs }))
  }
  classic.protocolName = classic.selectProtocol()
  classic.noteSubscriptions()
  for (const member of classic.members.values()) {
    member.assignment = encodedAssignment(group.target(member.id), member.metadata(classic.protocolName), ports)
  }
  return classic
}
