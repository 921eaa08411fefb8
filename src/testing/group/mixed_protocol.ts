// Owns what members of the classic protocol do in a group of the consumer protocol: they join, sync and send heartbeats as
// ever, and get what the group's assignor gives them. Nobody waits for anybody: who must give up or may have more is told
// by a heartbeat to join again. KIP-848.
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager.classicGroup{Join,Sync,Heartbeat,Leave}ToConsumerGroup.

import { ConsumerProtocolSubscription, decodeVersioned, errorCode, ProtocolError } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import { consumerType, type ClientInfo, type JoinResponse, type SyncResponse } from './classic_member.ts'
import { firstVersionWithIds } from './classic_protocol.ts'
import { joinRefused, syncRefused } from './classic_responses.ts'
import type { ConsumerGroup } from './consumer_group.ts'
import { newConsumerMember, type ConsumerMember } from './consumer_member.ts'
import type { ConsumerSteps } from './consumer_steps.ts'
import { encodedAssignment, mayDowngrade, mayMix, partitionsByName } from './migration.ts'

type JoinRequest = RequestOf<'JoinGroup'>

/** Makes a classic group of the group, in which this member has joined. */
export type DowngradeByJoining = (
  group: ConsumerGroup,
  input: { readonly joining: ConsumerMember; readonly generationId: number; readonly isStale: boolean }
) => void

export class MixedProtocol {
  readonly #steps: ConsumerSteps
  readonly #downgrade: DowngradeByJoining

  constructor(steps: ConsumerSteps, downgrade: DowngradeByJoining) {
    this.#steps = steps
    this.#downgrade = downgrade
  }

  join(group: ConsumerGroup, request: JoinRequest, version: number, client: ClientInfo): JoinResponse {
    const { memberId: asked, groupInstanceId, protocolType, protocols, sessionTimeoutMs } = request
    if (!mayMix(this.#steps.ports)) return joinRefused('', errorCode.INCONSISTENT_GROUP_PROTOCOL)
    if (this.#steps.isFull(group, asked, groupInstanceId)) return joinRefused('', errorCode.GROUP_MAX_SIZE_REACHED)
    const memberId = asked === '' ? this.#steps.ports.newUuid() : asked
    if (!group.supports(protocolType, protocols)) return joinRefused('', errorCode.INCONSISTENT_GROUP_PROTOCOL)
    if (asked === '' && groupInstanceId === null && version >= firstVersionWithIds) {
      return joinRefused(memberId, errorCode.MEMBER_ID_REQUIRED)
    }
    const known = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
    const refused = groupInstanceId === null || asked === '' ? 0 : staticError(known, asked)
    if (refused !== 0) return joinRefused('', refused)
    const subscription = subscriptionOf(protocols)
    if (subscription === undefined) return joinRefused('', errorCode.INCONSISTENT_GROUP_PROTOCOL)
    const isLast = groupInstanceId !== null && known !== undefined && this.#isLastOther(group, known)
    const before = this.#memberOf(group, known, memberId)
    // What is kept must not pin the frame that it came in.
    const own = protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) }))
    const updated: ConsumerMember = {
      ...before,
      ...client,
      instanceId: groupInstanceId ?? before.instanceId,
      rackId: subscription.rackId ?? before.rackId,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
      topicNames: subscription.topics.toSorted(),
      topicRegex: '',
      classic: { sessionTimeoutMs, protocols: own }
    }
    const generationId = group.epoch
    this.#steps.update(group, before, updated)
    const isStale = group.targetEpoch < group.epoch
    if (!isLast) this.#steps.assignIfDue(group)
    const owned = partitionsByName(subscription.ownedPartitions, this.#steps.ports)
    // With targets that are stale the classic group begins with a rebalance.
    const after = isLast && isStale ? updated : this.#steps.reconcile(group, updated, owned)
    if (isLast) this.#downgrade(group, { joining: after, generationId, isStale })
    else this.#awaitSync(group, after)
    return joinAnswer(after, own[0]?.name ?? '')
  }

  /** Whether the member is the only one that does not use the classic protocol, and the group may go back to it. */
  #isLastOther(group: ConsumerGroup, { classic }: ConsumerMember): boolean {
    return (
      classic === null &&
      group.classicCount === group.members.size - 1 &&
      mayDowngrade(group.members.size, this.#steps.ports)
    )
  }

  #memberOf(group: ConsumerGroup, known: ConsumerMember | undefined, memberId: string): ConsumerMember {
    if (known === undefined) return newConsumerMember(memberId)
    return known.id === memberId ? known : this.#steps.replace(group, known, memberId)
  }

  #awaitSync(group: ConsumerGroup, member: ConsumerMember): void {
    const { groupId } = group
    this.#steps.timers.cancel(groupId, member.id, 'join')
    this.#steps.beat(group, member)
    const giveUp = (): void => this.#steps.putOutById(group, member.id)
    this.#steps.timers.set(groupId, member.id, 'sync', member.rebalanceTimeoutMs, giveUp)
  }

  sync(group: ConsumerGroup, request: RequestOf<'SyncGroup'>): SyncResponse {
    const { protocolType, protocolName } = request
    const member = memberOrError(group, request)
    if (typeof member === 'number') return syncRefused(member)
    const [offered] = member.classic.protocols
    const isOtherType = protocolType !== null && protocolType !== consumerType
    const isOtherName = protocolName !== null && protocolName !== offered?.name
    if (isOtherType || isOtherName || offered === undefined) {
      return syncRefused(errorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
    // Who must still give up has joined already, and will be told to join again.
    if (group.targetEpoch > member.epoch && member.state !== 'unrevoked') {
      this.#awaitJoin(group, member)
      return syncRefused(errorCode.REBALANCE_IN_PROGRESS)
    }
    this.#steps.timers.cancel(group.groupId, member.id, 'sync')
    this.#steps.beat(group, member)
    const assignment = encodedAssignment(member.assigned, offered.metadata, this.#steps.ports)
    return { errorCode: 0, protocolType, protocolName, assignment }
  }

  heartbeat(group: ConsumerGroup, request: RequestOf<'Heartbeat'>): number {
    const member = memberOrError(group, request)
    if (typeof member === 'number') return member
    this.#steps.beat(group, member)
    const mayHaveMore = member.state === 'unreleased' && !group.isWaiting(member)
    if (member.epoch >= group.targetEpoch && member.state !== 'unrevoked' && !mayHaveMore) return 0
    this.#awaitJoin(group, member)
    return errorCode.REBALANCE_IN_PROGRESS
  }

  #awaitJoin(group: ConsumerGroup, { id, rebalanceTimeoutMs }: ConsumerMember): void {
    const { timers } = this.#steps
    if (timers.isSet(group.groupId, id, 'join')) return
    timers.set(group.groupId, id, 'join', rebalanceTimeoutMs, () => this.#steps.putOutById(group, id))
  }

  /** One code per member that wants to leave; members of the consumer protocol may be named, too. */
  leave(group: ConsumerGroup, leaving: readonly { memberId: string; groupInstanceId: string | null }[]): number[] {
    const going = new Set<ConsumerMember>()
    const codes = leaving.map(({ memberId, groupInstanceId }) => {
      const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
      if (member === undefined) return errorCode.UNKNOWN_MEMBER_ID
      if (groupInstanceId !== null && memberId !== '' && member.id !== memberId) return errorCode.FENCED_INSTANCE_ID
      going.add(member)
      return 0
    })
    this.#steps.putOut(group, [...going])
    return codes
  }
}

type ClassicUser = ConsumerMember & { readonly classic: NonNullable<ConsumerMember['classic']> }

/** The member of the classic protocol in whose name a request comes, or why it is refused. */
function memberOrError(
  group: ConsumerGroup,
  request: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number }
): ClassicUser | number {
  const { memberId, groupInstanceId, generationId } = request
  const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
  const refused = groupInstanceId === null ? 0 : staticError(member, memberId)
  if (refused !== 0) return refused
  if (member === undefined || !usesClassic(member)) return errorCode.UNKNOWN_MEMBER_ID
  return generationId === member.epoch ? member : errorCode.ILLEGAL_GENERATION
}

function usesClassic(member: ConsumerMember): member is ClassicUser {
  return member.classic !== null
}

function staticError(known: ConsumerMember | undefined, memberId: string): number {
  if (known === undefined) return errorCode.UNKNOWN_MEMBER_ID
  return known.id === memberId ? 0 : errorCode.FENCED_INSTANCE_ID
}

/** All protocols of a consumer say the same about what it reads. */
function subscriptionOf(protocols: JoinRequest['protocols']): ConsumerProtocolSubscription | undefined {
  try {
    return decodeVersioned(ConsumerProtocolSubscription, protocols[0]?.metadata ?? new Uint8Array(0)).value
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** Nobody leads: the broker assigns. */
function joinAnswer({ id, epoch }: ConsumerMember, protocolName: string): JoinResponse {
  return {
    errorCode: 0,
    generationId: epoch,
    protocolType: consumerType,
    protocolName,
    leader: '',
    memberId: id,
    members: []
  }
}
