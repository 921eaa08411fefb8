// The saved handle of a prepared transaction: everything a fresh process needs to commit or abort it, and to tell
// afterwards what became of it. JSON-safe; treat it as a credential and as untrusted input. KIP-98, KIP-890, KIP-939.

/** One partition that the transaction wrote to, with the offset of its first record there. */
export interface PreparedPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Decimal. */
  readonly firstOffset: string
}

/** The offset commit inside the transaction by which its outcome can be told later, whatever the coordinator forgot. */
export interface Witness {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  /** Decimal; the checkpoint id in the engine, a counter in the plain client. */
  readonly offset: string
  /** 32 hexadecimal digits, made for this transaction only. */
  readonly randomId: string
  /** What the ledger showed before this transaction; null where it was empty. */
  readonly previousRandomId: string | null
}

export interface PreparedTransaction {
  readonly format: 1
  readonly clusterId: string
  readonly transactionalId: string
  /** Decimal. */
  readonly producerId: string
  readonly producerEpoch: number
  readonly transactionVersion: 0 | 1 | 2
  /** Version of EndTxn that this transaction must be ended with. */
  readonly endTxnVersion: number
  readonly transactionTimeoutMs: number
  /** Wall clock, milliseconds since 1970, before the first write. */
  readonly startedAtMs: number
  /** False where nothing was written: committing sends nothing. */
  readonly hasData: boolean
  readonly partitions: readonly PreparedPartition[]
  readonly witness: Witness | null
  /** CRC32C over the canonical JSON of the other fields, 8 hexadecimal digits. */
  readonly checksum: string
}

/** What another client can tell about a transaction that it left open. */
export interface ForeignTransaction {
  readonly transactionalId: string
  readonly producerId: string | number | bigint
  readonly producerEpoch: number
}

/** What became of a transaction. Names as in the decision procedure of DESIGN.md. */
export type Verdict =
  /** This call committed it. */
  | { readonly kind: 'committed' }
  /** It had been committed before this call. */
  | { readonly kind: 'alreadyCommitted' }
  /** It was aborted, by its timeout or by another producer: none of its records will ever be visible. */
  | { readonly kind: 'lost'; readonly evidence: string }
  /** It is aborted, as was asked. */
  | { readonly kind: 'aborted' }
  /** Another producer took over and neither the witness nor control markers tell how it ended. */
  | { readonly kind: 'fenced'; readonly evidence: string }
  /** The handle does not belong to this cluster, or no such producer was ever known here. */
  | { readonly kind: 'foreignHandle'; readonly evidence: string }

/** Whether every partition of a decided transaction has its marker. */
export type Proof =
  | { readonly kind: 'proven' }
  /** Decided, but these partitions still hold it open (KAFKA-20734). */
  | { readonly kind: 'hanging'; readonly partitions: readonly HangingPartition[] }

export interface HangingPartition {
  readonly topic: string
  readonly partition: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: bigint
}
