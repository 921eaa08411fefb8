// What the coordinator of a transactional id tells of it, and whether that can be the present state. A broker that stood
// still while another one took its place goes on for a moment from what it remembers: it answers DescribeTransactions,
// and refuses requests, out of a state from before. Owns telling such an answer from a present one. KIP-664.
import { errorCode } from '../../protocol/index.ts'
import { describeAtBroker, describeTransactions } from '../admin/transactions.ts'
import type { TransactionDescription } from '../admin/transactions.ts'
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import type { CallLimits, TransactionOwner } from './coordinator_calls.ts'

/** The state that the coordinator holds; 'unknownId' where it has none, 'untold' where it cannot be asked. */
export type Described = TransactionDescription | 'unknownId' | 'untold'

export async function describe(
  cluster: Cluster,
  transactionalId: string,
  limits: CallLimits,
  evidence: string[]
): Promise<Described> {
  const { deadlineMs, signal } = limits
  try {
    const options = signal === undefined ? { deadlineMs } : { deadlineMs, signal }
    const described = (await describeTransactions(cluster, [transactionalId], options)).get(transactionalId)
    evidence.push(textOf(described ?? 'unknownId'))
    return described ?? 'unknownId'
  } catch (error) {
    // Brokers before Kafka 3.0 have no such request, and not everybody may send it.
    if (!(error instanceof KafkaError) || (error.code !== 'BROKER_TOO_OLD' && error.code !== 'BROKER_ERROR'))
      throw error
    evidence.push(`the coordinator's state cannot be read (${error.kafkaName ?? error.code})`)
    return 'untold'
  }
}

function textOf(described: TransactionDescription | 'unknownId'): string {
  if (described === 'unknownId') return 'the coordinator does not know the transactional id'
  const { state, producerId, producerEpoch } = described
  return `the coordinator holds producerId ${producerId}, epoch ${producerEpoch}, ${state}`
}

/**
 * Whether an answer can be believed: `outdated` where the id has demonstrably been further than that, `doubtful` where
 * it may be from before or from after.
 */
export type Trust = 'present' | 'outdated' | 'doubtful'

/** Trust in an answer, once the coordinator has given out this producer id and epoch. Pure. */
export function trustSinceGiven(owner: TransactionOwner, described: Described): Trust {
  if (described === 'untold') return 'present'
  if (described === 'unknownId' || described.producerId !== owner.producerId) return 'doubtful'
  return described.producerEpoch < owner.producerEpoch ? 'outdated' : 'present'
}

/** What has begun: a transaction with data, under a version that tells which epochs its end leaves behind. */
export interface BegunTransaction extends TransactionOwner {
  readonly transactionVersion: 0 | 1 | 2
}

/**
 * Trust in an answer, once this transaction has begun. Below version 2 the epoch stays when a transaction ends, and the
 * one before had another epoch all the same (KIP-360); since version 2 its end stands one epoch further. Pure.
 */
export function trustSinceBegun(begun: BegunTransaction, described: Described): Trust {
  const trust = trustSinceGiven(begun, described)
  if (trust !== 'present' || typeof described !== 'object') return trust
  if (described.producerEpoch > begun.producerEpoch || described.state === 'Ongoing') return 'present'
  return begun.transactionVersion === 2 || described.state === 'Empty' ? 'outdated' : 'present'
}

/** An answer that is not the present one is asked for again for so long, milliseconds. */
export const outdatedMsMax = 5_000
const firstBackoffMs = 5
const backoffMsMax = 100

export interface PresentLimits extends CallLimits {
  /** How long to ask for an answer that can be believed, milliseconds; then the last one counts. */
  readonly patienceMs: number
}

/**
 * Describes the id as `describe`, until the answer can be believed. Where the coordinator that is known tells something
 * old, all brokers are asked, since one that was superseded also names itself when it is asked for the coordinator.
 */
export async function describePresent(
  cluster: Cluster,
  transactionalId: string,
  trustIn: (described: Described) => Trust,
  limits: PresentLimits,
  evidence: string[]
): Promise<Described> {
  const { runtime } = cluster
  const startMs = runtime.monotonicMs()
  let backoffMs = firstBackoffMs
  for (;;) {
    const told: string[] = []
    const passedMs = runtime.monotonicMs() - startMs
    const left = { deadlineMs: Math.max(1, limits.deadlineMs - passedMs), signal: limits.signal }
    const described = await describe(cluster, transactionalId, left, told)
    const believed =
      trustIn(described) === 'present' || passedMs >= limits.patienceMs
        ? described
        : await believable(cluster, transactionalId, trustIn, left)
    if (believed !== undefined) {
      evidence.push(...(believed === described || believed === 'untold' ? told : [textOf(believed)]))
      return believed
    }
    cluster.invalidateCoordinator('transaction', transactionalId)
    await runtime.sleep(Math.min(backoffMs, Math.max(1, limits.patienceMs - passedMs)), limits.signal)
    backoffMs = Math.min(backoffMs * 2, backoffMsMax)
  }
}

// What all brokers together tell: a present state whoever tells it, else the one of the only broker that takes itself for
// the coordinator, when every other one has said that it is none.
async function believable(
  cluster: Cluster,
  transactionalId: string,
  trustIn: (described: Described) => Trust,
  limits: CallLimits
): Promise<Described | undefined> {
  const brokers = await cluster.brokers(limits.signal)
  const answers = await Promise.all(brokers.map(({ nodeId }) => askOne(cluster, nodeId, transactionalId, limits)))
  const claims = answers.filter((answer) => answer !== 'declined')
  const present = claims.find((claim) => claim !== 'unclear' && trustIn(claim) === 'present')
  if (present !== undefined && present !== 'unclear') return present
  const [only] = claims
  return claims.length === 1 && only !== undefined && only !== 'unclear' && trustIn(only) === 'doubtful'
    ? only
    : undefined
}

async function askOne(
  cluster: Cluster,
  nodeId: number,
  transactionalId: string,
  { deadlineMs, signal }: CallLimits
): Promise<TransactionDescription | 'unknownId' | 'declined' | 'unclear'> {
  const timeoutMs = Math.min(deadlineMs, cluster.requestTimeoutMs)
  const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal }
  try {
    const answer = (await describeAtBroker(cluster, nodeId, [transactionalId], options)).get(transactionalId)
    if (answer === undefined) return 'unknownId'
    if (!(answer instanceof KafkaError)) return answer
    return answer.kafkaCode === errorCode.NOT_COORDINATOR ? 'declined' : 'unclear'
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return 'unclear'
  }
}
