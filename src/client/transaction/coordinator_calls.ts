// Owns the requests by which a producer speaks to the coordinator of its transactional id: InitProducerId, EndTxn,
// AddPartitionsToTxn and AddOffsetsToTxn, and TxnOffsetCommit to that of a group. Each is repeated while the coordinator
// moves, loads or is busy with the transaction before; every other code is answered as a value. KIP-98, 360, 447, 890.
import { errorCode } from '../../protocol/index.ts'
import type { EncodableRequestOf, ResponseOf } from '../../protocol/index.ts'
import type { GroupMember, OffsetToCommit } from '../admin/group_offsets.ts'
import { partitionsByTopic } from '../admin/partitions.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { coordinatorRequest, coordinatorVersion } from '../coordinator_request.ts'
import type { ProducerIdentity } from '../producer/index.ts'

/** The highest version that is not for two-phase commit only (KIP-939). */
const initProducerIdVersionMax = 5
/** The first version that takes the current id and epoch (KIP-360). */
const currentEpochVersionMin = 3
/** Later versions are for brokers. */
const addPartitionsVersionMax = 3
/** With topic names, and in the second case without the implicit AddOffsetsToTxn. */
const txnOffsetCommitVersionMax = 5
const txnOffsetCommitVersionMaxBefore2 = 4
const memberVersionMin = 3

/** First wait while the coordinator is busy with the previous transaction, milliseconds; then longer ones. */
const concurrentBackoffMs = 0.5
const concurrentBackoffMsMax = 20

/** Time to wait before asking again after `times` answers CONCURRENT_TRANSACTIONS in a row. */
export function concurrentDelayMs(times: number): number {
  return Math.min(concurrentBackoffMs * 1.5 ** Math.min(times, 20), concurrentBackoffMsMax)
}

export interface CallLimits {
  /** Time for all attempts together, milliseconds. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
  /** Whether an answer that asks for patience shall be the last one. */
  readonly isCancelled?: (() => boolean) | undefined
}

export interface TransactionOwner {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** An answer: code 0, or one that repeating the request does not help. */
export interface CoordinatorAnswer extends ProducerIdentity {
  readonly errorCode: number
}

// A topic that was just made is unknown to some brokers for a moment.
const unknownTopicTimesMax = 50

/** What every call here repeats, and until when. */
function patience(limits: CallLimits, knowsTopics = false) {
  const { isCancelled, ...rest } = limits
  const alsoRetry = (code: number, times: number): number | undefined => {
    if (isCancelled?.() === true) return undefined
    if (code === errorCode.CONCURRENT_TRANSACTIONS) return concurrentDelayMs(times)
    const isUnknown = knowsTopics && code === errorCode.UNKNOWN_TOPIC_OR_PARTITION
    return isUnknown && times < unknownTopicTimesMax ? Math.min(5 * (times + 1), 200) : undefined
  }
  return { ...rest, alsoRetry }
}

/**
 * Takes a producer id and epoch for the id. Without `current` it fences every other producer of the id and ends what it
 * left open; with it (KIP-360) only where that is still the latest. `wasConditional` is false where the broker is too
 * old to be told. Answers once nothing of the id is under way.
 */
export async function initProducerId(
  cluster: Cluster,
  transactionalId: string,
  transactionTimeoutMs: number,
  current: ProducerIdentity | undefined,
  limits: CallLimits
): Promise<CoordinatorAnswer & { readonly wasConditional: boolean }> {
  let wasConditional = false
  const answer = await coordinatorRequest(
    cluster,
    'transaction',
    transactionalId,
    'InitProducerId',
    (version) => {
      wasConditional = current !== undefined && version >= currentEpochVersionMin
      const request = { transactionalId, transactionTimeoutMs }
      return wasConditional ? { ...request, ...current } : request
    },
    {
      errorCodeOf: (response) => response.errorCode,
      what: `InitProducerId of ${transactionalId}`,
      versionMax: initProducerIdVersionMax,
      ...patience(limits)
    }
  )
  const { errorCode: code, producerId, producerEpoch } = answer
  return { errorCode: code, producerId, producerEpoch, wasConditional }
}

/**
 * Ends a transaction, with the same version at every attempt up to 4, or with 5 and later ones only: a change between
 * the two would look like a loss. `wasUnknown` tells whether an attempt before the last may have taken effect.
 */
export async function endTxn(
  cluster: Cluster,
  owner: TransactionOwner,
  end: { readonly commit: boolean; readonly endTxnVersion: number },
  limits: CallLimits
): Promise<CoordinatorAnswer & { readonly wasUnknown: boolean }> {
  const { transactionalId, producerId, producerEpoch } = owner
  const versions = end.endTxnVersion >= 5 ? { versionMin: 5, versionMax: 5 } : { versionMax: 4 }
  const request = { transactionalId, producerId, producerEpoch, committed: end.commit }
  let wasUnknown = false
  await faultPoint(cluster, 'transaction.beforeEndTxn')
  const answer = await coordinatorRequest(cluster, 'transaction', transactionalId, 'EndTxn', request, {
    errorCodeOf: (response) => response.errorCode,
    what: `EndTxn (${end.commit ? 'commit' : 'abort'}) of ${transactionalId}`,
    onUnknownOutcome: () => {
      wasUnknown = true
    },
    ...versions,
    ...patience(limits)
  })
  await faultPoint(cluster, 'transaction.endTxnAnswered')
  return {
    errorCode: answer.errorCode,
    producerId: answer.producerId,
    producerEpoch: answer.producerEpoch,
    wasUnknown
  }
}

async function faultPoint({ runtime }: Cluster, name: string): Promise<void> {
  const wait = runtime.faultPoint(name)
  if (wait) await wait
}

/** The version of EndTxn that a transaction of this transaction version is ended with. */
export async function endTxnVersion(
  cluster: Cluster,
  transactionalId: string,
  transactionVersion: 0 | 1 | 2,
  signal?: AbortSignal
): Promise<number> {
  if (transactionVersion === 2) return 5
  return (await coordinatorVersion(cluster, 'transaction', transactionalId, 'EndTxn', { versionMax: 4, signal })) ?? 4
}

/** Tells the coordinator that the transaction writes to these partitions; needed below transaction version 2. */
export async function addPartitionsToTxn(
  cluster: Cluster,
  owner: TransactionOwner,
  partitions: readonly TopicPartition[],
  limits: CallLimits
): Promise<number> {
  const response = await coordinatorRequest(
    cluster,
    'transaction',
    owner.transactionalId,
    'AddPartitionsToTxn',
    {
      v3AndBelowTransactionalId: owner.transactionalId,
      v3AndBelowProducerId: owner.producerId,
      v3AndBelowProducerEpoch: owner.producerEpoch,
      v3AndBelowTopics: partitionsByTopic(partitions).map(([name, list]) => ({
        name,
        partitions: list.map(({ partition }) => partition)
      }))
    },
    {
      errorCodeOf: addedCode,
      what: `AddPartitionsToTxn of ${owner.transactionalId}`,
      versionMax: addPartitionsVersionMax,
      ...patience(limits, true)
    }
  )
  return addedCode(response)
}

function addedCode(response: ResponseOf<'AddPartitionsToTxn'>): number {
  return decisiveCode(
    response.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)
    )
  )
}

// The code of the partition that is at fault; others only say that they were not tried.
function decisiveCode(codes: readonly number[]): number {
  const bad = codes.filter((code) => code !== errorCode.NONE)
  return bad.find((code) => code !== errorCode.OPERATION_NOT_ATTEMPTED) ?? bad[0] ?? errorCode.NONE
}

/** Tells the coordinator that the transaction commits offsets of a group; needed below transaction version 2. */
export async function addOffsetsToTxn(
  cluster: Cluster,
  owner: TransactionOwner,
  groupId: string,
  limits: CallLimits
): Promise<number> {
  const { transactionalId, producerId, producerEpoch } = owner
  const request = { transactionalId, producerId, producerEpoch, groupId }
  const response = await coordinatorRequest(cluster, 'transaction', transactionalId, 'AddOffsetsToTxn', request, {
    errorCodeOf: (answer) => answer.errorCode,
    what: `AddOffsetsToTxn of ${transactionalId}`,
    ...patience(limits)
  })
  return response.errorCode
}

export interface OffsetsToCommit {
  readonly groupId: string
  readonly offsets: readonly OffsetToCommit[]
  /** Without it nobody is fenced. KIP-447. */
  readonly member?: GroupMember | undefined
}

/** Stores offsets of a group inside the transaction. Answers the first code that is not 0, of any partition. */
export async function txnOffsetCommit(
  cluster: Cluster,
  owner: TransactionOwner,
  transactionVersion: 0 | 1 | 2,
  commit: OffsetsToCommit,
  limits: CallLimits
): Promise<number> {
  const { groupId, member } = commit
  const isImplicit = transactionVersion === 2
  // Without its version 3 a broker would not know the member, and would fence nobody.
  const versionMin = isImplicit ? txnOffsetCommitVersionMax : member === undefined ? 0 : memberVersionMin
  const versionMax = isImplicit ? txnOffsetCommitVersionMax : txnOffsetCommitVersionMaxBefore2
  const body = offsetsBody(owner, commit)
  const response = await coordinatorRequest(cluster, 'group', groupId, 'TxnOffsetCommit', body, {
    errorCodeOf: storedCode,
    what: `TxnOffsetCommit of ${owner.transactionalId} to the group ${groupId}`,
    versionMin,
    versionMax,
    ...patience(limits, true)
  })
  return storedCode(response)
}

function storedCode(response: ResponseOf<'TxnOffsetCommit'>): number {
  return decisiveCode(response.topics.flatMap(({ partitions }) => partitions.map(({ errorCode: code }) => code)))
}

function offsetsBody(owner: TransactionOwner, commit: OffsetsToCommit): EncodableRequestOf<'TxnOffsetCommit'> {
  const { transactionalId, producerId, producerEpoch } = owner
  const { groupId, offsets, member } = commit
  return {
    transactionalId,
    groupId,
    producerId,
    producerEpoch,
    ...(member === undefined
      ? {}
      : {
          memberId: member.memberId,
          generationIdOrMemberEpoch: member.generationId,
          groupInstanceId: member.groupInstanceId ?? null
        }),
    topics: partitionsByTopic(offsets).map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? ''
      }))
    }))
  }
}
