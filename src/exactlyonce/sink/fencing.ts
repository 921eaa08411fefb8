// Shuts out earlier runs of a job: finds every transactional id that may be theirs and initializes it, which fences
// whoever still holds it and ends what it left open. An id that does not parse as one of this task is never touched.
import { KafkaError, listTransactions } from '../../client/index.ts'
import type { Cluster, TransactionalProducer } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { RetainedCheckpoint } from '../participant.ts'
import { decodeRecorded } from './ledger.ts'
import type { ReadOptions } from './ledger.ts'
import { unpackHandle } from './packed_handle.ts'
import { formatTransactionName, namePrefixOfTask, slotOfTask } from './transaction_names.ts'

export interface KnownIds {
  readonly transactionalIds: readonly string[]
  /** Producer ids under which these ids wrote, each with its id. */
  readonly idsByProducer: ReadonlyMap<bigint, string>
  /** Those of them whose last transaction is committed, as far as the cluster tells. */
  readonly committedProducerIds: readonly bigint[]
}

/** Brokers are asked for no longer than this: the checkpoints name the ids as well, if they are readable. */
const listDeadlineMs = 10_000

/** Ids of this task that a checkpoint or the cluster knows. */
export async function knownTransactionalIds(
  cluster: Cluster,
  { prefix, task }: { readonly prefix: string; readonly task: number },
  retained: readonly RetainedCheckpoint[],
  { signal }: ReadOptions
): Promise<KnownIds> {
  const transactionalIds = new Set<string>()
  const idsByProducer = new Map<bigint, string>()
  const add = (transactionalId: string, producerId?: bigint): void => {
    if (slotOfTask(prefix, task, transactionalId) === undefined) return
    transactionalIds.add(transactionalId)
    if (producerId !== undefined) idsByProducer.set(producerId, transactionalId)
  }
  for (const { snapshot } of retained) {
    if (snapshot === undefined) continue
    for (const slot of decodeRecorded(snapshot.recorded).witnesses.keys()) {
      add(formatTransactionName({ prefix, task, slot }))
    }
    for (const { handle } of snapshot.pending) {
      const { transactionalId, producerId } = unpackHandle(handle)
      add(transactionalId, BigInt(producerId))
    }
  }
  const listedNow = await listed(cluster, namePrefixOfTask(prefix, task), signal)
  for (const { transactionalId, producerId } of listedNow) add(transactionalId, producerId)
  const committed = listedNow.filter(({ state }) => state === 'CompleteCommit' || state === 'PrepareCommit')
  return {
    transactionalIds: [...transactionalIds],
    idsByProducer,
    committedProducerIds: committed.map(({ producerId }) => producerId)
  }
}

// A cluster that cannot list (before Kafka 3.0) or does not answer in time leaves what the checkpoints name.
async function listed(cluster: Cluster, transactionalIdPrefix: string, signal: AbortSignal) {
  try {
    return await listTransactions(cluster, { transactionalIdPrefix }, { deadlineMs: listDeadlineMs, signal })
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    cluster.logger.debug('Transactions could not be listed', { reason: error.message })
    return []
  }
}

export interface InitializedProducer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Initializes these ids, all at once; answers the producer id and epoch that each has now. */
export async function initializeIds(
  producers: readonly TransactionalProducer[],
  options: ReadOptions
): Promise<readonly InitializedProducer[]> {
  return Promise.all(
    producers.map(async (producer) => {
      try {
        return { transactionalId: producer.transactionalId, ...(await producer.init(options)) }
      } catch (error) {
        throw refusedTimeout(producer.transactionalId, error) ?? error
      }
    })
  )
}

const invalidTransactionTimeout = 50

function refusedTimeout(transactionalId: string, error: unknown): JobError | undefined {
  if (!(error instanceof KafkaError) || error.kafkaCode !== invalidTransactionTimeout) return undefined
  const message = `The broker refuses the transactionTimeoutMs of ${transactionalId}: it is above transaction.max.timeout.ms.`
  const nextStep = 'Lower transactionTimeoutMs of the sink, or raise transaction.max.timeout.ms of the brokers.'
  return new JobError('INVALID_JOB', message, { fatal: true, nextStep, cause: error })
}
