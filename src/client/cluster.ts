// What every part of the client knows of a Kafka cluster: send one request to one broker, find leaders and
// coordinators, read the finalized features. A contract only; network_cluster.ts implements it over sockets.
import type { ApiName, EncodableRequestOf, ResponseOf } from '../protocol/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { Logger } from './logger.ts'

export type CoordinatorType = 'group' | 'transaction'

/** Where a request goes: a broker by its node id, any broker, or the controller. */
export type Target = { readonly nodeId: number } | 'any' | 'controller'

export interface RequestOptions {
  /** Time for this one request, milliseconds; the cluster's requestTimeoutMs where absent. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Never use a higher version of the API than this, whatever the broker offers. */
  readonly versionMax?: number
  /** Refuse with BROKER_TOO_OLD rather than use a lower version than this. */
  readonly versionMin?: number
  readonly channel?: Channel
}

/**
 * Requests of different channels to one broker use different connections. A broker answers the requests of one
 * connection one after the other, so a fetch that waits for records must hold up neither a commit nor the fetch of
 * another consumer: each consumer has a channel of its own, `fetch-<n>`.
 */
export type Channel = 'default' | 'fetch' | 'produce' | `fetch-${number}`

export interface PartitionLeader {
  readonly nodeId: number
  readonly leaderEpoch: number
}

export interface TopicMetadata {
  readonly name: string
  /** Kafka's base64url form; zeroUuid where the broker is too old to tell. */
  readonly topicId: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  /** -1 where the partition has no leader at the moment. */
  readonly leaderId: number
  readonly leaderEpoch: number
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface Cluster {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly retryBackoffMs: number
  readonly retryBackoffMsMax: number
  /** How many connections were lost so far, also while nothing was under way there: a broker may have been gone. */
  readonly connectionsLost: number
  /**
   * One request and its reply, without retries. Error codes inside the reply are the caller's business. `body` may be
   * a function of the negotiated version. Rejects with KafkaError: CONNECTION_REFUSED, CONNECTION_LOST or
   * REQUEST_TIMEOUT (both with `outcomeUnknown` once bytes were written), BROKER_TOO_OLD, PROTOCOL_VIOLATION, CLOSED.
   */
  request<A extends ApiName>(
    target: Target,
    api: A,
    body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
    options?: RequestOptions
  ): Promise<ResponseOf<A>>
  /** Version that `request` would use at this broker; undefined where there is none in common. */
  negotiatedVersion(target: Target, api: ApiName, options?: RequestOptions): Promise<number | undefined>
  /** Highest finalized transaction.version, 0 where the cluster has none (KIP-890). Asked anew on each new connection. */
  transactionVersion(signal?: AbortSignal): Promise<0 | 1 | 2>
  clusterId(signal?: AbortSignal): Promise<string>
  brokers(signal?: AbortSignal): Promise<readonly BrokerAddress[]>
  /** Cached metadata of topics; asks the cluster for the unknown ones. A missing topic is undefined in the result. */
  topics(
    names: readonly string[],
    options?: { refresh?: boolean; signal?: AbortSignal }
  ): Promise<Map<string, TopicMetadata>>
  /**
   * Metadata of topics with the newest leaders that any broker knows: asks all of them. One that stood still names for a
   * moment those that it knew, itself among them. Rejects with a KafkaError that can be retried where most of them do not
   * answer, or do not mean the same topic.
   */
  newestTopics(names: readonly string[], signal?: AbortSignal): Promise<Map<string, TopicMetadata>>
  /** All topics, from the cluster. */
  allTopics(signal?: AbortSignal): Promise<readonly TopicMetadata[]>
  /** Cached leader, undefined where unknown; never asks. For hot paths. */
  cachedLeader(topic: string, partition: number): PartitionLeader | undefined
  /** Forgets what was cached, because a broker said NOT_LEADER_OR_FOLLOWER or the like; the next question asks anew. */
  invalidateTopic(topic: string): void
  /** Node id of the coordinator, cached. Retries lookup until `signal` aborts or the request timeout is over. */
  coordinator(type: CoordinatorType, key: string, signal?: AbortSignal): Promise<number>
  invalidateCoordinator(type: CoordinatorType, key: string): void
  /** Closes the connections of a channel that is no longer used; what is under way there fails with CLOSED. */
  closeChannel(channel: Channel): void
  close(): Promise<void>
}
