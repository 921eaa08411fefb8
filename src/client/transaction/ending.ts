// Ends a transaction that is known to have begun, by the coordinator that has it. One that was superseded and does not
// know yet refuses out of its memory, with the same codes as one whose transaction has ended: such a refusal counts only
// when the state that stands behind it can be the present one. KIP-98, KIP-664, KIP-890.
import { errorCode } from '../../protocol/index.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { concurrentDelayMs, endTxn } from './coordinator_calls.ts'
import type { CallLimits, CoordinatorAnswer } from './coordinator_calls.ts'
import { describePresent, trustSinceBegun } from './coordinator_view.ts'
import type { Described } from './coordinator_view.ts'
import { Clock } from './clock.ts'
import type { ResumeTarget } from './resume_target.ts'

/** What a coordinator says to the end of a transaction that is not open any more. */
const refusals: ReadonlySet<number> = new Set([
  errorCode.INVALID_PRODUCER_EPOCH,
  errorCode.INVALID_TXN_STATE,
  errorCode.INVALID_PRODUCER_ID_MAPPING,
  errorCode.PRODUCER_FENCED
])

/** A refusal, with what its coordinator holds where that was asked. */
export interface Refusal {
  readonly code: number
  readonly described?: Described
  /** The same in words. */
  readonly evidence: readonly string[]
}

export type EndAnswer =
  | { readonly kind: 'answered'; readonly answer: CoordinatorAnswer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

export interface EndLimits extends CallLimits {
  /** How long a coordinator is asked that tells a state from before the transaction, milliseconds. */
  readonly patienceMs: number
}

/**
 * Sends EndTxn until the answer is that of the present coordinator. `refused` was a transaction that is not open, or
 * nothing better could be had in `patienceMs`. Rejects with KafkaError DEADLINE_EXCEEDED while the coordinator refuses
 * and holds the transaction open, and as endTxn.
 */
export async function endBegun(
  cluster: Cluster,
  target: ResumeTarget,
  commit: boolean,
  limits: EndLimits
): Promise<EndAnswer> {
  const { runtime } = cluster
  const clock = new Clock(cluster, limits)
  const endMs = runtime.monotonicMs() + limits.deadlineMs
  for (let times = 0; ; times++) {
    const answer = await endTxn(cluster, target, { commit, endTxnVersion: target.endTxnVersion }, clock.left())
    const { errorCode: code } = answer
    if (!refusals.has(code)) return { kind: 'answered', answer }
    // What another client's transaction has begun is not known; below version 2 the same epoch may be a later one.
    if (!target.isOwn) return { kind: 'refused', refusal: { code, evidence: [] } }
    const trustIn = (described: Described) => trustSinceBegun(target, described)
    const patience = { ...clock.left(), patienceMs: limits.patienceMs }
    const evidence: string[] = []
    const described = await describePresent(cluster, target.transactionalId, trustIn, patience, evidence)
    if (!mayStillEnd(target, commit, described)) return { kind: 'refused', refusal: { code, described, evidence } }
    if (runtime.monotonicMs() >= endMs) throw stillOpen(target, commit, limits.deadlineMs)
    cluster.invalidateCoordinator('transaction', target.transactionalId)
    await runtime.sleep(concurrentDelayMs(times), limits.signal)
  }
}

// Whether EndTxn would be taken, now: the transaction is open, or was ended in just this way under an epoch that stays.
function mayStillEnd(target: ResumeTarget, commit: boolean, described: Described): boolean {
  if (typeof described !== 'object') return false
  if (described.producerId !== target.producerId || described.producerEpoch !== target.producerEpoch) return false
  if (described.state === 'Ongoing') return true
  return target.transactionVersion < 2 && described.state.endsWith(commit ? 'Commit' : 'Abort')
}

function stillOpen({ transactionalId }: ResumeTarget, commit: boolean, deadlineMs: number): KafkaError {
  const what = `EndTxn (${commit ? 'commit' : 'abort'}) of ${transactionalId}`
  return new KafkaError(
    'DEADLINE_EXCEEDED',
    `${what} was refused for ${Math.round(deadlineMs)} ms, and its coordinator holds it open.`,
    { retriable: true, api: 'EndTxn', nextStep: 'Try again: a coordinator that was superseded may have answered.' }
  )
}
