// What the coordinator knows of one transactional id, as a value, and each next value that can follow from it. Pure: a
// value is decided here, written to the log by coordinator.ts, and only then takes effect. KIP-98, KIP-360, KIP-890.
// Source: org.apache.kafka.coordinator.transaction.TransactionMetadata of Kafka 4.4.0.
import type { TopicPartition } from '../cluster/ports.ts'
import type { TransactionState, TransactionVersion } from './states.ts'

/** Partitions by `partitionKey`, in the order in which they were added. */
export type PartitionMap = ReadonlyMap<string, TopicPartition>

/** One value of the log of `__transaction_state`. */
export interface TransactionEntry {
  readonly transactionalId: string
  readonly producerId: bigint
  /** The producer id before the last change of the entry; -1n at first. */
  readonly previousProducerId: bigint
  /** The id that the producer goes on with once this transaction is complete; -1n where it keeps its own. */
  readonly nextProducerId: bigint
  /** -1 until the first InitProducerId is through. */
  readonly producerEpoch: number
  /** The epoch before a bump that the producer asked for, so that the same request again gets the same answer. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionState
  readonly partitions: PartitionMap
  /** Milliseconds since 1970; -1 while nothing was added. */
  readonly startedAtMs: number
  readonly updatedAtMs: number
  /** The version that the producer's last request spoke. Decides the rules that markers are written by. */
  readonly clientVersion: TransactionVersion
}

export const noPartitions: PartitionMap = new Map()

/** The largest epoch (int16). Only fencing ever reaches it; no producer is given it. */
export const epochMax = 32_767

/** A timeout that exempts from the broker's timeouts, int32's largest (KIP-939). */
export const timeoutNever = 2_147_483_647

export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`
}

export function partitionMap(partitions: Iterable<TopicPartition>): PartitionMap {
  const map = new Map<string, TopicPartition>()
  for (const part of partitions) map.set(partitionKey(part.topic, part.partition), part)
  return map
}

/** An id that nobody has used yet. */
export function newEntry(
  transactionalId: string,
  producerId: bigint,
  timeoutMs: number,
  nowMs: number
): TransactionEntry {
  return {
    transactionalId,
    producerId,
    previousProducerId: -1n,
    nextProducerId: -1n,
    producerEpoch: -1,
    lastProducerEpoch: -1,
    timeoutMs,
    state: 'Empty',
    partitions: noPartitions,
    startedAtMs: -1,
    updatedAtMs: nowMs,
    clientVersion: 0
  }
}

/** Whether the producer id has no epoch left to give. */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= epochMax - 1
}

/**
 * After an InitProducerId that takes the next epoch of the same producer id. `expectedEpoch` is the one that the
 * producer named (KIP-360). Undefined where that epoch is neither the current one nor the one before the last bump.
 */
export function withNextEpoch(
  entry: TransactionEntry,
  timeoutMs: number,
  expectedEpoch: number | undefined,
  nowMs: number
): TransactionEntry | undefined {
  const next = restarted(entry, timeoutMs, nowMs)
  const producerEpoch = entry.producerEpoch + 1
  if (expectedEpoch === undefined) return { ...next, producerEpoch, lastProducerEpoch: -1 }
  if (entry.producerEpoch === -1 || expectedEpoch === entry.producerEpoch) {
    return { ...next, producerEpoch, lastProducerEpoch: entry.producerEpoch }
  }
  return expectedEpoch === entry.lastProducerEpoch ? next : undefined
}

/** After an InitProducerId that had to take another producer id, since the epochs of the old one are used up. */
export function withNewProducerId(
  entry: TransactionEntry,
  producerId: bigint,
  timeoutMs: number,
  keepsLastEpoch: boolean,
  nowMs: number
): TransactionEntry {
  const lastProducerEpoch = keepsLastEpoch ? entry.producerEpoch : -1
  return { ...restarted(entry, timeoutMs, nowMs), producerId, producerEpoch: 0, lastProducerEpoch }
}

function restarted(entry: TransactionEntry, timeoutMs: number, nowMs: number): TransactionEntry {
  return {
    ...entry,
    previousProducerId: entry.producerId,
    state: 'Empty',
    timeoutMs,
    partitions: noPartitions,
    startedAtMs: -1,
    updatedAtMs: nowMs
  }
}

/** After partitions were added. The clock of the timeout starts with the first one and is not started again. */
export function withPartitions(
  entry: TransactionEntry,
  added: PartitionMap,
  clientVersion: TransactionVersion,
  nowMs: number
): TransactionEntry {
  const startedAtMs = entry.state === 'Ongoing' ? entry.startedAtMs : nowMs
  const partitions = entry.partitions.size === 0 ? added : new Map([...entry.partitions, ...added])
  return {
    ...entry,
    previousProducerId: entry.producerId,
    state: 'Ongoing',
    partitions,
    startedAtMs,
    updatedAtMs: nowMs,
    clientVersion
  }
}

/** The epoch that fences whoever writes under the current one, for a transaction that is about to be aborted. */
export function fencingEpoch(entry: TransactionEntry, hasFailedFence: boolean): number {
  return hasFailedFence || entry.producerEpoch === epochMax ? entry.producerEpoch : entry.producerEpoch + 1
}

export interface Decision {
  readonly state: 'PrepareCommit' | 'PrepareAbort'
  readonly clientVersion: TransactionVersion
  /** -1n where the producer keeps its id. */
  readonly nextProducerId: bigint
  /** An abort of version 2 where there is nothing to abort. */
  readonly isEmpty: boolean
}

/** After the decision to commit or abort. Version 2 raises the epoch right here, before any marker is written. */
export function withDecision(entry: TransactionEntry, decision: Decision, nowMs: number): TransactionEntry {
  const bumps = decision.clientVersion === 2
  const isAtMax = entry.producerEpoch === epochMax && decision.state === 'PrepareAbort'
  return {
    ...entry,
    previousProducerId: entry.producerId,
    nextProducerId: decision.nextProducerId,
    producerEpoch: bumps && !isAtMax ? entry.producerEpoch + 1 : entry.producerEpoch,
    lastProducerEpoch: bumps ? entry.producerEpoch : entry.lastProducerEpoch,
    state: decision.state,
    startedAtMs: decision.isEmpty ? nowMs : entry.startedAtMs,
    updatedAtMs: nowMs,
    clientVersion: decision.clientVersion
  }
}

/** After the last marker. A producer whose epochs are used up goes on with its next id, from epoch 0. */
export function completed(entry: TransactionEntry, nowMs: number): TransactionEntry {
  const changesId = entry.clientVersion === 2 && entry.nextProducerId !== -1n
  return {
    ...entry,
    producerId: changesId ? entry.nextProducerId : entry.producerId,
    previousProducerId: entry.producerId,
    nextProducerId: -1n,
    producerEpoch: changesId ? 0 : entry.producerEpoch,
    state: entry.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: noPartitions,
    updatedAtMs: nowMs
  }
}

/**
 * What a coordinator that loads the log finds of a value written under `version`. The log never holds the epoch before
 * the last bump, and its form of version 0 has no room for the ids and the version of the producer.
 */
export function asLogged(entry: TransactionEntry, version: TransactionVersion): TransactionEntry {
  const lost = { ...entry, lastProducerEpoch: -1 }
  return version > 0 ? lost : { ...lost, previousProducerId: -1n, nextProducerId: -1n, clientVersion: 0 }
}
