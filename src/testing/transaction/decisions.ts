// What each request does to a transactional id: it is refused with a code, answered at once, or leads to a next value
// that must be written to the log first. Pure, apart from the producer ids that it takes; the order of the checks is
// Kafka's, since the order decides which code a producer sees. KIP-98, KIP-360, KIP-890, KIP-939.
// Source: kafka.coordinator.transaction.TransactionCoordinator of Kafka 4.4.0.
import { errorCode } from '../../protocol/index.ts'
import { epochMax, isEpochExhausted, withDecision, withNewProducerId, withNextEpoch, withPartitions } from './entry.ts'
import type { PartitionMap, TransactionEntry } from './entry.ts'
import { isPrepared } from './states.ts'
import type { TransactionVersion } from './states.ts'
import type { Transaction } from './transaction.ts'

export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Where ids come from that nobody has ever had. */
export interface ProducerIdSource {
  nextProducerId(): bigint
}

export type InitDecision =
  | { readonly kind: 'refuse'; readonly code: number }
  /** A transaction is open: it is aborted under a higher epoch, and the producer told to come again. */
  | { readonly kind: 'fence' }
  | { readonly kind: 'append'; readonly next: TransactionEntry }

/** `expected` is what the producer believes to be (KIP-360); undefined where it begins anew. */
export function decideInit(
  transaction: Transaction,
  timeoutMs: number,
  expected: ProducerIdAndEpoch | undefined,
  ids: ProducerIdSource,
  nowMs: number
): InitDecision {
  const { entry } = transaction
  if (transaction.pending !== undefined) return { kind: 'refuse', code: errorCode.CONCURRENT_TRANSACTIONS }
  if (expected !== undefined && !mayBe(entry, expected)) return { kind: 'refuse', code: errorCode.PRODUCER_FENCED }
  if (isPrepared(entry.state)) return { kind: 'refuse', code: errorCode.CONCURRENT_TRANSACTIONS }
  if (entry.state === 'Ongoing') return { kind: 'fence' }
  const isCurrent = expected === undefined || expected.producerEpoch === entry.producerEpoch
  if (isEpochExhausted(entry.producerEpoch)) {
    // Kafka fails here for an epoch that is not the current one; the producer sees an unknown server error.
    if (!isCurrent) return { kind: 'refuse', code: errorCode.UNKNOWN_SERVER_ERROR }
    return {
      kind: 'append',
      next: withNewProducerId(entry, ids.nextProducerId(), timeoutMs, expected !== undefined, nowMs)
    }
  }
  const next = withNextEpoch(entry, timeoutMs, expected?.producerEpoch, nowMs)
  return next === undefined ? { kind: 'refuse', code: errorCode.PRODUCER_FENCED } : { kind: 'append', next }
}

/** The id is the current one, or the one before, used up to its last epoch: the answer to that change was lost. */
function mayBe(entry: TransactionEntry, expected: ProducerIdAndEpoch): boolean {
  if (entry.producerEpoch === -1 || expected.producerId === entry.producerId) return true
  return expected.producerId === entry.previousProducerId && isEpochExhausted(expected.producerEpoch)
}

export type AddDecision =
  | { readonly kind: 'answer'; readonly code: number }
  | { readonly kind: 'append'; readonly next: TransactionEntry }

export function decideAdd(
  transaction: Transaction,
  producer: ProducerIdAndEpoch,
  added: PartitionMap,
  clientVersion: TransactionVersion,
  nowMs: number
): AddDecision {
  const { entry } = transaction
  if (transaction.pending !== undefined) return { kind: 'answer', code: errorCode.CONCURRENT_TRANSACTIONS }
  const code = checkProducer(entry, producer)
  if (code !== errorCode.NONE) return { kind: 'answer', code }
  if (isPrepared(entry.state)) return { kind: 'answer', code: errorCode.CONCURRENT_TRANSACTIONS }
  if (entry.state === 'Ongoing' && holdsAll(entry.partitions, added)) return { kind: 'answer', code: errorCode.NONE }
  return { kind: 'append', next: withPartitions(entry, added, clientVersion, nowMs) }
}

/**
 * Whether a producer may write to partitions, for a leader that asks (KIP-890 part 1). A pending transition does not
 * matter: the leader's log checks the epoch once more.
 */
export function verify(transaction: Transaction, producer: ProducerIdAndEpoch): number {
  const code = checkProducer(transaction.entry, producer)
  if (code !== errorCode.NONE) return code
  return isPrepared(transaction.entry.state) ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.NONE
}

function checkProducer(entry: TransactionEntry, producer: ProducerIdAndEpoch): number {
  if (entry.producerId !== producer.producerId) return errorCode.INVALID_PRODUCER_ID_MAPPING
  return entry.producerEpoch === producer.producerEpoch ? errorCode.NONE : errorCode.PRODUCER_FENCED
}

function holdsAll(partitions: PartitionMap, wanted: PartitionMap): boolean {
  for (const key of wanted.keys()) {
    if (!partitions.has(key)) return false
  }
  return true
}

export interface EndRequest extends ProducerIdAndEpoch {
  readonly committed: boolean
  /** False for the coordinator itself, which fences or lets a transaction time out. */
  readonly isFromClient: boolean
  readonly clientVersion: TransactionVersion
}

export type EndDecision =
  | { readonly kind: 'answer'; readonly code: number }
  /** It was decided that way before. */
  | { readonly kind: 'alreadyEnded' }
  | {
      readonly kind: 'append'
      readonly next: TransactionEntry
      /** What the transaction is before the transition: a fence of version 0 or 1 has taken the epoch already. */
      readonly base: TransactionEntry
      readonly isFence: boolean
    }

/** Versions 0 and 1: the epoch stays, and must be the current one. */
export function decideEndV1(transaction: Transaction, request: EndRequest, nowMs: number): EndDecision {
  const { entry, pending } = transaction
  if (entry.producerId !== request.producerId) return refuse(errorCode.INVALID_PRODUCER_ID_MAPPING)
  const isStranger = request.isFromClient && request.producerEpoch !== entry.producerEpoch
  if (isStranger || request.producerEpoch < entry.producerEpoch) return refuse(errorCode.PRODUCER_FENCED)
  const isFence = pending === 'PrepareEpochFence'
  if (pending !== undefined && !isFence) return refuse(errorCode.CONCURRENT_TRANSACTIONS)
  if (entry.state !== 'Ongoing') {
    if (entry.state === 'Empty') return refuse(errorCode.INVALID_TXN_STATE)
    return decideAgain(entry, request.committed, true)
  }
  const state = request.committed ? 'PrepareCommit' : 'PrepareAbort'
  const isAbortingFence = isFence && !request.committed
  const base = isAbortingFence ? { ...entry, producerEpoch: request.producerEpoch, lastProducerEpoch: -1 } : entry
  const next = withDecision(base, { state, clientVersion: 0, nextProducerId: -1n, isEmpty: false }, nowMs)
  return { kind: 'append', next, base, isFence: isAbortingFence }
}

/** Version 2: the epoch is raised by each end, so an epoch that is one behind is the same request once more. */
export function decideEndV2(
  transaction: Transaction,
  request: EndRequest,
  ids: ProducerIdSource,
  nowMs: number
): EndDecision {
  const { entry, pending } = transaction
  const isFence = pending === 'PrepareEpochFence'
  const isRetryAfterBump = !isFence && entry.producerEpoch === request.producerEpoch + 1
  const isRetryAfterNewId =
    !isFence &&
    entry.previousProducerId === request.producerId &&
    request.producerEpoch === epochMax - 1 &&
    entry.producerEpoch === 0
  const isRetry = isRetryAfterBump || isRetryAfterNewId
  if (pending !== undefined && !isFence) return refuse(errorCode.CONCURRENT_TRANSACTIONS)
  if (entry.producerId !== request.producerId && !isRetryAfterNewId) {
    return refuse(errorCode.INVALID_PRODUCER_ID_MAPPING)
  }
  const isValid = isFence ? isFencing(entry, request) : isEpochOfV2(entry, request, isRetry)
  if (!isValid) return refuse(errorCode.PRODUCER_FENCED)
  const isOngoing = entry.state === 'Ongoing'
  const isEnded = entry.state === 'CompleteCommit' || entry.state === 'CompleteAbort'
  if (isPrepared(entry.state) || (isEnded && isRetry)) return decideAgain(entry, request.committed, isRetry)
  if (!isOngoing && request.committed) return refuse(errorCode.INVALID_TXN_STATE)
  const decision = {
    state: request.committed ? ('PrepareCommit' as const) : ('PrepareAbort' as const),
    clientVersion: request.clientVersion,
    nextProducerId: isEpochExhausted(entry.producerEpoch) ? ids.nextProducerId() : -1n,
    isEmpty: !isOngoing
  }
  return { kind: 'append', next: withDecision(entry, decision, nowMs), base: entry, isFence }
}

function isFencing(entry: TransactionEntry, request: EndRequest): boolean {
  return request.isFromClient
    ? request.producerEpoch === entry.producerEpoch
    : request.producerEpoch >= entry.producerEpoch
}

function isEpochOfV2(entry: TransactionEntry, request: EndRequest, isRetry: boolean): boolean {
  const isCurrent = request.producerEpoch === entry.producerEpoch
  if (isPrepared(entry.state)) return isRetry
  return entry.state === 'CompleteCommit' || entry.state === 'CompleteAbort' ? isRetry || isCurrent : isCurrent
}

/** The transaction has ended or is about to: the same decision is confirmed, the other one is too late. */
function decideAgain(entry: TransactionEntry, committed: boolean, isRetry: boolean): EndDecision {
  switch (entry.state) {
    case 'CompleteCommit':
      return committed && isRetry ? { kind: 'alreadyEnded' } : refuse(errorCode.INVALID_TXN_STATE)
    case 'CompleteAbort':
      return !committed && isRetry ? { kind: 'alreadyEnded' } : refuse(errorCode.INVALID_TXN_STATE)
    case 'PrepareCommit':
      return refuse(committed ? errorCode.CONCURRENT_TRANSACTIONS : errorCode.INVALID_TXN_STATE)
    case 'PrepareAbort':
      return refuse(committed ? errorCode.INVALID_TXN_STATE : errorCode.CONCURRENT_TRANSACTIONS)
    default:
      throw new Error(`${entry.transactionalId} is ${entry.state}, which no transaction can be ended from`)
  }
}

function refuse(code: number): EndDecision {
  return { kind: 'answer', code }
}
