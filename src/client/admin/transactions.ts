// What brokers know about transactions and producers: which transactions there are, in which state, and which producers
// hold a partition open. Owns the questions of KIP-664 (KIP-994, KIP-1152) and the one repair, WriteTxnMarkers; it never
// decides how a transaction ends.
import { errorCode } from '../../protocol/index.ts'
import type { EncodableRequestOf, ResponseOf } from '../../protocol/index.ts'
import { retryCall } from '../call.ts'
import type { AttemptOptions, CallOptions } from '../call.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { findCoordinator } from '../coordinator_request.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { askLeaders, groupBy, keyOfPartition, knownLeaderEpoch, partitionsByTopic } from './partitions.ts'
import type { LeaderCallOptions } from './partitions.ts'

/** State of a transactional id, as the coordinator names it; a newer broker may have others. */
export type BrokerTransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence'
  | (string & {})

export interface TransactionFilter {
  readonly states?: readonly BrokerTransactionState[]
  readonly producerIds?: readonly bigint[]
  /** Only transactions that are under way, and have been for longer; needs Kafka 3.8 (KIP-994). Milliseconds. */
  readonly durationMsMin?: number
  /** Only ids that begin so. Exact with every broker. */
  readonly transactionalIdPrefix?: string
  /** Only ids that this regular expression matches as a whole, in RE2 syntax; needs Kafka 4.1 (KIP-1152). */
  readonly transactionalIdPattern?: string
}

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly state: BrokerTransactionState
  /** Node id of the coordinator that listed it. */
  readonly coordinatorId: number
}

const durationVersionMin = 1
/** What ListOffsets calls the end of the log. */
const endOfLog = -1n
const patternVersionMin = 2

/** Asks every broker of the cluster: each knows only the transactions that it coordinates. */
export async function listTransactions(
  cluster: Cluster,
  filter: TransactionFilter,
  options: CallOptions
): Promise<readonly ListedTransaction[]> {
  const brokers = await cluster.brokers(options.signal)
  const lists = await Promise.all(brokers.map(({ nodeId }) => listAtBroker(cluster, nodeId, filter, options)))
  // A coordinator that moves in between is listed by both brokers.
  return [...new Map(lists.flat().map((one) => [one.transactionalId, one])).values()]
}

async function listAtBroker(
  cluster: Cluster,
  nodeId: number,
  filter: TransactionFilter,
  options: CallOptions
): Promise<readonly ListedTransaction[]> {
  const what = `ListTransactions of broker ${nodeId}`
  const prefix = filter.transactionalIdPrefix ?? ''
  const response = await retryCall(cluster, what, options, async (request) => {
    const limits = { ...request, versionMin: listVersionMin(filter) }
    const body = (version: number) => listBody(filter, version)
    const answer = await cluster.request({ nodeId }, 'ListTransactions', body, limits)
    if (answer.errorCode === errorCode.NONE) return { done: answer }
    throw brokerError(answer.errorCode, what, { api: 'ListTransactions' })
  })
  const [unknownState] = response.unknownStateFilters
  if (unknownState !== undefined) {
    throw new KafkaError('INVALID_OPTION', `Broker ${nodeId} knows no transaction state ${unknownState}.`)
  }
  // The broker takes an id without a transaction for one that has been running since 1970.
  const isWanted = (state: string): boolean => filter.durationMsMin === undefined || isUnderWay(state)
  return response.transactionStates
    .filter(({ transactionalId, transactionState: state }) => transactionalId.startsWith(prefix) && isWanted(state))
    .map(({ transactionalId, producerId, transactionState: state }) => ({
      transactionalId,
      producerId,
      state,
      coordinatorId: nodeId
    }))
}

function isUnderWay(state: BrokerTransactionState): boolean {
  return state === 'Ongoing' || state.startsWith('Prepare')
}

function listVersionMin(filter: TransactionFilter): number {
  if (filter.transactionalIdPattern !== undefined) return patternVersionMin
  return filter.durationMsMin === undefined ? 0 : durationVersionMin
}

function listBody(filter: TransactionFilter, version: number): EncodableRequestOf<'ListTransactions'> {
  const { states = [], producerIds = [], durationMsMin, transactionalIdPrefix, transactionalIdPattern } = filter
  const pattern = transactionalIdPattern ?? patternOfPrefix(transactionalIdPrefix ?? '')
  return {
    stateFilters: states,
    producerIdFilters: producerIds,
    durationFilter: durationMsMin === undefined ? undefined : BigInt(Math.ceil(durationMsMin)),
    // A pattern that was asked for has made sure of the version; a prefix is looked at again in the answer.
    transactionalIdPattern: version < patternVersionMin ? undefined : pattern
  }
}

// Spares the network what the prefix excludes. In RE2, \Q quotes up to \E, and (?s) lets the dot match line ends.
function patternOfPrefix(prefix: string): string | null {
  return prefix === '' ? null : `(?s)\\Q${prefix.replaceAll('\\E', '\\E\\\\E\\Q')}\\E.*`
}

export interface TransactionDescription {
  readonly transactionalId: string
  readonly state: BrokerTransactionState
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactionTimeoutMs: number
  /** Milliseconds since 1970; undefined where no transaction is under way. */
  readonly startTimeMs: number | undefined
  readonly partitions: readonly TopicPartition[]
  /** Node id of the coordinator. */
  readonly coordinatorId: number
}

/** Transactions by transactional id; an id that its coordinator does not know is absent. */
export async function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
  options: CallOptions
): Promise<ReadonlyMap<string, TransactionDescription>> {
  const found = new Map<string, TransactionDescription>()
  const open = new Set(transactionalIds)
  return retryCall(cluster, 'DescribeTransactions', options, async (request) => {
    let failure: KafkaError | undefined
    for (const [id, answer] of await describeOnce(cluster, [...open], request)) {
      if (answer instanceof KafkaError) {
        if (!answer.retriable) throw answer
        cluster.invalidateCoordinator('transaction', id)
        failure = answer
        continue
      }
      open.delete(id)
      if (answer !== undefined) found.set(id, answer)
    }
    return failure === undefined ? { done: found } : { again: failure }
  })
}

type DescribeAnswer = TransactionDescription | KafkaError | undefined

async function describeOnce(
  cluster: Cluster,
  ids: readonly string[],
  options: AttemptOptions
): Promise<ReadonlyMap<string, DescribeAnswer>> {
  const answers = new Map<string, DescribeAnswer>()
  const located = await Promise.all(
    ids.map(async (id) => ({ id, nodeId: await findCoordinator(cluster, 'transaction', id, options) }))
  )
  await Promise.all(
    [...groupBy(located, ({ nodeId }) => nodeId)].map(async ([nodeId, own]) => {
      const transactionalIds = own.map(({ id }) => id)
      try {
        for (const [id, answer] of await describeAtBroker(cluster, nodeId, transactionalIds, options)) {
          answers.set(id, answer)
        }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        for (const id of transactionalIds) answers.set(id, error)
      }
    })
  )
  return answers
}

/**
 * What this broker says about the ids, whether it coordinates them or not: undefined where it does and does not know the
 * id. Asks once. Rejects with what `Cluster.request` rejects with.
 */
export async function describeAtBroker(
  cluster: Cluster,
  nodeId: number,
  transactionalIds: readonly string[],
  options: AttemptOptions
): Promise<ReadonlyMap<string, DescribeAnswer>> {
  const response = await cluster.request({ nodeId }, 'DescribeTransactions', { transactionalIds }, options)
  const answers = new Map<string, DescribeAnswer>()
  for (const state of response.transactionStates) answers.set(state.transactionalId, describe(state, nodeId))
  for (const id of transactionalIds) if (!answers.has(id)) answers.set(id, undescribed(id, nodeId))
  return answers
}

function undescribed(id: string, nodeId: number): KafkaError {
  return new KafkaError('PROTOCOL_VIOLATION', `Broker ${nodeId} was asked about ${id} and did not answer.`, {
    retriable: true,
    api: 'DescribeTransactions'
  })
}

function describe(
  state: ResponseOf<'DescribeTransactions'>['transactionStates'][number],
  coordinatorId: number
): DescribeAnswer {
  const { transactionalId, transactionState, transactionTimeoutMs, transactionStartTimeMs } = state
  if (state.errorCode === errorCode.TRANSACTIONAL_ID_NOT_FOUND) return undefined
  if (state.errorCode !== errorCode.NONE) {
    return brokerError(state.errorCode, `DescribeTransactions of ${transactionalId}`, { api: 'DescribeTransactions' })
  }
  return {
    transactionalId,
    state: transactionState,
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    transactionTimeoutMs,
    startTimeMs: transactionStartTimeMs < 0n ? undefined : Number(transactionStartTimeMs),
    partitions: state.topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    coordinatorId
  }
}

/** What a partition remembers of a producer. */
export interface ProducerState {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1 where only a marker was written. */
  readonly lastSequence: number
  /** Milliseconds since 1970; -1 where unknown. */
  readonly lastTimestampMs: number
  /** Of the coordinator that wrote the last marker; -1 where none was written. */
  readonly coordinatorEpoch: number
  /** First offset of the transaction that is open here; -1 where none is. */
  readonly currentTxnStartOffset: bigint
}

/**
 * Producers that the leaders remember, by `topic:partition`. Needs Kafka 2.8. Any replica answers, however far behind it
 * is; with `newest` the leader's answer is made sure of.
 */
export function describeProducers(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: LeaderCallOptions
): Promise<ReadonlyMap<string, readonly ProducerState[]>> {
  return askLeaders(cluster, 'DescribeProducers', partitions, options, async (nodeId, own, request) => {
    const asking = cluster.request({ nodeId }, 'DescribeProducers', { topics: indexesByTopic(own) }, request)
    // Answered behind it, on the same connection.
    const leading = options.newest === true ? leadingCodes(cluster, nodeId, own, request) : noCodes
    const [response, codes] = await Promise.all([asking, leading])
    return new Map(
      response.topics.flatMap((topic) =>
        topic.partitions.map(({ partitionIndex, errorCode: code, errorMessage, activeProducers }) => {
          const key = keyOfPartition(topic.name, partitionIndex)
          const value = activeProducers.map(producerState)
          return [key, { errorCode: code === errorCode.NONE ? (codes.get(key) ?? code) : code, errorMessage, value }]
        })
      )
    )
  })
}

const noCodes: ReadonlyMap<string, number> = new Map()

// Whether a broker leads these partitions under the epoch that is known here: only a leader answers ListOffsets.
async function leadingCodes(
  cluster: Cluster,
  nodeId: number,
  partitions: readonly TopicPartition[],
  options: AttemptOptions
): Promise<ReadonlyMap<string, number>> {
  const topics = partitionsByTopic(partitions).map(([name, list]) => ({
    name,
    partitions: list.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: knownLeaderEpoch(cluster, name, partition),
      timestamp: endOfLog
    }))
  }))
  const response = await cluster.request(
    { nodeId },
    'ListOffsets',
    { replicaId: -1, isolationLevel: 0, topics },
    options
  )
  return new Map(
    response.topics.flatMap(({ name, partitions: list }) =>
      list.map(({ partitionIndex, errorCode: code }) => [keyOfPartition(name, partitionIndex), code] as const)
    )
  )
}

type ActiveProducer = ResponseOf<'DescribeProducers'>['topics'][number]['partitions'][number]['activeProducers'][number]

function producerState(producer: ActiveProducer): ProducerState {
  const { producerId, producerEpoch, lastSequence, lastTimestamp, coordinatorEpoch, currentTxnStartOffset } = producer
  return {
    producerId,
    producerEpoch,
    lastSequence,
    lastTimestampMs: Number(lastTimestamp),
    coordinatorEpoch,
    currentTxnStartOffset
  }
}

function indexesByTopic(partitions: readonly TopicPartition[]): { name: string; partitionIndexes: number[] }[] {
  return partitionsByTopic(partitions).map(([name, list]) => ({
    name,
    partitionIndexes: list.map(({ partition }) => partition)
  }))
}

/** The markers to write; wrong ones tear a transaction apart. */
export interface TransactionMarkers {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly result: 'commit' | 'abort'
  /** As DescribeProducers tells it, at least 0. */
  readonly coordinatorEpoch: number
  /** Of the transaction, so that the broker checks the epoch as it did for the transaction itself (KIP-1228). */
  readonly transactionVersion?: 0 | 1 | 2
  readonly partitions: readonly TopicPartition[]
}

/**
 * Writes the markers that end a transaction straight into partitions. The last resort against a transaction that its
 * coordinator has decided and that a partition still holds open: it goes past the coordinator, so the result must be the
 * decided one. Needs CLUSTER_ACTION on the cluster.
 */
export async function writeTxnMarkers(
  cluster: Cluster,
  markers: TransactionMarkers,
  options: CallOptions
): Promise<void> {
  const { producerId, producerEpoch, result, coordinatorEpoch, transactionVersion = 0, partitions } = markers
  await askLeaders(cluster, 'WriteTxnMarkers', partitions, options, async (nodeId, own, request) => {
    const marker = { producerId, producerEpoch, transactionResult: result === 'commit', coordinatorEpoch }
    const body = { markers: [{ ...marker, transactionVersion, topics: indexesByTopic(own) }] }
    const response = await cluster.request({ nodeId }, 'WriteTxnMarkers', body, request)
    return new Map(
      response.markers.flatMap(({ topics }) =>
        topics.flatMap(({ name, partitions: written }) =>
          written.map(({ partitionIndex, errorCode: code }) => [
            keyOfPartition(name, partitionIndex),
            { errorCode: code, value: undefined }
          ])
        )
      )
    )
  })
}
