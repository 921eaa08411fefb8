// The transactional producer: one transactional id, one transaction at a time, back to back without fixed delays. Owns
// the producer id and epoch between transactions: adopts what EndTxn answers (KIP-890), or takes the next epoch before
// the next write (KIP-360), and never takes the id from a producer that came later. KIP-98.
import { errorCode } from '../../protocol/index.ts'
import { raceAbort } from '../../runtime/index.ts'
import { callRules, checkWaitOptions } from '../call.ts'
import type { CallOptions } from '../call.ts'
import type { Cluster } from '../cluster.ts'
import { assert, brokerError, KafkaError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { TopicRoutes } from '../producer/index.ts'
import type { ProducerIdentity, WaitOptions } from '../producer/index.ts'
import { Clock } from './clock.ts'
import { completeTransaction, leftOpen } from './completion.ts'
import type { EndedTransaction } from './completion.ts'
import { initProducerId } from './coordinator_calls.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { describe, describePresent, outdatedMsMax, trustSinceGiven } from './coordinator_view.ts'
import type { Described } from './coordinator_view.ts'
import { checkTransactionalOptions } from './options.ts'
import type { CheckedTransactionalProducerOptions, TransactionalProducerOptions } from './options.ts'
import type { Witness } from './prepared.ts'
import { newRandomId } from './random_id.ts'
import { waitForMarkers } from './markers_wait.ts'
import { TransactionSession } from './session.ts'
import { fencedError } from './transaction_errors.ts'
import type { BeginTransactionOptions, FirstPartition, TransactionEnd, TransactionHost } from './transaction_host.ts'
import { Transaction } from './transaction.ts'
import { ledgerGroupOf, readLedger } from './witness.ts'

const initDeadlineMs = 60_000

export class TransactionalProducer {
  readonly transactionalId: string
  private readonly cluster: Cluster
  private readonly options: CheckedTransactionalProducerOptions
  private readonly routes: TopicRoutes
  private identity: ProducerIdentity | undefined
  /**
   * Whether the next epoch must be taken before a write: below transaction version 2 between any two transactions, or in
   * doubt whether the present one is still ours. One 'givenByEnd', by EndTxn, serves version 2 only: a transaction of an
   * older version would leave just what a repeated commit of the transaction before it looks for.
   */
  private nextEpoch: 'given' | 'givenByEnd' | 'needed' | 'inDoubt' = 'given'
  /** What the transaction before wrote, and how many connections had been lost when it began. */
  private last: { readonly written: EndedTransaction; readonly connectionsLost: number } | undefined
  private connectionsLost = 0
  /** When the coordinator answered EndTxn, on the monotonic clock, while its markers may still be on their way. */
  private endedAtMs: number | undefined
  private fenced: KafkaError | undefined
  private current: Transaction | undefined
  private closed: Promise<void> | undefined
  private readonly abandoning = new AbortController()
  /** One request for an identity at a time. */
  private taking: Promise<unknown> = Promise.resolve()
  private ledgerPlace: FirstPartition | undefined
  /** What the ledger shows; undefined where it was not read yet. */
  private lastWitness: { readonly offset: bigint; readonly randomId: string | null } | undefined

  /** Throws KafkaError INVALID_OPTION. */
  constructor(cluster: Cluster, options: TransactionalProducerOptions) {
    this.cluster = cluster
    this.options = checkTransactionalOptions(options)
    this.transactionalId = this.options.transactionalId
    this.routes = new TopicRoutes(cluster)
    if (this.options.ledger !== 'none') this.ledgerPlace = this.options.ledger
  }

  /**
   * Takes the transactional id: fences every other producer of it and ends what it left open. Not needed before
   * `beginTransaction`, which does it at the first write. Never to be called while a prepared transaction of the id waits
   * for its end: that would be lost. Rejects with KafkaError: BROKER_ERROR, such as INVALID_TRANSACTION_TIMEOUT (50) with
   * the numbers or a missing permission, DEADLINE_EXCEEDED (`deadlineMs` is a minute unless given), INVALID_STATE while a
   * transaction is under way. InitProducerId, KIP-98.
   */
  async init(options: CallOptions = {}): Promise<{
    producerId: bigint
    producerEpoch: number
  }> {
    checkOptions('transactionalProducer.init', options, callRules)
    const { deadlineMs = initDeadlineMs, signal } = options
    this.checkUsable()
    if (this.current !== undefined && !this.current.isOver) throw this.busy()
    await this.current?.settle()
    const identity = await this.inTurn(() => this.takeId({ deadlineMs, signal }))
    return { producerId: identity.producerId, producerEpoch: identity.producerEpoch }
  }

  /**
   * Begins a transaction, without asking anybody. Throws KafkaError: INVALID_STATE while the one before is not over,
   * PRODUCER_FENCED, CLOSED. One that has failed and was not aborted is aborted first, at the first write of this one.
   * Where a connection was lost since the one before began, its markers are looked for then, and written where they were
   * left out (KAFKA-20734); that needs READ on its topics, and CLUSTER_ACTION.
   */
  beginTransaction(options: BeginTransactionOptions = {}): Transaction {
    this.checkUsable()
    checkBegin(options)
    const previous = this.current
    if (previous !== undefined && !previous.isOver) throw this.busy()
    const transaction = new Transaction(this.host(previous), options)
    this.current = transaction
    return transaction
  }

  /**
   * Aborts an open transaction and ends. A prepared one stays as it is: its handle can end it. When the signal aborts,
   * an open one is left to its timeout, or to whoever takes the id next.
   */
  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions('transactionalProducer.close', options)
    this.closed ??= this.end(options?.signal)
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async end(signal: AbortSignal | undefined): Promise<void> {
    try {
      await raceAbort(this.current?.settle() ?? Promise.resolve(), signal)
    } catch {
      this.abandon()
    }
    this.routes.close()
  }

  // Nothing that is under way is waited for.
  private abandon(): void {
    this.abandoning.abort(new KafkaError('CLOSED', `The producer of ${this.transactionalId} is closed.`))
    this.current?.abandon()
  }

  private host(previous: Transaction | undefined): TransactionHost {
    const { cluster, routes, options } = this
    return {
      cluster,
      routes,
      options,
      abandoned: this.abandoning.signal,
      openSession: async () => {
        await previous?.settle()
        return this.inTurn(() => this.openSession())
      },
      newWitness: (first, begin) => this.newWitness(first, begin),
      recover: async (isInDoubt) => {
        await this.inTurn(() => this.takeNextEpoch(isInDoubt))
      },
      ended: (end, committed, written) => {
        if (written !== undefined) this.last = { written, connectionsLost: this.connectionsLost }
        this.ended(end, committed)
      }
    }
  }

  private ended(end: TransactionEnd, committed: Witness | null): void {
    if (committed !== null) {
      this.lastWitness = { offset: BigInt(committed.offset), randomId: committed.randomId }
    }
    switch (end.kind) {
      case 'unused':
        return
      case 'ended':
        if (end.next === undefined) {
          this.nextEpoch = 'needed'
          return
        }
        this.identity = end.next
        this.nextEpoch = 'givenByEnd'
        this.endedAtMs = this.cluster.runtime.monotonicMs()
        return
      case 'unclear':
        this.nextEpoch = 'inDoubt'
        return
      case 'fenced':
        this.fenced = end.error
    }
  }

  private async openSession(): Promise<TransactionSession> {
    if (this.fenced !== undefined) throw this.fenced
    const transactionVersion = await this.cluster.transactionVersion()
    const isGiven = this.nextEpoch === 'given' || (this.nextEpoch === 'givenByEnd' && transactionVersion === 2)
    // InitProducerId answers when the transaction before is complete.
    let isComplete = true
    if (this.identity === undefined) await this.takeId(this.limits())
    else if (!isGiven) await this.takeNextEpoch(this.nextEpoch === 'inDoubt')
    else if (this.endedAtMs !== undefined) {
      isComplete = await waitForMarkers(this.cluster, this.transactionalId, this.endedAtMs)
    }
    this.endedAtMs = undefined
    await this.completeLast(isComplete)
    const { identity, transactionalId } = this
    assert(identity !== undefined && identity.producerId >= 0n, 'a transaction needs a producer id')
    const owner = { transactionalId, ...identity }
    return new TransactionSession(this.cluster, owner, transactionVersion, this.limits())
  }

  // A coordinator that is complete has had every marker acknowledged, save those that it left out, which it does only
  // where a broker was gone.
  private async completeLast(isComplete: boolean): Promise<void> {
    const { cluster, last } = this
    const isUndisturbed = isComplete && last?.connectionsLost === cluster.connectionsLost
    if (last !== undefined && !isUndisturbed) await completeTransaction(cluster, last.written, this.limits())
    this.last = undefined
    this.connectionsLost = cluster.connectionsLost
  }

  private limits(): CallLimits {
    return { deadlineMs: this.options.deliveryTimeoutMs, signal: this.abandoning.signal }
  }

  private async takeId(limits: CallLimits): Promise<ProducerIdentity> {
    const { cluster, transactionalId, options } = this
    const clock = new Clock(cluster, limits)
    const before = await describe(cluster, transactionalId, limits, [])
    const answer = await initProducerId(cluster, transactionalId, options.transactionTimeoutMs, undefined, clock.left())
    if (answer.errorCode !== errorCode.NONE) throw this.initError(answer.errorCode)
    const written = leftOpen(before, await cluster.transactionVersion())
    // Nobody has seen whether brokers were gone meanwhile.
    if (written !== undefined) this.last = { written, connectionsLost: -1 }
    return this.adopt(answer)
  }

  // A broker that is asked for the next epoch of a stale one ends whatever transaction is open first, also that of the
  // producer which came later, and refuses only then: so its state is looked at before.
  private async takeNextEpoch(isInDoubt: boolean): Promise<ProducerIdentity> {
    if (this.identity === undefined) return this.takeId(this.limits())
    const { transactionalId, options } = this
    const present = await this.presentIdentity(this.identity, isInDoubt)
    if (present !== undefined) {
      const limits = this.limits()
      const answer = await initProducerId(this.cluster, transactionalId, options.transactionTimeoutMs, present, limits)
      const { errorCode: code } = answer
      if (code === errorCode.NONE) return this.adopt(answer)
      if (code !== errorCode.PRODUCER_FENCED && code !== errorCode.INVALID_PRODUCER_EPOCH) throw this.initError(code)
    }
    const reason = 'another producer has taken its transactional id, or the broker cannot tell that none has'
    this.fenced = fencedError(transactionalId, reason)
    throw this.fenced
  }

  // From which epoch to go on; undefined where another producer has the id, or may have it. The coordinator itself goes
  // one epoch further when it aborts a transaction that has timed out, and since version 2 whenever one ends. Below that
  // version a successor may stand one epoch further too, with a transaction of its own committed.
  private async presentIdentity(identity: ProducerIdentity, isInDoubt: boolean): Promise<ProducerIdentity | undefined> {
    const transactionVersion = await this.cluster.transactionVersion()
    const owner = { transactionalId: this.transactionalId, ...identity }
    const trustIn = (told: Described) => trustSinceGiven(owner, told)
    const patience = { ...this.limits(), patienceMs: outdatedMsMax }
    const described = await describePresent(this.cluster, this.transactionalId, trustIn, patience, [])
    // An id that the coordinator has forgotten is nobody else's.
    if (described === 'unknownId') return identity
    // Brokers before Kafka 3.0 cannot tell a timeout from a successor, from whom nothing may be taken.
    if (described === 'untold') return isInDoubt ? undefined : identity
    const { producerId, producerEpoch, state } = described
    if (producerId !== identity.producerId) return undefined
    if (producerEpoch === identity.producerEpoch) return identity
    const ends = transactionVersion === 2 ? /^(Complete|Prepare)(Abort|Commit)$/ : /^(Complete|Prepare)Abort$/
    const isOwnEnd = isInDoubt && producerEpoch === identity.producerEpoch + 1 && ends.test(state)
    return isOwnEnd ? { producerId, producerEpoch } : undefined
  }

  private adopt(identity: ProducerIdentity): ProducerIdentity {
    const { producerId, producerEpoch } = identity
    this.identity = { producerId, producerEpoch }
    this.nextEpoch = 'given'
    return this.identity
  }

  private initError(code: number): KafkaError {
    const { transactionalId, options } = this
    const what =
      code === errorCode.INVALID_TRANSACTION_TIMEOUT
        ? `InitProducerId of ${transactionalId} with transactionTimeoutMs ${options.transactionTimeoutMs}`
        : `InitProducerId of ${transactionalId}`
    return brokerError(code, what, { api: 'InitProducerId' })
  }

  private async newWitness(first: FirstPartition, begin: BeginTransactionOptions): Promise<Witness | undefined> {
    const { ledger } = this.options
    if (ledger === 'none') return undefined
    this.ledgerPlace ??= first
    const { topic, partition } = this.ledgerPlace
    const groupId = ledger?.groupId ?? ledgerGroupOf(this.transactionalId)
    const { checkpointId, previousRandomId } = begin
    if (checkpointId === undefined || previousRandomId === undefined) {
      this.lastWitness ??= await this.readWitness(groupId, topic, partition)
    }
    return {
      groupId,
      topic,
      partition,
      offset: (checkpointId ?? this.nextCount()).toString(),
      randomId: newRandomId(this.cluster.runtime),
      previousRandomId: previousRandomId === undefined ? (this.lastWitness?.randomId ?? null) : previousRandomId
    }
  }

  private nextCount(): bigint {
    return (this.lastWitness?.offset ?? -1n) + 1n
  }

  private async readWitness(
    groupId: string,
    topic: string,
    partition: number
  ): Promise<{ offset: bigint; randomId: string | null }> {
    const limits = this.limits()
    const entry = await readLedger(this.cluster, { groupId, topic, partition, requireStable: false, ...limits })
    if (entry.kind === 'unreadable') throw brokerError(entry.errorCode, `Reading the ledger ${groupId}`)
    if (entry.kind !== 'witness') return { offset: -1n, randomId: null }
    const randomId = /^[0-9a-f]{32}$/.test(entry.randomId) ? entry.randomId : null
    return { offset: entry.offset, randomId }
  }

  // Two requests for an identity at once would fence each other.
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.taking.then(work, work)
    this.taking = turn.catch(() => {})
    return turn
  }

  private checkUsable(): void {
    if (this.closed !== undefined) throw new KafkaError('CLOSED', `The producer of ${this.transactionalId} is closed.`)
    if (this.fenced !== undefined) throw this.fenced
  }

  private busy(): KafkaError {
    const state = this.current?.state ?? 'open'
    return new KafkaError(
      'INVALID_STATE',
      `${this.transactionalId} has a transaction that is ${state}; there is one at a time.`,
      { nextStep: 'Commit or abort it first.' }
    )
  }
}

function checkBegin({ checkpointId, previousRandomId }: BeginTransactionOptions): void {
  if (checkpointId !== undefined && (typeof checkpointId !== 'bigint' || checkpointId < 0n)) {
    throw new KafkaError(
      'INVALID_OPTION',
      `checkpointId is ${String(checkpointId)}, but must be a bigint of at least 0.`
    )
  }
  if (typeof previousRandomId === 'string' && !/^[0-9a-f]{32}$/.test(previousRandomId)) {
    throw new KafkaError('INVALID_OPTION', 'previousRandomId must be 32 hexadecimal digits, or null.')
  }
}
