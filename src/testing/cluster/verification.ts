// Owns how the leader of partitions has transactional batches verified by the transaction coordinator before it appends
// them: from Produce 12 on the partitions are added on the way, before that they must have been. A coordinator that is
// still busy with the last transaction is asked again for a short while. KIP-890.
// Source: ReplicaManager.handleProduceAppend, AddPartitionsToTxnManager.

import { errorCode } from '../../protocol/index.ts'
import type { ProducerBatch, VerificationGuard } from '../log/producer_state.ts'
import { Refusal } from '../log/refusal.ts'
import type { Broker } from './broker.ts'
import { coordinatorPartition } from './java_hash.ts'
import { internalTopics } from './ports.ts'
import type { TransactionPort } from './ports.ts'
import type { Partition } from './topic.ts'

/** What the version of a request lets its verification do and answer. */
export interface VerificationMode {
  readonly operation: 'verify' | 'add'
  /** Whether the client knows TRANSACTION_ABORTABLE. */
  readonly knowsAbortable: boolean
}

/** Produce from 12 on adds; from 11 on it is told TRANSACTION_ABORTABLE. */
export function produceMode(version: number): VerificationMode {
  return { operation: version > 11 ? 'add' : 'verify', knowsAbortable: version > 10 }
}

/** TxnOffsetCommit from 5 on adds; from 4 on it is told TRANSACTION_ABORTABLE. */
export function txnOffsetCommitMode(version: number): VerificationMode {
  return { operation: version > 4 ? 'add' : 'verify', knowsAbortable: version > 3 }
}

/** Batches of one producer, one per partition. */
export interface VerifiedBatch {
  readonly partition: Partition
  readonly batch: ProducerBatch
}

/** A guard to append with, nothing where none is needed, or why the batch is refused. */
export type VerificationOutcome = VerificationGuard | Refusal | undefined

/** Answers one outcome per batch, in their order. */
export function verifyBatches(
  broker: Broker,
  transactionalId: string | null,
  batches: readonly VerifiedBatch[],
  mode: VerificationMode
): readonly VerificationOutcome[] | Promise<readonly VerificationOutcome[]> {
  const { settings } = broker.cluster
  const isAdding = mode.operation === 'add'
  const isOff = !isAdding && !settings.boolean('transaction.partition.verification.enable')
  if (transactionalId === null || isOff) return batches.map(() => undefined)
  const begun = batches.map(({ partition, batch }) =>
    broker.logOf(partition).producers.beginVerification(batch, isAdding)
  )
  const asked: number[] = []
  begun.forEach((outcome, i) => {
    if (outcome !== undefined && !(outcome instanceof Refusal)) asked.push(i)
  })
  if (asked.length === 0) return begun
  const merge = (codes: readonly number[]): readonly VerificationOutcome[] => {
    const outcomes: VerificationOutcome[] = [...begun]
    asked.forEach((i, at) => {
      const refused = refusalFor(codes[at] ?? 0, mode)
      if (refused !== undefined) outcomes[i] = refused
    })
    return outcomes
  }
  const codes = ask(
    broker,
    transactionalId,
    asked.map((i) => batches[i]!),
    mode
  )
  return codes instanceof Promise ? codes.then(merge) : merge(codes)
}

function ask(
  broker: Broker,
  transactionalId: string,
  batches: readonly VerifiedBatch[],
  mode: VerificationMode
): readonly number[] | Promise<readonly number[]> {
  const { producerId, producerEpoch } = batches[0]!.batch
  const partitions = batches.map(({ partition }) => ({ topic: partition.topic.name, partition: partition.index }))
  const request = { transactionalId, producerId, producerEpoch, partitions, operation: mode.operation }
  const once = (): readonly number[] | Promise<readonly number[]> => {
    const port = coordinatorOf(broker, transactionalId)
    return port === undefined ? partitions.map(() => errorCode.COORDINATOR_NOT_AVAILABLE) : port.verify(request)
  }
  const codes = once()
  if (mode.operation === 'verify') return codes
  if (!(codes instanceof Promise) && !codes.includes(errorCode.CONCURRENT_TRANSACTIONS)) return codes
  return askAgain(broker, once, codes)
}

/** A transaction that is being completed makes the next one wait, but not for long. */
async function askAgain(
  broker: Broker,
  once: () => readonly number[] | Promise<readonly number[]>,
  first: readonly number[] | Promise<readonly number[]>
): Promise<readonly number[]> {
  const { settings, runtime } = broker.cluster
  const backoffMs = settings.number('add.partitions.to.txn.retry.backoff.ms')
  const backoffMaxMs = settings.number('add.partitions.to.txn.retry.backoff.max.ms')
  const untilMs = runtime.monotonicMs() + Math.min(backoffMaxMs, settings.number('request.timeout.ms'))
  let codes = await first
  while (codes.includes(errorCode.CONCURRENT_TRANSACTIONS) && runtime.monotonicMs() < untilMs) {
    await broker.sleep(backoffMs)
    codes = await once()
  }
  return codes
}

/** The coordinator of an id on the broker that leads its partition, wherever that runs. */
function coordinatorOf(broker: Broker, transactionalId: string): TransactionPort | undefined {
  const topic = broker.cluster.topics.get(internalTopics.transactions)
  if (topic === undefined) return undefined
  const partition = topic.partitions[coordinatorPartition(transactionalId, topic.partitions.length)]
  return partition === undefined ? undefined : broker.cluster.leaderOf(partition)?.transactions
}

function refusalFor(code: number, mode: VerificationMode): Refusal | undefined {
  switch (code) {
    case 0:
      return undefined
    case errorCode.PRODUCER_FENCED:
      return new Refusal(errorCode.INVALID_PRODUCER_EPOCH)
    case errorCode.TRANSACTION_ABORTABLE:
      return mode.knowsAbortable ? new Refusal(code) : notAdded()
    case errorCode.INVALID_TXN_STATE:
      return notAdded()
    case errorCode.CONCURRENT_TRANSACTIONS:
      return mode.operation === 'add' ? new Refusal(code) : unavailable(code)
    case errorCode.NETWORK_EXCEPTION:
    case errorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case errorCode.COORDINATOR_NOT_AVAILABLE:
    case errorCode.NOT_COORDINATOR:
      return unavailable(code)
    default:
      return new Refusal(code)
  }
}

function notAdded(): Refusal {
  return new Refusal(errorCode.INVALID_TXN_STATE, 'Partition was not added to the transaction')
}

function unavailable(code: number): Refusal {
  const message = 'Unable to verify the partition has been added to the transaction. Underlying error:'
  return new Refusal(errorCode.NOT_ENOUGH_REPLICAS, `${message} ${code}`)
}
