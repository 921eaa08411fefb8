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
  /** Producer ids under which these ids wrote. */
  readonly producerIds: readonly bigint[]
}

/** Brokers are asked for no longer than this: the checkpoints name the ids as well, if they are readable. */
const listDeadlineMs = 10_000

/** Ids of this task that a checkpoint or the cluster knows. */
export async function knownTransactionalIds(
  cluster: Cluster,
  name: { readonly prefix: string; readonly task: number },
  retained: readonly RetainedCheckpoint[],
  { signal }: ReadOptions
): Promise<KnownIds> {
  const { prefix, task } = name
  const transactionalIds = new Set<string>()
  const producerIds = new Set<bigint>()
  for (const { snapshot } of retained) {
    if (snapshot === undefined) continue
    for (const slot of decodeRecorded(snapshot.recorded).witnesses.keys()) {
      transactionalIds.add(formatTransactionName({ prefix, task, slot }))
    }
    for (const { handle } of snapshot.pending) {
      const { transactionalId, producerId } = unpackHandle(handle)
      transactionalIds.add(transactionalId)
      producerIds.add(BigInt(producerId))
    }
  }
  for (const { transactionalId, producerId } of await listed(cluster, namePrefixOfTask(prefix, task), signal)) {
    transactionalIds.add(transactionalId)
    producerIds.add(producerId)
  }
  const own = [...transactionalIds].filter((id) => slotOfTask(prefix, task, id) !== undefined)
  return { transactionalIds: own, producerIds: [...producerIds] }
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

/** Initializes these ids, all at once; answers the producer ids. */
export async function initializeIds(
  producers: readonly TransactionalProducer[],
  options: ReadOptions
): Promise<readonly bigint[]> {
  return Promise.all(
    producers.map(async (producer) => {
      try {
        const { producerId } = await producer.init(options)
        return producerId
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
