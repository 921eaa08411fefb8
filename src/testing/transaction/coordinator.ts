// The transaction coordinator of one broker: takes requests for the transactional ids whose partition of
// `__transaction_state` it leads, decides (decisions.ts), writes to the log (coordinator_state.ts) and sends markers
// (marker_sender.ts). Lives and dies with its broker. KIP-98, KIP-890, KIP-939.
// Source: kafka.coordinator.transaction.TransactionCoordinator of Kafka 4.4.0.
import { errorCode } from '../../protocol/index.ts'
import type { TopicPartition } from '../cluster/ports.ts'
import { CoordinatorState } from './coordinator_state.ts'
import type { Found } from './coordinator_state.ts'
import { decideAdd, decideEndV1, decideEndV2, decideInit, verify } from './decisions.ts'
import type { EndDecision, EndRequest, ProducerIdAndEpoch } from './decisions.ts'
import { completed, fencingEpoch, newEntry, partitionKey, partitionMap, timeoutNever } from './entry.ts'
import type { TransactionEntry } from './entry.ts'
import { MarkerControl } from './marker_control.ts'
import { MarkerSender } from './marker_sender.ts'
import type { TransactionPorts } from './ports.ts'
import { isPrepared } from './states.ts'
import type { TransactionVersion } from './states.ts'
import { Sweeps } from './sweeps.ts'
import type { Transaction } from './transaction.ts'

export interface InitProducerIdRequest {
  /** Null for a producer that is idempotent only. */
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly enable2Pc: boolean
  readonly keepPreparedTxn: boolean
  readonly expected: ProducerIdAndEpoch | undefined
}

/** -1n and -1 beside an error, and where the producer keeps what it has. */
export interface ProducerIdResult extends ProducerIdAndEpoch {
  readonly errorCode: number
}

export interface EndTransactionRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly committed: boolean
  readonly clientVersion: TransactionVersion
}

export interface PartitionsRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string
  readonly partitions: readonly TopicPartition[]
}

export class TransactionCoordinator {
  readonly #ports: TransactionPorts
  readonly #state: CoordinatorState
  readonly #markers: MarkerSender
  readonly #sweeps: Sweeps

  constructor(ports: TransactionPorts, markers: MarkerControl = new MarkerControl()) {
    this.#ports = ports
    this.#state = new CoordinatorState(ports, (entry) => this.#sweeps.watch(entry))
    this.#markers = new MarkerSender(ports, this.#state, markers)
    this.#sweeps = new Sweeps(ports, this.#state, {
      timedOut: (found) => this.#abort(found, () => {}),
      expired: (found) => this.#state.remove(found)
    })
  }

  /** The broker leads a partition of `__transaction_state` from now on. Decided transactions get their markers again. */
  onElection(partition: number, coordinatorEpoch: number): void {
    this.#state.load(partition, coordinatorEpoch, (loaded) => {
      for (const found of loaded) {
        this.#sweeps.watch(found.transaction.entry)
        const { transaction } = found
        if (isPrepared(transaction.entry.state)) this.#markers.send(found, this.#beginCompletion(transaction))
      }
    })
  }

  onResignation(partition: number): void {
    this.#state.unload(partition)
  }

  close(): void {
    this.#sweeps.close()
    this.#markers.close()
    this.#state.clear()
  }

  /** For DescribeTransactions, ListTransactions and tests. */
  get state(): CoordinatorState {
    return this.#state
  }

  initProducerId(request: InitProducerIdRequest, done: (result: ProducerIdResult) => void): void {
    const { transactionalId, timeoutMs, expected } = request
    if (transactionalId === null) {
      return done({ errorCode: errorCode.NONE, producerId: this.#ports.nextProducerId(), producerEpoch: 0 })
    }
    const invalid = this.#checkInit(transactionalId, request)
    if (invalid !== errorCode.NONE) return done(failed(invalid))
    const resolvedTimeoutMs = request.enable2Pc ? timeoutNever : timeoutMs
    const nowMs = this.#ports.runtime.nowMs()
    let found = this.#state.find(transactionalId)
    if (typeof found === 'number') return done(failed(found))
    found ??= this.#state.add(newEntry(transactionalId, this.#ports.nextProducerId(), resolvedTimeoutMs, nowMs))
    const decision = decideInit(found.transaction, resolvedTimeoutMs, expected, this.#ports, nowMs)
    if (decision.kind === 'refuse') return done(failed(decision.code))
    if (decision.kind === 'fence') {
      return this.#abort(found, (code) => {
        done(failed(code === errorCode.NONE ? errorCode.CONCURRENT_TRANSACTIONS : code))
      })
    }
    const { next } = decision
    this.#transit(found, next, (code) => {
      if (code !== errorCode.NONE) return done(failed(code))
      done({ errorCode: code, producerId: next.producerId, producerEpoch: next.producerEpoch })
    })
  }

  #checkInit(transactionalId: string, request: InitProducerIdRequest): number {
    const { transactionMaxTimeoutMs, twoPhaseCommitEnable } = this.#ports.settings
    if (transactionalId === '') return errorCode.INVALID_REQUEST
    if (request.enable2Pc && !twoPhaseCommitEnable) return errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    // Every released broker refuses to keep a prepared transaction, whatever else was asked.
    if (request.keepPreparedTxn) return errorCode.UNSUPPORTED_VERSION
    const isValid = request.enable2Pc || (request.timeoutMs > 0 && request.timeoutMs <= transactionMaxTimeoutMs)
    return isValid ? errorCode.NONE : errorCode.INVALID_TRANSACTION_TIMEOUT
  }

  /** Adds partitions, which begins a transaction where none is open. */
  addPartitions(request: PartitionsRequest, clientVersion: TransactionVersion, done: (code: number) => void): void {
    if (request.transactionalId === '') return done(errorCode.INVALID_REQUEST)
    const found = this.#state.find(request.transactionalId)
    if (typeof found === 'number') return done(found)
    if (found === undefined) return done(errorCode.INVALID_PRODUCER_ID_MAPPING)
    const added = partitionMap(request.partitions)
    const nowMs = this.#ports.runtime.nowMs()
    const decision = decideAdd(found.transaction, request, added, clientVersion, nowMs)
    if (decision.kind === 'answer') return done(decision.code)
    this.#transit(found, decision.next, done)
  }

  /** A code for each partition: 0 where it is in the transaction. Adds nothing. */
  verifyPartitions(request: PartitionsRequest): readonly number[] {
    const { transactionalId, partitions } = request
    const all = (code: number): readonly number[] => partitions.map(() => code)
    if (transactionalId === '') return all(errorCode.INVALID_REQUEST)
    const found = this.#state.find(transactionalId)
    if (typeof found === 'number') return all(found)
    if (found === undefined) return all(errorCode.INVALID_PRODUCER_ID_MAPPING)
    const { transaction } = found
    const code = verify(transaction, request)
    if (code !== errorCode.NONE) return all(code)
    return partitions.map(({ topic, partition }) => {
      const isAdded = transaction.partitions.has(partitionKey(topic, partition))
      return isAdded ? errorCode.NONE : errorCode.TRANSACTION_ABORTABLE
    })
  }

  /** Version 2 answers the producer id and epoch to go on with, as soon as the decision is in the log. */
  endTransaction(request: EndTransactionRequest, done: (result: ProducerIdResult) => void): void {
    if (request.transactionalId === '') return done(failed(errorCode.INVALID_REQUEST))
    const found = this.#state.find(request.transactionalId)
    if (typeof found === 'number') return done(failed(found))
    if (found === undefined) return done(failed(errorCode.INVALID_PRODUCER_ID_MAPPING))
    const { producerId, producerEpoch, committed, clientVersion } = request
    this.#end(found, { producerId, producerEpoch, committed, clientVersion, isFromClient: true }, done)
  }

  /** Fences the producer of an open transaction and aborts it, by the rules of the cluster's own version. */
  #abort(found: Found, done: (code: number) => void): void {
    const { transaction } = found
    const { entry } = transaction
    transaction.begin('PrepareEpochFence')
    const request: EndRequest = {
      producerId: entry.producerId,
      producerEpoch: fencingEpoch(entry, transaction.hasFailedFence),
      committed: false,
      isFromClient: false,
      clientVersion: this.#ports.transactionVersion()
    }
    this.#end(found, request, (result) => done(result.errorCode))
  }

  #end(found: Found, request: EndRequest, done: (result: ProducerIdResult) => void): void {
    const { transaction } = found
    const nowMs = this.#ports.runtime.nowMs()
    const isV2 = request.clientVersion === 2
    const decision: EndDecision = isV2
      ? decideEndV2(transaction, request, this.#ports, nowMs)
      : decideEndV1(transaction, request, nowMs)
    if (decision.kind === 'answer') return done(failed(decision.code))
    if (decision.kind === 'alreadyEnded') return done(isV2 ? current(transaction.entry) : failed(errorCode.NONE))
    if (decision.isFence) transaction.pending = undefined
    transaction.entry = decision.base
    this.#transit(found, decision.next, (code) => {
      if (code !== errorCode.NONE) {
        if (decision.isFence && !isV2 && this.#state.isCurrent(found)) transaction.hasFailedFence = true
        return done(failed(code))
      }
      const next = this.#beginCompletion(transaction)
      done(isV2 ? current(next) : failed(errorCode.NONE))
      this.#markers.send(found, next)
    })
  }

  /** A decided transaction is pending until its last marker is written. */
  #beginCompletion(transaction: Transaction): TransactionEntry {
    const next = completed(transaction.entry, this.#ports.runtime.nowMs())
    transaction.hasFailedFence = false
    transaction.begin(next.state)
    return next
  }

  #transit(found: Found, next: TransactionEntry, done: (code: number) => void): void {
    found.transaction.begin(next.state)
    this.#state.append(found, next, false, done)
  }
}

function current({ producerId, producerEpoch }: TransactionEntry): ProducerIdResult {
  return { errorCode: errorCode.NONE, producerId, producerEpoch }
}

function failed(code: number): ProducerIdResult {
  return { errorCode: code, producerId: -1n, producerEpoch: -1 }
}
