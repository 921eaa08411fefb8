// Owns what happens to groups of the classic protocol: joining, leaving, and the two phases of a rebalance. Requests that
// must wait for other members are answered by promises. Not here: which groups there are, and offsets.
// KIP-345 (static members), KIP-394 (ids before joining), KIP-134 (initial delay).
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager, its classic part.

import { errorCode } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import { deferred } from '../../runtime/index.ts'
import type { ClassicGroup } from './classic_group.ts'
import { ClassicMember, type ClientInfo, type JoinResponse, type MemberOffer } from './classic_member.ts'
import type { GroupPorts } from './ports.ts'
import { joinRefused, joinResponse, syncRefused, syncResponse } from './classic_responses.ts'

type JoinRequest = RequestOf<'JoinGroup'>

/** A member that has joined and never been in a generation cannot send heartbeats yet; its client has this long. */
const newMemberTimeoutMs = 5 * 60 * 1000

/** JoinGroup versions from 4 on bring an id of the coordinator's before they join. */
export const firstVersionWithIds = 4
/** JoinGroup versions from 9 on can be told to leave the assignment alone. */
const firstVersionWithSkip = 9

export class ClassicProtocol {
  readonly #ports: GroupPorts
  /** Called when a generation is agreed on, or nobody is left. */
  readonly #persist: (group: ClassicGroup) => void

  constructor(ports: GroupPorts, persist: (group: ClassicGroup) => void) {
    this.#ports = ports
    this.#persist = persist
  }

  join(
    group: ClassicGroup,
    request: JoinRequest,
    version: number,
    client: ClientInfo
  ): JoinResponse | Promise<JoinResponse> {
    const { memberId, groupInstanceId, protocolType, protocols } = request
    if (!group.accepts(memberId, this.#sizeMax)) return this.#turnAway(group, memberId)
    if (group.state === 'Dead') return joinRefused(memberId, errorCode.COORDINATOR_NOT_AVAILABLE)
    if (!group.supports(protocolType, protocols)) {
      return joinRefused(memberId, errorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
    if (group.members.size === 0) group.protocolType = protocolType
    const offer = offerOf(request)
    const answer =
      memberId === ''
        ? this.#joinNew(group, groupInstanceId, offer, version, client)
        : this.#joinKnown(group, memberId, groupInstanceId, offer, client)
    // Within the first rebalance the delay decides, and not that all who are here have joined.
    if (group.generationId !== 0) this.#completeIfAllJoined(group)
    return answer
  }

  get #sizeMax(): number {
    return this.#ports.setting('group.max.size')
  }

  /** A member that comes back when the group is full already is none any more. Those who wait go on waiting, as in Kafka. */
  #turnAway(group: ClassicGroup, memberId: string): JoinResponse {
    this.#forgetPending(group, memberId)
    const member = group.members.get(memberId)
    if (member !== undefined) group.remove(member)
    return joinRefused('', errorCode.GROUP_MAX_SIZE_REACHED)
  }

  #joinNew(
    group: ClassicGroup,
    instanceId: string | null,
    offer: MemberOffer,
    version: number,
    client: ClientInfo
  ): JoinResponse | Promise<JoinResponse> {
    const newId = `${instanceId ?? client.clientId}-${this.#ports.newUuid()}`
    if (instanceId !== null) {
      const known = group.staticIds.get(instanceId)
      const member = known === undefined ? undefined : group.members.get(known)
      if (member !== undefined) return this.#replaceStatic(group, member, newId, offer, version)
    } else if (version >= firstVersionWithIds) {
      this.#expectMember(group, newId, offer.sessionTimeoutMs)
      return joinRefused(newId, errorCode.MEMBER_ID_REQUIRED)
    }
    return this.#add(group, new ClassicMember(newId, instanceId, client, offer))
  }

  #joinKnown(
    group: ClassicGroup,
    memberId: string,
    instanceId: string | null,
    offer: MemberOffer,
    client: ClientInfo
  ): JoinResponse | Promise<JoinResponse> {
    if (group.pendingMembers.has(memberId)) {
      this.#forgetPending(group, memberId)
      return this.#add(group, new ClassicMember(memberId, instanceId, client, offer))
    }
    const refused = group.memberError(memberId, instanceId)
    const member = group.members.get(memberId)
    if (refused !== 0 || member === undefined) return joinRefused(memberId, refused)
    if (group.state === 'PreparingRebalance') return this.#rejoin(group, member, offer)
    if (group.state === 'Empty') return joinRefused(memberId, errorCode.UNKNOWN_MEMBER_ID)
    const isSame = member.matches(offer.protocols)
    // A leader that joins again in a stable group asks for another assignment.
    const wantsMore = group.state === 'Stable' && group.leaderId === memberId
    if (!isSame || wantsMore) return this.#rejoin(group, member, offer)
    return joinResponse(group, member, group.state === 'CompletingRebalance')
  }

  sync(
    group: ClassicGroup,
    request: RequestOf<'SyncGroup'>
  ): ReturnType<typeof syncRefused> | Promise<ReturnType<typeof syncRefused>> {
    const refused = this.#syncError(group, request)
    const member = group.members.get(request.memberId)
    if (refused !== 0 || member === undefined) return syncRefused(refused)
    group.pendingSyncs.delete(member.id)
    if (group.state === 'Stable') {
      this.#beat(group, member)
      return syncResponse(group, member)
    }
    const waiting = deferred<ReturnType<typeof syncRefused>>()
    member.answerSync(syncRefused(errorCode.REBALANCE_IN_PROGRESS))
    member.awaitingSync = waiting
    if (group.leaderId === member.id) this.#assign(group, request.assignments)
    return waiting.promise
  }

  #syncError(group: ClassicGroup, request: RequestOf<'SyncGroup'>): number {
    const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request
    if (group.state === 'Dead') return errorCode.COORDINATOR_NOT_AVAILABLE
    const refused = group.memberError(memberId, groupInstanceId)
    if (refused !== 0) return refused
    if (generationId !== group.generationId) return errorCode.ILLEGAL_GENERATION
    const isOtherType = protocolType !== null && protocolType !== group.protocolType
    const isOtherName = protocolName !== null && protocolName !== group.protocolName
    if (isOtherType || isOtherName) return errorCode.INCONSISTENT_GROUP_PROTOCOL
    if (group.state === 'Empty') return errorCode.UNKNOWN_MEMBER_ID
    return group.state === 'PreparingRebalance' ? errorCode.REBALANCE_IN_PROGRESS : 0
  }

  #assign(group: ClassicGroup, assignments: RequestOf<'SyncGroup'>['assignments']): void {
    const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
    for (const member of group.members.values()) {
      member.assignment = new Uint8Array(byMember.get(member.id) ?? new Uint8Array(0))
    }
    group.go('Stable', this.#ports.nowMs())
    this.#persist(group)
    for (const member of group.members.values()) {
      if (member.awaitingSync === undefined) continue
      member.answerSync(syncResponse(group, member))
      this.#beat(group, member)
    }
  }

  heartbeat(group: ClassicGroup, request: RequestOf<'Heartbeat'>): number {
    const { memberId, groupInstanceId, generationId } = request
    if (group.state === 'Dead') return errorCode.COORDINATOR_NOT_AVAILABLE
    const refused = group.memberError(memberId, groupInstanceId)
    const member = group.members.get(memberId)
    if (refused !== 0 || member === undefined) return refused
    if (generationId !== group.generationId) return errorCode.ILLEGAL_GENERATION
    if (group.state === 'Empty') return errorCode.UNKNOWN_MEMBER_ID
    this.#beat(group, member)
    return group.state === 'PreparingRebalance' ? errorCode.REBALANCE_IN_PROGRESS : 0
  }

  /** One code per member that wants to leave; the rebalance follows once for all of them. */
  leave(group: ClassicGroup, leaving: readonly { memberId: string; groupInstanceId: string | null }[]): number[] {
    let haveLeft = false
    const codes = leaving.map(({ memberId, groupInstanceId }) => {
      if (memberId !== '' && group.pendingMembers.has(memberId)) {
        if (groupInstanceId !== null) return errorCode.UNKNOWN_MEMBER_ID
        this.#forgetPending(group, memberId)
        haveLeft = true
        return 0
      }
      const id = memberId === '' && groupInstanceId !== null ? group.staticIds.get(groupInstanceId) : memberId
      if (id === undefined) return errorCode.UNKNOWN_MEMBER_ID
      const refused = group.memberError(id, groupInstanceId)
      const member = group.members.get(id)
      if (refused !== 0 || member === undefined) return refused
      this.#remove(group, member)
      haveLeft = true
      return 0
    })
    if (haveLeft) this.#membersWent(group)
    return codes
  }

  /**
   * Goes on where the last coordinator was: every member must be heard of within its session timeout. A group that is
   * larger than groups may be by now rebalances, and turns away who comes last.
   */
  resume(group: ClassicGroup): void {
    for (const member of group.members.values()) this.#beat(group, member)
    if (group.members.size > this.#sizeMax) this.#rebalance(group)
  }

  /** Begins with a group that was one of the consumer protocol. */
  adopt(group: ClassicGroup, rebalances: boolean): void {
    this.#persist(group)
    this.resume(group)
    if (rebalances) this.#rebalance(group)
  }

  #expectMember(group: ClassicGroup, memberId: string, timeoutMs: number): void {
    const timer = this.#ports.setTimer(timeoutMs, () => {
      if (group.pendingMembers.delete(memberId)) this.#membersWent(group)
    })
    group.pendingMembers.set(memberId, timer)
  }

  #forgetPending(group: ClassicGroup, memberId: string): void {
    group.pendingMembers.get(memberId)?.cancel()
    group.pendingMembers.delete(memberId)
  }

  #add(group: ClassicGroup, member: ClassicMember): Promise<JoinResponse> {
    const waiting = deferred<JoinResponse>()
    member.isNew = true
    member.awaitingJoin = waiting
    if (group.state === 'PreparingRebalance' && group.generationId === 0) group.memberCame = true
    group.add(member)
    this.#expire(group, member, newMemberTimeoutMs)
    this.#rebalance(group)
    return waiting.promise
  }

  #rejoin(group: ClassicGroup, member: ClassicMember, offer: MemberOffer): Promise<JoinResponse> {
    const waiting = deferred<JoinResponse>()
    member.update(offer)
    // A repeated request takes the place of the one whose connection is gone.
    member.answerJoin(joinRefused(member.id, errorCode.UNKNOWN_MEMBER_ID))
    member.awaitingJoin = waiting
    this.#rebalance(group)
    return waiting.promise
  }

  #replaceStatic(
    group: ClassicGroup,
    member: ClassicMember,
    newId: string,
    offer: MemberOffer,
    version: number
  ): JoinResponse | Promise<JoinResponse> {
    const oldId = member.id
    const wasLeader = group.leaderId === oldId
    const before = group.protocolName
    member.answerJoin(joinRefused(oldId, errorCode.FENCED_INSTANCE_ID))
    member.answerSync(syncRefused(errorCode.FENCED_INSTANCE_ID))
    const isSame = member.matches(offer.protocols)
    group.rename(member, newId)
    member.update(offer)
    this.#beat(group, member)
    if (group.state !== 'Stable' || !isSame || group.selectProtocol() !== before) {
      return this.#rejoin(group, member, offer)
    }
    this.#persist(group)
    const canSkip = version >= firstVersionWithSkip
    const response = joinResponse(group, member, wasLeader && canSkip)
    if (!wasLeader) return response
    // An old client would assign anew as leader, so it is told that its former id leads.
    return canSkip ? { ...response, skipAssignment: true } : { ...response, leader: oldId }
  }

  #remove(group: ClassicGroup, member: ClassicMember): void {
    group.remove(member)
    member.answerJoin(joinRefused(member.id, errorCode.UNKNOWN_MEMBER_ID))
    member.answerSync(syncRefused(errorCode.UNKNOWN_MEMBER_ID))
  }

  #membersWent(group: ClassicGroup): void {
    if (group.state === 'Stable' || group.state === 'CompletingRebalance') this.#rebalance(group)
    else if (group.generationId !== 0) this.#completeIfAllJoined(group)
  }

  #rebalance(group: ClassicGroup): void {
    if (group.state === 'Dead' || group.state === 'PreparingRebalance') {
      if (group.generationId !== 0) this.#completeIfAllJoined(group)
      return
    }
    const { state } = group
    group.syncTimer?.cancel()
    group.pendingSyncs.clear()
    if (state === 'CompletingRebalance') {
      for (const member of group.members.values()) member.answerSync(syncRefused(errorCode.REBALANCE_IN_PROGRESS))
    }
    group.go('PreparingRebalance', this.#ports.nowMs())
    if (state === 'Empty') return this.#waitForMembers(group)
    if (group.haveAllJoined) return this.#completeJoin(group)
    group.joinTimer?.cancel()
    group.joinTimer = this.#ports.setTimer(group.rebalanceTimeoutMs, () => this.#completeJoin(group))
  }

  #waitForMembers(group: ClassicGroup): void {
    const delayMs = this.#ports.setting('group.initial.rebalance.delay.ms')
    group.memberCame = false
    const wait = (waitMs: number, leftMs: number): void => {
      group.joinTimer?.cancel()
      group.joinTimer = this.#ports.setTimer(waitMs, () => {
        if (!group.memberCame || leftMs <= 0) return this.#completeJoin(group)
        group.memberCame = false
        const nextMs = Math.min(delayMs, leftMs)
        wait(nextMs, Math.max(leftMs - waitMs, 0))
      })
    }
    wait(delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0))
  }

  #completeIfAllJoined(group: ClassicGroup): void {
    if (group.state === 'PreparingRebalance' && group.haveAllJoined) this.#completeJoin(group)
  }

  #completeJoin(group: ClassicGroup): void {
    if (group.state !== 'PreparingRebalance') return
    group.joinTimer?.cancel()
    for (const member of group.members.values()) {
      if (member.awaitingJoin === undefined && member.instanceId === null) this.#remove(group, member)
    }
    if (!group.electJoinedLeader() && group.members.size > 0) {
      // Only static members are left, and all are silent: their sessions decide.
      group.joinTimer = this.#ports.setTimer(group.rebalanceTimeoutMs, () => this.#completeJoin(group))
      return
    }
    group.generationId++
    if (group.members.size === 0) {
      group.protocolName = null
      group.leaderId = null
      group.noteSubscriptions()
      group.go('Empty', this.#ports.nowMs())
      this.#persist(group)
      return
    }
    group.protocolName = group.selectProtocol()
    group.noteSubscriptions()
    group.go('CompletingRebalance', this.#ports.nowMs())
    this.#announce(group)
  }

  #announce(group: ClassicGroup): void {
    for (const member of group.members.values()) {
      group.pendingSyncs.add(member.id)
      if (member.awaitingJoin !== undefined) member.answerJoin(joinResponse(group, member, true))
      member.isNew = false
      this.#beat(group, member)
    }
    group.syncTimer?.cancel()
    group.syncTimer = this.#ports.setTimer(group.rebalanceTimeoutMs, () => this.#syncsOverdue(group))
  }

  #syncsOverdue(group: ClassicGroup): void {
    if (group.pendingSyncs.size === 0) return
    if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return
    for (const memberId of group.pendingSyncs) {
      const member = group.members.get(memberId)
      if (member !== undefined) this.#remove(group, member)
    }
    this.#rebalance(group)
  }

  #beat(group: ClassicGroup, member: ClassicMember): void {
    this.#expire(group, member, member.sessionTimeoutMs)
  }

  #expire(group: ClassicGroup, member: ClassicMember, timeoutMs: number): void {
    member.heartbeat?.cancel()
    member.heartbeat = this.#ports.setTimer(timeoutMs, () => {
      // Who waits for others is alive.
      const isWaiting = member.awaitingJoin !== undefined || member.awaitingSync !== undefined
      if (isWaiting && !member.isNew) return this.#expire(group, member, timeoutMs)
      this.#remove(group, member)
      this.#membersWent(group)
    })
  }
}

function offerOf(request: JoinRequest): MemberOffer {
  const { protocols, sessionTimeoutMs } = request
  // What is kept must not pin the frame that it came in.
  const own = protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) }))
  const rebalanceTimeoutMs = request.rebalanceTimeoutMs < 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs
  return { protocols: own, sessionTimeoutMs, rebalanceTimeoutMs }
}
