// How a transaction ended, out of the log of its coordinator. DescribeTransactions forgets a decision as soon as the next
// producer of the id has come, but its record stays in `__transaction_state` until that is compacted: the last evidence
// where neither a partition nor a ledger got a marker (KAFKA-20734). Owns the reading of that log and what its records tell
// of one transaction; what follows from it, judge.ts decides. KIP-98, KIP-890.
// Source: org.apache.kafka.coordinator.transaction.{TransactionLog, TransactionStateManager}.
import {
  decodeVersioned,
  encodeVersioned,
  errorCode,
  ProtocolError,
  splitRecordBatches,
  TransactionLogKey,
  TransactionLogValue,
  transactionStatuses
} from '../../protocol/index.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import { listOffsets } from '../admin/topics.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { fetchRaw } from './control_scan.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { Clock } from './clock.ts'
import { partitionOfGroup } from './proof.ts'
import type { ResumeTarget } from './resume_target.ts'

export type Decision = 'commit' | 'abort'

const stateTopic = '__transaction_state'

/** Clocks of brokers may be behind our own by so much, milliseconds. */
const clockSkewMsMax = 10 * 60_000
/** Time for this evidence, at most, milliseconds. */
const readMsMax = 10_000
const readBytesFirst = 1024 * 1024
/** Bytes of one fetch, at most. */
const readBytesMax = 16 * 1024 * 1024
/** An empty answer before the end of the log is asked for again after this time, milliseconds. */
const emptyBackoffMs = 20

/** What is looked for. */
export interface SoughtTransaction extends Pick<
  ResumeTarget,
  'transactionalId' | 'producerId' | 'producerEpoch' | 'startedAtMs'
> {
  /** Where it wrote. */
  readonly partitions: readonly TopicPartition[]
  /** Whether no other transaction can have this epoch, as since transaction version 2. If not, the last one counts. */
  readonly isAloneInEpoch: boolean
}

/**
 * What the coordinator has decided about the transaction; undefined where its log does not tell, and `evidence` says why.
 * Needs READ on `__transaction_state`. Rejects with KafkaError, such as DEADLINE_EXCEEDED or CLOSED, where asking again
 * may tell more; or with the signal's reason.
 */
export async function readDecision(
  cluster: Cluster,
  target: SoughtTransaction,
  limits: CallLimits,
  evidence: string[]
): Promise<Decision | undefined> {
  const { deadlineMs, signal } = limits
  const clock = new Clock(cluster, { deadlineMs: Math.min(deadlineMs, readMsMax), signal })
  try {
    const scan = await scanLog(cluster, target, clock)
    evidence.push(typeof scan === 'string' ? scan : textOf(scan.decision))
    return typeof scan === 'string' ? undefined : scan.decision
  } catch (error) {
    const why = refusalIn(error)
    if (why === undefined) throw error
    evidence.push(`${stateTopic} cannot be read (${why})`)
    return undefined
  }
}

// What may pass is no evidence: the leader of the partition is the coordinator itself, which has just answered.
function refusalIn(error: unknown): string | undefined {
  if (error instanceof ProtocolError) return error.message
  if (!(error instanceof KafkaError) || error.retriable) return undefined
  return error.code === 'BROKER_ERROR' || error.code === 'BROKER_TOO_OLD' ? (error.kafkaName ?? error.code) : undefined
}

function textOf(decision: Decision | undefined): string {
  if (decision === undefined) return `${stateTopic} does not tell how it ended`
  return `${stateTopic} has the ${decision} of it`
}

async function scanLog(cluster: Cluster, target: SoughtTransaction, clock: Clock): Promise<DecisionScan | string> {
  const found = (await cluster.topics([stateTopic], signalOf(clock))).get(stateTopic)
  if (found === undefined) return `${stateTopic} is not shown here`
  const partition = partitionOfGroup(target.transactionalId, found.partitions.length)
  const place = { topic: stateTopic, partition }
  const scan = new DecisionScan(target, await beginningOf(cluster, place, target.startedAtMs, clock))
  const endMs = cluster.runtime.monotonicMs() + clock.left().deadlineMs
  let bytesMax = readBytesFirst
  // A leader that stood still has the beginning of the log, which is true, and an end of its own.
  let newest = false
  while (!scan.isFinal) {
    if (cluster.runtime.monotonicMs() >= endMs) return `${keyOfPartition(stateTopic, partition)} is too long to be read`
    const where = { ...place, topicId: found.topicId, fetchOffset: scan.position, bytesMax }
    const fetched = await fetchRaw(cluster, where, { ...clock.left(), newest })
    const isOutside = fetched.errorCode === errorCode.OFFSET_OUT_OF_RANGE
    if (isOutside || scan.position >= fetched.highWatermark) {
      if (newest) return isOutside ? `${keyOfPartition(stateTopic, partition)} was deleted from` : scan
      newest = true
      continue
    }
    const before = scan.position
    scan.take(fetched.records)
    if (scan.position > before) bytesMax = Math.min(bytesMax * 2, readBytesMax)
    else await cluster.runtime.sleep(emptyBackoffMs, clock.left().signal)
  }
  return scan
}

// Nothing of the transaction is older than its own beginning.
async function beginningOf(
  cluster: Cluster,
  place: TopicPartition,
  startedAtMs: number,
  clock: Clock
): Promise<bigint> {
  const options = { newest: true, deadlineMs: clock.left().deadlineMs, ...signalOf(clock) }
  const position = { timestampMs: Math.max(0, startedAtMs - clockSkewMsMax) }
  const key = keyOfPartition(place.topic, place.partition)
  const offset = (await listOffsets(cluster, [{ ...place, position }], options)).get(key)?.offset ?? -1n
  if (offset >= 0n) return offset
  return (await listOffsets(cluster, [{ ...place, position: 'latest' }], options)).get(key)?.offset ?? 0n
}

function signalOf(clock: Clock): { readonly signal?: AbortSignal } {
  const { signal } = clock.left()
  return signal === undefined ? {} : { signal }
}

/**
 * Folds the records of the coordinator's log into the decision about one transaction: what comes right after it was open.
 * Compaction takes nothing from between the two that it does not take from before them as well. Pure.
 */
export class DecisionScan {
  /** The next offset to read. */
  position: bigint
  decision: Decision | undefined
  private readonly sought: SoughtTransaction
  private readonly key: Uint8Array
  private isOpen = false

  constructor(sought: SoughtTransaction, position: bigint) {
    this.sought = sought
    this.position = position
    this.key = encodeVersioned(TransactionLogKey, 0, { transactionalId: sought.transactionalId })
  }

  /** Whether nothing that follows can change the decision. */
  get isFinal(): boolean {
    return this.sought.isAloneInEpoch && this.decision !== undefined
  }

  /** Takes records that were read at `position`. Throws ProtocolError. */
  take(records: Uint8Array | null): void {
    for (const batch of splitRecordBatches(records)) {
      if (batch.lastOffset < this.position) continue
      const from = this.position
      this.position = batch.lastOffset + 1n
      if (batch.isControl || batch.recordCount < 1) continue
      const view = batch.records()
      for (let i = 0; i < batch.recordCount; i++) {
        if (view.offset(i) < from || !isSame(view.key(i), this.key)) continue
        this.takeValue(view.value(i))
        if (this.isFinal) return
      }
    }
  }

  private takeValue(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.isOpen = false
      return
    }
    const { version, value } = decodeVersioned(TransactionLogValue, bytes)
    // A higher version need not be readable by the rules of a lower one (KIP-915).
    if (version > TransactionLogValue.versions[1]) {
      throw new ProtocolError('UNSUPPORTED_VERSION', `${TransactionLogValue.name} has version ${version}`)
    }
    const status = transactionStatuses[value.transactionStatus]
    const isDecided = this.isOpen && value.producerId === this.sought.producerId
    if (isDecided && status === 'PrepareCommit') this.decision = 'commit'
    if (isDecided && status === 'PrepareAbort') this.decision = 'abort'
    this.isOpen = status === 'Ongoing' && this.isSought(value)
  }

  private isSought({ producerId, producerEpoch, transactionPartitions }: TransactionLogValue): boolean {
    const { sought } = this
    if (producerId !== sought.producerId || producerEpoch !== sought.producerEpoch) return false
    const isThere = ({ topic, partition }: TopicPartition): boolean =>
      (transactionPartitions ?? []).some((one) => one.topic === topic && one.partitionIds.includes(partition))
    return sought.partitions.every(isThere)
  }
}

function isSame(left: Uint8Array | null, right: Uint8Array): boolean {
  return left !== null && left.length === right.length && left.every((byte, i) => byte === right[i])
}
