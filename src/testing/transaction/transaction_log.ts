// The log of a partition of `__transaction_state`, compacted to the last value of each id. Belongs to the cluster, so it
// survives brokers; here is its form, in memory and in a data directory, and that of the records that others may read.
import {
  encodeVersioned,
  RecordBatchBuilder,
  TransactionLogKey,
  TransactionLogValue,
  transactionStatuses
} from '../../protocol/index.ts'
import type { DurableKind, TopicPartition } from '../cluster/ports.ts'
import { partitionMap } from './entry.ts'
import type { TransactionEntry } from './entry.ts'
import { isTransactionState } from './states.ts'
import type { TransactionVersion } from './states.ts'

/** The last value of each transactional id. */
export type TransactionLog = Map<string, TransactionEntry>

/** An entry as JSON has it. */
interface StoredEntry extends Omit<
  TransactionEntry,
  'producerId' | 'previousProducerId' | 'nextProducerId' | 'partitions'
> {
  readonly producerId: string
  readonly previousProducerId: string
  readonly nextProducerId: string
  readonly partitions: readonly (readonly [topic: string, partition: number])[]
}

export const transactionLog: DurableKind<TransactionLog> = Object.freeze({
  name: 'transactions',
  create: () => new Map<string, TransactionEntry>(),
  encode: (log: TransactionLog) => Array.from(log.values(), encodeEntry),
  decode(json: unknown) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `encode`
    const stored = json as readonly StoredEntry[]
    return new Map(stored.map((entry) => [entry.transactionalId, decodeEntry(entry)]))
  }
})

function encodeEntry(entry: TransactionEntry): StoredEntry {
  return {
    ...entry,
    producerId: String(entry.producerId),
    previousProducerId: String(entry.previousProducerId),
    nextProducerId: String(entry.nextProducerId),
    partitions: Array.from(entry.partitions.values(), ({ topic, partition }) => [topic, partition] as const)
  }
}

function decodeEntry(stored: StoredEntry): TransactionEntry {
  if (!isTransactionState(stored.state)) throw new Error(`${stored.transactionalId} is stored in an unknown state`)
  return {
    ...stored,
    producerId: BigInt(stored.producerId),
    previousProducerId: BigInt(stored.previousProducerId),
    nextProducerId: BigInt(stored.nextProducerId),
    partitions: partitionMap(stored.partitions.map(([topic, partition]) => ({ topic, partition })))
  }
}

/** The batch that a coordinator appends for a value; null removes the id. Source: TransactionLog.valueToBytes. */
export function encodeRecord(
  transactionalId: string,
  entry: TransactionEntry | null,
  version: TransactionVersion,
  nowMs: number
): Uint8Array {
  const key = encodeVersioned(TransactionLogKey, 0, { transactionalId })
  const builder = new RecordBatchBuilder({ initialBytes: 256 })
  builder.append(key, entry === null ? null : encodeValue(entry, version), [], nowMs)
  return builder.finishPlain()
}

function encodeValue(entry: TransactionEntry, version: TransactionVersion): Uint8Array {
  const { producerId, producerEpoch, timeoutMs, state, partitions, updatedAtMs, startedAtMs } = entry
  const value = {
    producerId,
    producerEpoch,
    transactionTimeoutMs: timeoutMs,
    transactionStatus: transactionStatuses.indexOf(state),
    transactionPartitions: state === 'Empty' ? null : byTopic(partitions.values()),
    transactionLastUpdateTimestampMs: BigInt(updatedAtMs),
    transactionStartTimestampMs: BigInt(startedAtMs)
  }
  if (version === 0) return encodeVersioned(TransactionLogValue, 0, value)
  const { previousProducerId, nextProducerId, clientVersion: clientTransactionVersion } = entry
  const flexible = { ...value, previousProducerId, nextProducerId, clientTransactionVersion }
  return encodeVersioned(TransactionLogValue, 1, flexible)
}

function byTopic(partitions: Iterable<TopicPartition>): { topic: string; partitionIds: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const ids = topics.get(topic)
    if (ids === undefined) topics.set(topic, [partition])
    else ids.push(partition)
  }
  return Array.from(topics, ([topic, partitionIds]) => ({ topic, partitionIds }))
}
