// The log of a partition of `__transaction_state`, compacted to the last value of each id. Belongs to the cluster, so it
// survives brokers; here is its form, in memory and in a data directory.
import type { DurableKind } from '../cluster/ports.ts'
import { partitionMap } from './entry.ts'
import type { TransactionEntry } from './entry.ts'
import { isTransactionState } from './states.ts'

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
