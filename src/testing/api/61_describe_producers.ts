// DescribeProducers, API 61: tells what partitions remember of their producers, open transactions included. Serves
// version 0. KIP-664.
//
// Behaviour: any replica answers, out of its own log.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { topicNameFault } from '../cluster/topic_names.ts'
import { handler } from './handler.ts'

type PartitionResponse = EncodableResponseOf<'DescribeProducers'>['topics'][number]['partitions'][number]

export const describeProducers = handler('DescribeProducers', (request, { broker }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => answer(broker, name, index))
  }))
}))

function answer(broker: Broker, topic: string, partitionIndex: number): PartitionResponse {
  const fault = topicNameFault(topic)
  if (fault !== undefined) {
    const errorMessage = `Topic name is invalid: ${fault}`
    return { partitionIndex, errorCode: errorCode.INVALID_TOPIC_EXCEPTION, errorMessage, activeProducers: [] }
  }
  const partition = broker.cluster.partition(topic, partitionIndex)
  if (partition === undefined) {
    return { partitionIndex, errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION, activeProducers: [] }
  }
  if (!partition.replicas.includes(broker.id)) {
    return { partitionIndex, errorCode: errorCode.NOT_LEADER_OR_FOLLOWER, activeProducers: [] }
  }
  const activeProducers = [...broker.logOf(partition).producers.entries()].map((entry) => ({
    producerId: entry.producerId,
    producerEpoch: entry.producerEpoch,
    lastSequence: entry.lastSequence,
    lastTimestamp: BigInt(entry.lastTimestamp),
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTxnStartOffset: entry.transactionFirstOffset ?? -1n
  }))
  return { partitionIndex, errorCode: 0, activeProducers }
}
