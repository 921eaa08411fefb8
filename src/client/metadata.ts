// What is known of a cluster's brokers, topics and leaders. A pure cache: it learns from Metadata responses and never
// asks. It never goes back to an older leader epoch of the same topic, however old the broker's knowledge is that
// answers (KIP-320), and tells a topic from one of the same name made later by its id (KIP-516).
import { errorCode, zeroUuid } from '../protocol/index.ts'
import type { ResponseOf } from '../protocol/index.ts'
import type { BrokerAddress, PartitionLeader, PartitionMetadata, TopicMetadata } from './cluster.ts'
import { KafkaError } from './errors.ts'

type MetadataResponse = ResponseOf<'Metadata'>
type TopicResponse = MetadataResponse['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

interface CachedTopic {
  readonly topic: TopicMetadata
  readonly learnedMs: number
  /** Somebody found it to be wrong, or the cluster last said that there is no such topic. */
  isStale: boolean
}

/** What an answer said about one topic. */
export interface LearnedTopic {
  readonly errorCode: number
  /** Undefined where the error code is not 0. */
  readonly topic: TopicMetadata | undefined
}

/** Topics that are remembered; beyond that the one learned longest ago is forgotten. */
const cachedTopicsMax = 10_000

export class MetadataCache {
  #clusterId: string | undefined
  #controllerId = -1
  #brokers: ReadonlyMap<number, BrokerAddress> = new Map()
  // In the order of learning.
  readonly #topics = new Map<string, CachedTopic>()

  get clusterId(): string | undefined {
    return this.#clusterId
  }

  /** -1 where there is none at the moment. */
  get controllerId(): number {
    return this.#controllerId
  }

  get brokers(): readonly BrokerAddress[] {
    return [...this.#brokers.values()]
  }

  broker(nodeId: number): BrokerAddress | undefined {
    return this.#brokers.get(nodeId)
  }

  /** A broker that another answer named, such as that of FindCoordinator. */
  learnBroker(broker: BrokerAddress): void {
    this.#brokers = new Map([...this.#brokers, [broker.nodeId, broker]])
  }

  /** Forgets the addresses, so that the next question goes to the bootstrap addresses. */
  forgetBrokers(): void {
    this.#brokers = new Map()
    this.#controllerId = -1
  }

  /**
   * Takes in an answer. `nowMs` is the monotonic time at which it was asked for. Throws KafkaError CLUSTER_CHANGED
   * where it comes from another cluster than the answers before.
   */
  learn(response: MetadataResponse, nowMs: number): ReadonlyMap<string, LearnedTopic> {
    const { clusterId } = response
    if (clusterId !== null) {
      if (this.#clusterId !== undefined && this.#clusterId !== clusterId) {
        throw new KafkaError(
          'CLUSTER_CHANGED',
          `The brokers now belong to the cluster ${clusterId}; this client began with ${this.#clusterId}.`,
          { fatal: true, api: 'Metadata' }
        )
      }
      this.#clusterId = clusterId
    }
    this.#controllerId = response.controllerId
    // A broker that is just starting may know of no broker yet; what was known is better than nothing.
    if (response.brokers.length > 0) {
      this.#brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { nodeId, host, port }]))
    }
    const learned = new Map<string, LearnedTopic>()
    for (const topic of response.topics) {
      if (topic.name === null) continue
      learned.set(topic.name, { errorCode: topic.errorCode, topic: this.#learnTopic(topic.name, topic, nowMs) })
    }
    return learned
  }

  /** A topic that was learned after `sinceMs` and not found to be wrong since. */
  fresh(name: string, sinceMs: number): TopicMetadata | undefined {
    const cached = this.#topics.get(name)
    return cached === undefined || cached.isStale || cached.learnedMs < sinceMs ? undefined : cached.topic
  }

  leader(name: string, partition: number): PartitionLeader | undefined {
    const cached = this.#topics.get(name)
    if (cached === undefined || cached.isStale) return undefined
    const found = partitionOf(cached.topic, partition)
    if (found === undefined || found.leaderId < 0) return undefined
    return { nodeId: found.leaderId, leaderEpoch: found.leaderEpoch }
  }

  /** The next question about the topic asks the cluster; its leader epochs are remembered all the same. */
  invalidate(name: string): void {
    const cached = this.#topics.get(name)
    if (cached !== undefined) cached.isStale = true
  }

  #learnTopic(name: string, response: TopicResponse, nowMs: number): TopicMetadata | undefined {
    const known = this.#topics.get(name)
    if (response.errorCode !== errorCode.NONE) {
      // Without ids a topic that was deleted cannot be told from one made anew, whose leader epochs begin at 0.
      if (known?.topic.topicId === zeroUuid) this.#topics.delete(name)
      else this.invalidate(name)
      return undefined
    }
    const isSame = known !== undefined && known.topic.topicId === response.topicId
    const partitions = response.partitions
      .map((partition) => newer(isSame ? partitionOf(known.topic, partition.partitionIndex) : undefined, partition))
      .toSorted((left, right) => left.partition - right.partition)
    const topic = Object.freeze({ name, topicId: response.topicId, partitions: Object.freeze(partitions) })
    this.#topics.delete(name)
    this.#topics.set(name, { topic, learnedMs: nowMs, isStale: false })
    if (this.#topics.size > cachedTopicsMax) this.#forgetOldest()
    return topic
  }

  #forgetOldest(): void {
    const [oldest] = this.#topics.keys()
    if (oldest !== undefined) this.#topics.delete(oldest)
  }
}

// Partitions are numbered from 0 without gaps and kept in that order; an answer that is not so is still read rightly.
function partitionOf(topic: TopicMetadata, partition: number): PartitionMetadata | undefined {
  const found = topic.partitions[partition]
  return found?.partition === partition ? found : topic.partitions.find((other) => other.partition === partition)
}

function newer(known: PartitionMetadata | undefined, response: PartitionResponse): PartitionMetadata {
  const { partitionIndex, leaderId, leaderEpoch } = response
  if (known !== undefined && leaderEpoch >= 0 && leaderEpoch < known.leaderEpoch) return known
  return Object.freeze({ partition: partitionIndex, leaderId, leaderEpoch })
}
