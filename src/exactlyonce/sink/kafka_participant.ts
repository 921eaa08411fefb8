// All Kafka sinks of a job on one cluster as one participant: one transaction per checkpoint, on the next free id of a
// small pool. Decides what is sent when; the transactions themselves, their verdicts and proofs are the client's.
// Losable: the broker aborts a Kafka transaction that waits too long. KIP-98, KIP-447, KIP-890.
import { assert, KafkaError, readDecision, ResumedTransaction, TransactionalProducer } from '../../client/index.ts'
import type { Cluster, Decision, PreparedTransaction, Transaction, Verdict } from '../../client/index.ts'
import { handled, onAbort, raceAbort, withDeadline } from '../../runtime/index.ts'
import { JobError } from '../errors.ts'
import type { ParticipantContext, StateValue } from '../functions.ts'
import type {
  AbortOutcome,
  LedgerFinding,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction
} from '../participant.ts'
import { initializeIds, knownTransactionalIds } from './fencing.ts'
import { decodeRecorded, encodeRecorded, explainWitnesses, readWitnesses } from './ledger.ts'
import type { LedgerPlace } from './ledger.ts'
import {
  abortHanging,
  findOpenTransactions,
  openTransactionsNow,
  partitionsOfLedgers,
  partitionsOfTopic
} from './open_transactions.ts'
import type { OpenTransaction } from './open_transactions.ts'
import { packHandle, unpackHandle } from './packed_handle.ts'
import { proveCommitted, settleByAbort, settleByCommit } from './settlement.ts'
import type { SettlementOptions, TransactionOutcome } from './settlement.ts'
import type { SinkSettings } from './sink_settings.ts'
import { checkKafkaStart } from './start_checks.ts'
import { formatTransactionName, slotOfTask } from './transaction_names.ts'
import { TransactionPool } from './transaction_pool.ts'
import type { Slot } from './transaction_pool.ts'
import { TwoPhaseCommitParticipant } from './two_phase_commit_participant.ts'

/** A transaction of this run, and the id that it occupies. */
export interface KafkaTransaction {
  readonly slot: Slot
  readonly transaction: Transaction
  /** Set when it is sealed. */
  prepared: PreparedTransaction | undefined
  /** Called when the end of the run is no longer to abort it. */
  readonly seal: () => void
}

/** A job in one process has one task. */
const task = 0

/**
 * Time to abort what is open when a run ends, milliseconds. What cannot be aborted by then is left to the next run's
 * fence, or to its timeout.
 */
const abortDeadlineMs = 10_000

/** Kafka's error code TOPIC_AUTHORIZATION_FAILED. */
const topicAuthorizationFailed = 29

export class KafkaTransactionParticipant extends TwoPhaseCommitParticipant<KafkaTransaction> {
  readonly settings: SinkSettings
  readonly #cluster: Cluster
  #clusterId = ''
  #place: LedgerPlace
  #pool: TransactionPool | undefined
  /** Every id of this task that is known, also of an earlier and larger pool. */
  #transactionalIds: readonly string[] = []
  /** Producer ids under which earlier runs wrote, each with the epoch below which they did. */
  #formerProducers: ReadonlyMap<bigint, number> = new Map()
  /** The transactional id of each of them. */
  readonly #idsByProducer = new Map<bigint, string>()
  /** Those of them whose last transaction was committed when they were shut out. */
  readonly #committedProducers = new Set<bigint>()
  /** By slot: what the ledger showed last. */
  readonly #witnesses = new Map<number, string | null>()
  /** Topics in which nothing of an earlier run is open any more. */
  readonly #cleanTopics = new Map<string, Promise<void> | true>()

  constructor(context: ParticipantContext, name: string, settings: SinkSettings) {
    super(context, name, 'losable')
    this.settings = settings
    this.#cluster = settings.kafka.cluster
    this.#place = { topic: settings.ledgerTopic, partition: 0 }
  }

  async checkStart(): Promise<void> {
    const { checkpointing, signal, recoveryDeadlineMs } = this.context
    await checkKafkaStart(this.#cluster, this.settings, {
      checkpointing,
      transactionalIds: Array.from({ length: this.#poolSize }, (_, slot) => {
        return formatTransactionName({ prefix: this.settings.prefix, task, slot })
      }),
      signal,
      deadlineMs: recoveryDeadlineMs
    })
  }

  async recoverAndCommit({ checkpointId, handle }: PendingTransaction): Promise<SettledTransaction> {
    const own = this.#ownHandle(handle)
    return settleByCommit(this.#cluster, own, checkpointId, this.#settlementOptions(own, checkpointId))
  }

  async recoverAndAbort({ checkpointId, handle }: PendingTransaction): Promise<AbortOutcome> {
    const own = this.#ownHandle(handle)
    return settleByAbort(this.#cluster, own, checkpointId, this.#settlementOptions(own, checkpointId))
  }

  // A checkpoint is a file that anybody may have put there: it must not make us end a stranger's transaction.
  #ownHandle(value: StateValue): PreparedTransaction {
    const handle = unpackHandle(value)
    if (slotOfTask(this.settings.prefix, task, handle.transactionalId) !== undefined) return handle
    const message = `The checkpoint holds a transaction of ${handle.transactionalId}, which is no id of ${this.name}.`
    throw new JobError('CHECKPOINT_CORRUPT', message, { fatal: true })
  }

  #recoveryOptions(): { readonly deadlineMs: number; readonly signal: AbortSignal } {
    return { deadlineMs: this.context.recoveryDeadlineMs, signal: this.context.signal }
  }

  // Whatever is said about a transaction can be compared with the log by those who listen.
  #settlementOptions(handle: PreparedTransaction, checkpointId: number): SettlementOptions {
    const { transactionalId, producerId, producerEpoch, partitions } = handle
    const which = { checkpointId, transactionalId, producerId, producerEpoch }
    const tell = (verdict: TransactionOutcome): void => {
      const places = partitions.map(({ topic, partition, firstOffset }) => ({ topic, partition, firstOffset }))
      this.context.report({ kind: 'transactionVerdict', ...which, partitions: places, verdict })
    }
    return { call: this.#recoveryOptions(), tell }
  }

  async fence(retained: readonly RetainedCheckpoint[]): Promise<void> {
    const options = this.#recoveryOptions()
    this.#clusterId = await this.#cluster.clusterId(options.signal)
    this.#place = await this.#choosePlace(retained)
    await this.#pool?.close()
    this.#pool = this.#newPool(this.#place)
    const { prefix } = this.settings
    const known = await knownTransactionalIds(this.#cluster, { prefix, task }, retained, options)
    for (const producerId of known.committedProducerIds) this.#committedProducers.add(producerId)
    const { slots } = this.#pool
    const others = known.transactionalIds.filter((id) => !slots.some((slot) => slot.transactionalId === id))
    const producers = [
      ...slots.map(({ producer }) => producer),
      ...others.map((id) => this.#newProducer(id, this.#place))
    ]
    const initialized = await initializeIds(producers, options)
    await Promise.all(producers.slice(slots.length).map((producer) => producer.close()))
    this.#transactionalIds = producers.map(({ transactionalId }) => transactionalId)
    for (const [producerId, id] of known.idsByProducer) this.#idsByProducer.set(producerId, id)
    for (const { producerId, transactionalId } of initialized) this.#idsByProducer.set(producerId, transactionalId)
    const epochs = initialized.map(({ producerId, producerEpoch }) => [producerId, producerEpoch] as const)
    this.#formerProducers = new Map([
      ...[...known.idsByProducer.keys()].map((id) => [id, Infinity] as const),
      ...epochs
    ])
  }

  // Once chosen, the place of the ledger stays, so that all witnesses of a job are found in one; a place whose topic
  // was deleted has lost its witnesses with it.
  async #choosePlace(retained: readonly RetainedCheckpoint[]): Promise<LedgerPlace> {
    const own = { topic: this.settings.ledgerTopic, partition: 0 }
    const newest = retained.findLast(({ snapshot }) => snapshot !== undefined)?.snapshot
    if (newest === undefined) return own
    const { place, clusterId } = decodeRecorded(newest.recorded)
    if (clusterId !== this.#clusterId) throw otherCluster(this.name, clusterId, this.#clusterId)
    const topics = await this.#cluster.topics([place.topic], { signal: this.context.signal })
    return topics.has(place.topic) ? place : own
  }

  /** One id for the running epoch, and one for the epoch that writers who passed the barrier have begun. */
  get #poolSize(): number {
    return this.context.checkpointing.concurrentMax + 2
  }

  #newPool(place: LedgerPlace): TransactionPool {
    return new TransactionPool({
      prefix: this.settings.prefix,
      task,
      size: this.#poolSize,
      runtime: this.context.runtime,
      createProducer: (transactionalId) => this.#newProducer(transactionalId, place)
    })
  }

  #newProducer(transactionalId: string, ledger: LedgerPlace): TransactionalProducer {
    const { transactionTimeoutMs, producer } = this.settings
    return new TransactionalProducer(this.#cluster, { ...producer, transactionalId, transactionTimeoutMs, ledger })
  }

  async verify(chosen: RetainedCheckpoint | undefined, isNewest: () => Promise<boolean>): Promise<LedgerFinding> {
    const hanging = await this.#endPendingWitnesses(chosen, isNewest)
    if (hanging !== undefined) return { kind: 'unexplained', details: hanging }
    const places = [this.#place]
    const recorded = chosen?.snapshot === undefined ? undefined : decodeRecorded(chosen.snapshot.recorded)
    if (recorded !== undefined && !samePlace(recorded.place, this.#place)) places.push(recorded.place)
    const found = await readWitnesses(this.#cluster, this.#transactionalIds, places, this.#recoveryOptions())
    const { prefix } = this.settings
    this.#witnesses.clear()
    for (const id of this.#transactionalIds) this.#witnesses.set(this.#slotNumber(id), null)
    for (const { transactionalId, place, randomId } of found) {
      if (samePlace(place, this.#place)) this.#witnesses.set(this.#slotNumber(transactionalId), randomId)
    }
    return explainWitnesses(found, chosen, { prefix, task })
  }

  // A witness whose transaction ended without a marker there stays pending, and the ledger cannot be read. Where it was
  // aborted, the marker is written. Answers why it may have been committed, where that is so.
  async #endPendingWitnesses(
    chosen: RetainedCheckpoint | undefined,
    isNewest: () => Promise<boolean>
  ): Promise<string | undefined> {
    // Asked at once: every id is fenced, so a checkpoint that an earlier run publishes from here on cannot be committed.
    const [pending, wasNewest] = await Promise.all([this.#pendingWitnesses(openTransactionsNow), isNewest()])
    if (pending.length === 0) return undefined
    const open = await this.#pendingWitnesses(findOpenTransactions)
    for (const one of open) {
      const { topic, partition, startOffset, producerId } = one
      const what = `a witness of producerId ${producerId} is pending in ${topic}-${partition} from offset ${startOffset} on`
      const evidence: string[] = []
      const decision = await this.#decisionOf(one, evidence)
      if (decision === 'abort') continue
      if (decision === 'commit') return `${what}, and its transaction was committed`
      if (chosen === undefined) return `${what}, but the store is empty`
      if (this.#committedProducers.has(producerId)) {
        return `${what}, and the last transaction of that producer was committed (${evidence.join('; ')})`
      }
      if (!wasNewest) return `${what}, and there is a newer checkpoint than ${chosen.checkpointId}`
    }
    await abortHanging(this.#cluster, open, this.#recoveryOptions())
    return undefined
  }

  async #decisionOf(open: OpenTransaction, evidence: string[]): Promise<Decision | undefined> {
    const { topic, partition, producerId, producerEpoch, lastWrittenAtMs } = open
    const transactionalId = this.#idsByProducer.get(producerId)
    if (transactionalId === undefined || lastWrittenAtMs === undefined) return undefined
    const startedAtMs = lastWrittenAtMs - this.settings.transactionTimeoutMs
    const which = { transactionalId, producerId, producerEpoch, startedAtMs, partitions: [{ topic, partition }] }
    return readDecision(this.#cluster, { ...which, isAloneInEpoch: false }, this.#recoveryOptions(), evidence)
  }

  async #pendingWitnesses(find: typeof findOpenTransactions): Promise<readonly OpenTransaction[]> {
    const options = this.#recoveryOptions()
    try {
      const partitions = await partitionsOfLedgers(this.#cluster, this.#transactionalIds, options.signal)
      return await find(this.#cluster, partitions, this.#formerProducers, options)
    } catch (error) {
      // Few may look into that topic. What is pending there shows when the ledger is read.
      if (error instanceof KafkaError && error.kafkaCode === topicAuthorizationFailed) return []
      throw error
    }
  }

  #slotNumber(transactionalId: string): number {
    const slot = slotOfTask(this.settings.prefix, task, transactionalId)
    assert(slot !== undefined, `${transactionalId} is no id of ${this.name}`)
    return slot
  }

  protected override async beginRun(): Promise<void> {
    for (const topic of this.settings.topics) await this.cleanTopic(topic)
  }

  /**
   * Sees to it that no transaction of an earlier run holds a partition of this topic open, before this run's first
   * write to it: a new transaction of the same producer would bring the old one's records to light or destroy them.
   * Returns a promise only at the first time.
   */
  cleanTopic(topic: string): void | Promise<void> {
    const state = this.#cleanTopics.get(topic)
    if (state === true) return undefined
    if (state !== undefined) return state
    const cleaning = this.#clean(topic).then(() => {
      this.#cleanTopics.set(topic, true)
    })
    this.#cleanTopics.set(topic, cleaning)
    return cleaning
  }

  async #clean(topic: string): Promise<void> {
    const options = this.#recoveryOptions()
    const partitions = await partitionsOfTopic(this.#cluster, topic, options.signal)
    const open = await findOpenTransactions(this.#cluster, partitions, this.#formerProducers, options)
    // The ledger was verified: what committed is in the checkpoint and proven, so what is still open was aborted.
    if (open.length > 0) await abortHanging(this.#cluster, open, options)
  }

  protected async openTransaction(checkpointId: number): Promise<KafkaTransaction> {
    const pool = this.#runningPool()
    const slot = await pool.open(this.context.signal)
    const previousRandomId = this.#witnesses.get(slot.slot) ?? null
    const { signal } = this.context
    signal.throwIfAborted()
    const transaction = slot.producer.beginTransaction({ checkpointId: BigInt(checkpointId), previousRandomId })
    // Writers that wait for its records, from a broker that may be gone, must not hold up the end of the run.
    const seal = onAbort(signal, () => void handled(transaction.abort({ deadlineMs: abortDeadlineMs })))
    return { slot, transaction, prepared: undefined, seal }
  }

  #runningPool(): TransactionPool {
    assert(this.#pool !== undefined, `${this.name}: a transaction was opened before recovery`)
    return this.#pool
  }

  protected async sealTransaction(txn: KafkaTransaction): Promise<StateValue | null> {
    const { signal } = this.context
    const prepared = await raceAbort(txn.transaction.prepare(), signal)
    signal.throwIfAborted() // its abort has begun
    txn.seal()
    if (!prepared.hasData) {
      await txn.transaction.commit()
      this.#runningPool().move(txn.slot, 'idle')
      return null
    }
    txn.prepared = prepared
    this.#runningPool().move(txn.slot, 'sealed')
    return packHandle(prepared)
  }

  protected async commitTransaction(txn: KafkaTransaction, _handle: StateValue, checkpointId: number): Promise<void> {
    const { slot, transaction, prepared } = txn
    assert(prepared !== undefined, `${slot.transactionalId} is to be committed and was not prepared`)
    const pool = this.#runningPool()
    const options = this.#settlementOptions(prepared, checkpointId)
    pool.move(slot, 'committing')
    const verdict = await transaction.commit(options.call)
    options.tell(verdict.kind)
    if (verdict.kind !== 'committed' && verdict.kind !== 'alreadyCommitted')
      throw notCommitted(slot.transactionalId, checkpointId, verdict)
    pool.move(slot, 'decided')
    await proveCommitted(new ResumedTransaction(this.#cluster, prepared), prepared, options)
    pool.move(slot, 'proven')
    this.#witnesses.set(slot.slot, prepared.witness?.randomId ?? null)
    pool.move(slot, 'idle')
  }

  protected async abortTransaction({ slot, transaction }: KafkaTransaction): Promise<void> {
    const aborted = transaction.abort({ deadlineMs: abortDeadlineMs })
    await withDeadline(this.context.runtime, aborted, abortDeadlineMs)
    this.#runningPool().move(slot, 'idle')
  }

  protected recorded(): StateValue {
    return encodeRecorded({ clusterId: this.#clusterId, place: this.#place, witnesses: this.#witnesses })
  }

  protected transactionName({ slot }: KafkaTransaction): string {
    return slot.transactionalId
  }

  protected override async closeRun(): Promise<void> {
    await this.#pool?.close()
  }
}

function samePlace(left: LedgerPlace, right: LedgerPlace): boolean {
  return left.topic === right.topic && left.partition === right.partition
}

// Who took over and what became of the transaction is for recovery to find out; only where nobody can tell, it is not
// worth trying.
function notCommitted(transactionalId: string, checkpointId: number, verdict: Verdict): JobError {
  const which = `The transaction of checkpoint ${checkpointId} (${transactionalId})`
  if (verdict.kind === 'fenced' || verdict.kind === 'foreignHandle') {
    return new JobError('JOB_FENCED', `${which} was taken over by another producer: ${verdict.evidence}.`, {
      fatal: true,
      nextStep: 'Run one process of a job at a time, and give each job a transactionalIdPrefix of its own.'
    })
  }
  const evidence = 'evidence' in verdict ? verdict.evidence : 'it was aborted'
  return new JobError(
    'TRANSACTION_LOST',
    `${which} is lost: ${evidence}. The job goes on from the checkpoint before it.`
  )
}

// An empty ledger of another cluster would agree with any checkpoint.
function otherCluster(name: string, recorded: string, present: string): JobError {
  const message = `The checkpoints of ${name} belong to cluster ${recorded}, but the sinks write to cluster ${present}.`
  return new JobError('INVALID_JOB', message, {
    fatal: true,
    nextStep: 'Point the job at the cluster that its checkpoints belong to, or at another checkpoint directory.'
  })
}
