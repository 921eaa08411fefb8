// Owns the steps of a group of the consumer protocol that are the same for members of both protocols: a member says
// something new, the epoch is raised, targets are assigned, the member comes nearer to its target; members are put out.
// Not here: what requests must say, and how they are answered. KIP-848.
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager, its consumer part.

import { errorCode } from '../../protocol/index.ts'
import type { Uuid } from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import { wholePattern } from '../re2.ts'
import { assignors, type AssignableMember } from './assignors.ts'
import type { ConsumerGroup } from './consumer_group.ts'
import { preferredAssignor, reconcile, type ConsumerMember } from './consumer_member.ts'
import { MemberTimers } from './member_timers.ts'
import type { PartitionSets } from './partition_sets.ts'
import type { GroupPorts, GroupTopic } from './ports.ts'

/** Makes a classic group of a group whose other members all use the classic protocol. False where that is not wanted. */
export type Downgrade = (group: ConsumerGroup, leaving: readonly ConsumerMember[]) => boolean

export class ConsumerSteps {
  readonly ports: GroupPorts
  readonly timers: MemberTimers
  readonly #downgrade: Downgrade

  constructor(ports: GroupPorts, downgrade: Downgrade) {
    this.ports = ports
    this.timers = new MemberTimers(ports)
    this.#downgrade = downgrade
  }

  /** Goes on where the last coordinator was. */
  resume(group: ConsumerGroup): void {
    for (const member of group.members.values()) {
      this.#expire(group, member.id, this.#sessionTimeoutMs)
      if (member.state === 'unrevoked') this.#awaitRevocation(group, member)
    }
  }

  /** Begins with a group that was a classic one: its members are known, and so is what they read. */
  adopt(group: ConsumerGroup): void {
    group.topicsSeen = this.#topicsSeen(group)
    for (const member of group.members.values()) this.beat(group, member)
  }

  /** Whether there is no room for whoever comes: neither a member nor a static one that comes back under another id. */
  isFull(group: ConsumerGroup, memberId: string, instanceId: string | null): boolean {
    if (group.members.has(memberId) || group.members.size < this.#sizeMax) return false
    return instanceId === null || group.staticMember(instanceId) === undefined
  }

  fullRefusal(): Refusal {
    return new Refusal(errorCode.GROUP_MAX_SIZE_REACHED, `The group has ${this.#sizeMax} members, which is the most.`)
  }

  get #sizeMax(): number {
    return this.ports.setting('group.consumer.max.size')
  }

  forget(group: ConsumerGroup): void {
    for (const memberId of group.members.keys()) this.timers.cancelAll(group.groupId, memberId)
  }

  /** A static member is back under another id, with all that it had. */
  replace(group: ConsumerGroup, known: ConsumerMember, newId: string): ConsumerMember {
    this.timers.cancelAll(group.groupId, known.id)
    group.members.delete(known.id)
    const target = group.target(known.id)
    group.targets.delete(known.id)
    group.targets.set(newId, target)
    return { ...known, id: newId, epoch: 0, previousEpoch: 0 }
  }

  /** A member as it is by its newest request, and the epoch that this makes necessary. */
  update(group: ConsumerGroup, before: ConsumerMember, updated: ConsumerMember): void {
    const assignor = preferredAssignor([...group.members.values(), ...(group.members.has(before.id) ? [] : [before])])
    group.members.set(updated.id, updated)
    const hasChanged =
      (updated.topicRegex ?? '') !== (before.topicRegex ?? '') ||
      updated.topicNames.join() !== before.topicNames.join() ||
      preferredAssignor([...group.members.values()]) !== assignor
    const seen = this.#topicsSeen(group)
    if (!hasChanged && seen === group.topicsSeen) return
    group.topicsSeen = seen
    group.epoch++
  }

  assignIfDue(group: ConsumerGroup): void {
    if (group.epoch > group.targetEpoch) this.#assign(group)
  }

  /** The member one step nearer to its target. */
  reconcile(group: ConsumerGroup, member: ConsumerMember, owned: PartitionSets | undefined): ConsumerMember {
    const { targetEpoch } = group
    if (member.state === 'stable' && member.epoch === targetEpoch) return member
    const isHeld = (topicId: Uuid, partition: number): boolean => group.isHeld(topicId, partition)
    const after = reconcile(member, { targetEpoch, target: group.target(member.id), owned, isHeld })
    if (after === member) return member
    group.members.set(after.id, after)
    // Members of the classic protocol are given time to join and to sync instead.
    if (after.classic !== null) return after
    if (after.state === 'unrevoked') this.#awaitRevocation(group, after)
    else this.timers.cancel(group.groupId, after.id, 'revocation')
    return after
  }

  beat(group: ConsumerGroup, { id, classic }: ConsumerMember): void {
    this.#expire(group, id, classic?.sessionTimeoutMs ?? this.#sessionTimeoutMs)
  }

  get #sessionTimeoutMs(): number {
    return this.ports.setting('group.consumer.session.timeout.ms')
  }

  #expire(group: ConsumerGroup, memberId: string, timeoutMs: number): void {
    this.timers.set(group.groupId, memberId, 'session', timeoutMs, () => this.putOutById(group, memberId))
  }

  putOutById(group: ConsumerGroup, memberId: string): void {
    const member = group.members.get(memberId)
    if (member !== undefined) this.putOut(group, [member])
  }

  /** Members leave, or are given up. */
  putOut(group: ConsumerGroup, leaving: readonly ConsumerMember[]): void {
    if (leaving.length === 0 || this.#downgrade(group, leaving)) return
    for (const { id } of leaving) {
      group.members.delete(id)
      group.targets.delete(id)
      this.timers.cancelAll(group.groupId, id)
    }
    group.epoch++
    group.topicsSeen = this.#topicsSeen(group)
    if (group.members.size > 0) return
    group.emptySinceMs = this.ports.nowMs()
    group.targetEpoch = group.epoch
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
    const named = topicNames.flatMap((name) => this.ports.topicByName(name) ?? [])
    if (topicRegex === null || topicRegex === '') return named
    const pattern = wholePattern(topicRegex)
    const matching = this.ports
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
    const assignorName = preferredAssignor([...group.members.values()])
    const assign = assignors.get(assignorName)
    if (assign === undefined) throw new Error(`There is no assignor ${assignorName}`)
    group.targets.clear()
    for (const [memberId, target] of assign(members, counts)) group.targets.set(memberId, target)
    group.targetEpoch = group.epoch
  }

  /** A member that does not give up in time is put out of the group. */
  #awaitRevocation(group: ConsumerGroup, { id, epoch, rebalanceTimeoutMs }: ConsumerMember): void {
    this.timers.set(group.groupId, id, 'revocation', rebalanceTimeoutMs, () => {
      const member = group.members.get(id)
      if (member?.epoch === epoch && member.state === 'unrevoked') this.putOut(group, [member])
    })
  }
}
