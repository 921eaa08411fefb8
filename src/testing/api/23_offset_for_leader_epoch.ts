// OffsetForLeaderEpoch, API 23: tells up to which offset a leader epoch reaches, so that a reader can find out whether
// the log was truncated below what it has read. Serves versions 2 to 4. KIP-320.
//
// Behaviour: only the leader answers; -1 and -1 stand for an epoch that it knows nothing of.

import { findPartition } from '../cluster/lookup.ts'
import { handler } from './handler.ts'

export const offsetForLeaderEpoch = handler('OffsetForLeaderEpoch', (request, { broker }) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
      const partition = findPartition(broker, topic, index, { leaderEpoch: currentLeaderEpoch })
      if (typeof partition === 'number') return { errorCode: partition, partition: index }
      const log = broker.logOf(partition)
      const { epoch, endOffset } = log.leaderEpochs.endOf(leaderEpoch, log.endOffset)
      if (endOffset === -1n) return { errorCode: 0, partition: index }
      return { errorCode: 0, partition: index, leaderEpoch: epoch, endOffset }
    })
  }))
}))
