// What DescribeTransactions and ListTransactions tell of a coordinator's transactions. Reads only. KIP-664, KIP-994,
// KIP-1152.
// Source: TransactionCoordinator.handleDescribeTransactions, TransactionStateManager.listTransactionStates of 4.4.0.
import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { CoordinatorState } from './coordinator_state.ts'
import { isTransactionState } from './states.ts'
import type { TransactionEntry } from './entry.ts'
import type { TransactionState } from './states.ts'
import type { Transaction } from './transaction.ts'

export type TransactionDescription = EncodableResponseOf<'DescribeTransactions'>['transactionStates'][number]

export function describeTransaction(state: CoordinatorState, transactionalId: string): TransactionDescription {
  if (transactionalId === '') return undescribed(transactionalId, errorCode.INVALID_REQUEST)
  const found = state.find(transactionalId)
  if (typeof found === 'number') return undescribed(transactionalId, found)
  if (found === undefined) return undescribed(transactionalId, errorCode.TRANSACTIONAL_ID_NOT_FOUND)
  const { transaction } = found
  const { entry } = transaction
  return {
    errorCode: errorCode.NONE,
    transactionalId,
    transactionState: entry.state,
    transactionTimeoutMs: entry.timeoutMs,
    transactionStartTimeMs: BigInt(entry.startedAtMs),
    producerId: entry.producerId,
    producerEpoch: entry.producerEpoch,
    topics: partitionsByTopic(transaction)
  }
}

function undescribed(transactionalId: string, code: number): TransactionDescription {
  return {
    errorCode: code,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0n,
    producerId: 0n,
    producerEpoch: 0,
    topics: []
  }
}

function partitionsByTopic(transaction: Transaction): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of transaction.partitions.values()) {
    const partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, [partition])
    else partitions.push(partition)
  }
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions }))
}

export interface TransactionFilters {
  /** Kafka's names; empty for all. */
  readonly states: readonly string[]
  /** Empty for all. */
  readonly producerIds: readonly bigint[]
  /** Only transactions that have been open for longer, milliseconds; negative for all. */
  readonly durationMs: number
  /** Matches whole ids; undefined for all. */
  readonly pattern: RegExp | undefined
}

export interface TransactionList {
  readonly errorCode: number
  readonly unknownStateFilters: readonly string[]
  readonly transactions: readonly TransactionEntry[]
}

export function listTransactions(state: CoordinatorState, filters: TransactionFilters, nowMs: number): TransactionList {
  if (state.isLoading) {
    return { errorCode: errorCode.COORDINATOR_LOAD_IN_PROGRESS, unknownStateFilters: [], transactions: [] }
  }
  const states = new Set<TransactionState>(filters.states.filter(isTransactionState))
  const producerIds = new Set(filters.producerIds)
  const matches = (entry: TransactionEntry): boolean => {
    if (producerIds.size > 0 && !producerIds.has(entry.producerId)) return false
    if (filters.states.length > 0 && !states.has(entry.state)) return false
    if (filters.durationMs >= 0 && nowMs - entry.startedAtMs <= filters.durationMs) return false
    return filters.pattern?.test(entry.transactionalId) !== false
  }
  return {
    errorCode: errorCode.NONE,
    unknownStateFilters: filters.states.filter((name) => !isTransactionState(name)),
    transactions: Array.from(state.all(), ({ transaction }) => transaction.entry).filter(matches)
  }
}
