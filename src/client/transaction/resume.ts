// Settles a transaction that another process, or an earlier life of this one, left open: commits or aborts it by its
// saved producer id and epoch, without InitProducerId, and tells truly what became of it. Owns the procedure up to the
// verdict; nothing here writes records. KIP-98, KIP-890, KIP-939.
import { errorCode, zeroUuid } from '../../protocol/index.ts'
import { describeProducers } from '../admin/transactions.ts'
import type { TransactionDescription } from '../admin/transactions.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import type { Cluster } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { checkProveOptions, checkSettleOptions } from './call_rules.ts'
import { endTxnVersion } from './coordinator_calls.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { describePresent, outdatedMsMax } from './coordinator_view.ts'
import type { Described, Trust } from './coordinator_view.ts'
import { endBegun } from './ending.ts'
import { Clock } from './clock.ts'
import { judge, judgeByState, witnessShows } from './judge.ts'
import { isPrepared, parseForeign, parsePrepared } from './prepared_codec.ts'
import type { ForeignTransaction, PreparedPartition, PreparedTransaction, Proof, Verdict } from './prepared.ts'
import { prove, repair } from './proof.ts'
import { targetOf } from './resume_target.ts'
import type { ResumeTarget } from './resume_target.ts'

export interface SettleOptions {
  /** Time to come to a verdict, milliseconds. Default 60000. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Whether InitProducerId may be sent, as part of the proof that a transaction is lost, where neither the witness nor
   * control records decide. It fences every producer of the id. Default true.
   */
  readonly mayInitProducerId?: boolean | undefined
}

export interface ProveOptions extends SettleOptions {
  /** Time that missing markers are waited for, milliseconds. Default 5000. */
  readonly proofDeadlineMs?: number | undefined
}

const settleDeadlineMs = 60_000
const proofDeadlineMsDefault = 5_000

export class ResumedTransaction {
  private readonly cluster: Cluster
  private readonly prepared: PreparedTransaction | undefined
  private readonly foreign: ReturnType<typeof parseForeign> | undefined
  /** What the coordinator told of another client's transaction while it was open. */
  private foreignPartitions: readonly PreparedPartition[] = []

  /** Throws KafkaError INVALID_OPTION where the handle is not what `prepare` gave, or not a whole one. */
  constructor(cluster: Cluster, handle: PreparedTransaction | ForeignTransaction) {
    this.cluster = cluster
    if (isPrepared(handle)) this.prepared = parsePrepared(handle)
    else this.foreign = parseForeign(handle)
  }

  /**
   * Commits. A transaction without data is `committed` without any request. Rejects with KafkaError: DEADLINE_EXCEEDED
   * while the outcome is unknown (`outcomeUnknown` tells whether the commit may have taken effect), TRANSACTION_ABORTABLE
   * where the broker asks for an abort instead, TRANSACTION_TORN, BROKER_ERROR for a missing permission.
   */
  async commit(options: SettleOptions = {}): Promise<Verdict> {
    checkSettleOptions('resumed.commit', options)
    return this.settle(true, options)
  }

  /** Aborts. `alreadyCommitted` where it is too late; `aborted` also where it was aborted before. Rejects as `commit`. */
  async abort(options: SettleOptions = {}): Promise<Verdict> {
    checkSettleOptions('resumed.abort', options)
    const verdict = await this.settle(false, options)
    return verdict.kind === 'lost' ? { kind: 'aborted' } : verdict
  }

  /**
   * Whether every partition of the decided transaction has its marker and the witness is final. Until that is so, no
   * transaction may begin on its transactional id. KIP-664 (DescribeProducers; before Kafka 2.8 the log is read).
   */
  async prove(options: ProveOptions = {}): Promise<Proof> {
    checkProveOptions('resumed.prove', options)
    const { deadlineMs = settleDeadlineMs, proofDeadlineMs = proofDeadlineMsDefault, signal } = options
    const { prepared } = this
    if (prepared !== undefined && !prepared.hasData) return { kind: 'proven' }
    const limits = { deadlineMs, signal, proofDeadlineMs: Math.min(proofDeadlineMs, deadlineMs) }
    return prove(this.cluster, await this.target(limits), limits)
  }

  /**
   * Writes the markers that `prove` found missing. `decided` must be what was decided, or the transaction is torn. Needs
   * CLUSTER_ACTION; rejects with KafkaError BROKER_ERROR without it. WriteTxnMarkers.
   */
  async repair(proof: Proof, decided: 'commit' | 'abort', options: SettleOptions = {}): Promise<void> {
    checkSettleOptions('resumed.repair', options)
    const limits = { deadlineMs: options.deadlineMs ?? settleDeadlineMs, signal: options.signal }
    await repair(this.cluster, await this.target(limits), proof, decided, limits)
  }

  private async settle(commit: boolean, options: SettleOptions): Promise<Verdict> {
    const { deadlineMs = settleDeadlineMs, signal, mayInitProducerId = true } = options
    const clock = new Clock(this.cluster, { deadlineMs, signal })
    const { prepared } = this
    if (prepared === undefined) return this.settleForeign(commit, clock)
    const clusterId = await this.cluster.clusterId(signal)
    if (prepared.clusterId !== clusterId) {
      return { kind: 'foreignHandle', evidence: `it belongs to cluster ${prepared.clusterId}, this is ${clusterId}` }
    }
    if (!prepared.hasData) return { kind: commit ? 'committed' : 'aborted' }
    const target = targetOf(prepared)
    if (await witnessShows(this.cluster, target.witness, clock.left(), [])) return { kind: 'alreadyCommitted' }
    return this.end(target, commit, clock, mayInitProducerId)
  }

  private async end(target: ResumeTarget, commit: boolean, clock: Clock, mayInitProducerId: boolean): Promise<Verdict> {
    const { cluster } = this
    const ended = await endBegun(cluster, target, commit, { ...clock.left(), patienceMs: outdatedMsMax })
    if (ended.kind === 'refused') return judge(cluster, target, ended.refusal, { ...clock.left(), mayInitProducerId })
    const { errorCode: code } = ended.answer
    const what = `EndTxn (${commit ? 'commit' : 'abort'}) of ${target.transactionalId}`
    switch (code) {
      case errorCode.NONE:
        return { kind: commit ? 'committed' : 'aborted' }
      case errorCode.TRANSACTION_ABORTABLE:
        throw new KafkaError('TRANSACTION_ABORTABLE', `${what}: the broker asks for an abort.`, {
          abortable: true,
          kafkaCode: code,
          api: 'EndTxn',
          nextStep: 'Abort it by the same handle.'
        })
      default:
        throw brokerError(code, what, { api: 'EndTxn' })
    }
  }

  // Another client's word is all there is: the coordinator says first whether it can be right.
  private async settleForeign(commit: boolean, clock: Clock): Promise<Verdict> {
    const evidence: string[] = []
    const target = await this.target(clock.left())
    const trustIn = (told: Described) => trustInForeign(target, told)
    const patience = { ...clock.left(), patienceMs: outdatedMsMax }
    const described = await describePresent(this.cluster, target.transactionalId, trustIn, patience, evidence)
    if (described === 'untold') return this.end(target, commit, clock, false)
    if (described === 'unknownId' || described.producerId !== target.producerId) {
      return { kind: 'foreignHandle', evidence: evidence.join('; ') }
    }
    const ahead = described.producerEpoch - target.producerEpoch
    if (ahead < 0)
      return { kind: 'foreignHandle', evidence: `${evidence.join('; ')}, not epoch ${target.producerEpoch}` }
    if (ahead === 0 && described.state === 'Ongoing') {
      return this.end(await this.withPartitions(target, described, clock), commit, clock, false)
    }
    // Nothing was ever written under this epoch.
    if (ahead === 0 && described.state === 'Empty') return { kind: commit ? 'committed' : 'aborted' }
    const told = judgeByState(target, described) ?? judgeByState({ ...target, transactionVersion: 0 }, described)
    return told ?? { kind: 'fenced', evidence: evidence.join('; ') }
  }

  private async withPartitions(
    target: ResumeTarget,
    described: TransactionDescription,
    clock: Clock
  ): Promise<ResumeTarget> {
    const partitions = described.partitions.filter(({ topic }) => topic !== '__consumer_offsets')
    const { deadlineMs, signal } = clock.left()
    const topics = await this.cluster.topics(partitions.map(({ topic }) => topic))
    const options = { deadlineMs, newest: true, ...(signal === undefined ? {} : { signal }) }
    const producers = await describeProducers(this.cluster, partitions, options)
    const found = partitions.map(({ topic, partition }): PreparedPartition => {
      const own = producers.get(keyOfPartition(topic, partition))?.find((one) => one.producerId === target.producerId)
      const firstOffset = (own?.currentTxnStartOffset ?? -1n).toString()
      return { topic, topicId: topics.get(topic)?.topicId ?? zeroUuid, partition, firstOffset }
    })
    this.foreignPartitions = found
    return { ...target, partitions: found }
  }

  private async target(limits: CallLimits): Promise<ResumeTarget> {
    if (this.prepared !== undefined) return targetOf(this.prepared)
    const { cluster, foreign } = this
    if (foreign === undefined) throw new KafkaError('INVALID_STATE', 'There is no transaction to resume.')
    const transactionVersion = await cluster.transactionVersion(limits.signal)
    const { transactionalId } = foreign
    return {
      ...foreign,
      transactionVersion,
      endTxnVersion: await endTxnVersion(cluster, transactionalId, transactionVersion, limits.signal),
      transactionTimeoutMs: settleDeadlineMs,
      startedAtMs: 0,
      partitions: this.foreignPartitions,
      witness: null,
      isOwn: false
    }
  }
}

// What somebody else's transaction has begun is not known: only that it is open, or that the id has gone on, cannot be an
// answer from before it.
function trustInForeign({ producerId, producerEpoch }: ResumeTarget, described: Described): Trust {
  if (described === 'untold') return 'present'
  if (described === 'unknownId' || described.producerId !== producerId) return 'doubtful'
  const isOpen = described.producerEpoch === producerEpoch && described.state === 'Ongoing'
  return isOpen || described.producerEpoch > producerEpoch ? 'present' : 'doubtful'
}
