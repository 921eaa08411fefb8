// The proof that a decided transaction is complete: every partition has its marker and the witness is readable as final.
// A coordinator writes markers after its decision, and a real one forgets that of a partition which has no leader at
// that moment (KAFKA-20734); such a partition is named, and can be given the marker. KIP-664.
import { errorCode } from '../../protocol/index.ts'
import { supportsRequireStable } from '../admin/group_offsets.ts'
import { groupBy, keyOfPartition } from '../admin/partitions.ts'
import { describeProducers, writeTxnMarkers } from '../admin/transactions.ts'
import type { ProducerState } from '../admin/transactions.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { scanPartition } from './control_scan.ts'
import type { CallLimits } from './coordinator_calls.ts'
import { describePresent, outdatedMsMax, trustSinceBegun } from './coordinator_view.ts'
import type { Described } from './coordinator_view.ts'
import { Clock } from './clock.ts'
import type { HangingPartition, Proof, Witness } from './prepared.ts'
import type { ResumeTarget } from './resume_target.ts'
import { readLedger, readSettledLedger } from './witness.ts'

/** Where groups keep their offsets; the witness is a record there. */
const offsetsTopic = '__consumer_offsets'
const firstBackoffMs = 1
const backoffMsMax = 100

/**
 * Waits until nothing of the transaction is open in any partition and its witness is final; answers what still hangs
 * after `proofDeadlineMs`, once the coordinator takes itself for done. Rejects with KafkaError DEADLINE_EXCEEDED where a
 * leader cannot be asked, or the coordinator is not done, in that time; a broker's error; or the signal's reason.
 */
export async function prove(
  cluster: Cluster,
  target: ResumeTarget,
  limits: CallLimits & { readonly proofDeadlineMs: number }
): Promise<Proof> {
  const { runtime } = cluster
  const clock = new Clock(cluster, limits)
  const endMs = runtime.monotonicMs() + limits.deadlineMs
  const giveUpMs = runtime.monotonicMs() + limits.proofDeadlineMs
  let backoffMs = firstBackoffMs
  for (;;) {
    // Whoever was asleep for a while knows what was so before: only what was asked for after the deadline counts.
    const isLastLook = runtime.monotonicMs() >= giveUpMs
    // Asked first: a marker that a leader has, but not yet its followers, can still be lost with it. A coordinator that is
    // complete has had every marker acknowledged, save those that it left out. Before that nobody else is asked:
    // whatever they say, it is no proof yet.
    if (await isBeingCompleted(cluster, target, clock)) {
      if (runtime.monotonicMs() >= endMs) throw notComplete(target, limits.deadlineMs)
    } else {
      const hanging = await openPartitions(cluster, target, isLastLook, clock)
      const { witness } = target
      const pending = witness !== null && (await isPending(cluster, target, witness, clock)) ? witness : undefined
      if (hanging.length === 0 && pending === undefined) return { kind: 'proven' }
      if (isLastLook) {
        if (pending !== undefined) hanging.push(await hangingWitness(cluster, target, pending, isLastLook, clock))
        return { kind: 'hanging', partitions: hanging }
      }
    }
    const leftMs = (isLastLook ? endMs : giveUpMs) - runtime.monotonicMs()
    await runtime.sleep(Math.min(backoffMs, Math.max(0, leftMs)), limits.signal)
    backoffMs = Math.min(backoffMs * 2, backoffMsMax)
  }
}

/** Whether the coordinator still writes markers for this producer; brokers before Kafka 3.0 do not tell. */
async function isBeingCompleted(cluster: Cluster, target: ResumeTarget, clock: Clock): Promise<boolean> {
  // Of another client's transaction it is not known which states come after it.
  const trustIn = (told: Described) => (target.isOwn ? trustSinceBegun(target, told) : 'present')
  const patience = { ...clock.left(), patienceMs: outdatedMsMax }
  const described = await describePresent(cluster, target.transactionalId, trustIn, patience, [])
  return (
    typeof described === 'object' && described.producerId === target.producerId && described.state.startsWith('Prepare')
  )
}

function notComplete({ transactionalId }: ResumeTarget, deadlineMs: number): KafkaError {
  return new KafkaError(
    'DEADLINE_EXCEEDED',
    `The coordinator of ${transactionalId} has not completed its transaction within ${deadlineMs} ms.`,
    { retriable: true, nextStep: 'It is decided and goes on by itself: see whether all brokers are up, and ask again.' }
  )
}

/**
 * Writes the missing markers with the result that was decided. Needs CLUSTER_ACTION; rejects with KafkaError BROKER_ERROR
 * (CLUSTER_AUTHORIZATION_FAILED, 31) without it, with INVALID_STATE while the coordinator holds the transaction open.
 * WriteTxnMarkers.
 */
export async function repair(
  cluster: Cluster,
  target: ResumeTarget,
  proof: Proof,
  decided: 'commit' | 'abort',
  limits: CallLimits
): Promise<void> {
  if (proof.kind === 'proven') return
  await refuseOpen(cluster, target, limits)
  const { deadlineMs, signal } = limits
  const options = signal === undefined ? { deadlineMs } : { deadlineMs, signal }
  const groups = groupBy(proof.partitions, (one) => `${one.producerEpoch}/${one.coordinatorEpoch}`)
  for (const partitions of groups.values()) {
    const [first] = partitions
    if (first === undefined) continue
    const markers = {
      producerId: target.producerId,
      producerEpoch: first.producerEpoch,
      result: decided,
      // Below 0 where no coordinator has ever written a marker there.
      coordinatorEpoch: Math.max(0, first.coordinatorEpoch),
      partitions
    }
    await writeTxnMarkers(cluster, markers, options)
  }
}

// Markers by hand into a transaction that its coordinator can still end would be at odds with that end.
async function refuseOpen(cluster: Cluster, target: ResumeTarget, limits: CallLimits): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = target
  cluster.invalidateCoordinator('transaction', transactionalId)
  const trustIn = (told: Described) => trustSinceBegun(target, told)
  const patience = { ...limits, patienceMs: outdatedMsMax }
  const described = await describePresent(cluster, transactionalId, trustIn, patience, [])
  const isOpen =
    typeof described === 'object' &&
    described.state === 'Ongoing' &&
    described.producerId === producerId &&
    described.producerEpoch === producerEpoch
  if (!isOpen) return
  throw new KafkaError('INVALID_STATE', `The transaction of ${transactionalId} is still open at its coordinator.`, {
    nextStep: 'Commit or abort it by its handle: markers are written only for a transaction that has ended.'
  })
}

async function openPartitions(
  cluster: Cluster,
  target: ResumeTarget,
  isLastLook: boolean,
  clock: Clock
): Promise<HangingPartition[]> {
  if (target.partitions.length === 0) return []
  try {
    return await describeOpen(cluster, target, target.partitions, isLastLook, clock)
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'BROKER_TOO_OLD') throw error
    return scanOpen(cluster, target, clock)
  }
}

type SearchedPartition = TopicPartition & { readonly firstOffset: string }

// A replica that has not come as far as the transaction has nothing open either, and any replica answers: what it says
// counts where it remembers the epoch of the transaction, which no earlier one had. Else, and where something is to be
// called hanging, only the newest leader counts.
async function describeOpen(
  cluster: Cluster,
  target: ResumeTarget,
  partitions: readonly SearchedPartition[],
  isLastLook: boolean,
  clock: Clock
): Promise<HangingPartition[]> {
  const { deadlineMs, signal } = clock.left()
  const options = signal === undefined ? { deadlineMs } : { deadlineMs, signal }
  const isBehind = ({ topic, partition }: SearchedPartition): boolean => {
    const own = producerIn(producers, topic, partition, target)
    return isLastLook || !target.isOwn || own === undefined || own.producerEpoch < target.producerEpoch
  }
  const producers = isLastLook ? new Map() : await describeProducers(cluster, partitions, options)
  const behind = partitions.filter(isBehind)
  const newest = behind.length === 0 ? [] : await describeProducers(cluster, behind, { ...options, newest: true })
  const known: ProducersByPartition = new Map([...producers, ...newest])
  return partitions.flatMap(({ topic, partition, firstOffset }) => {
    const own = producerIn(known, topic, partition, target)
    if (own === undefined || own.currentTxnStartOffset < 0n) return []
    // A transaction that begins behind the first record of this one is a later one.
    const first = BigInt(firstOffset)
    if (first >= 0n && own.currentTxnStartOffset > first) return []
    const { producerEpoch, coordinatorEpoch, currentTxnStartOffset } = own
    return [{ topic, partition, producerEpoch, coordinatorEpoch, currentTxnStartOffset }]
  })
}

type ProducersByPartition = ReadonlyMap<string, readonly ProducerState[]>

function producerIn(
  producers: ProducersByPartition,
  topic: string,
  partition: number,
  { producerId }: ResumeTarget
): ProducerState | undefined {
  return producers.get(keyOfPartition(topic, partition))?.find((one) => one.producerId === producerId)
}

// Brokers before Kafka 2.8 do not tell of producers: the log does.
async function scanOpen(cluster: Cluster, target: ResumeTarget, clock: Clock): Promise<HangingPartition[]> {
  const hanging: HangingPartition[] = []
  for (const one of target.partitions) {
    const end = await scanPartition(cluster, target, one, clock.left())
    if (end.kind !== 'open') continue
    const { topic, partition, firstOffset } = one
    const { producerEpoch } = target
    hanging.push({ topic, partition, producerEpoch, coordinatorEpoch: -1, currentTxnStartOffset: BigInt(firstOffset) })
  }
  return hanging
}

// A later transaction of the id may have its own witness pending in the same place, so that an unstable ledger alone says
// nothing: it must not show this witness, nor one that came after it. Brokers before Kafka 2.5 cannot tell; their answer
// counts as final.
async function isPending(cluster: Cluster, target: ResumeTarget, witness: Witness, clock: Clock): Promise<boolean> {
  const { groupId, topic, partition, previousRandomId } = witness
  if (!(await supportsRequireStable(cluster, groupId, clock.left().signal))) return false
  const place = { groupId, topic, partition }
  const committed = await readLedger(cluster, { ...place, requireStable: false, ...clock.left() })
  if (committed.kind === 'witness' && committed.randomId !== previousRandomId) return false
  const entry = await readLedger(cluster, { ...place, requireStable: true, ...clock.left() })
  if (entry.kind === 'unstable') return true
  // A ledger that shows nothing may have been deleted: its log, where the marker belongs, has the transaction still.
  if (entry.kind === 'empty' && (await isOpenInLedgerLog(cluster, target, witness, clock))) return true
  // Nothing is pending that a coordinator has never heard of: one that stood still tells the same from before.
  const settled = await readSettledLedger(cluster, witness, { ...clock.left(), unstableMsMax: 0 })
  return settled.kind === 'unstable'
}

async function isOpenInLedgerLog(
  cluster: Cluster,
  target: ResumeTarget,
  witness: Witness,
  clock: Clock
): Promise<boolean> {
  try {
    const { currentTxnStartOffset, producerEpoch } = await hangingWitness(cluster, target, witness, false, clock)
    return currentTxnStartOffset >= 0n && producerEpoch === target.producerEpoch
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'BROKER_TOO_OLD') return false
    throw error
  }
}

async function hangingWitness(
  cluster: Cluster,
  target: ResumeTarget,
  { groupId }: Witness,
  isLastLook: boolean,
  clock: Clock
): Promise<HangingPartition> {
  const { producerEpoch } = target
  const offsets = (await cluster.topics([offsetsTopic])).get(offsetsTopic)
  const partition = partitionOfGroup(groupId, offsets?.partitions.length ?? 1)
  const unknown = { topic: offsetsTopic, partition, producerEpoch, coordinatorEpoch: -1, currentTxnStartOffset: -1n }
  try {
    const place = { topic: offsetsTopic, partition, firstOffset: '-1' }
    const [found] = await describeOpen(cluster, target, [place], isLastLook, clock)
    return found ?? unknown
  } catch (error) {
    // Few may read the topic of the offsets.
    if (!(error instanceof KafkaError) || error.kafkaCode !== errorCode.TOPIC_AUTHORIZATION_FAILED) throw error
    return unknown
  }
}

/** The partition of __consumer_offsets that holds a group. Source: GroupCoordinatorService.partitionFor. */
export function partitionOfGroup(groupId: string, partitionCount: number): number {
  let hash = 0
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(31, hash) + groupId.charCodeAt(i)) | 0
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitionCount
}
