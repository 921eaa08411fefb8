// The administrative calls of a client, as users see them. Owns the checks of what is passed in; the work is in the
// files beside it. Every call takes `deadlineMs` (all attempts together) and `signal`, retries what is worth it, and
// rejects with KafkaError.
import { boolean, checkOptions, integer, list, oneOf, options, string, value } from '../options.ts'
import type { Checked, RuleTable } from '../options.ts'
import { callRules } from '../call.ts'
import type { CallOptions } from '../call.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { brokerError } from '../errors.ts'
import { describeCluster, describeConfigs } from './cluster_view.ts'
import type { ClusterDescription, ConfigEntry, ConfigResource } from './cluster_view.ts'
import { commitGroupOffsets, fetchGroupOffsets, offsetRules } from './group_offsets.ts'
import type { GroupOffset, OffsetToCommit } from './group_offsets.ts'
import { deleteGroups } from './groups.ts'
import type { DeletedGroup } from './groups.ts'
import { partitionRules, topicRule } from './partitions.ts'
import { createPartitions, createTopics, deleteRecords, deleteTopics, listOffsets } from './topics.ts'
import type {
  CreatedTopic,
  DeletedTopic,
  IsolationLevel,
  ListedOffset,
  MorePartitions,
  NewTopic,
  OffsetQuery,
  RecordsToDelete
} from './topics.ts'
import { describeProducers, describeTransactions, listTransactions, writeTxnMarkers } from './transactions.ts'
import type {
  ListedTransaction,
  ProducerState,
  TransactionDescription,
  TransactionFilter,
  TransactionMarkers
} from './transactions.ts'

const producerIdRule = value('a bigint of at least 0', (id): id is bigint => typeof id === 'bigint' && id >= 0n)
const positions = ['earliest', 'latest', 'maxTimestamp']

function isPosition(given: unknown): given is OffsetQuery['position'] {
  if (typeof given !== 'object' || given === null) return positions.some((word) => word === given)
  const timestampMs: unknown = Reflect.get(given, 'timestampMs')
  return typeof timestampMs === 'number' && Number.isFinite(timestampMs) && timestampMs >= 0
}

function isConfigs(given: unknown): given is Readonly<Record<string, string>> {
  return typeof given === 'object' && given !== null && Object.values(given).every((one) => typeof one === 'string')
}

const newTopicRules = {
  topic: topicRule,
  partitionCount: integer({ min: 1, optional: true }),
  replicationFactor: integer({ min: 1, max: 32_767, optional: true }),
  configs: value('an object of strings', isConfigs, { optional: true })
}
const morePartitionsRules = { topic: topicRule, partitionCount: integer({ min: 1 }) }
const queryRules = {
  ...partitionRules,
  position: value(`'earliest', 'latest', 'maxTimestamp' or { timestampMs }`, isPosition)
}
const deletionRules = {
  ...partitionRules,
  before: value(`a bigint of at least 0 or 'all'`, (given): given is bigint | 'all' =>
    typeof given === 'bigint' ? given >= 0n : given === 'all'
  )
}
const filterRules = {
  states: list(string(), { optional: true }),
  producerIds: list(producerIdRule, { optional: true }),
  durationMsMin: integer({ min: 0, optional: true }),
  transactionalIdPrefix: string({ lengthMin: 0, optional: true }),
  transactionalIdPattern: string({ optional: true })
}
const markerRules = {
  producerId: producerIdRule,
  producerEpoch: integer({ min: 0, max: 32_767 }),
  result: oneOf(['commit', 'abort']),
  coordinatorEpoch: integer({ min: 0 }),
  transactionVersion: integer({ min: 0, max: 2, optional: true }),
  partitions: list(options(partitionRules), { lengthMin: 1 })
}

const groupRules = { groupId: string({ lengthMin: 0 }) }
const fetchOffsetsRules = {
  ...groupRules,
  partitions: value(
    `an array of { topic, partition } or 'all'`,
    (given): given is readonly TopicPartition[] | 'all' => given === 'all' || Array.isArray(given),
    { optional: true }
  ),
  requireStable: boolean({ optional: true })
}

function check(method: string, given: object, rules: RuleTable, call: CallOptions, ownCallRules?: RuleTable): void {
  checkOptions(`admin.${method}`, given, rules)
  checkOptions(`admin.${method}`, call, { ...callRules, ...ownCallRules })
}

function twoFilters(filter: Checked<typeof filterRules>): string | undefined {
  return filter.transactionalIdPrefix !== undefined && filter.transactionalIdPattern !== undefined
    ? 'give transactionalIdPrefix or transactionalIdPattern, not both.'
    : undefined
}

/** Which stored positions to read. */
export interface FetchOffsetsOptions extends CallOptions {
  readonly groupId: string
  /** All that are stored, where absent; what only an open transaction has written is then not waited for. */
  readonly partitions?: readonly TopicPartition[] | 'all'
  /** Whether to wait for transactions that decide about these positions. Default true; needs Kafka 2.5. */
  readonly requireStable?: boolean
}

/** Which positions to store. */
export interface CommitOffsetsOptions extends CallOptions {
  readonly groupId: string
  readonly offsets: readonly OffsetToCommit[]
}

/** A stored position. */
export type StoredOffset = Omit<GroupOffset, 'errorCode'>

export class Admin {
  readonly #cluster: Cluster

  /** Made by `Kafka.admin()`. */
  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Creates topics and waits until their partitions have leaders. A topic that is there already is left as it is and
   * told by `isNew: false`.
   */
  async createTopics(topics: readonly NewTopic[], call: CallOptions = {}): Promise<readonly CreatedTopic[]> {
    check('createTopics', { topics }, { topics: list(options(newTopicRules)) }, call)
    return createTopics(this.#cluster, topics, call)
  }

  /** Deletes topics; one that is not there is told by `wasThere: false`. */
  async deleteTopics(topics: readonly string[], call: CallOptions = {}): Promise<readonly DeletedTopic[]> {
    check('deleteTopics', { topics }, { topics: list(topicRule) }, call)
    return deleteTopics(this.#cluster, topics, call)
  }

  /** Adds partitions; a count that is not above the present one is refused with INVALID_PARTITIONS (37). */
  async createPartitions(topics: readonly MorePartitions[], call: CallOptions = {}): Promise<void> {
    check('createPartitions', { topics }, { topics: list(options(morePartitionsRules)) }, call)
    return createPartitions(this.#cluster, topics, call)
  }

  /** Names of all topics that the principal may see, internal ones too. */
  async listTopics(call: CallOptions = {}): Promise<readonly string[]> {
    check('listTopics', {}, {}, call)
    const topics = await this.#cluster.allTopics(call.signal)
    return topics.map(({ name }) => name).toSorted()
  }

  async describeCluster(call: CallOptions = {}): Promise<ClusterDescription> {
    check('describeCluster', {}, {}, call)
    return describeCluster(this.#cluster, call)
  }

  /**
   * Settings of a topic, or those in force at a broker, by name; all of them where `names` is absent. Needs
   * DESCRIBE_CONFIGS on the topic or the cluster.
   */
  async describeConfigs(
    resource: ConfigResource & { readonly names?: readonly string[] },
    call: CallOptions = {}
  ): Promise<ReadonlyMap<string, ConfigEntry>> {
    const own = 'topic' in resource ? { topic: topicRule } : { nodeId: integer({ min: 0 }) }
    check('describeConfigs', resource, { ...own, names: list(string(), { optional: true }) }, call)
    return describeConfigs(this.#cluster, resource, resource.names, call)
  }

  /** Offsets by `topic:partition`; `isolationLevel` says what `latest` means and is read_uncommitted by default. */
  async listOffsets(
    queries: readonly OffsetQuery[],
    call: CallOptions & { readonly isolationLevel?: IsolationLevel } = {}
  ): Promise<ReadonlyMap<string, ListedOffset>> {
    const isolationLevel = oneOf(['read_uncommitted', 'read_committed'], { optional: true })
    check('listOffsets', { queries }, { queries: list(options(queryRules)) }, call, { isolationLevel })
    return listOffsets(this.#cluster, queries, call)
  }

  /** Deletes the oldest records of partitions; answers the first offset that is left, by `topic:partition`. */
  async deleteRecords(
    deletions: readonly RecordsToDelete[],
    call: CallOptions = {}
  ): Promise<ReadonlyMap<string, bigint>> {
    check('deleteRecords', { deletions }, { deletions: list(options(deletionRules)) }, call)
    return deleteRecords(this.#cluster, deletions, call)
  }

  /** Asks every broker for the transactions that it coordinates. Needs Kafka 3.0. */
  async listTransactions(
    filter: TransactionFilter = {},
    call: CallOptions = {}
  ): Promise<readonly ListedTransaction[]> {
    checkOptions('admin.listTransactions', filter, filterRules, [twoFilters])
    check('listTransactions', {}, {}, call)
    return listTransactions(this.#cluster, filter, call)
  }

  /** Transactions by transactional id; one that its coordinator does not know is absent. Needs Kafka 3.0. */
  async describeTransactions(
    transactionalIds: readonly string[],
    call: CallOptions = {}
  ): Promise<ReadonlyMap<string, TransactionDescription>> {
    check('describeTransactions', { transactionalIds }, { transactionalIds: list(string()) }, call)
    return describeTransactions(this.#cluster, transactionalIds, call)
  }

  /** Producers that partitions remember, with their open transactions, by `topic:partition`. Needs Kafka 2.8. */
  async describeProducers(
    partitions: readonly TopicPartition[],
    call: CallOptions = {}
  ): Promise<ReadonlyMap<string, readonly ProducerState[]>> {
    check('describeProducers', { partitions }, { partitions: list(options(partitionRules)) }, call)
    return describeProducers(this.#cluster, partitions, call)
  }

  /**
   * Writes the markers that end a transaction straight into partitions. The last resort where the coordinator has
   * decided a transaction and a partition still holds it open (KAFKA-20734): any other result than the decided one
   * tears the transaction apart. Needs CLUSTER_ACTION on the cluster.
   */
  async writeTxnMarkers(markers: TransactionMarkers, call: CallOptions = {}): Promise<void> {
    check('writeTxnMarkers', markers, markerRules, call)
    return writeTxnMarkers(this.#cluster, markers, call)
  }

  /** Positions that a group has stored, by `topic:partition`; partitions without one are absent. */
  async fetchOffsets(given: FetchOffsetsOptions): Promise<ReadonlyMap<string, StoredOffset>> {
    checkOptions('admin.fetchOffsets', given, { ...fetchOffsetsRules, ...callRules })
    const { groupId, partitions = 'all', requireStable = true, deadlineMs, signal } = given
    const limits = { retryUnstable: requireStable, deadlineMs, signal }
    const group = await fetchGroupOffsets(this.#cluster, { groupId, partitions, requireStable, ...limits })
    const what = `OffsetFetch of the group ${groupId}`
    if (group.errorCode !== 0) throw brokerError(group.errorCode, what, { api: 'OffsetFetch' })
    const stored = new Map<string, StoredOffset>()
    for (const [key, { errorCode, ...position }] of group.offsets) {
      if (errorCode !== 0) throw brokerError(errorCode, `${what} for ${key}`, { api: 'OffsetFetch' })
      if (position.offset >= 0n) stored.set(key, position)
    }
    return stored
  }

  /** Stores positions of a group that has no members at the moment; one that has refuses with UNKNOWN_MEMBER_ID (25). */
  async commitOffsets(given: CommitOffsetsOptions): Promise<void> {
    checkOptions('admin.commitOffsets', given, { ...groupRules, offsets: list(options(offsetRules)), ...callRules })
    const codes = await commitGroupOffsets(this.#cluster, given)
    for (const [key, code] of codes) {
      if (code === 0) continue
      throw brokerError(code, `OffsetCommit of the group ${given.groupId} for ${key}`, { api: 'OffsetCommit' })
    }
  }

  /** Deletes groups without members, with all their positions; one that is not there is told by `wasThere: false`. */
  async deleteGroups(groupIds: readonly string[], call: CallOptions = {}): Promise<readonly DeletedGroup[]> {
    check('deleteGroups', { groupIds }, { groupIds: list(string({ lengthMin: 0 })) }, call)
    return deleteGroups(this.#cluster, groupIds, call)
  }
}
