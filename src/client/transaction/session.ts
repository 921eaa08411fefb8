// Owns what one transaction writes under (producer id and epoch, transaction version) and the telling of its
// coordinator which partitions and groups it touches, which transaction versions below 2 need. Each partition and each
// group is told once. KIP-98, KIP-447, KIP-890.
import { errorCode } from '../../protocol/index.ts'
import type { Cluster } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import type { PartitionQueue, ProducerIdentity } from '../producer/index.ts'
import type { EndedTransaction } from './completion.ts'
import { addOffsetsToTxn, addPartitionsToTxn, txnOffsetCommit } from './coordinator_calls.ts'
import type { CallLimits, OffsetsToCommit, TransactionOwner } from './coordinator_calls.ts'
import type { PreparedTransaction } from './prepared.ts'
import { targetOf, targetWithoutHandle } from './resume_target.ts'

/** The last version of Produce that does not add partitions to the transaction by itself. */
const produceVersionMaxBefore2 = 11
const produceVersionMinSince2 = 12

export class TransactionSession {
  readonly owner: TransactionOwner
  /** For the sender; a new object per transaction, so that sequences begin anew. */
  readonly identity: ProducerIdentity
  readonly transactionVersion: 0 | 1 | 2
  readonly produceVersions: { readonly versionMin?: number; readonly versionMax?: number }
  /** The coordinator was asked to add something, whatever became of it. */
  hasAdded = false
  private readonly cluster: Cluster
  private readonly limits: CallLimits
  private isCancelled = false
  /** Requests that are not answered. */
  private readonly underWay = new Set<Promise<unknown>>()
  private readonly wanted = new Set<PartitionQueue>()
  private readonly asked = new Set<PartitionQueue>()
  private isAdding = false
  private readonly groupIds = new Set<string>()
  private readonly groups = new Map<string, Promise<number>>()

  constructor(cluster: Cluster, owner: TransactionOwner, transactionVersion: 0 | 1 | 2, limits: CallLimits) {
    this.cluster = cluster
    this.owner = owner
    this.identity = { producerId: owner.producerId, producerEpoch: owner.producerEpoch }
    this.transactionVersion = transactionVersion
    this.produceVersions =
      transactionVersion === 2 ? { versionMin: produceVersionMinSince2 } : { versionMax: produceVersionMaxBefore2 }
    this.limits = { ...limits, isCancelled: () => this.isCancelled }
  }

  /** Nothing is worth being repeated any more. */
  cancel(): void {
    this.isCancelled = true
  }

  /** Resolves when no request to a coordinator is under way. */
  async idle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay)
  }

  /** Whether the partition may be written to now; where not, `admitted` or `refused` follows. */
  admit(queue: PartitionQueue, admitted: () => void, refused: (error: KafkaError) => void): boolean {
    if (this.transactionVersion === 2 || queue.isAdmitted) return true
    if (!this.asked.has(queue)) this.wanted.add(queue)
    if (!this.isAdding) {
      this.isAdding = true
      void this.track(this.addWanted(admitted, refused))
    }
    return false
  }

  /** What was written here, now that it has ended. */
  ended(
    touched: Iterable<PartitionQueue>,
    handle: PreparedTransaction | undefined,
    decided: EndedTransaction['decided']
  ): EndedTransaction {
    const { owner, transactionVersion, groupIds } = this
    const target = handle === undefined ? targetWithoutHandle(owner, transactionVersion, touched) : targetOf(handle)
    return { target, groupIds, decided }
  }

  /** Stores offsets in the transaction. Rejects with KafkaError; the transaction must then be aborted. */
  commitOffsets(commit: OffsetsToCommit): Promise<void> {
    return this.track(this.commitOffsetsNow(commit))
  }

  private async commitOffsetsNow(commit: OffsetsToCommit): Promise<void> {
    this.hasAdded = true
    this.groupIds.add(commit.groupId)
    if (this.transactionVersion < 2) {
      this.check(await this.addGroup(commit.groupId), `AddOffsetsToTxn of ${this.owner.transactionalId}`)
    }
    const code = await txnOffsetCommit(this.cluster, this.owner, this.transactionVersion, commit, this.limits)
    this.check(code, `TxnOffsetCommit of ${this.owner.transactionalId} to the group ${commit.groupId}`)
  }

  private addGroup(groupId: string): Promise<number> {
    let added = this.groups.get(groupId)
    if (added === undefined) {
      added = addOffsetsToTxn(this.cluster, this.owner, groupId, this.limits)
      this.groups.set(groupId, added)
    }
    return added
  }

  private async addWanted(admitted: () => void, refused: (error: KafkaError) => void): Promise<void> {
    // Partitions that are written to in the same turn go together.
    await Promise.resolve()
    try {
      while (this.wanted.size > 0) {
        const queues = [...this.wanted]
        this.wanted.clear()
        for (const queue of queues) this.asked.add(queue)
        this.hasAdded = true
        const code = await addPartitionsToTxn(this.cluster, this.owner, queues, this.limits)
        this.check(code, `AddPartitionsToTxn of ${this.owner.transactionalId}`)
        for (const queue of queues) queue.isAdmitted = true
        admitted()
      }
    } catch (error) {
      refused(asKafkaError(error))
    }
    this.isAdding = false
  }

  private async track<T>(work: Promise<T>): Promise<T> {
    this.underWay.add(work)
    try {
      return await work
    } finally {
      this.underWay.delete(work)
    }
  }

  private check(code: number, what: string): void {
    if (code !== errorCode.NONE) throw brokerError(code, what, { abortable: true, fatal: false })
  }
}

/** Whatever was thrown, as an error of the client. */
export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  return new KafkaError('INVALID_STATE', 'Something unexpected was thrown.', { cause: error, abortable: true })
}
