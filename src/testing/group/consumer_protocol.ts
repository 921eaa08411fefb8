// Owns what happens to groups of the consumer protocol: a heartbeat joins, leaves, tells what a member has, and is
// answered with what it should have. No request waits here. KIP-848.
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager.consumerGroupHeartbeat.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Refusal } from '../log/refusal.ts'
import type { ClientInfo } from './classic_member.ts'
import type { ConsumerGroup } from './consumer_group.ts'
import { newConsumerMember, staticLeaveEpoch, type ConsumerMember } from './consumer_member.ts'
import type { ConsumerSteps } from './consumer_steps.ts'
import { isSame, isSubset, noPartitions, partitionSets, topicPartitions } from './partition_sets.ts'

type HeartbeatRequest = RequestOf<'ConsumerGroupHeartbeat'>
export type HeartbeatResponse = EncodableResponseOf<'ConsumerGroupHeartbeat'>

export function heartbeatRefused(code: number, message: string | null): HeartbeatResponse {
  return { throttleTimeMs: 0, errorCode: code, errorMessage: message, memberEpoch: 0, heartbeatIntervalMs: 0 }
}

export function refusedBy({ errorCode: code, message }: Refusal): HeartbeatResponse {
  return heartbeatRefused(code, message)
}

const rejoin = 'The member must abandon all its partitions and rejoin.'

export class ConsumerProtocol {
  readonly #steps: ConsumerSteps

  constructor(steps: ConsumerSteps) {
    this.#steps = steps
  }

  heartbeat(group: ConsumerGroup, request: HeartbeatRequest, client: ClientInfo): HeartbeatResponse {
    if (request.memberEpoch < 0) return this.#leave(group, request)
    if (this.#steps.isFull(group, request.memberId, request.instanceId)) return refusedBy(this.#steps.fullRefusal())
    const before = this.#memberOf(group, request)
    if ('errorCode' in before) return before
    const updated = withRequest(before, request, client)
    this.#steps.update(group, before, updated)
    this.#steps.assignIfDue(group)
    const owned = request.topicPartitions === null ? undefined : partitionSets(request.topicPartitions)
    const after = this.#steps.reconcile(group, updated, owned)
    this.#steps.beat(group, after)
    const isFull =
      request.memberEpoch === 0 ||
      (request.rebalanceTimeoutMs !== -1 && request.subscribedTopicNames !== null && request.topicPartitions !== null)
    const isTold = isFull || !isSame(before.assigned, after.assigned)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      memberId: after.id,
      memberEpoch: after.epoch,
      heartbeatIntervalMs: this.#steps.ports.setting('group.consumer.heartbeat.interval.ms'),
      assignment: isTold ? { topicPartitions: topicPartitions(after.assigned) } : null
    }
  }

  /** The member that speaks, made or put in the place of another where the request may do that. */
  #memberOf(group: ConsumerGroup, request: HeartbeatRequest): ConsumerMember | HeartbeatResponse {
    const { instanceId, memberEpoch } = request
    const memberId = request.memberId === '' ? this.#steps.ports.newUuid() : request.memberId
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
    // One that used the classic protocol is replaced as it is.
    if (known.classic === null && known.epoch !== staticLeaveEpoch) {
      const message = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by member ${known.id}.`
      return heartbeatRefused(errorCode.UNRELEASED_INSTANCE_ID, message)
    }
    return this.#steps.replace(group, known, memberId)
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
      this.#steps.timers.cancel(group.groupId, member.id, 'revocation')
    } else this.#steps.putOut(group, [member])
    return { throttleTimeMs: 0, errorCode: 0, memberId, memberEpoch, heartbeatIntervalMs: 0 }
  }
}

function epochFault(member: ConsumerMember, request: HeartbeatRequest): HeartbeatResponse | undefined {
  const { memberEpoch, topicPartitions: owned } = request
  if (memberEpoch === member.epoch || memberEpoch === 0) return undefined
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
    topicRegex: request.subscribedTopicRegex ?? member.topicRegex,
    classic: null
  }
}
