// ListOffsets, API 2: finds the first and last offsets of partitions, and the one of a timestamp. Serves versions 1 to 11.
//
// Behaviour: only the leader answers. The latest offset is the high watermark, or the last stable offset for readers of
// committed records. A timestamp is looked up record by record where the batch is not compressed, else its first offset
// counts. There is no tiered storage: -4 is the log's start, -5 and -6 answer -1.
//
// Versions: 2 isolation levels; 4 leader epochs; 7 highest timestamp (-3); 8, 9, 11 tiered storage (-4, -5, -6).

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { findPartition } from '../cluster/lookup.ts'
import type { Partition } from '../cluster/topic.ts'
import { offsetOfMaxTimestamp, offsetOfTimestamp } from '../log/offset_search.ts'
import { handler } from './handler.ts'
import type { RequestContext } from './handler.ts'

type PartitionRequest = RequestOf<'ListOffsets'>['topics'][number]['partitions'][number]
type PartitionResponse = EncodableResponseOf<'ListOffsets'>['topics'][number]['partitions'][number]

const latest = -1n
const earliest = -2n
const maxTimestamp = -3n
const earliestLocal = -4n
const latestTiered = -5n
const earliestPendingUpload = -6n

/** The version from which on a named offset may be asked for. */
const firstVersions = new Map([
  [maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11]
])

export const listOffsets = handler('ListOffsets', (request, context) => ({
  topics: request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((one) => {
      const isRepeated = partitions.some((other) => other !== one && other.partitionIndex === one.partitionIndex)
      if (isRepeated) return refused(one.partitionIndex, errorCode.INVALID_REQUEST)
      return answer(name, one, request.isolationLevel, context)
    })
  }))
}))

function answer(
  topic: string,
  request: PartitionRequest,
  isolationLevel: number,
  { broker, version }: RequestContext
): PartitionResponse {
  const { partitionIndex, timestamp, currentLeaderEpoch } = request
  if (timestamp < 0n && version < (firstVersions.get(timestamp) ?? 0)) {
    return refused(partitionIndex, errorCode.UNSUPPORTED_VERSION)
  }
  if (timestamp < earliestPendingUpload) return refused(partitionIndex, errorCode.UNSUPPORTED_VERSION)
  const partition = findPartition(broker, topic, partitionIndex, { leaderEpoch: currentLeaderEpoch })
  if (typeof partition === 'number') return refused(partitionIndex, partition)
  const { leaderEpoch, ...found } = lookUp(broker, partition, timestamp, isolationLevel === 1)
  return { partitionIndex, errorCode: 0, ...found, ...(version < 4 ? {} : { leaderEpoch }) }
}

function lookUp(
  broker: Broker,
  partition: Partition,
  timestamp: bigint,
  isCommitted: boolean
): Pick<PartitionResponse, 'timestamp' | 'offset' | 'leaderEpoch'> {
  const log = broker.logOf(partition)
  const limit = log.limit(isCommitted ? 'lastStable' : 'highWatermark')
  if (timestamp === latest) return { offset: limit, leaderEpoch: broker.knownLeader(partition).leaderEpoch }
  if (timestamp === earliest || timestamp === earliestLocal) {
    return { offset: log.startOffset, leaderEpoch: log.leaderEpochs.epochAt(log.startOffset) ?? -1 }
  }
  if (timestamp === latestTiered || timestamp === earliestPendingUpload) return {}
  const found = timestamp === maxTimestamp ? offsetOfMaxTimestamp(log) : offsetOfTimestamp(log, Number(timestamp))
  if (found === undefined || found.offset >= limit) return {}
  return { timestamp: BigInt(found.timestamp), offset: found.offset, leaderEpoch: found.leaderEpoch }
}

function refused(partitionIndex: number, code: number): PartitionResponse {
  return { partitionIndex, errorCode: code }
}
