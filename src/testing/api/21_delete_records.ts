// DeleteRecords, API 21: deletes the first records of partitions. Serves versions 0 to 2.
//
// Behaviour: -1 deletes up to the high watermark. Topics that are only compacted refuse it, internal topics too. The
// answer names the new start of the log; followers have it at once.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { findPartition } from '../cluster/lookup.ts'
import { handler } from './handler.ts'

type PartitionResponse = EncodableResponseOf<'DeleteRecords'>['topics'][number]['partitions'][number]

export const deleteRecords = handler('DeleteRecords', (request, { broker }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, offset }) => answer(broker, name, partitionIndex, offset))
  }))
}))

function answer(broker: Broker, topic: string, index: number, offset: bigint): PartitionResponse {
  const known = broker.cluster.partition(topic, index)
  if (known?.topic.isInternal === true) return refused(index, errorCode.INVALID_TOPIC_EXCEPTION)
  const partition = findPartition(broker, topic, index)
  if (typeof partition === 'number') return refused(index, partition)
  if (broker.isSuperseded(partition)) return refused(index, errorCode.NOT_LEADER_OR_FOLLOWER)
  const policy = partition.topic.settings.text('cleanup.policy')
  if (policy.includes('compact') && !policy.includes('delete')) return refused(index, errorCode.POLICY_VIOLATION)
  const { log } = partition
  const target = offset === -1n ? log.highWatermark : offset
  if (target < 0n) return refused(index, errorCode.OFFSET_OUT_OF_RANGE)
  const refusal = log.deleteBefore(target)
  if (refusal !== undefined) return refused(index, refusal.errorCode)
  return { partitionIndex: index, lowWatermark: log.startOffset, errorCode: 0 }
}

function refused(partitionIndex: number, code: number): PartitionResponse {
  return { partitionIndex, lowWatermark: -1n, errorCode: code }
}
