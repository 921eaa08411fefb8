// The commit witness: an offset of a private group, stored inside the transaction, whose metadata is a random id made for
// that transaction. Whether the group shows it tells whether the transaction was committed, whatever its coordinator has
// forgotten. Owns reading it, and the read that a coordinator with outdated memory cannot answer. KIP-447.
import { errorCode } from '../../protocol/index.ts'
import { commitGroupOffsets, fetchGroupOffsets, supportsRequireStable } from '../admin/group_offsets.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import type { Attempt } from '../retry.ts'
import type { Witness } from './prepared.ts'
import { newRandomId } from './random_id.ts'

/** The group of an id's witnesses unless the user names another. */
export function ledgerGroupOf(transactionalId: string): string {
  return `${transactionalId}.ledger`
}

export interface ReadLedgerOptions {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  /** Whether a witness of a transaction that is still open shall be told as `unstable` instead of the one before it. */
  readonly requireStable: boolean
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; the cluster's requestTimeoutMs where absent. */
  readonly deadlineMs?: number
}

export type LedgerEntry =
  | { readonly kind: 'empty' }
  | { readonly kind: 'witness'; readonly offset: bigint; readonly randomId: string }
  /** An open transaction has a witness here. */
  | { readonly kind: 'unstable' }
  | { readonly kind: 'unreadable'; readonly errorCode: number }

/**
 * Reads the witness of the last committed transaction. An absent or older witness alone does not prove that a
 * transaction was lost. With `requireStable`, brokers before Kafka 2.5 are refused with BROKER_TOO_OLD. Rejects with
 * KafkaError DEADLINE_EXCEEDED where no coordinator answers. KIP-447, OffsetFetch.
 */
export async function readLedger(cluster: Cluster, options: ReadLedgerOptions): Promise<LedgerEntry> {
  const { groupId, topic, partition, requireStable, signal, deadlineMs } = options
  const { errorCode: code, offsets } = await fetchGroupOffsets(cluster, {
    groupId,
    partitions: [{ topic, partition }],
    requireStable,
    signal,
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  })
  return toEntry(code, offsets.get(keyOfPartition(topic, partition)))
}

/** Where a witness stands. */
export type WitnessPlace = Pick<Witness, 'groupId' | 'topic' | 'partition'>

interface StoredOffset {
  readonly offset: bigint
  readonly metadata: string | null
  readonly errorCode: number
}

function toEntry(groupCode: number, stored: StoredOffset | undefined): LedgerEntry {
  const code = groupCode === errorCode.NONE ? (stored?.errorCode ?? errorCode.NONE) : groupCode
  if (code === errorCode.UNSTABLE_OFFSET_COMMIT) return { kind: 'unstable' }
  // A group that nothing was ever stored in, as newer versions of the request say it.
  if (code === errorCode.GROUP_ID_NOT_FOUND) return { kind: 'empty' }
  if (code !== errorCode.NONE) return { kind: 'unreadable', errorCode: code }
  if (stored === undefined || stored.offset < 0n) return { kind: 'empty' }
  return { kind: 'witness', offset: stored.offset, randomId: stored.metadata ?? '' }
}

/** How long an offset must stay the same on brokers that cannot tell whether it is stable, milliseconds. */
const unchangedMs = 1_000
const unchangedStepMs = 100

export interface SettledLedgerOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
  /** A witness that is still pending after this time is told as `unstable`, milliseconds; at the deadline where absent. */
  readonly unstableMsMax?: number
}

/**
 * Reads the witness so that the answer cannot come from a coordinator that was superseded: a mark is stored in the same
 * group first, on another partition, and must be in the same answer. To be called after InitProducerId has answered on
 * the id, so that nothing of it is open. Without requireStable (brokers before Kafka 2.5) the witness must be unchanged
 * for a second instead. Waits while somebody is a member of the group. Rejects with KafkaError DEADLINE_EXCEEDED.
 */
export async function readSettledLedger(
  cluster: Cluster,
  witness: WitnessPlace,
  limits: SettledLedgerOptions
): Promise<LedgerEntry> {
  const { runtime, logger, retryBackoffMs, retryBackoffMsMax } = cluster
  const { groupId } = witness
  const what = `Reading the witness in ${groupId}`
  const patientUntilMs = runtime.monotonicMs() + (limits.unstableMsMax ?? Infinity)
  const isStableKnown = await supportsRequireStable(cluster, groupId, limits.signal)
  const { deadlineMs, signal } = limits
  const options = { deadlineMs, signal, backoffMs: retryBackoffMs, backoffMsMax: retryBackoffMsMax, what, logger }
  return retry(runtime, options, async (leftMs): Promise<Attempt<LedgerEntry>> => {
    const own = { deadlineMs: leftMs, signal: limits.signal }
    // Only an answer that was asked for after the wait tells that the witness is still pending.
    const isLastLook = runtime.monotonicMs() >= patientUntilMs
    const mark = await storeMark(cluster, witness, own)
    if (mark.errorCode === errorCode.UNKNOWN_MEMBER_ID) return { again: hasMembers(what) }
    if (mark.errorCode !== errorCode.NONE) return { done: { kind: 'unreadable', errorCode: mark.errorCode } }
    const entry = await readBehindMark(cluster, witness, mark, isStableKnown, own)
    if (entry === undefined) {
      const message = `${what}: the answer is older than what was just stored.`
      return { again: new KafkaError('INVALID_STATE', message, { retriable: true }) }
    }
    if (entry.kind === 'unstable' && !isLastLook) return { again: stillPending(what) }
    if (entry.kind === 'unstable') return { done: entry }
    if (isStableKnown || (await isUnchanged(cluster, witness, entry, own))) return { done: entry }
    return { again: new KafkaError('INVALID_STATE', `${what}: it has just changed.`, { retriable: true }) }
  })
}

function stillPending(what: string): KafkaError {
  return new KafkaError('INVALID_STATE', `${what}: a transaction is open there.`, {
    retriable: true,
    nextStep:
      'See whether another producer of the id is at work. If none is, the end of a transaction was not written to ' +
      '__consumer_offsets (KAFKA-20734): a principal with READ on that topic and CLUSTER_ACTION can find and repair it.'
  })
}

// A broker takes offsets from nobody but the members of a group, once there are any. In a transaction it does not ask.
function hasMembers(what: string): KafkaError {
  return new KafkaError('INVALID_STATE', `${what}: somebody has joined that group.`, {
    retriable: true,
    nextStep: 'Let the consumers in it end, or use another group id: nobody may be a member of a ledger.'
  })
}

/** A partition that every cluster has and that no witness is stored for: brokers refuse one that is not there. */
const commonPlace: TopicPartition = Object.freeze({ topic: '__consumer_offsets', partition: 0 })

interface Mark extends TopicPartition {
  readonly metadata: string
  readonly errorCode: number
}

interface Limits {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

async function storeMark(cluster: Cluster, witness: WitnessPlace, limits: Limits): Promise<Mark> {
  const mark = await storeMarkAt(cluster, witness.groupId, commonPlace, limits)
  if (mark.errorCode !== errorCode.TOPIC_AUTHORIZATION_FAILED) return mark
  const neighbour = await neighbourOf(cluster, witness)
  return neighbour === undefined ? mark : storeMarkAt(cluster, witness.groupId, neighbour, limits)
}

/** Another partition of the witness's own topic, for those who may not name the common one. */
async function neighbourOf(cluster: Cluster, witness: WitnessPlace): Promise<TopicPartition | undefined> {
  const { topic } = witness
  const partitions = (await cluster.topics([topic])).get(topic)?.partitions ?? []
  const other = partitions.findLast(({ partition }) => partition !== witness.partition)
  return other === undefined ? undefined : { topic, partition: other.partition }
}

async function storeMarkAt(
  cluster: Cluster,
  groupId: string,
  { topic, partition }: TopicPartition,
  limits: Limits
): Promise<Mark> {
  const metadata = `mark ${newRandomId(cluster.runtime)}`
  const offsets = [{ topic, partition, offset: 0n, metadata }]
  const codes = await commitGroupOffsets(cluster, { groupId, offsets, ...limits })
  const code = codes.get(keyOfPartition(topic, partition)) ?? errorCode.UNKNOWN_SERVER_ERROR
  return { topic, partition, metadata, errorCode: code }
}

async function readBehindMark(
  cluster: Cluster,
  { groupId, topic, partition }: WitnessPlace,
  mark: Mark,
  requireStable: boolean,
  limits: Limits
): Promise<LedgerEntry | undefined> {
  const { errorCode: code, offsets } = await fetchGroupOffsets(cluster, {
    groupId,
    partitions: [
      { topic, partition },
      { topic: mark.topic, partition: mark.partition }
    ],
    requireStable,
    ...limits
  })
  const marked = offsets.get(keyOfPartition(mark.topic, mark.partition))
  if (code === errorCode.NONE && marked?.metadata !== mark.metadata) return undefined
  return toEntry(code, offsets.get(keyOfPartition(topic, partition)))
}

async function isUnchanged(
  cluster: Cluster,
  witness: WitnessPlace,
  entry: LedgerEntry,
  limits: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined }
): Promise<boolean> {
  const { groupId, topic, partition } = witness
  for (let waitedMs = 0; waitedMs < unchangedMs; waitedMs += unchangedStepMs) {
    await cluster.runtime.sleep(unchangedStepMs, limits.signal)
    const now = await readLedger(cluster, { groupId, topic, partition, requireStable: false, ...limits })
    if (!isSameEntry(now, entry)) return false
  }
  return true
}

/** Whether both tell of the same witness, or both of none. */
export function isSameEntry(left: LedgerEntry, right: LedgerEntry): boolean {
  if (left.kind === 'witness') return right.kind === 'witness' && left.randomId === right.randomId
  return left.kind === 'empty' && right.kind === 'empty'
}
