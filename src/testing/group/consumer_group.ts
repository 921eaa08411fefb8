// Owns a group of the consumer protocol: members, epochs, and who should have what. All of it is durable, as it is in
// Kafka's log of offsets. What happens to it is consumer_protocol.ts's business. KIP-848.
// Source: org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroup.

import { errorCode } from '../../protocol/index.ts'
import type { Uuid } from '../../protocol/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { consumerType, type Protocols } from './classic_member.ts'
import { partitionKey, type ClassicOffer, type ConsumerMember } from './consumer_member.ts'
import { has, noPartitions, partitionSets, topicPartitions, type PartitionSets } from './partition_sets.ts'

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

/** OffsetCommit versions from 9 on know member epochs. */
const firstVersionWithEpochs = 9
/** TxnOffsetCommit versions from 6 on know the code for a stale one. */
const firstTransactionalVersionWithEpochs = 6

/** In whose name offsets are committed, and for what. */
export interface ConsumerCommitter {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly partitions: readonly { readonly topicId: Uuid; readonly partition: number }[]
}

export class ConsumerGroup {
  readonly type = 'consumer'
  readonly groupId: string
  /** Kafka begins with 1, so that the first member gets 2. */
  epoch = 1
  targetEpoch = 1
  /** Of the topics that were subscribed when the epoch was last raised: a change raises it again. */
  topicsSeen = ''
  readonly members = new Map<string, ConsumerMember>()
  readonly targets = new Map<string, PartitionSets>()
  emptySinceMs: number

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId
    this.emptySinceMs = nowMs
  }

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty'
    if (this.epoch > this.targetEpoch) return 'Assigning'
    for (const { state, epoch } of this.members.values()) {
      if (state !== 'stable' || epoch !== this.targetEpoch) return 'Reconciling'
    }
    return 'Stable'
  }

  target(memberId: string): PartitionSets {
    return this.targets.get(memberId) ?? noPartitions
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    for (const member of this.members.values()) if (member.instanceId === instanceId) return member
    return undefined
  }

  /** Members of the classic protocol. */
  get classicCount(): number {
    let count = 0
    for (const { classic } of this.members.values()) if (classic !== null) count++
    return count
  }

  /** Whether a member of the classic protocol with this offer can be in the group together with the others. */
  supports(protocolType: string, protocols: Protocols): boolean {
    if (protocolType !== consumerType) return false
    const offers = [...this.members.values()].flatMap(({ classic }) => classic ?? [])
    return protocols.some(({ name }) => offers.every((offer) => offer.protocols.some((one) => one.name === name)))
  }

  /** Whether a partition that the member should have is still with another one. */
  isWaiting(member: ConsumerMember): boolean {
    if (member.state !== 'unreleased') return false
    for (const [topicId, partitions] of this.target(member.id)) {
      for (const one of partitions) {
        if (!has(member.assigned, topicId, one) && this.isHeld(topicId, one)) return true
      }
    }
    return false
  }

  /** Whether any member has the partition, or has not given it up yet. */
  isHeld(topicId: Uuid, partition: number): boolean {
    for (const { assigned, revoking } of this.members.values()) {
      if (has(assigned, topicId, partition) || has(revoking, topicId, partition)) return true
    }
    return false
  }

  /** 0, or why offsets may not be committed. */
  commitError(committer: ConsumerCommitter, isTransactional: boolean, version: number): number {
    const { memberId, groupInstanceId, memberEpoch, partitions } = committer
    if (memberEpoch < 0 && this.members.size === 0) return 0
    if (isTransactional && memberEpoch === -1 && memberId === '' && groupInstanceId === null) return 0
    const member = this.members.get(memberId)
    if (member === undefined) return errorCode.UNKNOWN_MEMBER_ID
    const needsEpochs = !isTransactional && member.classic === null
    if (needsEpochs && version < firstVersionWithEpochs) return errorCode.UNSUPPORTED_VERSION
    if (memberEpoch === member.epoch) return 0
    // What it has had since an earlier epoch it may commit under that, too.
    const mayCommit = partitions.every(({ topicId, partition }) => {
      const since = member.since.get(partitionKey(topicId, partition))
      return since !== undefined && memberEpoch >= since
    })
    if (memberEpoch < member.epoch && mayCommit) return 0
    const isTold = !isTransactional || version >= firstTransactionalVersionWithEpochs
    return isTold ? staleCode(member) : errorCode.ILLEGAL_GENERATION
  }

  /** 0, or why offsets may not be read. */
  fetchError(memberId: string | null, memberEpoch: number): number {
    if (memberId === null && memberEpoch < 0) return 0
    const member = this.members.get(memberId ?? '')
    if (member === undefined) return errorCode.UNKNOWN_MEMBER_ID
    return memberEpoch === member.epoch ? 0 : staleCode(member)
  }

  encode(): unknown {
    const { groupId, epoch, targetEpoch, topicsSeen, emptySinceMs } = this
    const members = [...this.members.values()].map((member) => ({
      ...member,
      assigned: topicPartitions(member.assigned),
      revoking: topicPartitions(member.revoking),
      since: [...member.since],
      classic: member.classic === null ? null : storedOffer(member.classic)
    }))
    const targets = [...this.targets].map(([memberId, target]) => ({ memberId, target: topicPartitions(target) }))
    return { groupId, epoch, targetEpoch, topicsSeen, emptySinceMs, members, targets }
  }

  /** From what `encode` answered, after JSON. */
  static decode(json: unknown): ConsumerGroup {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by encode alone
    const { members, targets, ...rest } = json as StoredConsumerGroup
    const group = Object.assign(new ConsumerGroup(rest.groupId, rest.emptySinceMs), rest)
    for (const member of members) {
      const { assigned, revoking, since, classic } = member
      const sets = { assigned: partitionSets(assigned), revoking: partitionSets(revoking), since: new Map(since) }
      group.members.set(member.id, { ...member, ...sets, classic: classic === null ? null : readOffer(classic) })
    }
    for (const { memberId, target } of targets) group.targets.set(memberId, partitionSets(target))
    return group
  }
}

function staleCode({ classic }: ConsumerMember): number {
  return classic === null ? errorCode.STALE_MEMBER_EPOCH : errorCode.ILLEGAL_GENERATION
}

function storedOffer({ sessionTimeoutMs, protocols }: ClassicOffer) {
  return {
    sessionTimeoutMs,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: toBase64(metadata) }))
  }
}

function readOffer({ sessionTimeoutMs, protocols }: ReturnType<typeof storedOffer>): ClassicOffer {
  return {
    sessionTimeoutMs,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: fromBase64(metadata) }))
  }
}

type StoredSets = ReturnType<typeof topicPartitions>

interface StoredConsumerGroup {
  readonly groupId: string
  readonly epoch: number
  readonly targetEpoch: number
  readonly topicsSeen: string
  readonly emptySinceMs: number
  readonly members: readonly (Omit<ConsumerMember, 'assigned' | 'revoking' | 'since' | 'classic'> & {
    readonly assigned: StoredSets
    readonly revoking: StoredSets
    readonly since: readonly (readonly [string, number])[]
    readonly classic: ReturnType<typeof storedOffer> | null
  })[]
  readonly targets: readonly { readonly memberId: string; readonly target: StoredSets }[]
}
