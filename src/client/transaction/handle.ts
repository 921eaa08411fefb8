// Makes the handle of a transaction that is complete: everything that a fresh process needs to end it, gathered from what
// the transaction wrote and under which producer. KIP-939.
import { zeroUuid } from '../../protocol/index.ts'
import type { PartitionQueue } from '../producer/index.ts'
import { endTxnVersion } from './coordinator_calls.ts'
import { sealPrepared } from './prepared_codec.ts'
import type { PreparedPartition, PreparedTransaction, Witness } from './prepared.ts'
import type { TransactionSession } from './session.ts'
import type { TransactionHost } from './transaction_host.ts'

export interface WrittenTransaction {
  readonly touched: Iterable<PartitionQueue>
  readonly hasData: boolean
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  readonly witness: Witness | null
}

/** `session` is undefined where nothing was ever written. Rejects with KafkaError where the cluster does not answer. */
export async function makeHandle(
  { cluster, options, routes }: TransactionHost,
  session: TransactionSession | undefined,
  { touched, hasData, startedAtMs, witness }: WrittenTransaction
): Promise<PreparedTransaction> {
  const { transactionalId, transactionTimeoutMs } = options
  const transactionVersion = session?.transactionVersion ?? (await cluster.transactionVersion())
  const partitions: PreparedPartition[] = []
  for (const { topic, partition, firstOffset } of touched) {
    if (firstOffset === undefined) continue
    const topicId = routes.known(topic)?.topicId ?? zeroUuid
    partitions.push({ topic, topicId, partition, firstOffset: firstOffset.toString() })
  }
  return sealPrepared({
    format: 1,
    clusterId: await cluster.clusterId(),
    transactionalId,
    producerId: (session?.owner.producerId ?? -1n).toString(),
    producerEpoch: session?.owner.producerEpoch ?? -1,
    transactionVersion,
    endTxnVersion: await endTxnVersion(cluster, transactionalId, transactionVersion),
    transactionTimeoutMs,
    startedAtMs,
    hasData,
    partitions: partitions.toSorted(byName),
    witness
  })
}

function byName(left: PreparedPartition, right: PreparedPartition): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1
  return left.partition - right.partition
}
