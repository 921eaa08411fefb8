// A group's stored positions, read and written by hand: no membership, no generation unless the caller has one. Owns
// the shape of OffsetFetch and OffsetCommit over all their versions; what a position means is the caller's business.
// KIP-447 (requireStable), KIP-709.
import { errorCode } from '../../protocol/index.ts'
import type { EncodableRequestOf, ResponseOf } from '../../protocol/index.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { coordinatorRequest, coordinatorVersion } from '../coordinator_request.ts'
import { integer, string, value } from '../options.ts'
import { keyOfPartition, partitionRules, partitionsByTopic } from './partitions.ts'

/** The last version with topic names; later ones have ids, and a group's positions may outlive a topic. */
const namedVersionMax = 9
const requireStableVersionMin = 7
const groupsVersionMin = 8

// Below this version an error of the group is told per partition only, and not at all where there is none.
const offsetFetchVersionMin = 2

export interface GroupOffset {
  /** -1 where nothing is stored. */
  readonly offset: bigint
  readonly metadata: string | null
  /** -1 where unknown. */
  readonly leaderEpoch: number
  /** Kafka's error code of this partition; UNSTABLE_OFFSET_COMMIT (88) while an open transaction decides about it. */
  readonly errorCode: number
}

export interface FetchGroupOffsetsOptions {
  readonly groupId: string
  /**
   * With `all`, brokers tell only what is stored: a position that so far only an open transaction has written is not
   * even told as unstable. Name the partitions where that matters.
   */
  readonly partitions: readonly TopicPartition[] | 'all'
  /**
   * Whether positions that an open transaction decides about shall be refused with UNSTABLE_OFFSET_COMMIT, rather than
   * be answered with their old value. `whereSupported` does without on brokers before Kafka 2.5; true refuses those
   * with BROKER_TOO_OLD.
   */
  readonly requireStable: boolean | 'whereSupported'
  /** Whether to wait for such transactions instead of answering the code. Default false. */
  readonly retryUnstable?: boolean
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; the cluster's requestTimeoutMs where absent. */
  readonly deadlineMs?: number | undefined
}

export interface GroupOffsets {
  /** Kafka's error code of the whole group. */
  readonly errorCode: number
  /** By `topic:partition`, see keyOfPartition. With `all`, the partitions for which something is stored. */
  readonly offsets: ReadonlyMap<string, GroupOffset>
}

/** Whether OffsetFetch can tell a position that an open transaction decides about (version 7, Kafka 2.5). KIP-447. */
export async function supportsRequireStable(cluster: Cluster, groupId: string, signal?: AbortSignal): Promise<boolean> {
  const version = await coordinatorVersion(cluster, 'group', groupId, 'OffsetFetch', { signal })
  return version !== undefined && version >= requireStableVersionMin
}

/**
 * Reads a group's positions from its coordinator, which is looked up again where it moved. Other error codes than
 * those about the coordinator are in the result. Rejects with KafkaError DEADLINE_EXCEEDED or BROKER_TOO_OLD.
 */
export async function fetchGroupOffsets(cluster: Cluster, options: FetchGroupOffsetsOptions): Promise<GroupOffsets> {
  const { groupId, partitions, requireStable, retryUnstable = false, signal, deadlineMs } = options
  if (partitions !== 'all' && partitions.length === 0) return { errorCode: errorCode.NONE, offsets: new Map() }
  const response = await coordinatorRequest(
    cluster,
    'group',
    groupId,
    'OffsetFetch',
    (version) => offsetFetchBody(groupId, partitions, requireStable, version),
    {
      what: `OffsetFetch of the group ${groupId}`,
      versionMin: requireStable === true ? requireStableVersionMin : offsetFetchVersionMin,
      versionMax: namedVersionMax,
      errorCodeOf: (answer) => {
        const group = groupOffsets(answer)
        if (group.errorCode !== errorCode.NONE || !retryUnstable) return group.errorCode
        return hasUnstable(group) ? errorCode.UNSTABLE_OFFSET_COMMIT : errorCode.NONE
      },
      alsoRetry: (code, times) =>
        retryUnstable && code === errorCode.UNSTABLE_OFFSET_COMMIT ? unstableBackoffMs(times) : undefined,
      signal,
      deadlineMs
    }
  )
  return groupOffsets(response)
}

// Transactions end soon or late: ask often at first.
function unstableBackoffMs(times: number): number {
  return Math.min(2 * 2 ** Math.min(times, 10), 200)
}

function hasUnstable(group: GroupOffsets): boolean {
  for (const one of group.offsets.values()) if (one.errorCode === errorCode.UNSTABLE_OFFSET_COMMIT) return true
  return false
}

function offsetFetchBody(
  groupId: string,
  partitions: readonly TopicPartition[] | 'all',
  requireStable: boolean | 'whereSupported',
  version: number
): EncodableRequestOf<'OffsetFetch'> {
  const topics =
    partitions === 'all'
      ? null
      : partitionsByTopic(partitions).map(([name, list]) => ({
          name,
          partitionIndexes: list.map(({ partition }) => partition)
        }))
  const stable = requireStable === 'whereSupported' ? version >= requireStableVersionMin : requireStable
  return version >= groupsVersionMin
    ? { groups: [{ groupId, topics }], requireStable: stable }
    : { groupId, topics, requireStable: stable }
}

function groupOffsets(response: ResponseOf<'OffsetFetch'>): GroupOffsets {
  const { topics, errorCode: code } = response.groups[0] ?? response
  const offsets = new Map<string, GroupOffset>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode: own } of partitions) {
      offsets.set(keyOfPartition(name, partitionIndex), {
        offset: committedOffset,
        metadata,
        leaderEpoch: committedLeaderEpoch,
        errorCode: own
      })
    }
  }
  return { errorCode: code, offsets }
}

export interface OffsetToCommit extends TopicPartition {
  /** The position: the offset of the next record to be read. */
  readonly offset: bigint
  readonly leaderEpoch?: number | undefined
  readonly metadata?: string | null | undefined
}

const textOrNull = value(
  'a string or null',
  (given): given is string | null => typeof given === 'string' || given === null,
  { optional: true }
)

/** What an OffsetToCommit may be. */
export const offsetRules = {
  ...partitionRules,
  offset: value('a bigint of at least 0', (given): given is bigint => typeof given === 'bigint' && given >= 0n),
  leaderEpoch: integer({ min: -1, optional: true }),
  metadata: textOrNull
}

/** Who commits. The broker fences old members only by these three; without them nobody is fenced. */
export interface GroupMember {
  readonly memberId: string
  /** Of a classic group, or the member epoch of a consumer group (KIP-848). */
  readonly generationId: number
  readonly groupInstanceId?: string | null | undefined
}

/** What a GroupMember may be. */
export const memberRules = {
  memberId: string({ lengthMin: 0 }),
  generationId: integer({ min: -1 }),
  groupInstanceId: textOrNull
}

export interface CommitGroupOffsetsOptions {
  readonly groupId: string
  readonly offsets: readonly OffsetToCommit[]
  readonly member?: GroupMember | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; the cluster's requestTimeoutMs where absent. */
  readonly deadlineMs?: number | undefined
}

const aboutCoordinator: ReadonlySet<number> = new Set([
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.COORDINATOR_NOT_AVAILABLE,
  errorCode.NOT_COORDINATOR
])

/**
 * Stores positions of a group. Answers Kafka's error code of each partition by `topic:partition`; those about the
 * coordinator are retried inside. Rejects with KafkaError DEADLINE_EXCEEDED, which says whether an attempt may have
 * taken effect.
 */
export async function commitGroupOffsets(
  cluster: Cluster,
  options: CommitGroupOffsetsOptions
): Promise<ReadonlyMap<string, number>> {
  const { groupId, offsets, member, signal, deadlineMs } = options
  if (offsets.length === 0) return new Map()
  const response = await coordinatorRequest(
    cluster,
    'group',
    groupId,
    'OffsetCommit',
    {
      groupId,
      memberId: member?.memberId ?? '',
      generationIdOrMemberEpoch: member?.generationId ?? -1,
      groupInstanceId: member?.groupInstanceId ?? null,
      topics: partitionsByTopic(offsets).map(([name, list]) => ({
        name,
        partitions: list.map(({ partition, offset, leaderEpoch, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch ?? -1,
          committedMetadata: metadata ?? null
        }))
      }))
    },
    {
      what: `OffsetCommit of the group ${groupId}`,
      versionMax: namedVersionMax,
      errorCodeOf: (answer) => [...commitCodes(answer).values()].find((code) => aboutCoordinator.has(code)) ?? 0,
      signal,
      deadlineMs
    }
  )
  return commitCodes(response)
}

function commitCodes(response: ResponseOf<'OffsetCommit'>): Map<string, number> {
  const codes = new Map<string, number>()
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode: code } of partitions) codes.set(keyOfPartition(name, partitionIndex), code)
  }
  return codes
}
