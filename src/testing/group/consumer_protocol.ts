// Owns what happens to groups of the consumer protocol: a heartbeat joins, leaves, tells what a member has, and is
// answered with what it should have. No request waits here. KIP-848.
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager.consumerGroupHeartbeat.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf, Uuid } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import { wholePattern } from '../re2.ts'
import { assignors, type AssignableMember } from './assignors.ts'
import type { ClientInfo } from './classic_member.ts'
import type { ConsumerGroup } from './consumer_group.ts'
import { newConsumerMember, reconcile, staticLeaveEpoch, type ConsumerMember } from './consumer_member.ts'
import { isSame, isSubset, noPartitions, partitionSets, topicPartitions, type PartitionSets } from './partition_sets.ts'
import type { GroupPorts, GroupTopic } from './ports.ts'

type HeartbeatRequest = RequestOf<'ConsumerGroupHeartbeat'>
export type HeartbeatResponse = EncodableResponseOf<'ConsumerGroupHeartbeat'>

export function heartbeatRefused(code: number, message: string | null): HeartbeatResponse {
  return { throttleTimeMs: 0, errorCode: code, errorMessage: message, memberEpoch: 0, heartbeatIntervalMs: 0 }
}

const rejoin = 'The member must abandon all its partitions and rejoin.'

export class ConsumerProtocol {
  readonly #ports: GroupPorts
  /** Sessions and revocations by group and member; volatile. */
  readonly #sessions = new Map<string, Timer>()
  readonly #revocations = new Map<string, Timer>()

  constructor(ports: GroupPorts) {
    this.#ports = ports
  }

  /** Goes on where the last coordinator was. */
  resume(group: ConsumerGroup): void {
    for (const member of group.members.values()) {
      this.#beat(group, member.id)
      if (member.state === 'unrevoked') this.#awaitRevocation(group, member)
    }
  }

  forget(group: ConsumerGroup): void {
    for (const memberId of group.members.keys()) this.#cancelTimers(group, memberId)
  }

  heartbeat(group: ConsumerGroup, request: HeartbeatRequest, client: ClientInfo): HeartbeatResponse {
    if (request.memberEpoch < 0) return this.#leave(group, request)
    const before = this.#memberOf(group, request)
    if ('errorCode' in before) return before
    const updated = withRequest(before, request, client)
    group.members.set(updated.id, updated)
    this.#raiseEpoch(group, before, updated)
    if (group.epoch > group.targetEpoch) this.#assign(group)
    const owned = request.topicPartitions === null ? undefined : partitionSets(request.topicPartitions)
    const after = this.#reconcile(group, updated, owned)
    this.#beat(group, after.id)
    const isFull =
      request.memberEpoch === 0 ||
      (request.rebalanceTimeoutMs !== -1 && request.subscribedTopicNames !== null && request.topicPartitions !== null)
    const isTold = isFull || !isSame(before.assigned, after.assigned)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      memberId: after.id,
      memberEpoch: after.epoch,
      heartbeatIntervalMs: this.#ports.setting('group.consumer.heartbeat.interval.ms'),
      assignment: isTold ? { topicPartitions: topicPartitions(after.assigned) } : null
    }
  }

  /** The member that speaks, made or put in the place of another where the request may do that. */
  #memberOf(group: ConsumerGroup, request: HeartbeatRequest): ConsumerMember | HeartbeatResponse {
    const { instanceId, memberEpoch } = request
    const memberId = request.memberId === '' ? this.#ports.newUuid() : request.memberId
    if (instanceId !== null) return this.#staticMemberOf(group, request, memberId, instanceId)
    const member = group.members.get(memberId)
    if (member !== undefined) return epochFault(member, request) ?? member
    if (memberEpoch === 0) return newConsumerMember(memberId)
    const message = `Member ${memberId} is not a member of group ${group.groupId}.`
    return heartbeatRefused(errorCode.UNKNOWN_MEMBER_ID, message)
  }

  #staticMemberOf(
    group: ConsumerGroup,
    request: HeartbeatRequest,
    memberId: string,
    instanceId: string
  ): ConsumerMember | HeartbeatResponse {
    const known = group.staticMember(instanceId)
    if (request.memberEpoch !== 0) {
      if (known === undefined) {
        return heartbeatRefused(errorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
      }
      if (known.id === memberId) return epochFault(known, request) ?? known
      const message = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${known.id}.`
      return heartbeatRefused(errorCode.FENCED_INSTANCE_ID, message)
    }
    if (known === undefined) return group.members.get(memberId) ?? newConsumerMember(memberId)
    if (known.epoch !== staticLeaveEpoch) {
      const message = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by member ${known.id}.`
      return heartbeatRefused(errorCode.UNRELEASED_INSTANCE_ID, message)
    }
    this.#cancelTimers(group, known.id)
    group.members.delete(known.id)
    const target = group.target(known.id)
    group.targets.delete(known.id)
    group.targets.set(memberId, target)
    return { ...known, id: memberId, epoch: 0, previousEpoch: 0 }
  }

  #leave(group: ConsumerGroup, request: HeartbeatRequest): HeartbeatResponse {
    const { memberId, instanceId, memberEpoch } = request
    const member = instanceId === null ? group.members.get(memberId) : group.staticMember(instanceId)
    if (member === undefined) {
      return heartbeatRefused(
        errorCode.UNKNOWN_MEMBER_ID,
        `Member ${memberId} is not a member of group ${group.groupId}.`
      )
    }
    if (member.id !== memberId) {
      const message = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.id}.`
      return heartbeatRefused(errorCode.FENCED_INSTANCE_ID, message)
    }
    if (memberEpoch === staticLeaveEpoch) {
      group.members.set(member.id, { ...member, epoch: staticLeaveEpoch, revoking: noPartitions })
      this.#revocations.get(keyOf(group, member.id))?.cancel()
    } else this.#remove(group, member.id)
    return { throttleTimeMs: 0, errorCode: 0, memberId, memberEpoch, heartbeatIntervalMs: 0 }
  }

  #remove(group: ConsumerGroup, memberId: string): void {
    if (!group.members.delete(memberId)) return
    this.#cancelTimers(group, memberId)
    group.targets.delete(memberId)
    group.epoch++
    group.topicsSeen = this.#topicsSeen(group)
    if (group.members.size > 0) return
    group.emptySinceMs = this.#ports.nowMs()
    group.targetEpoch = group.epoch
  }

  #raiseEpoch(group: ConsumerGroup, before: ConsumerMember, updated: ConsumerMember): void {
    const hasChanged =
      (updated.topicRegex ?? '') !== (before.topicRegex ?? '') || updated.topicNames.join() !== before.topicNames.join()
    const seen = this.#topicsSeen(group)
    if (!hasChanged && seen === group.topicsSeen) return
    group.topicsSeen = seen
    group.epoch++
  }

  /** What the subscribed topics are at the moment. */
  #topicsSeen(group: ConsumerGroup): string {
    const seen = new Map<string, string>()
    for (const member of group.members.values()) {
      for (const { name, id, partitionCount } of this.#topicsOf(member)) seen.set(name, `${id}/${partitionCount}`)
    }
    return [...seen]
      .map(([name, rest]) => `${name}=${rest}`)
      .toSorted()
      .join()
  }

  #topicsOf({ topicNames, topicRegex }: ConsumerMember): GroupTopic[] {
    const named = topicNames.flatMap((name) => this.#ports.topicByName(name) ?? [])
    if (topicRegex === null || topicRegex === '') return named
    const pattern = wholePattern(topicRegex)
    const matching = this.#ports
      .topics()
      .filter(({ name }) => pattern?.test(name) === true && !topicNames.includes(name))
    return [...named, ...matching]
  }

  #assign(group: ConsumerGroup): void {
    const counts = new Map<Uuid, number>()
    const members = [...group.members.values()].map((member): AssignableMember => {
      const topics = this.#topicsOf(member)
      for (const { id, partitionCount } of topics) counts.set(id, partitionCount)
      const topicIds = topics.map(({ id }) => id)
      return { id: member.id, instanceId: member.instanceId, topicIds, target: group.target(member.id) }
    })
    group.assignorName = preferredAssignor(group)
    const assign = assignors.get(group.assignorName)
    if (assign === undefined) throw new Error(`There is no assignor ${group.assignorName}`)
    group.targets.clear()
    for (const [memberId, target] of assign(members, counts)) group.targets.set(memberId, target)
    group.targetEpoch = group.epoch
  }

  #reconcile(group: ConsumerGroup, member: ConsumerMember, owned: PartitionSets | undefined): ConsumerMember {
    const { targetEpoch } = group
    if (member.state === 'stable' && member.epoch === targetEpoch) return member
    const isHeld = (topicId: Uuid, partition: number): boolean => group.isHeld(topicId, partition)
    const after = reconcile(member, { targetEpoch, target: group.target(member.id), owned, isHeld })
    if (after === member) return member
    group.members.set(after.id, after)
    if (after.state === 'unrevoked') this.#awaitRevocation(group, after)
    else this.#revocations.get(keyOf(group, after.id))?.cancel()
    return after
  }

  #beat(group: ConsumerGroup, memberId: string): void {
    const key = keyOf(group, memberId)
    const timeoutMs = this.#ports.setting('group.consumer.session.timeout.ms')
    this.#sessions.get(key)?.cancel()
    this.#sessions.set(
      key,
      this.#ports.setTimer(timeoutMs, () => this.#remove(group, memberId))
    )
  }

  /** A member that does not give up in time is put out of the group. */
  #awaitRevocation(group: ConsumerGroup, { id, epoch, rebalanceTimeoutMs }: ConsumerMember): void {
    const key = keyOf(group, id)
    this.#revocations.get(key)?.cancel()
    const timer = this.#ports.setTimer(rebalanceTimeoutMs, () => {
      const member = group.members.get(id)
      if (member?.epoch === epoch && member.state === 'unrevoked') this.#remove(group, id)
    })
    this.#revocations.set(key, timer)
  }

  #cancelTimers(group: ConsumerGroup, memberId: string): void {
    const key = keyOf(group, memberId)
    for (const timers of [this.#sessions, this.#revocations]) {
      timers.get(key)?.cancel()
      timers.delete(key)
    }
  }
}

function keyOf(group: ConsumerGroup, memberId: string): string {
  return JSON.stringify([group.groupId, memberId])
}

function epochFault(member: ConsumerMember, request: HeartbeatRequest): HeartbeatResponse | undefined {
  const { memberEpoch, topicPartitions: owned } = request
  if (memberEpoch === member.epoch) return undefined
  const isLate = memberEpoch < member.epoch
  // The answer with the newer epoch may have been lost.
  const isRepeated =
    memberEpoch === member.previousEpoch && owned !== null && isSubset(partitionSets(owned), member.assigned)
  if (isLate && isRepeated) return undefined
  const message = `The consumer group member has a ${isLate ? 'smaller' : 'greater'} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.epoch}). ${rejoin}`
  return heartbeatRefused(errorCode.FENCED_MEMBER_EPOCH, message)
}

/** Fields that a heartbeat leaves out stay as they are. */
function withRequest(member: ConsumerMember, request: HeartbeatRequest, client: ClientInfo): ConsumerMember {
  return {
    ...member,
    ...client,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    assignor: request.serverAssignor ?? member.assignor,
    topicNames: request.subscribedTopicNames?.toSorted() ?? member.topicNames,
    topicRegex: request.subscribedTopicRegex ?? member.topicRegex
  }
}

/** The one that most members ask for, or the first of the broker's. */
function preferredAssignor(group: ConsumerGroup): string {
  const votes = new Map<string, number>()
  for (const { assignor } of group.members.values()) {
    if (assignor !== null) votes.set(assignor, (votes.get(assignor) ?? 0) + 1)
  }
  let best: string | undefined
  for (const [name, count] of votes) if (best === undefined || count > (votes.get(best) ?? 0)) best = name
  return best ?? assignors.keys().next().value ?? ''
}
