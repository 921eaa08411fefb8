// What a transaction and its producer want of each other: the producer lends an identity and a witness, the transaction
// tells how it ended. Types only.
import type { Cluster } from '../cluster.ts'
import type { KafkaError } from '../errors.ts'
import type { ProducerIdentity, TopicRoutes } from '../producer/index.ts'
import type { EndedTransaction } from './completion.ts'
import type { CheckedTransactionalProducerOptions } from './options.ts'
import type { Witness } from './prepared.ts'
import type { TransactionSession } from './session.ts'

/** How a transaction left the producer's id. */
export type TransactionEnd =
  /** Nothing of it ever reached the cluster. */
  | { readonly kind: 'unused' }
  /** It ended; `next` is what the coordinator gave for the next one, where it did. */
  | { readonly kind: 'ended'; readonly next: ProducerIdentity | undefined }
  /** What the coordinator holds now is not known. */
  | { readonly kind: 'unclear' }
  | { readonly kind: 'fenced'; readonly error: KafkaError }

/** The producer, as its transaction sees it. */
export interface TransactionHost {
  readonly cluster: Cluster
  readonly routes: TopicRoutes
  readonly options: CheckedTransactionalProducerOptions
  /** Aborts when nothing is to be waited for any more. */
  readonly abandoned: AbortSignal
  /** Takes what to write under; called once, before the first write. */
  openSession(): Promise<TransactionSession>
  /** Makes the witness of a transaction; undefined where the producer writes none. */
  newWitness(first: FirstPartition, options: BeginTransactionOptions): Promise<Witness | undefined>
  /** Takes the next epoch unless another producer has the id, or may have it; rejects with PRODUCER_FENCED then. */
  recover(isInDoubt: boolean): Promise<void>
  /** `written` is what it wrote and how that ended; undefined where it wrote nothing. */
  ended(end: TransactionEnd, committed: Witness | null, written: EndedTransaction | undefined): void
}

export interface FirstPartition {
  readonly topic: string
  readonly partition: number
}

export interface BeginTransactionOptions {
  /** Goes into the witness; a counter of the producer's own where absent. */
  readonly checkpointId?: bigint | undefined
  /** What the ledger shows before this transaction, null for nothing; read from the ledger where absent. */
  readonly previousRandomId?: string | null | undefined
}

export interface DecideOptions {
  /** Time to find out the outcome, milliseconds. Default 60000. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}
