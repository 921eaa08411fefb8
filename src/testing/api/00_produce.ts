// Produce, API 0: appends one batch per partition. Serves versions 3 to 13.
//
// Behaviour: batches are checked as Kafka checks them (log/batch_checks.ts), repetitions are answered with the offset of
// the original. Transactional batches are verified with the transaction coordinator first. With acks 0 there is no
// response, and a failure cuts the connection. With acks -1 the answer waits until all replicas in sync have the batch. A
// leader that was superseded, and does not know yet, refuses that when it knows, and stores what asks for less in vain.
//
// Versions: 5 log start offset; 8 record errors; 10 current leader (KIP-951); 11 TRANSACTION_ABORTABLE; 12 adds the
// partition to the transaction (KIP-890); 13 topic ids.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import { findPartition, LeaderHints } from '../cluster/lookup.ts'
import { inSyncMin, waitForReplicas } from '../cluster/replication.ts'
import type { Partition } from '../cluster/topic.ts'
import { produceMode, verifyBatches } from '../cluster/verification.ts'
import type { VerificationOutcome } from '../cluster/verification.ts'
import { soleBatch } from '../log/batch_checks.ts'
import type { Appended } from '../log/partition_log.ts'
import { Refusal } from '../log/refusal.ts'
import { hasProducerId, isTransactionalBatch, producerHeader } from '../log/stored_batch.ts'
import { handler } from './handler.ts'
import type { RequestContext } from './handler.ts'

type Request = RequestOf<'Produce'>
type Response = EncodableResponseOf<'Produce'>
type PartitionResponse = Response['responses'][number]['partitionResponses'][number]

/** One partition of a request on its way into its log. */
interface Item {
  readonly topic: string
  readonly index: number
  readonly partition: Partition | undefined
  readonly bytes: Uint8Array
  outcome: Appended | Refusal | undefined
}

/** Java's admin client may write to internal topics; nobody else may. */
const adminClientId = '__admin_client'

export const produce = handler('Produce', (request, context) => {
  const topics = request.topicData.map((topic) => itemsOf(topic, request, context))
  const items = topics.flat()
  const verified = verify(items, request, context)
  const finish = (outcomes: readonly VerificationOutcome[] | undefined) => {
    const { broker } = context
    if (!broker.isRunning) return undefined
    const isHeld = ({ partition }: Item): boolean => partition !== undefined && broker.isSuperseded(partition)
    if (request.acks === -1 && items.some(isHeld)) return broker.caughtUp().then(() => store(outcomes))
    return store(outcomes)
  }
  const store = (outcomes: readonly VerificationOutcome[] | undefined) => {
    if (!context.broker.isRunning) return undefined
    append(items, outcomes, request, context)
    const replicated = request.acks === -1 ? replicate(items, request, context) : undefined
    if (replicated === undefined) return respond(topics, request, context)
    return replicated.then(() => respond(topics, request, context))
  }
  return verified instanceof Promise ? verified.then(finish) : finish(verified)
})

function itemsOf(topic: Request['topicData'][number], request: Request, context: RequestContext): Item[] {
  const { broker, version } = context
  const known = version > 12 ? broker.cluster.topicById(topic.topicId) : broker.cluster.topics.get(topic.name)
  return topic.partitionData.map(({ index, records }) => {
    const item = { topic: known?.name ?? topic.name, index, bytes: noBytes, partition: undefined, outcome: undefined }
    if (known === undefined && version > 12) return { ...item, outcome: new Refusal(errorCode.UNKNOWN_TOPIC_ID) }
    if (known?.partitions[index] === undefined) {
      return { ...item, outcome: new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION) }
    }
    const bytes = soleBatch(records, version)
    if (bytes instanceof Refusal) return { ...item, outcome: bytes }
    if (request.transactionalId === null && isTransactionalBatch(bytes)) {
      return { ...item, outcome: new Refusal(errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) }
    }
    if (![-1, 0, 1].includes(request.acks)) return { ...item, outcome: new Refusal(errorCode.INVALID_REQUIRED_ACKS) }
    if (known.isInternal && context.clientId !== adminClientId) {
      const message = `Cannot append to internal topic ${known.name}`
      return { ...item, outcome: new Refusal(errorCode.INVALID_TOPIC_EXCEPTION, message) }
    }
    const partition = findPartition(broker, known.name, index)
    if (typeof partition === 'number') return { ...item, outcome: new Refusal(partition) }
    return { ...item, bytes, partition }
  })
}

/** Asks the transaction coordinator about the transactional batches; one outcome per item, in their order. */
function verify(
  items: readonly Item[],
  request: Request,
  context: RequestContext
): readonly VerificationOutcome[] | undefined | Promise<readonly VerificationOutcome[]> {
  const isVerified = ({ partition, bytes }: Item): boolean =>
    partition !== undefined && isTransactionalBatch(bytes) && hasProducerId(bytes)
  if (!items.some(isVerified)) return undefined
  const places: number[] = []
  const batches = items.flatMap((item, i) => {
    if (item.partition === undefined || !isVerified(item)) return []
    places.push(i)
    return [{ partition: item.partition, batch: producerHeader(item.bytes) }]
  })
  const spread = (outcomes: readonly VerificationOutcome[]): readonly VerificationOutcome[] => {
    const all = items.map((): VerificationOutcome => undefined)
    places.forEach((place, i) => {
      all[place] = outcomes[i]
    })
    return all
  }
  const outcomes = verifyBatches(context.broker, request.transactionalId, batches, produceMode(context.version))
  return outcomes instanceof Promise ? outcomes.then(spread) : spread(outcomes)
}

function append(
  items: readonly Item[],
  outcomes: readonly VerificationOutcome[] | undefined,
  request: Request,
  context: RequestContext
): void {
  const nowMs = context.broker.nowMs()
  items.forEach((item, i) => {
    const outcome = outcomes?.[i]
    if (item.outcome !== undefined) return
    if (outcome instanceof Refusal) item.outcome = outcome
    else item.outcome = appendOne(item, outcome, request.acks, nowMs, context)
  })
}

function appendOne(
  item: Item,
  guard: Exclude<VerificationOutcome, Refusal>,
  acks: number,
  nowMs: number,
  context: RequestContext
): Appended | Refusal {
  // The leader may have changed while the coordinator was asked.
  const partition = findPartition(context.broker, item.topic, item.index)
  if (typeof partition === 'number') return new Refusal(partition)
  if (context.broker.isSuperseded(partition)) {
    const log = context.broker.logOf(partition)
    const { leaderEpoch } = context.broker.knownLeader(partition)
    return log.append(item.bytes, { origin: 'client', guard, nowMs, leaderEpoch })
  }
  const { inSync } = partition
  if (acks === -1 && inSync.length < inSyncMin(partition)) {
    return new Refusal(
      errorCode.NOT_ENOUGH_REPLICAS,
      `The size of the current ISR [${inSync.join(',')}] is insufficient`
    )
  }
  return partition.append(item.bytes, { origin: 'client', guard, nowMs })
}

/** Waits until the replicas in sync have all batches; undefined where they have them already. */
function replicate(items: readonly Item[], request: Request, { broker }: RequestContext): Promise<void> | undefined {
  const waiting: Item[] = []
  const appends = items.flatMap((item) => {
    const { partition, outcome } = item
    if (partition === undefined || outcome === undefined || outcome instanceof Refusal) return []
    waiting.push(item)
    return { partition, requiredOffset: outcome.lastOffset + 1n }
  })
  const take = (codes: readonly number[]): void => {
    waiting.forEach((item, i) => {
      const code = codes[i] ?? 0
      if (code !== 0) item.outcome = new Refusal(code)
    })
  }
  const codes = waitForReplicas(broker, appends, request.timeoutMs)
  if (codes instanceof Promise) return codes.then(take)
  take(codes)
  return undefined
}

function respond(
  topics: readonly (readonly Item[])[],
  request: Request,
  context: RequestContext
): Response | undefined {
  if (request.acks === 0) {
    if (topics.flat().some(({ outcome }) => outcome instanceof Refusal)) context.connection.close()
    return undefined
  }
  const hints = new LeaderHints(context.broker.cluster)
  const responses = request.topicData.map(({ name, topicId }, i) => {
    const partitionResponses = (topics[i] ?? []).map((item) => partitionResponse(item, hints))
    return { name, topicId, partitionResponses }
  })
  return { responses, nodeEndpoints: hints.endpoints() }
}

function partitionResponse(item: Item, hints: LeaderHints): PartitionResponse {
  const { index, outcome, partition } = item
  const logStartOffset = partition?.log.startOffset ?? -1n
  if (outcome === undefined) throw new Error('A partition of a produce request was left without an answer')
  if (!(outcome instanceof Refusal)) {
    const { baseOffset, logAppendTimeMs } = outcome
    return { index, errorCode: 0, baseOffset, logAppendTimeMs: BigInt(logAppendTimeMs), logStartOffset }
  }
  const { errorCode: code, message, recordErrors } = outcome
  const currentLeader = code === errorCode.NOT_LEADER_OR_FOLLOWER ? hints.of(item.topic, index) : undefined
  const refused = { index, errorCode: code, baseOffset: -1n, recordErrors, currentLeader }
  const errorMessage = recordErrors.length > 0 ? message : null
  return { ...refused, errorMessage, logStartOffset: withoutLogStart.has(code) ? -1n : logStartOffset }
}

/** Refusals that do not tell where the log starts: the batch was not looked at, or at its outside only. */
const withoutLogStart: ReadonlySet<number> = new Set([
  errorCode.CORRUPT_MESSAGE,
  errorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorCode.NOT_LEADER_OR_FOLLOWER,
  errorCode.MESSAGE_TOO_LARGE,
  errorCode.RECORD_LIST_TOO_LARGE,
  errorCode.UNKNOWN_TOPIC_ID
])

const noBytes = new Uint8Array(0)
