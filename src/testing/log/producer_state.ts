// Owns what a partition remembers of its producers: epoch, the last five batches, the open transaction, and what was
// verified with the transaction coordinator. It decides whether a batch is new, a repetition, or to be refused, and
// changes nothing until the caller has appended the batch. KIP-98, KIP-360, KIP-890.
// Source: org.apache.kafka.storage.internals.log.{ProducerStateManager, ProducerStateEntry, ProducerAppendInfo}.

import { errorCode } from '../../protocol/index.ts'
import { Refusal } from './refusal.ts'

/** Repetitions of the last so many batches are recognised. */
const batchesKept = 5
const sequenceMax = 0x7fffffff
const epochMax = 0x7fff

/** Who appends: a client's batch has sequences, a coordinator's has none. */
export type AppendOrigin = 'client' | 'coordinator'

/** The part of a batch that concerns its producer. */
export interface ProducerBatch {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  /** Of the last record, less that of the first. */
  readonly lastOffsetDelta: number
  readonly maxTimestamp: number
  readonly isTransactional: boolean
}

/** A marker that ends a transaction. */
export interface EndMarker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
  readonly timestamp: number
  /** The rule for epochs: from 2 on, a marker has a greater epoch than the transaction that it ends. */
  readonly transactionVersion: number
}

/** One of the last batches of a producer. */
export interface BatchInfo {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly timestamp: number
}

/** A producer outside memory. */
export interface StoredProducer {
  readonly producerId: string
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly lastTimestamp: number
  readonly batches: readonly (Omit<BatchInfo, 'firstOffset' | 'lastOffset'> & {
    readonly firstOffset: string
    readonly lastOffset: string
  })[]
}

/** What a partition remembers of one producer. */
export class ProducerEntry {
  readonly producerId: bigint
  producerEpoch = -1
  coordinatorEpoch = -1
  /** Milliseconds since 1970. */
  lastTimestamp = -1
  /** Where its open transaction begins in this partition. */
  transactionFirstOffset: bigint | undefined
  /** Oldest first. */
  batches: BatchInfo[] = []

  constructor(producerId: bigint) {
    this.producerId = producerId
  }

  /** -1 where no batch is known. */
  get lastSequence(): number {
    return this.batches.at(-1)?.lastSequence ?? -1
  }
}

/** That a transaction was, or is being, verified with its coordinator. Its identity is what an append must show. */
export interface VerificationGuard {
  readonly producerId: bigint
  readonly supportsEpochBump: boolean
  producerEpoch: number
  lowestSequence: number
}

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  /** That of the marker. */
  readonly lastOffset: bigint
  readonly isAborted: boolean
  /** The last stable offset once this one is complete, for the index of aborted transactions. */
  readonly lastStableOffset: bigint
}

/** What became of a look at a batch: `append` it, it is a repetition of `duplicate`, or it is refused. */
export type BatchVerdict = { readonly duplicate?: BatchInfo } | Refusal

const append: BatchVerdict = Object.freeze({})

export class ProducerStates {
  readonly #entries = new Map<bigint, ProducerEntry>()
  readonly #guards = new Map<bigint, VerificationGuard>()
  /** First offset of each open transaction, by producer, in the order of the offsets. */
  readonly #open = new Map<bigint, bigint>()

  entries(): Iterable<ProducerEntry> {
    return this.#entries.values()
  }

  entry(producerId: bigint): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  /** Where the oldest open transaction begins. */
  get firstOpenOffset(): bigint | undefined {
    for (const offset of this.#open.values()) return offset
    return undefined
  }

  hasOpenTransaction(producerId: bigint, producerEpoch: number): boolean {
    const entry = this.#entries.get(producerId)
    return entry?.transactionFirstOffset !== undefined && entry.producerEpoch === producerEpoch
  }

  /**
   * Call before the coordinator is asked about a transactional batch; give what it answers to `check`. Undefined where
   * the transaction is open here already and needs no verification.
   */
  beginVerification(batch: ProducerBatch, supportsEpochBump: boolean): VerificationGuard | Refusal | undefined {
    const { producerId, producerEpoch, baseSequence } = batch
    const stale = this.#staleEpoch(batch)
    if (stale !== undefined) return stale
    if (this.hasOpenTransaction(producerId, producerEpoch)) return undefined
    const known = this.#guards.get(producerId)
    if (known === undefined) {
      const guard = { producerId, producerEpoch, lowestSequence: baseSequence, supportsEpochBump }
      this.#guards.set(producerId, guard)
      return guard
    }
    if (producerEpoch > known.producerEpoch) {
      known.producerEpoch = producerEpoch
      known.lowestSequence = baseSequence
    } else if (producerEpoch === known.producerEpoch && baseSequence < known.lowestSequence) {
      known.lowestSequence = baseSequence
    }
    return known
  }

  /** What is being verified for this producer will be refused, as by a leader that has lost the partition meanwhile. */
  forgetVerification(producerId: bigint): void {
    this.#guards.delete(producerId)
  }

  /**
   * Whether a batch with a producer id may be appended; `guard` is what `beginVerification` answered. `needsGuard` is
   * false where verification is switched off.
   */
  check(
    batch: ProducerBatch,
    origin: AppendOrigin,
    guard: VerificationGuard | undefined,
    needsGuard: boolean
  ): BatchVerdict {
    const { producerId, producerEpoch, baseSequence } = batch
    const entry = this.#entries.get(producerId)
    if (origin === 'client' && entry !== undefined && entry.producerEpoch === producerEpoch) {
      const lastSequence = sequenceAfter(baseSequence, batch.lastOffsetDelta)
      for (const known of entry.batches) {
        if (known.firstSequence === baseSequence && known.lastSequence === lastSequence) return { duplicate: known }
      }
    }
    if (batch.isTransactional && !this.hasOpenTransaction(producerId, producerEpoch)) {
      const stale = this.#staleEpoch(batch)
      if (stale !== undefined) return stale
      const known = this.#guards.get(producerId)
      if (needsGuard && (known === undefined || known !== guard)) {
        return new Refusal(errorCode.INVALID_TXN_STATE, 'Record was not part of an ongoing transaction')
      }
    }
    const refused = this.#staleEpoch(batch) ?? (origin === 'client' ? this.#checkSequence(batch, entry) : undefined)
    if (refused !== undefined) return refused
    if (entry?.transactionFirstOffset !== undefined && !batch.isTransactional) {
      return new Refusal(errorCode.INVALID_TXN_STATE, `Expected transactional write from producer ${producerId}`)
    }
    return append
  }

  /** Remembers a batch that was appended at `firstOffset`. */
  appended(batch: ProducerBatch, firstOffset: bigint): void {
    const entry = this.#entryFor(batch.producerId)
    setEpoch(entry, batch.producerEpoch)
    if (entry.batches.length === batchesKept) entry.batches.shift()
    entry.batches.push({
      firstSequence: batch.baseSequence,
      lastSequence: sequenceAfter(batch.baseSequence, batch.lastOffsetDelta),
      firstOffset,
      lastOffset: firstOffset + BigInt(batch.lastOffsetDelta),
      timestamp: batch.maxTimestamp
    })
    entry.lastTimestamp = batch.maxTimestamp
    if (!batch.isTransactional) return
    this.#guards.delete(batch.producerId)
    if (entry.transactionFirstOffset !== undefined) return
    entry.transactionFirstOffset = firstOffset
    this.#open.set(batch.producerId, firstOffset)
  }

  /** Whether a marker may be appended. */
  checkMarker(marker: EndMarker): Refusal | undefined {
    const entry = this.#entries.get(marker.producerId)
    if (entry === undefined) return undefined
    const { producerEpoch, transactionVersion } = marker
    const current = entry.producerEpoch
    const isStale = transactionVersion >= 2 ? producerEpoch <= current : producerEpoch < current
    const isRepeated =
      transactionVersion >= 2 &&
      producerEpoch === current &&
      (entry.transactionFirstOffset === undefined || producerEpoch === epochMax)
    if (isStale && !isRepeated) {
      const compared = transactionVersion >= 2 ? '<=' : '<'
      const message = `Epoch of producer ${marker.producerId} is ${producerEpoch}, which is ${compared} the last seen epoch ${current}`
      return new Refusal(errorCode.INVALID_PRODUCER_EPOCH, message)
    }
    if (entry.coordinatorEpoch <= marker.coordinatorEpoch) return undefined
    const message = `Coordinator epoch ${marker.coordinatorEpoch} (zombie), ${entry.coordinatorEpoch} (current)`
    return new Refusal(errorCode.TRANSACTION_COORDINATOR_FENCED, message)
  }

  /** Remembers a marker that was appended at `offset`, and answers the transaction that it ended, if any. */
  appendedMarker(marker: EndMarker, offset: bigint): CompletedTransaction | undefined {
    const { producerId } = marker
    const entry = this.#entryFor(producerId)
    const firstOffset = entry.transactionFirstOffset
    setEpoch(entry, marker.producerEpoch)
    entry.coordinatorEpoch = marker.coordinatorEpoch
    entry.lastTimestamp = marker.timestamp
    entry.transactionFirstOffset = undefined
    this.#open.delete(producerId)
    const guard = this.#guards.get(producerId)
    const isNextStarted = guard?.supportsEpochBump === true && guard.producerEpoch === marker.producerEpoch
    if (!isNextStarted) this.#guards.delete(producerId)
    if (firstOffset === undefined) return undefined
    const lastStableOffset = this.firstOpenOffset ?? offset + 1n
    return { producerId, firstOffset, lastOffset: offset, isAborted: !marker.isCommit, lastStableOffset }
  }

  /** What is remembered, as it may be kept outside memory. */
  store(): StoredProducer[] {
    return Array.from(this.#entries.values(), (entry) => ({
      producerId: String(entry.producerId),
      producerEpoch: entry.producerEpoch,
      coordinatorEpoch: entry.coordinatorEpoch,
      lastTimestamp: entry.lastTimestamp,
      batches: entry.batches.map((one) => ({
        ...one,
        firstOffset: String(one.firstOffset),
        lastOffset: String(one.lastOffset)
      }))
    }))
  }

  /** Adds what `store` answered to what the log itself has told. Open transactions are known from the log alone. */
  restore(stored: readonly StoredProducer[]): void {
    for (const one of stored) {
      const entry = this.#entryFor(BigInt(one.producerId))
      entry.producerEpoch = one.producerEpoch
      entry.coordinatorEpoch = one.coordinatorEpoch
      entry.lastTimestamp = one.lastTimestamp
      entry.batches = one.batches.map((batch) => ({
        ...batch,
        firstOffset: BigInt(batch.firstOffset),
        lastOffset: BigInt(batch.lastOffset)
      }))
    }
  }

  /** Forgets everything, as before the log is read again. */
  clear(): void {
    this.#entries.clear()
    this.#guards.clear()
    this.#open.clear()
  }

  /** Forgets producers without an open transaction that wrote nothing for so long. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, entry] of this.#entries) {
      if (entry.transactionFirstOffset !== undefined || nowMs - entry.lastTimestamp < expirationMs) continue
      this.#entries.delete(producerId)
      this.#guards.delete(producerId)
    }
  }

  #entryFor(producerId: bigint): ProducerEntry {
    let entry = this.#entries.get(producerId)
    if (entry === undefined) this.#entries.set(producerId, (entry = new ProducerEntry(producerId)))
    return entry
  }

  #staleEpoch(batch: ProducerBatch): Refusal | undefined {
    const current = this.#entries.get(batch.producerId)?.producerEpoch ?? -1
    if (batch.producerEpoch >= current) return undefined
    const message = `Epoch of producer ${batch.producerId} is ${batch.producerEpoch}, which is smaller than the last seen epoch ${current}`
    return new Refusal(errorCode.INVALID_PRODUCER_EPOCH, message)
  }

  #checkSequence(batch: ProducerBatch, entry: ProducerEntry | undefined): Refusal | undefined {
    const { baseSequence, producerEpoch } = batch
    const guard = this.#guards.get(batch.producerId)
    const hasBatches = entry !== undefined && entry.batches.length > 0
    if (guard?.supportsEpochBump === true && baseSequence !== 0 && !hasBatches) {
      const expected = 'Expected sequence 0 for transactions v2 idempotent producer with no existing state.'
      return outOfOrder(batch, expected)
    }
    if (guard !== undefined && baseSequence > guard.lowestSequence) {
      return outOfOrder(batch, `${guard.lowestSequence} (earliest seen sequence)`)
    }
    if (entry === undefined || entry.producerEpoch === -1) return undefined
    if (producerEpoch !== entry.producerEpoch) {
      return baseSequence === 0 ? undefined : outOfOrder(batch, `${entry.producerEpoch} (current producer epoch)`)
    }
    const { lastSequence } = entry
    const isNext = baseSequence === lastSequence + 1 || (baseSequence === 0 && lastSequence === sequenceMax)
    return isNext ? undefined : outOfOrder(batch, `${lastSequence} (current end sequence number)`)
  }
}

function setEpoch(entry: ProducerEntry, producerEpoch: number): void {
  if (entry.producerEpoch === producerEpoch) return
  entry.producerEpoch = producerEpoch
  entry.batches = []
}

/** After 2147483647 comes 0. A coordinator's batches have no sequences, and stay at -1. */
function sequenceAfter(sequence: number, delta: number): number {
  if (sequence < 0) return sequence
  return sequence > sequenceMax - delta ? delta - (sequenceMax - sequence) - 1 : sequence + delta
}

function outOfOrder(batch: ProducerBatch, known: string): Refusal {
  const message = `Out of order sequence number for producer ${batch.producerId}: ${batch.baseSequence} (incoming seq. number), ${known}`
  return new Refusal(errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, message)
}
