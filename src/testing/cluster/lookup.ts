// Owns what a broker says about a partition that a request names: that there is none, that it does not lead it, or that
// the client's idea of its leader epoch is another one. In the order of Kafka's checks.
// Source: ReplicaManager.getPartitionOrException, kafka.cluster.Partition.getLocalLog. KIP-320, KIP-951.

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from './broker.ts'
import type { Cluster } from './cluster.ts'
import type { Partition } from './topic.ts'

const { NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION } = errorCode

export interface LookupOptions {
  /** The client's idea of the leader epoch; -1 for none. */
  readonly leaderEpoch?: number
  /** A replica in sync will do. */
  readonly allowFollower?: boolean
}

/**
 * The partition, or the error code with which a request for it is answered. What the broker has of its log, `logOf` tells:
 * one that stood still may take itself for the leader that it was.
 */
export function findPartition(
  broker: Broker,
  topic: string,
  index: number,
  options: LookupOptions = {}
): Partition | number {
  const partition = broker.cluster.partition(topic, index)
  if (partition === undefined) return UNKNOWN_TOPIC_OR_PARTITION
  if (!partition.replicas.includes(broker.id)) return NOT_LEADER_OR_FOLLOWER
  const leaderEpoch = options.leaderEpoch ?? -1
  const known = broker.knownLeader(partition)
  if (leaderEpoch >= 0) {
    if (leaderEpoch < known.leaderEpoch) return errorCode.FENCED_LEADER_EPOCH
    if (leaderEpoch > known.leaderEpoch) return errorCode.UNKNOWN_LEADER_EPOCH
  }
  if (known.leader === broker.id) return partition
  const isFollower = options.allowFollower === true && partition.inSync.includes(broker.id)
  return isFollower ? partition : NOT_LEADER_OR_FOLLOWER
}

/** A broker's address in the responses that send a client to a new leader. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** Collects the leaders that a response tells a client of. */
export class LeaderHints {
  readonly #cluster: Cluster
  readonly #endpoints = new Map<number, NodeEndpoint>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Who leads now, for the answer about one partition. */
  of(topic: string, index: number): { readonly leaderId: number; readonly leaderEpoch: number } {
    const partition = this.#cluster.partition(topic, index)
    if (partition === undefined) return { leaderId: -1, leaderEpoch: -1 }
    const { leader: leaderId, leaderEpoch } = partition
    const node = this.#cluster.nodes.get(leaderId)
    if (node !== undefined) {
      this.#endpoints.set(leaderId, { nodeId: leaderId, host: node.host, port: node.port, rack: node.rack })
    }
    return { leaderId, leaderEpoch }
  }

  endpoints(): NodeEndpoint[] {
    return [...this.#endpoints.values()]
  }
}
