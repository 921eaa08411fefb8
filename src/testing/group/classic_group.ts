// Owns a group of the classic protocol: its members, its generation and what can be asked of them. What happens to it is
// classic_protocol.ts's business. What survives the broker is what Kafka writes to __consumer_offsets: the generation
// that was last agreed on. Source: org.apache.kafka.coordinator.group.classic.ClassicGroup.

import { errorCode } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { ClassicMember, consumerType, type Protocols } from './classic_member.ts'
import { classicTransition, type ClassicState } from './classic_states.ts'

/** A group as the log of offsets keeps it. */
export interface StoredClassicGroup {
  readonly groupId: string
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly stateSinceMs: number
  readonly members: readonly StoredMember[]
}

interface StoredMember {
  readonly id: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** What it offered for the protocol that was chosen, in base64. */
  readonly metadata: string
  readonly assignment: string
}

export class ClassicGroup {
  readonly type = 'classic'
  readonly groupId: string
  state: ClassicState = 'Empty'
  stateSinceMs: number
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leaderId: string | null = null
  /** What the members of the last generation read together; undefined where that is not known. */
  subscribedTopics: ReadonlySet<string> | undefined = undefined
  readonly members = new Map<string, ClassicMember>()
  /** Ids that were given out and not yet come back with; their timers. */
  readonly pendingMembers = new Map<string, Timer>()
  /** Members that owe a SyncGroup in this generation. */
  readonly pendingSyncs = new Set<string>()
  /** By group.instance.id. */
  readonly staticIds = new Map<string, string>()
  /** Another member came while the first rebalance was waiting for members. */
  memberCame = false
  joinTimer: Timer | undefined
  syncTimer: Timer | undefined

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId
    this.stateSinceMs = nowMs
  }

  go(to: ClassicState, nowMs: number): void {
    this.state = classicTransition(this.state, to)
    this.stateSinceMs = nowMs
  }

  /** Only offsets, and nobody ever joined. */
  get isSimple(): boolean {
    return this.protocolType === null && this.members.size === 0
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  get haveAllJoined(): boolean {
    if (this.pendingMembers.size > 0) return false
    for (const { awaitingJoin } of this.members.values()) if (awaitingJoin === undefined) return false
    return true
  }

  add(member: ClassicMember): void {
    if (this.members.size === 0) this.protocolType ??= null
    this.members.set(member.id, member)
    if (member.instanceId !== null) this.staticIds.set(member.instanceId, member.id)
    this.leaderId ??= member.id
  }

  remove(member: ClassicMember): void {
    member.heartbeat?.cancel()
    this.members.delete(member.id)
    this.pendingSyncs.delete(member.id)
    if (member.instanceId !== null) this.staticIds.delete(member.instanceId)
    if (this.leaderId === member.id) this.leaderId = this.members.keys().next().value ?? null
  }

  /** The same static member under a new id. */
  rename(member: ClassicMember, newId: string): void {
    this.members.delete(member.id)
    this.pendingSyncs.delete(member.id)
    if (this.leaderId === member.id) this.leaderId = newId
    member.id = newId
    this.members.set(newId, member)
    if (member.instanceId !== null) this.staticIds.set(member.instanceId, newId)
  }

  /** A leader that has joined, if any member has. */
  electJoinedLeader(): boolean {
    const leader = this.leaderId === null ? undefined : this.members.get(this.leaderId)
    if (leader?.awaitingJoin !== undefined) return true
    for (const member of this.members.values()) {
      if (member.awaitingJoin === undefined) continue
      this.leaderId = member.id
      return true
    }
    return false
  }

  /**
   * Whether there is room for whoever joins, in groups of that size. In a rebalance it is those who have joined again that
   * count, not those who were here.
   */
  accepts(memberId: string, sizeMax: number): boolean {
    if (this.state === 'Empty' || this.state === 'Dead') return true
    const member = this.members.get(memberId)
    if (this.state !== 'PreparingRebalance') return member !== undefined || this.members.size < sizeMax
    if (member?.awaitingJoin !== undefined) return true
    let joinedCount = 0
    for (const { awaitingJoin } of this.members.values()) if (awaitingJoin !== undefined) joinedCount++
    return joinedCount < sizeMax
  }

  /** Whether a member with this offer can be in the group together with the others. */
  supports(protocolType: string, protocols: Protocols): boolean {
    if (this.members.size === 0) return protocolType !== '' && protocols.length > 0
    if (protocolType !== this.protocolType) return false
    return protocols.some(({ name }) => [...this.members.values()].every((member) => member.supports(name)))
  }

  /** The protocol that most members prefer among those that all of them support. */
  selectProtocol(): string | null {
    const votes = new Map<string, number>()
    const members = [...this.members.values()]
    const common = (name: string): boolean => members.every((member) => member.supports(name))
    for (const member of members) {
      const choice = member.protocols.find(({ name }) => common(name))?.name
      if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1)
    }
    let best: string | null = null
    for (const [name, count] of votes) if (best === null || count > (votes.get(best) ?? 0)) best = name
    return best
  }

  /** A generation was agreed on. */
  noteSubscriptions(): void {
    const topics = new Set<string>()
    this.subscribedTopics = this.protocolType === null ? undefined : topics
    for (const member of this.members.values()) {
      const read = this.protocolType === consumerType ? member.subscribedTopics(this.protocolName) : undefined
      if (read === undefined) this.subscribedTopics = undefined
      for (const topic of read ?? []) topics.add(topic)
    }
  }

  /** Whether consumers read a topic, as far as is known. */
  mayRead(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.protocolType === consumerType
  }

  /** 0, or why a request in the name of this member is refused. */
  memberError(memberId: string, instanceId: string | null): number {
    if (instanceId !== null) {
      const known = this.staticIds.get(instanceId)
      if (known === undefined) return errorCode.UNKNOWN_MEMBER_ID
      if (known !== memberId) return errorCode.FENCED_INSTANCE_ID
    }
    return this.members.has(memberId) ? 0 : errorCode.UNKNOWN_MEMBER_ID
  }

  /** 0, or why offsets may not be committed. */
  commitError(memberId: string, instanceId: string | null, generationId: number, isTransactional: boolean): number {
    if (this.state === 'Dead') return errorCode.COORDINATOR_NOT_AVAILABLE
    if (generationId < 0 && this.state === 'Empty') return 0
    if (generationId >= 0 || memberId !== '' || instanceId !== null) {
      const refused = this.memberError(memberId, instanceId)
      if (refused !== 0) return refused
      if (generationId !== this.generationId) return errorCode.ILLEGAL_GENERATION
    } else if (!isTransactional) return errorCode.UNKNOWN_MEMBER_ID
    const isBetween = this.state === 'CompletingRebalance'
    return isBetween && !isTransactional ? errorCode.REBALANCE_IN_PROGRESS : 0
  }

  cancelTimers(): void {
    this.joinTimer?.cancel()
    this.syncTimer?.cancel()
    for (const timer of this.pendingMembers.values()) timer.cancel()
    for (const { heartbeat } of this.members.values()) heartbeat?.cancel()
  }

  store(): StoredClassicGroup {
    const { groupId, generationId, protocolType, protocolName, leaderId, stateSinceMs } = this
    const members = [...this.members.values()].map((member) => ({
      id: member.id,
      instanceId: member.instanceId,
      ...member.client,
      sessionTimeoutMs: member.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      metadata: toBase64(member.metadata(protocolName)),
      assignment: toBase64(member.assignment)
    }))
    return { groupId, generationId, protocolType, protocolName, leaderId, stateSinceMs, members }
  }

  /** The group as another broker finds it in the log: without what was not agreed on yet. */
  static load(stored: StoredClassicGroup): ClassicGroup {
    const group = new ClassicGroup(stored.groupId, stored.stateSinceMs)
    const { generationId, protocolType, protocolName, leaderId } = stored
    Object.assign(group, { generationId, protocolType, protocolName })
    for (const { id, instanceId, clientId, clientHost, metadata, assignment, ...times } of stored.members) {
      const protocols = [{ name: protocolName ?? '', metadata: fromBase64(metadata) }]
      const member = new ClassicMember(id, instanceId, { clientId, clientHost }, { ...times, protocols })
      member.assignment = fromBase64(assignment)
      group.add(member)
    }
    group.leaderId = leaderId
    group.state = group.members.size === 0 ? 'Empty' : 'Stable'
    group.noteSubscriptions()
    return group
  }
}
