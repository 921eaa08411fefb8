// What a transaction coordinator needs of the cluster around it. The coordinator itself does no I/O: whoever hangs it
// into a broker gives it these, and a test gives it its own.
import type { Runtime } from '../../runtime/index.ts'
import type { TopicPartition } from '../cluster/ports.ts'
import type { TransactionEntry } from './entry.ts'
import type { TransactionVersion } from './states.ts'

/** Broker settings, by the names that Kafka has for them. Read whenever they matter, so they may change. */
export interface TransactionSettings {
  /** `transaction.max.timeout.ms` */
  readonly transactionMaxTimeoutMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortTimedOutIntervalMs: number
  /** `transactional.id.expiration.ms` */
  readonly transactionalIdExpirationMs: number
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly removeExpiredIntervalMs: number
  /** `transaction.two.phase.commit.enable` */
  readonly twoPhaseCommitEnable: boolean
}

/** Kafka's defaults. */
export const transactionSettings: TransactionSettings = Object.freeze({
  transactionMaxTimeoutMs: 900_000,
  abortTimedOutIntervalMs: 10_000,
  transactionalIdExpirationMs: 604_800_000,
  removeExpiredIntervalMs: 3_600_000,
  twoPhaseCommitEnable: false
})

/** One transaction's markers for the partitions that one broker leads. */
export interface MarkerRequest {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly committed: boolean
  /** Decides which epochs a leader accepts. */
  readonly transactionVersion: TransactionVersion
  readonly partitions: readonly TopicPartition[]
}

/** The error code of each partition of a `MarkerRequest`, in its order. */
export type MarkerResult = readonly number[]

/** The broker's time: nothing of it passes while the broker stands still. */
export type CoordinatorRuntime = Pick<Runtime, 'nowMs' | 'monotonicMs' | 'setTimer' | 'defer'>

export interface TransactionPorts {
  readonly runtime: CoordinatorRuntime
  readonly settings: TransactionSettings
  /** The finalized feature `transaction.version`. */
  transactionVersion(): TransactionVersion
  /** How many partitions `__transaction_state` has. */
  partitionCount(): number
  /**
   * Writes a value, or a tombstone, to the log of a partition of `__transaction_state` that this broker leads at
   * `coordinatorEpoch`. `done` gets 0, COORDINATOR_NOT_AVAILABLE or NOT_COORDINATOR, during the call or later.
   */
  append(
    partition: number,
    coordinatorEpoch: number,
    transactionalId: string,
    entry: TransactionEntry | null,
    done: (code: number) => void
  ): void
  /** Reads the log of a partition of `__transaction_state`, and calls back later with its live values. */
  load(partition: number, done: (entries: Iterable<TransactionEntry>) => void): void
  /** The broker that leads a partition; undefined where there is no leader, or no such partition. */
  leaderOf(topic: string, partition: number): number | undefined
  /** Sends WriteTxnMarkers to a broker. `done` gets a result per request, or undefined where no answer came. */
  sendMarkers(
    brokerId: number,
    requests: readonly MarkerRequest[],
    done: (results: readonly MarkerResult[] | undefined) => void
  ): void
  /** A producer id that nobody has ever had. */
  nextProducerId(): bigint
}
