// Owns the form of a fetch: which partitions go into one request and in which order, and what each error code of the
// reply asks of the consumer. Pure functions; sends nothing. Fetches without a session (KIP-227). KIP-74 (order and
// limits), KIP-320 (epochs), KIP-516 (topic ids).
import { errorCode, zeroUuid } from '../../protocol/index.ts'
import type { EncodableRequestOf } from '../../protocol/index.ts'
import type { IsolationLevel } from '../admin/topics.ts'
import type { PartitionState } from './partition_state.ts'

/** One partition of a fetch. */
export interface FetchTarget {
  readonly state: PartitionState
  /** -1 where the cluster does not tell. */
  readonly leaderEpoch: number
}

export interface FetchLimits {
  readonly isolationLevel: IsolationLevel
  readonly fetchWaitMs: number
  readonly fetchBytesMin: number
  readonly fetchBytesMax: number
  readonly partitionFetchBytesMax: number
}

/** The first version that names topics by id. */
const topicIdVersionMin = 13
/** The first version in which the broker compares the last fetched epoch with its own log. */
const fetchedEpochVersionMin = 12

/** Highest version to ask for; undefined where any will do. Topics without an id can be named only in older ones. */
export function fetchVersionMax(targets: readonly FetchTarget[]): number | undefined {
  return targets.some(({ state }) => state.topicId === zeroUuid) ? topicIdVersionMin - 1 : undefined
}

/**
 * Turns the partitions so that another one stands first in each round: brokers fill a reply in the order of the request
 * and may run out of room (KIP-74).
 */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const from = items.length === 0 ? 0 : round % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}

export function fetchRequest(
  targets: readonly FetchTarget[],
  limits: FetchLimits,
  version: number
): EncodableRequestOf<'Fetch'> {
  const byTopic = new Map<string, FetchTarget[]>()
  for (const target of targets) {
    const group = byTopic.get(target.state.topic)
    if (group === undefined) byTopic.set(target.state.topic, [target])
    else group.push(target)
  }
  return {
    maxWaitMs: limits.fetchWaitMs,
    minBytes: limits.fetchBytesMin,
    maxBytes: limits.fetchBytesMax,
    isolationLevel: limits.isolationLevel === 'read_committed' ? 1 : 0,
    topics: [...byTopic].map(([topic, group]) => ({
      ...(version >= topicIdVersionMin ? { topicId: group[0]!.state.topicId } : { topic }),
      partitions: group.map(({ state, leaderEpoch }) => ({
        partition: state.partition,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset: state.fetchOffset,
        lastFetchedEpoch: version >= fetchedEpochVersionMin ? state.fetchEpoch : -1,
        partitionMaxBytes: limits.partitionFetchBytesMax
      }))
    }))
  }
}

/** What an error code of one partition asks for. */
export type FetchRefusal =
  /** The leader is elsewhere, or the broker's knowledge and ours differ: ask the cluster again. */
  | 'refreshMetadata'
  /** The broker cannot answer at this moment. */
  | 'tryAgain'
  /** The offset is not in the log. */
  | 'outOfRange'
  /** Nothing that time would heal. */
  | 'fail'

const refusals: ReadonlyMap<number, FetchRefusal> = new Map<number, FetchRefusal>([
  [errorCode.OFFSET_OUT_OF_RANGE, 'outOfRange'],
  [errorCode.UNKNOWN_TOPIC_OR_PARTITION, 'refreshMetadata'],
  [errorCode.LEADER_NOT_AVAILABLE, 'refreshMetadata'],
  [errorCode.NOT_LEADER_OR_FOLLOWER, 'refreshMetadata'],
  [errorCode.REPLICA_NOT_AVAILABLE, 'refreshMetadata'],
  [errorCode.KAFKA_STORAGE_ERROR, 'refreshMetadata'],
  [errorCode.FENCED_LEADER_EPOCH, 'refreshMetadata'],
  [errorCode.UNKNOWN_LEADER_EPOCH, 'refreshMetadata'],
  [errorCode.UNKNOWN_TOPIC_ID, 'refreshMetadata'],
  [errorCode.INCONSISTENT_TOPIC_ID, 'refreshMetadata'],
  [errorCode.OFFSET_NOT_AVAILABLE, 'tryAgain'],
  [errorCode.UNKNOWN_SERVER_ERROR, 'tryAgain'],
  // Retriable for a producer only: what is stored damaged stays damaged.
  [errorCode.CORRUPT_MESSAGE, 'fail']
])

export function fetchRefusal(code: number, isRetriable: boolean): FetchRefusal {
  return refusals.get(code) ?? (isRetriable ? 'tryAgain' : 'fail')
}
