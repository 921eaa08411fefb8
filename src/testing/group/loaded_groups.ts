// Owns the groups of one partition of __consumer_offsets while its broker leads it: what is durable, and what is not
// (members that wait, timers). Source: org.apache.kafka.coordinator.group.GroupCoordinatorShard.

import { errorCode } from '../../protocol/index.ts'
import type { Partition } from '../cluster/topic.ts'
import { ClassicGroup } from './classic_group.ts'
import { ClassicProtocol } from './classic_protocol.ts'
import { joinRefused, syncRefused } from './classic_responses.ts'
import { ConsumerGroup } from './consumer_group.ts'
import { ConsumerProtocol } from './consumer_protocol.ts'
import { groupStateKind, type GroupState } from './group_state.ts'
import type { OffsetStore } from './offset_store.ts'
import type { GroupPorts } from './ports.ts'

export type Group = ClassicGroup | ConsumerGroup

export class LoadedGroups {
  readonly partition: Partition
  readonly classicProtocol: ClassicProtocol
  readonly consumerProtocol: ConsumerProtocol
  readonly #ports: GroupPorts
  readonly #state: GroupState
  readonly #classic = new Map<string, ClassicGroup>()

  constructor(partition: Partition, ports: GroupPorts) {
    this.partition = partition
    this.#ports = ports
    this.#state = partition.durable(groupStateKind)
    this.classicProtocol = new ClassicProtocol(ports, (group) => this.#state.classic.set(group.groupId, group.store()))
    this.consumerProtocol = new ConsumerProtocol(ports)
    for (const stored of this.#state.classic.values()) this.#classic.set(stored.groupId, ClassicGroup.load(stored))
    for (const groupId of this.offsets.groupIds()) if (this.find(groupId) === undefined) this.classicGroup(groupId)
    for (const group of this.#classic.values()) this.classicProtocol.resume(group)
    for (const group of this.#state.consumer.values()) this.consumerProtocol.resume(group)
  }

  get offsets(): OffsetStore {
    return this.#state.offsets
  }

  /** In the order in which they came. */
  all(): Group[] {
    return [...this.#classic.values(), ...this.#state.consumer.values()]
  }

  find(groupId: string): Group | undefined {
    return this.#classic.get(groupId) ?? this.#state.consumer.get(groupId)
  }

  /**
   * The classic group of that id, made where there is none. A group of the consumer protocol without members becomes
   * one; with members it stays what it is, and the answer is undefined.
   */
  classicGroup(groupId: string): ClassicGroup | undefined {
    const known = this.find(groupId)
    if (known?.type === 'classic') return known
    if (known !== undefined && known.members.size > 0) return undefined
    this.#state.consumer.delete(groupId)
    const group = new ClassicGroup(groupId, this.#ports.nowMs())
    this.#classic.set(groupId, group)
    return group
  }

  /** As `classicGroup`, for the consumer protocol. Offsets stay. */
  consumerGroup(groupId: string): ConsumerGroup | undefined {
    const known = this.find(groupId)
    if (known?.type === 'consumer') return known
    if (known !== undefined && (known.members.size > 0 || known.pendingMembers.size > 0)) return undefined
    if (known !== undefined) this.#dropClassic(known)
    const group = new ConsumerGroup(groupId, this.#ports.nowMs())
    this.#state.consumer.set(groupId, group)
    return group
  }

  /** Deletes a group with its offsets. */
  delete(group: Group): void {
    if (group.type === 'classic') this.#dropClassic(group)
    else {
      this.consumerProtocol.forget(group)
      this.#state.consumer.delete(group.groupId)
    }
    this.offsets.deleteGroup(group.groupId)
  }

  /** Drops offsets that nobody asked for in a long time, and groups that nothing is left of. */
  expireOffsets(retentionMs: number): void {
    const nowMs = this.#ports.nowMs()
    for (const group of this.all()) {
      if (group.members.size > 0) continue
      // A group that had members expires from the moment it was empty, others offset by offset.
      const since = group.type === 'classic' && !group.isSimple ? group.stateSinceMs : undefined
      const isLeft = this.offsets.expire(group.groupId, ({ committedAtMs, expiresAtMs }) => {
        return expiresAtMs === undefined ? nowMs - (since ?? committedAtMs) >= retentionMs : nowMs >= expiresAtMs
      })
      const isWaiting = group.type === 'classic' && group.pendingMembers.size > 0
      if (!isLeft && !isWaiting) this.delete(group)
    }
  }

  /** The partition has another leader: whoever waits is told to look for it. */
  unload(): void {
    for (const group of this.#classic.values()) {
      group.cancelTimers()
      for (const member of group.members.values()) {
        member.answerJoin(joinRefused(member.id, errorCode.NOT_COORDINATOR))
        member.answerSync(syncRefused(errorCode.NOT_COORDINATOR))
      }
    }
    for (const group of this.#state.consumer.values()) this.consumerProtocol.forget(group)
  }

  #dropClassic(group: ClassicGroup): void {
    group.cancelTimers()
    if (group.state !== 'Dead') group.go('Dead', this.#ports.nowMs())
    this.#classic.delete(group.groupId)
    this.#state.classic.delete(group.groupId)
  }
}
