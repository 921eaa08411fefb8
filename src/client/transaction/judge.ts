// The verdict on a transaction that its coordinator no longer takes for open: an error code cannot tell "committed
// before" from "lost", so the witness, the control records, the state of the coordinator and, at last, its log are asked,
// the most telling first. Owns the order of the questions and what their answers mean together. KIP-98, KIP-447, KIP-664.
import { errorCode, errorByCode } from '../../protocol/index.ts'
import { describeConfigs } from '../admin/cluster_view.ts'
import type { Cluster } from '../cluster.ts'
import { findCoordinator } from '../coordinator_request.ts'
import { KafkaError } from '../errors.ts'
import { Clock } from './clock.ts'
import { scanPartition } from './control_scan.ts'
import type { PartitionEnd } from './control_scan.ts'
import { initProducerId } from './coordinator_calls.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { readDecision } from './coordinator_log.ts'
import { describe } from './coordinator_view.ts'
import type { Described } from './coordinator_view.ts'
import type { Refusal } from './ending.ts'
import type { Verdict, Witness } from './prepared.ts'
import type { ResumeTarget } from './resume_target.ts'
import { readLedger, readSettledLedger } from './witness.ts'

export interface JudgeLimits extends CallLimits {
  /** Whether InitProducerId, which fences every producer of the id, may be used as part of the proof. */
  readonly mayInitProducerId: boolean
}

/** Markers of a transaction that has just ended come a little later, milliseconds. */
const markerWaitMs = 5_000
const markerBackoffMs = 2
const markerBackoffMsMax = 200
const scansMax = 4

/**
 * A ledger that was empty before may be empty again once its offset has expired: after as long as the broker keeps
 * offsets, and this is the most that is relied on, milliseconds.
 */
const ledgerRetentionMsMax = 24 * 60 * 60 * 1000
const retentionName = 'offsets.retention.minutes'

/** What became of a transaction whose EndTxn was refused. Throws KafkaError TRANSACTION_TORN. */
export async function judge(
  cluster: Cluster,
  target: ResumeTarget,
  refusal: Refusal,
  limits: JudgeLimits
): Promise<Verdict> {
  const clock = new Clock(cluster, limits)
  const { code } = refusal
  const evidence = [`EndTxn was refused with ${errorByCode(code).name}`]
  const committed = await witnessShows(cluster, target.witness, clock.left(), evidence)
  if (committed) return { kind: 'alreadyCommitted' }
  evidence.push(...refusal.evidence)
  const described = refusal.described ?? (await describe(cluster, target.transactionalId, clock.left(), evidence))
  const foreign = foreignness(target, code, described)
  if (foreign !== undefined) return { kind: 'foreignHandle', evidence: foreign }
  const ends = await scanAll(cluster, target, clock)
  const scanned = verdictOf(target, ends, evidence)
  if (scanned !== undefined) return scanned
  if (target.witness !== null && limits.mayInitProducerId) {
    const settled = await judgeByLedger(cluster, target, target.witness, clock, evidence)
    if (settled !== 'pending') return settled ?? judgeByLog(cluster, target, ends, clock, evidence)
  }
  // What the coordinator held before InitProducerId.
  return judgeByState(target, described) ?? judgeByLog(cluster, target, ends, clock, evidence)
}

// Below transaction version 2 the log has many transactions of one epoch: the last one is ours where nothing came after it
// in its partitions.
async function judgeByLog(
  cluster: Cluster,
  target: ResumeTarget,
  ends: readonly PartitionEnd[],
  clock: Clock,
  evidence: string[]
): Promise<Verdict> {
  const isAloneInEpoch = target.transactionVersion === 2
  const isKnown = target.isOwn && (isAloneInEpoch || (ends.length > 0 && ends.every(({ kind }) => kind === 'open')))
  const sought = { ...target, isAloneInEpoch }
  const decision = isKnown ? await readDecision(cluster, sought, clock.left(), evidence) : undefined
  if (decision === 'commit') return { kind: 'alreadyCommitted' }
  return { kind: decision === 'abort' ? 'lost' : 'fenced', evidence: evidence.join('; ') }
}

/** Whether the ledger shows the witness, which only its own commit can bring about. */
export async function witnessShows(
  cluster: Cluster,
  witness: Witness | null,
  limits: CallLimits,
  evidence: string[]
): Promise<boolean> {
  if (witness === null) return false
  const { groupId, topic, partition, randomId } = witness
  const entry = await readLedger(cluster, { groupId, topic, partition, requireStable: false, ...limits })
  if (entry.kind === 'witness' && entry.randomId === randomId) return true
  evidence.push(
    entry.kind === 'unreadable'
      ? `the ledger ${groupId} cannot be read (${errorByCode(entry.errorCode).name})`
      : `the ledger ${groupId} shows ${entry.kind === 'witness' ? 'another transaction' : 'no transaction'}`
  )
  return false
}

// Whether the handle can never have been right on this cluster.
function foreignness(target: ResumeTarget, code: number, described: Described): string | undefined {
  const { transactionalId, producerId, producerEpoch } = target
  if (typeof described === 'object' && described.producerId === producerId) {
    if (described.producerEpoch >= producerEpoch) return undefined
    return `${transactionalId} has not reached epoch ${producerEpoch}, only ${described.producerEpoch}`
  }
  if (target.isOwn || code !== errorCode.INVALID_PRODUCER_ID_MAPPING) return undefined
  return typeof described === 'object'
    ? `${transactionalId} has producerId ${described.producerId}, not ${producerId}`
    : `${transactionalId} does not have producerId ${producerId}`
}

async function scanAll(cluster: Cluster, target: ResumeTarget, clock: Clock): Promise<readonly PartitionEnd[]> {
  if (target.partitions.length === 0) return []
  const giveUpMs = cluster.runtime.monotonicMs() + Math.min(markerWaitMs, clock.left().deadlineMs)
  let backoffMs = markerBackoffMs
  for (;;) {
    const ends = await scanOnce(cluster, target, clock)
    const isWaiting = ends.some(({ kind }) => kind === 'open')
    if (isWaiting && cluster.runtime.monotonicMs() + backoffMs < giveUpMs) {
      await cluster.runtime.sleep(backoffMs, clock.left().signal)
      backoffMs = Math.min(backoffMs * 2, markerBackoffMsMax)
      continue
    }
    return ends
  }
}

async function scanOnce(cluster: Cluster, target: ResumeTarget, clock: Clock): Promise<PartitionEnd[]> {
  const { partitions } = target
  const ends: PartitionEnd[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < partitions.length; i = next++) {
      ends[i] = await scanPartition(cluster, target, partitions[i]!, clock.left())
    }
  }
  await Promise.all(Array.from({ length: Math.min(scansMax, partitions.length) }, worker))
  return ends
}

/** What the ends in the partitions mean together. Throws KafkaError TRANSACTION_TORN. Pure. */
export function verdictOf(
  target: Pick<ResumeTarget, 'transactionalId' | 'partitions'>,
  ends: readonly PartitionEnd[],
  evidence: string[]
): Verdict | undefined {
  const place = (kind: PartitionEnd['kind']): string | undefined => {
    const at = ends.findIndex((end) => end.kind === kind)
    const partition = target.partitions[at]
    const end = ends[at]
    if (partition === undefined || end === undefined) return undefined
    const marker = 'markerOffset' in end ? ` (marker at offset ${end.markerOffset})` : ''
    return `${partition.topic}:${partition.partition}${marker}`
  }
  const committed = place('committed')
  const aborted = place('aborted')
  if (committed !== undefined && aborted !== undefined) {
    const message = `The transaction of ${target.transactionalId} is committed in ${committed} and aborted in ${aborted}.`
    throw new KafkaError('TRANSACTION_TORN', message, { fatal: true })
  }
  if (committed !== undefined) return { kind: 'alreadyCommitted' }
  if (aborted !== undefined) return { kind: 'lost', evidence: [...evidence, `it is aborted in ${aborted}`].join('; ') }
  const open = place('open')
  if (open !== undefined) evidence.push(`no marker of it is in ${open}`)
  for (const end of ends) if (end.kind === 'unknown') evidence.push(end.reason)
  return undefined
}

// Nothing of the id is open once InitProducerId has answered; then a witness that is not there will never be.
async function judgeByLedger(
  cluster: Cluster,
  target: ResumeTarget,
  witness: Witness,
  clock: Clock,
  evidence: string[]
): Promise<Verdict | 'pending' | undefined> {
  const { transactionalId, transactionTimeoutMs } = target
  const init = await initProducerId(cluster, transactionalId, transactionTimeoutMs, undefined, clock.left())
  if (init.errorCode !== errorCode.NONE) {
    evidence.push(`InitProducerId was refused with ${errorByCode(init.errorCode).name}`)
    return undefined
  }
  const limits = clock.left()
  const unstableMsMax = Math.min(markerWaitMs, limits.deadlineMs)
  const entry = await readSettledLedger(cluster, witness, { ...limits, unstableMsMax })
  if (entry.kind === 'unstable') {
    evidence.push(`the ledger ${witness.groupId} has no marker of its end`)
    return 'pending'
  }
  if (entry.kind === 'unreadable') {
    evidence.push(`the ledger ${witness.groupId} cannot be read any more`)
    return undefined
  }
  if (entry.kind === 'witness') {
    if (entry.randomId === witness.randomId) return { kind: 'alreadyCommitted' }
    if (entry.randomId !== witness.previousRandomId) {
      evidence.push(`the ledger ${witness.groupId} has moved on to a transaction that is not known here`)
      return undefined
    }
    evidence.push(`with nothing of ${transactionalId} open, its ledger still shows the transaction before`)
    return { kind: 'lost', evidence: evidence.join('; ') }
  }
  if (witness.previousRandomId !== null) {
    evidence.push(`the ledger ${witness.groupId} is empty, so what it showed has expired or was deleted`)
    return undefined
  }
  if (await mayHaveExpired(cluster, target, witness, clock, evidence)) return undefined
  evidence.push(`with nothing of ${transactionalId} open, its ledger is still empty`)
  return { kind: 'lost', evidence: evidence.join('; ') }
}

// Whether a witness stored at the beginning of the transaction could be gone by now. Not knowing is yes.
async function mayHaveExpired(
  cluster: Cluster,
  target: ResumeTarget,
  { groupId }: Witness,
  clock: Clock,
  evidence: string[]
): Promise<boolean> {
  const retentionMs = await offsetsRetentionMs(cluster, groupId, clock, evidence)
  if (retentionMs === undefined) return true
  const ageMs = cluster.runtime.nowMs() - target.startedAtMs
  if (ageMs < Math.min(retentionMs, ledgerRetentionMsMax)) return false
  evidence.push(`the ledger ${groupId} is empty, and after ${Math.round(ageMs / 60_000)} min may have expired`)
  return true
}

async function offsetsRetentionMs(
  cluster: Cluster,
  groupId: string,
  clock: Clock,
  evidence: string[]
): Promise<number | undefined> {
  try {
    const { deadlineMs, signal } = clock.left()
    const options = signal === undefined ? { deadlineMs } : { deadlineMs, signal }
    const nodeId = await findCoordinator(cluster, 'group', groupId, { ...options, timeoutMs: deadlineMs })
    const configs = await describeConfigs(cluster, { nodeId }, [retentionName], options)
    const minutes = Number(configs.get(retentionName)?.value ?? NaN)
    if (minutes > 0) return minutes * 60_000
    evidence.push(`${retentionName} is not told by broker ${nodeId}`)
  } catch (error) {
    if (!(error instanceof KafkaError) || (error.code !== 'BROKER_TOO_OLD' && error.code !== 'BROKER_ERROR'))
      throw error
    evidence.push(`${retentionName} cannot be read (${error.kafkaName ?? error.code})`)
  }
  return undefined
}

/**
 * What the coordinator's state alone tells: something only while nothing else has happened to the id. On transaction
 * version 2 each transaction has an epoch of its own, and its end leaves the next one. Pure.
 */
export function judgeByState(
  target: Pick<ResumeTarget, 'producerId' | 'producerEpoch' | 'transactionVersion'>,
  described: Described
): Verdict | undefined {
  if (typeof described !== 'object' || described.producerId !== target.producerId) return undefined
  const { state, producerEpoch } = described
  const ahead = producerEpoch - target.producerEpoch
  const isCommit = state === 'CompleteCommit' || state === 'PrepareCommit'
  const isAbort = state === 'CompleteAbort' || state === 'PrepareAbort'
  const endEpochs = target.transactionVersion === 2 ? [1] : [0]
  if (isCommit && endEpochs.includes(ahead)) return { kind: 'alreadyCommitted' }
  // A timeout or a successor aborts under the next epoch, in every version.
  if (isAbort && (endEpochs.includes(ahead) || ahead === 1)) {
    return { kind: 'lost', evidence: `the coordinator holds it as ${state}` }
  }
  return undefined
}
