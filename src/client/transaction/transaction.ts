// One transaction of a producer: takes records and offsets, is sealed with a witness, and ends. Owns its state and the
// rule that no failure is survived: whatever is not acknowledged in full is aborted, never sealed. Its producer lends it
// an identity and is told how it ended. KIP-98, KIP-447, KIP-890, KIP-939.
import { errorCode } from '../../protocol/index.ts'
import type { RecordHeader } from '../../protocol/index.ts'
import { deferred, handled, raceAbort } from '../../runtime/index.ts'
import { assert, brokerError, BugError, KafkaError } from '../errors.ts'
import { RecordStream } from '../producer/index.ts'
import type { ProducerIdentity, ProducerMessage, RecordMetadata } from '../producer/index.ts'
import { checkDecideOptions, checkOffsetsToCommit } from './call_rules.ts'
import { endTxn, endTxnVersion } from './coordinator_calls.ts'
import type { CallLimits, CoordinatorAnswer, OffsetsToCommit } from './coordinator_calls.ts'
import { endBegun } from './ending.ts'
import type { Refusal } from './ending.ts'
import { makeHandle } from './handle.ts'
import { judge } from './judge.ts'
import type { PreparedTransaction, Verdict, Witness } from './prepared.ts'
import { targetOf } from './resume_target.ts'
import { asKafkaError } from './session.ts'
import type { TransactionSession } from './session.ts'
import { isFinal, transition } from './states.ts'
import type { TransactionState } from './states.ts'
import { abortableError, fencedError } from './transaction_errors.ts'
import type {
  BeginTransactionOptions,
  DecideOptions,
  FirstPartition,
  TransactionEnd,
  TransactionHost
} from './transaction_host.ts'

export type { BeginTransactionOptions, DecideOptions } from './transaction_host.ts'

const decideDeadlineMs = 60_000

export class Transaction {
  private readonly host: TransactionHost
  private readonly begin: BeginTransactionOptions
  private readonly stream: RecordStream
  private current: TransactionState = 'open'
  /** Why the transaction must be aborted. */
  private failure: KafkaError | undefined
  /** Rejects with it, for those who wait for acknowledgements that may be long in coming. */
  private readonly failed = deferred<never>()
  private opening: Promise<TransactionSession> | undefined
  private session: TransactionSession | undefined
  private readonly offsetWork = new Set<Promise<void>>()
  private hasOffsets = false
  private firstOffsetPartition: FirstPartition | undefined
  private startedAtMs = -1
  private handle: PreparedTransaction | undefined
  private verdict: Verdict | undefined
  private sealing: Promise<PreparedTransaction> | undefined
  private committing: Promise<Verdict> | undefined
  private aborting: Promise<void> | undefined

  /** @internal */
  constructor(host: TransactionHost, begin: BeginTransactionOptions) {
    this.host = host
    this.begin = begin
    void handled(this.failed.promise)
    this.stream = new RecordStream(host.cluster, host.options, host.routes, {
      transactionalId: host.options.transactionalId,
      produceVersions: () => this.session?.produceVersions ?? {},
      identity: () => this.identity(),
      admit: (queue) => this.admit(queue),
      renewIdentity: () => {
        throw new BugError('a transaction keeps its epoch')
      },
      onFailure: (error) => this.fail(error)
    })
  }

  get state(): TransactionState {
    return this.current
  }

  /** At least one batch of records, or offsets, were acknowledged: there is something to commit. */
  get hasData(): boolean {
    if (this.hasOffsets) return true
    for (const queue of this.stream.touched) if (queue.firstOffset !== undefined) return true
    return false
  }

  private get isCommitted(): boolean {
    return this.current === 'committed'
  }

  /** Whether the transaction can only be aborted, or has ended. */
  get isOver(): boolean {
    return this.failure !== undefined || this.current === 'aborting' || isFinal(this.current)
  }

  /**
   * Takes one record, to be sent in a batch. Answers a promise only while the buffer is full, or the topic not known
   * yet: wait for it before appending more. What becomes of the record, flush, prepare and commit tell. Key, value and
   * headers are copied. Throws KafkaError: TRANSACTION_ABORTABLE once anything of this transaction has failed,
   * INVALID_STATE when it is not open, RECORD_TOO_LARGE, BUFFER_FULL, INVALID_OPTION.
   *
   * @param timestamp - milliseconds since 1970; now where absent
   */
  append(
    topic: string,
    partition: number | undefined,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: readonly RecordHeader[],
    timestamp?: number
  ): void | Promise<void> {
    if (this.current !== 'open' || this.failure !== undefined) this.refuseWrite()
    if (this.startedAtMs < 0) this.startedAtMs = this.host.cluster.runtime.nowMs()
    return this.stream.append(topic, partition, key, value, headers, timestamp)
  }

  /** As the send of an idempotent producer; the records become visible when the transaction is committed. */
  async send(messages: ProducerMessage | readonly ProducerMessage[]): Promise<RecordMetadata[]> {
    if (this.current !== 'open' || this.failure !== undefined) this.refuseWrite()
    if (this.startedAtMs < 0) this.startedAtMs = this.host.cluster.runtime.nowMs()
    return this.stream.send(isList(messages) ? messages : [messages])
  }

  /**
   * Stores offsets of a group, visible when the transaction is committed. Give `member` wherever the group has members:
   * without it a broker fences nobody. Rejects with KafkaError; the transaction must then be aborted. KIP-447.
   */
  async sendOffsets(commit: OffsetsToCommit): Promise<void> {
    checkOffsetsToCommit(commit)
    if (this.current !== 'open' || this.failure !== undefined) this.refuseWrite()
    if (this.startedAtMs < 0) this.startedAtMs = this.host.cluster.runtime.nowMs()
    const [first] = commit.offsets
    if (first === undefined) return
    this.firstOffsetPartition ??= { topic: first.topic, partition: first.partition }
    const work = this.commitOffsets(commit)
    this.offsetWork.add(work)
    try {
      await work
    } finally {
      this.offsetWork.delete(work)
    }
  }

  /** Sends at once what is waiting and waits until it is acknowledged. Rejects with KafkaError TRANSACTION_ABORTABLE. */
  async flush(): Promise<void> {
    if (this.current !== 'open') this.refuseWrite()
    await this.complete()
  }

  /**
   * Waits until everything is acknowledged, stores the witness, and seals the transaction: afterwards no write of it can
   * leave. The handle is all that another process needs to end it. Where anything fails the transaction is aborted.
   * Rejects with KafkaError TRANSACTION_ABORTABLE, PRODUCER_FENCED or INVALID_STATE. KIP-939.
   */
  prepare(): Promise<PreparedTransaction> {
    if (this.sealing !== undefined) return this.sealing
    if (this.current !== 'open') return Promise.reject(this.wrongState('prepared'))
    this.move('sealing')
    this.sealing = handled(this.seal())
    return this.sealing
  }

  /**
   * Prepares the transaction where that was not done, and commits it. Resolves when the outcome is decided: `committed`,
   * `lost` where the broker had aborted it, `fenced` where nothing tells. Rejects with KafkaError: DEADLINE_EXCEEDED
   * while the outcome is unknown (call commit again, or resume the handle), TRANSACTION_ABORTABLE where it could not be
   * committed and has been aborted, PRODUCER_FENCED, INVALID_STATE, BROKER_ERROR for a missing permission.
   */
  async commit(options: DecideOptions = {}): Promise<Verdict> {
    checkDecideOptions('transaction.commit', options)
    if (this.verdict !== undefined)
      return this.verdict.kind === 'committed' ? { kind: 'alreadyCommitted' } : this.verdict
    if (this.current === 'open') await this.prepare()
    if (this.committing === undefined) {
      if (this.current !== 'prepared' && this.current !== 'committing') throw this.wrongState('committed')
      this.committing = handled(
        this.decide(options).finally(() => {
          this.committing = undefined
        })
      )
    }
    return raceAbort(this.committing, options.signal)
  }

  /**
   * Aborts: none of its records will be visible. Does nothing where it is aborted already. Rejects with KafkaError:
   * INVALID_STATE once it is committed or may be, PRODUCER_FENCED, DEADLINE_EXCEEDED. The producer can be used again
   * unless it is fenced.
   */
  async abort(options: DecideOptions = {}): Promise<void> {
    checkDecideOptions('transaction.abort', options)
    if (this.current === 'aborted') return
    if (this.current === 'committing' || this.current === 'committed') throw this.wrongState('aborted')
    return this.abortOnce(options)
  }

  /** Ends the transaction where it is not sealed; resolves when that is done, whatever came of it. @internal */
  async settle(): Promise<void> {
    if (this.sealing !== undefined) await this.sealing.catch(() => {})
    if (this.current === 'open' || this.current === 'aborting') await this.abortOnce({}).catch(() => {})
  }

  /**
   * Lets go of it at once where it is not sealed, and waits for nothing: whoever initializes its id next ends it, or its
   * timeout does. @internal
   */
  abandon(): void {
    if (this.current !== 'open' && this.current !== 'sealing' && this.current !== 'aborting') return
    this.fail(new KafkaError('CLOSED', `The transaction of ${this.host.options.transactionalId} was abandoned.`))
    this.closeStream()
    this.ended('failed', { kind: 'unclear' })
  }

  private identity(): ProducerIdentity | undefined {
    if (this.session === undefined) void handled(this.open())
    return this.session?.identity
  }

  private open(): Promise<TransactionSession> {
    this.opening ??= this.host.openSession().then(
      (session) => {
        this.session = session
        this.stream.sender.wake()
        return session
      },
      (error: unknown) => {
        const failure = asKafkaError(error)
        this.fail(failure)
        throw failure
      }
    )
    return this.opening
  }

  private admit(queue: Parameters<TransactionSession['admit']>[0]): boolean {
    assert(this.session !== undefined, 'a partition is written to before there is a session')
    return this.session.admit(
      queue,
      () => this.stream.sender.wake(),
      (error) => this.fail(error)
    )
  }

  private async commitOffsets(commit: OffsetsToCommit): Promise<void> {
    try {
      const session = await this.open()
      if (this.failure !== undefined) throw this.failure
      await session.commitOffsets(commit)
      this.hasOffsets = true
    } catch (error) {
      this.fail(asKafkaError(error))
      throw this.failure
    }
  }

  // The first failure decides; everything that is not on the wire is given up.
  private fail(error: KafkaError): void {
    if (this.failure !== undefined || isFinal(this.current)) return
    this.failure = abortableError(this.host.options.transactionalId, error)
    this.session?.cancel()
    this.stream.stop(this.failure)
    this.failed.reject(this.failure)
  }

  // Everything that was accepted is acknowledged. Once anything has failed, the rest is not waited for.
  private async complete(): Promise<void> {
    const all = Promise.all([this.stream.flush(), ...[...this.offsetWork].map((work) => work.catch(() => {}))])
    await Promise.race([all, this.failed.promise])
    if (this.failure !== undefined) throw this.failure
  }

  private async seal(): Promise<PreparedTransaction> {
    try {
      const wait = this.host.cluster.runtime.faultPoint('transaction.flush')
      if (wait) await wait
      const witness = await this.completeWithWitness()
      await this.stream.sender.idle()
      if (this.failure !== undefined) throw this.failure
      this.stream.sender.seal()
      const { session, hasData } = this
      const startedAtMs = this.startedAtMs < 0 ? this.host.cluster.runtime.nowMs() : this.startedAtMs
      this.handle = await makeHandle(this.host, session, {
        touched: this.stream.touched,
        hasData,
        startedAtMs,
        witness
      })
      if (this.failure !== undefined) throw this.failure
      this.move('prepared')
      return this.handle
    } catch (error) {
      this.fail(asKafkaError(error))
      await this.abortOnce({}).catch((cause: unknown) => {
        if (cause instanceof KafkaError && cause.code === 'PRODUCER_FENCED') throw cause
      })
      throw this.failure
    }
  }

  private async completeWithWitness(): Promise<Witness | null> {
    // The witness goes along with the last batches; what it says is known before they are acknowledged.
    if (!this.stream.hasIncomplete && !this.hasData && this.offsetWork.size === 0) return null
    const flushing = handled(this.complete())
    if (this.firstPartition() === undefined) await flushing
    const first = this.firstPartition()
    assert(first !== undefined, 'a transaction with data has a partition')
    const [witness] = await Promise.all([this.storeWitness(first), flushing])
    return witness
  }

  private firstPartition(): FirstPartition | undefined {
    for (const { topic, partition } of this.stream.touched) return { topic, partition }
    return this.firstOffsetPartition
  }

  private async storeWitness(first: FirstPartition): Promise<Witness | null> {
    const session = await this.open()
    const witness = await this.host.newWitness(first, this.begin)
    if (witness === undefined) return null
    const { groupId, topic, partition, offset, randomId } = witness
    if (this.failure !== undefined) throw this.failure
    await session.commitOffsets({
      groupId,
      offsets: [{ topic, partition, offset: BigInt(offset), metadata: randomId }]
    })
    return witness
  }

  private async decide(options: DecideOptions): Promise<Verdict> {
    const { handle, session } = this
    assert(handle !== undefined, 'a transaction is committed once it is prepared')
    if (this.current === 'prepared') this.move('committing')
    if (!handle.hasData || session === undefined) return this.finish({ kind: 'committed' }, { kind: 'unused' })
    const { cluster } = this.host
    const limits = { deadlineMs: options.deadlineMs ?? decideDeadlineMs, signal: options.signal }
    const startMs = cluster.runtime.monotonicMs()
    const ended = await endBegun(cluster, targetOf(handle), true, { ...limits, patienceMs: limits.deadlineMs })
    const leftMs = Math.max(1, limits.deadlineMs - (cluster.runtime.monotonicMs() - startMs))
    const left = { ...limits, deadlineMs: leftMs }
    if (ended.kind === 'answered') return this.conclude(handle, ended.answer, left)
    return this.judged(await judge(cluster, targetOf(handle), ended.refusal, { ...left, mayInitProducerId: false }))
  }

  private async conclude(handle: PreparedTransaction, answer: CoordinatorAnswer, limits: CallLimits): Promise<Verdict> {
    const { errorCode: code } = answer
    const what = `EndTxn (commit) of ${handle.transactionalId}`
    switch (code) {
      case errorCode.NONE:
        return this.finish({ kind: 'committed' }, { kind: 'ended', next: nextIdentity(answer) })
      case errorCode.TRANSACTION_ABORTABLE:
        this.fail(brokerError(code, what))
        await this.abortOnce(limits).catch((cause: unknown) => {
          if (!this.isCommitted) throw cause
        })
        if (this.isCommitted) return { kind: 'alreadyCommitted' }
        throw this.failure
      default:
        this.move('prepared')
        throw brokerError(code, what, { api: 'EndTxn' })
    }
  }

  private judged(verdict: Verdict): Verdict {
    if (verdict.kind === 'fenced' || verdict.kind === 'foreignHandle') {
      const error = fencedError(this.host.options.transactionalId, verdict.evidence)
      return this.finish(verdict, { kind: 'fenced', error })
    }
    return this.finish(verdict, this.endSettledElsewhere(verdict))
  }

  // Below transaction version 2 a commit leaves the epoch as it is, whoever has sent it.
  private endSettledElsewhere({ kind }: Verdict): TransactionEnd {
    const isCommitted = kind === 'committed' || kind === 'alreadyCommitted'
    const keepsEpoch = isCommitted && this.session !== undefined && this.session.transactionVersion < 2
    return keepsEpoch ? { kind: 'ended', next: undefined } : { kind: 'unclear' }
  }

  private finish(verdict: Verdict, end: TransactionEnd): Verdict {
    const isCommitted = verdict.kind === 'committed' || verdict.kind === 'alreadyCommitted'
    const isAborted = verdict.kind === 'lost' || verdict.kind === 'aborted'
    this.move(isCommitted ? 'committed' : isAborted ? 'aborted' : 'failed')
    this.verdict = verdict
    this.closeStream()
    const written = this.session?.ended(this.stream.touched, this.handle, isCommitted ? 'commit' : 'abort')
    this.host.ended(end, isCommitted ? (this.handle?.witness ?? null) : null, written)
    return verdict
  }

  private abortOnce(options: DecideOptions): Promise<void> {
    this.aborting ??= handled(this.abortNow(options))
    return this.aborting
  }

  private async abortNow(options: DecideOptions): Promise<void> {
    if (this.current === 'failed') throw this.failure ?? this.wrongState('aborted')
    this.move('aborting')
    const { transactionalId } = this.host.options
    this.fail(new KafkaError('TRANSACTION_ABORTABLE', `The transaction of ${transactionalId} is aborted.`))
    // Nothing of it may arrive after its end.
    await this.opening?.catch(() => {})
    await Promise.all([this.stream.sender.idle(), this.session?.idle()])
    this.closeStream()
    const { session } = this
    const hasBegun = session !== undefined && (session.hasAdded || this.stream.sender.hasSent)
    try {
      if (hasBegun) await this.endByAbort(session, options)
      else this.ended('aborted', { kind: 'unused' })
    } catch (error) {
      if (this.current === 'aborting') this.ended('failed', { kind: 'unclear' })
      throw error
    }
  }

  private async endByAbort(session: TransactionSession, options: DecideOptions): Promise<void> {
    const { cluster, options: hostOptions, abandoned } = this.host
    const signal = options.signal === undefined ? abandoned : AbortSignal.any([abandoned, options.signal])
    const limits = { deadlineMs: options.deadlineMs ?? hostOptions.requestTimeoutMs * 2, signal }
    const { handle } = this
    if (handle?.hasData === true) {
      const ended = await endBegun(cluster, targetOf(handle), false, { ...limits, patienceMs: limits.deadlineMs })
      return ended.kind === 'refused'
        ? this.abortRefused(ended.refusal, limits)
        : this.concludeAbort(session, ended.answer, limits)
    }
    const version = await endTxnVersion(cluster, session.owner.transactionalId, session.transactionVersion)
    const end = { commit: false, endTxnVersion: version }
    return this.concludeAbort(session, await endTxn(cluster, session.owner, end, limits), limits)
  }

  private async concludeAbort(
    session: TransactionSession,
    answer: CoordinatorAnswer,
    limits: CallLimits
  ): Promise<void> {
    switch (answer.errorCode) {
      case errorCode.NONE:
        return this.ended('aborted', { kind: 'ended', next: nextIdentity(answer) })
      case errorCode.INVALID_TXN_STATE:
      case errorCode.INVALID_PRODUCER_EPOCH:
      case errorCode.INVALID_PRODUCER_ID_MAPPING:
      case errorCode.PRODUCER_FENCED:
      case errorCode.TRANSACTION_ABORTABLE:
      case errorCode.UNKNOWN_PRODUCER_ID:
        return this.abortRefused({ code: answer.errorCode, evidence: [] }, limits)
      default:
        throw brokerError(answer.errorCode, `EndTxn (abort) of ${session.owner.transactionalId}`, { api: 'EndTxn' })
    }
  }

  // The coordinator does not see this transaction as open: it timed out, another producer took over, or, once it was
  // sealed, somebody else ended it by its handle.
  private async abortRefused(refusal: Refusal, limits: CallLimits): Promise<void> {
    const { cluster, options } = this.host
    if (this.handle !== undefined) {
      const verdict = await judge(cluster, targetOf(this.handle), refusal, { ...limits, mayInitProducerId: false })
      if (verdict.kind === 'alreadyCommitted' || verdict.kind === 'committed') {
        this.finish({ kind: 'alreadyCommitted' }, this.endSettledElsewhere(verdict))
        const message = `The transaction of ${options.transactionalId} was committed by its handle.`
        throw new KafkaError('INVALID_STATE', message, { nextStep: 'Begin another transaction.' })
      }
    }
    // Under a stale epoch the coordinator would not have looked at the state.
    await this.host.recover(refusal.code !== errorCode.INVALID_TXN_STATE)
    this.ended('aborted', { kind: 'unused' })
  }

  private ended(state: 'aborted' | 'failed', end: TransactionEnd): void {
    this.move(state)
    const decided = state === 'failed' && this.handle !== undefined ? 'unknown' : 'abort'
    this.host.ended(end, null, this.session?.ended(this.stream.touched, this.handle, decided))
  }

  private closeStream(): void {
    const closed = new KafkaError('CLOSED', `The transaction of ${this.host.options.transactionalId} has ended.`)
    this.stream.close(closed)
  }

  private move(to: TransactionState): void {
    this.current = transition(this.current, to, this.host.options.transactionalId)
  }

  private refuseWrite(): never {
    throw this.failure ?? this.wrongState('written to')
  }

  private wrongState(what: string): KafkaError {
    if (this.failure !== undefined && this.current === 'open') return this.failure
    const message = `The transaction of ${this.host.options.transactionalId} is ${this.current} and cannot be ${what}.`
    return new KafkaError('INVALID_STATE', message, { cause: this.failure })
  }
}

function nextIdentity({ producerId, producerEpoch }: CoordinatorAnswer): ProducerIdentity | undefined {
  return producerId >= 0n ? { producerId, producerEpoch } : undefined
}

function isList(messages: ProducerMessage | readonly ProducerMessage[]): messages is readonly ProducerMessage[] {
  return Array.isArray(messages)
}
