// Works on a decided or pending transaction until it is proven: every partition has its marker and the witness can be
// read. Owns the repair of a partition whose marker is missing, and the words for what cannot be settled. Nothing here
// begins or writes a transaction. KAFKA-20734.
import { KafkaError, ResumedTransaction } from '../../client/index.ts'
import type { CallOptions, Cluster, PreparedTransaction, Verdict } from '../../client/index.ts'
import { HangingTransactionError, JobError } from '../errors.ts'
import type { AbortOutcome, LostTransaction, SettledTransaction } from '../participant.ts'

/** What is known about a transaction at some moment: a verdict, or that it is proven committed. */
export type TransactionOutcome = Verdict['kind'] | 'proven'

export interface SettlementOptions {
  /** Of each call. */
  readonly call: CallOptions
  /** Called as soon as something is known. */
  readonly tell: (outcome: TransactionOutcome) => void
}

/** Commits a saved transaction and works to the proof; or finds that it is lost. Throws where neither can be told. */
export async function settleByCommit(
  cluster: Cluster,
  handle: PreparedTransaction,
  checkpointId: number,
  options: SettlementOptions
): Promise<SettledTransaction> {
  const resumed = new ResumedTransaction(cluster, handle)
  let verdict: Verdict
  try {
    verdict = await resumed.commit(options.call)
  } catch (error) {
    if (!isTorn(error)) throw error
    const loss = lossOf(cluster, handle, checkpointId, error.message)
    return { kind: 'lost', loss, partlyCommitted: true }
  }
  options.tell(verdict.kind)
  switch (verdict.kind) {
    case 'committed':
    case 'alreadyCommitted':
      await proveCommitted(resumed, handle, options)
      return { kind: 'committed' }
    case 'lost':
      return { kind: 'lost', loss: lossOf(cluster, handle, checkpointId, verdict.evidence) }
    case 'aborted':
      return { kind: 'lost', loss: lossOf(cluster, handle, checkpointId, 'it was aborted') }
    default:
      throw unsettled(handle, checkpointId, verdict)
  }
}

/** Ends a saved transaction that must not become visible. Throws where it cannot be told how it ended. */
export async function settleByAbort(
  cluster: Cluster,
  handle: PreparedTransaction,
  checkpointId: number,
  options: SettlementOptions
): Promise<AbortOutcome> {
  const resumed = new ResumedTransaction(cluster, handle)
  const verdict = await resumed.abort(options.call)
  options.tell(verdict.kind)
  switch (verdict.kind) {
    case 'aborted':
    case 'lost':
      return 'aborted'
    case 'committed':
    case 'alreadyCommitted':
      await proveCommitted(resumed, handle, options)
      return 'committed'
    default:
      throw unsettled(handle, checkpointId, verdict)
  }
}

/** How often missing markers are written while newer coordinators write at the same place. */
const repairsMax = 5

/** Waits for the markers of a committed transaction, and writes those that the coordinator left out. */
export async function proveCommitted(
  resumed: Pick<ResumedTransaction, 'prove' | 'repair'>,
  handle: PreparedTransaction,
  options: SettlementOptions
): Promise<void> {
  let proof = await resumed.prove(options.call)
  for (let times = 1; proof.kind !== 'proven'; times++) {
    const where = proof.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
    const refusal = await refusalOf(resumed.repair(proof, 'commit', options.call))
    // A broker refuses a marker that has come meanwhile.
    proof = await resumed.prove(options.call)
    if (proof.kind === 'proven') break
    // A newer coordinator has written there since the proof: it may be at work still, and the new proof knows its epoch.
    if (refusal?.kafkaName === 'TRANSACTION_COORDINATOR_FENCED' && times < repairsMax) continue
    const what = `${where} lack its marker`
    const how =
      refusal === undefined ? ', also after it was written' : `, which could not be written (${refusal.message})`
    throw new HangingTransactionError(handle.transactionalId, what + how, refusal)
  }
  options.tell('proven')
}

/** Why a repair was refused; undefined where it was not. Rejects with what may pass, and with bugs. */
async function refusalOf(repair: Promise<void>): Promise<KafkaError | undefined> {
  try {
    await repair
    return undefined
  } catch (error) {
    if (error instanceof KafkaError && !error.retriable) return error
    throw error
  }
}

export function lossOf(
  cluster: Cluster,
  handle: PreparedTransaction,
  checkpointId: number,
  evidence: string
): LostTransaction {
  return {
    checkpointId,
    transactionalId: handle.transactionalId,
    producerId: handle.producerId,
    producerEpoch: handle.producerEpoch,
    partitions: handle.partitions.map(({ topic, partition, firstOffset }) => ({ topic, partition, firstOffset })),
    ageMs: cluster.runtime.nowMs() - handle.startedAtMs,
    evidence
  }
}

function isTorn(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.code === 'TRANSACTION_TORN'
}

function unsettled(
  handle: PreparedTransaction,
  checkpointId: number,
  verdict: Extract<Verdict, { readonly evidence: string }>
): JobError {
  const which = `The transaction of checkpoint ${checkpointId} (${handle.transactionalId}, producerId ${handle.producerId}, epoch ${handle.producerEpoch})`
  if (verdict.kind === 'foreignHandle') {
    return new JobError('INVALID_JOB', `${which} was not made on this cluster: ${verdict.evidence}.`, {
      fatal: true,
      nextStep: 'Point the job at the cluster that its checkpoints belong to, or at another checkpoint directory.'
    })
  }
  return new JobError('TRANSACTION_UNDECIDED', `${which} has ended, and nothing tells how: ${verdict.evidence}.`, {
    fatal: true,
    nextStep:
      'Nothing was sent and nothing replayed. Where __transaction_state could not be read, grant READ on it and start ' +
      'again. Else find out from the output whether its records are there, before the job is started anew with ' +
      'another transactionalIdPrefix.'
  })
}
