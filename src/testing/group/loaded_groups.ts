// Owns the groups of one partition of __consumer_offsets while its broker leads it: what is durable, and what is not
// (members that wait, timers). Source: org.apache.kafka.coordinator.group.GroupCoordinatorShard.

import { errorCode } from '../../protocol/index.ts'
import type { Partition } from '../cluster/topic.ts'
import { Refusal } from '../log/refusal.ts'
import { ClassicGroup } from './classic_group.ts'
import { ClassicProtocol } from './classic_protocol.ts'
import { joinRefused, syncRefused } from './classic_responses.ts'
import { ConsumerGroup } from './consumer_group.ts'
import type { ConsumerMember } from './consumer_member.ts'
import { ConsumerProtocol } from './consumer_protocol.ts'
import { ConsumerSteps } from './consumer_steps.ts'
import { groupStateKind, type GroupState } from './group_state.ts'
import { downgradedGroup, mayDowngrade, upgradedGroup, type DowngradeInput } from './migration.ts'
import { MixedProtocol } from './mixed_protocol.ts'
import type { OffsetStore } from './offset_store.ts'
import type { GroupPorts } from './ports.ts'

export type Group = ClassicGroup | ConsumerGroup

export class LoadedGroups {
  readonly partition: Partition
  readonly classicProtocol: ClassicProtocol
  readonly consumerProtocol: ConsumerProtocol
  readonly mixedProtocol: MixedProtocol
  readonly #steps: ConsumerSteps
  readonly #ports: GroupPorts
  #state: GroupState
  /** Who waits for this broker to hear that it has been superseded; undefined while it leads. */
  #waiting: (() => void)[] | undefined
  readonly #classic = new Map<string, ClassicGroup>()

  constructor(partition: Partition, ports: GroupPorts) {
    this.partition = partition
    this.#ports = ports
    this.#state = partition.durable(groupStateKind)
    this.classicProtocol = new ClassicProtocol(ports, (group) => this.#state.classic.set(group.groupId, group.store()))
    this.#steps = new ConsumerSteps(ports, (group, leaving) => this.#downgradeIfLeft(group, leaving))
    this.consumerProtocol = new ConsumerProtocol(this.#steps)
    this.mixedProtocol = new MixedProtocol(this.#steps, (group, { joining, generationId, isStale }) => {
      this.#downgrade(group, { leaving: [], joining, generationId }, isStale)
    })
    for (const stored of this.#state.classic.values()) this.#classic.set(stored.groupId, ClassicGroup.load(stored))
    for (const groupId of this.offsets.groupIds()) if (this.find(groupId) === undefined) this.classicGroup(groupId)
    for (const group of this.#classic.values()) this.classicProtocol.resume(group)
    for (const group of this.#state.consumer.values()) this.#steps.resume(group)
  }

  /**
   * Another broker leads already, and this one has not heard of it. What is only read is answered from memory; whatever
   * would be written waits in its log until `unloaded`, and is refused then.
   */
  get isSuperseded(): boolean {
    return this.#waiting !== undefined
  }

  unloaded(): Promise<void> {
    return new Promise((resolve) => this.#waiting?.push(resolve))
  }

  /** Another broker leads, unknown to this one: it goes on with what it knows, and the other one's writes are not its. */
  supersede(): void {
    if (this.#waiting !== undefined) return
    this.#waiting = []
    for (const group of this.#state.consumer.values()) this.#steps.forget(group)
    this.#state = groupStateKind.decode(JSON.parse(JSON.stringify(groupStateKind.encode(this.#state))))
    for (const group of this.#state.consumer.values()) this.#steps.resume(group)
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
   * The classic group of that id, made where there is none. A group of the consumer protocol becomes one; it must have no
   * members.
   */
  classicGroup(groupId: string): ClassicGroup {
    const known = this.find(groupId)
    if (known?.type === 'classic') return known
    if (known !== undefined && known.members.size > 0)
      throw new Error(`${groupId} has members, and is no classic group`)
    this.#state.consumer.delete(groupId)
    const group = new ClassicGroup(groupId, this.#ports.nowMs())
    this.#classic.set(groupId, group)
    return group
  }

  /** As `classicGroup`, for a member of the consumer protocol: those of a classic group are taken along. Offsets stay. */
  consumerGroup(groupId: string, memberId: string, instanceId: string | null): ConsumerGroup | Refusal {
    const known = this.find(groupId)
    if (known?.type === 'consumer') return known
    const group =
      known === undefined || known.state === 'Empty'
        ? new ConsumerGroup(groupId, this.#ports.nowMs())
        : upgradedGroup(known, this.#ports)
    if (group instanceof Refusal) return group
    if (this.#steps.isFull(group, memberId, instanceId)) return this.#steps.fullRefusal()
    if (known !== undefined) {
      answerAll(known, errorCode.REBALANCE_IN_PROGRESS)
      this.#dropClassic(known)
    }
    this.#state.consumer.set(groupId, group)
    this.#steps.adopt(group)
    return group
  }

  /** The last members of the consumer protocol leave: the others are a classic group again, and rebalance. */
  #downgradeIfLeft(group: ConsumerGroup, leaving: readonly ConsumerMember[]): boolean {
    const staying = [...group.members.values()].filter((member) => !leaving.includes(member))
    if (staying.length === 0 || staying.some(({ classic }) => classic === null)) return false
    if (!mayDowngrade(staying.length, this.#ports)) return false
    this.#downgrade(group, { leaving, generationId: group.epoch }, true)
    return true
  }

  #downgrade(group: ConsumerGroup, input: DowngradeInput, rebalances: boolean): void {
    const classic = downgradedGroup(group, input, this.#ports)
    this.#steps.forget(group)
    this.#state.consumer.delete(group.groupId)
    this.#classic.set(group.groupId, classic)
    this.classicProtocol.adopt(classic, rebalances)
  }

  /** Deletes a group with its offsets. */
  delete(group: Group): void {
    if (group.type === 'classic') this.#dropClassic(group)
    else {
      this.#steps.forget(group)
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
      answerAll(group, errorCode.NOT_COORDINATOR)
    }
    for (const group of this.#state.consumer.values()) this.#steps.forget(group)
    for (const resolve of this.#waiting ?? []) resolve()
  }

  #dropClassic(group: ClassicGroup): void {
    group.cancelTimers()
    if (group.state !== 'Dead') group.go('Dead', this.#ports.nowMs())
    this.#classic.delete(group.groupId)
    this.#state.classic.delete(group.groupId)
  }
}

/** Whoever waits in the group is answered with a code. */
function answerAll(group: ClassicGroup, code: number): void {
  for (const member of group.members.values()) {
    member.answerJoin(joinRefused(member.id, code))
    member.answerSync(syncRefused(code))
  }
}
