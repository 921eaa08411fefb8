// AddOffsetsToTxn, API 25: adds the partition of `__consumer_offsets` that keeps a group to a transaction. Serves versions
// 0 to 4.
//
// Behaviour: the group need not exist. Producers of transactions v2 have no use for this API: TxnOffsetCommit 5 does it on
// the way.
//
// Versions: 2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 4 TRANSACTION_ABORTABLE (KIP-890).

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import { coordinatorPartition } from '../cluster/java_hash.ts'
import { internalTopics } from '../cluster/ports.ts'
import { transactionsOf } from '../transaction/broker_transactions.ts'
import { settle } from '../transaction/settle.ts'
import { handler } from './handler.ts'

export const addOffsetsToTxn = handler('AddOffsetsToTxn', (request, { broker, version }) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request
  const { cluster } = broker
  const topic = internalTopics.groups
  const count = cluster.topics.get(topic)?.partitions.length ?? cluster.settings.number('offsets.topic.num.partitions')
  const partitions = [{ topic, partition: coordinatorPartition(groupId, count) }]
  const addition = { transactionalId, producerId, producerEpoch, partitions }
  return settle<EncodableResponseOf<'AddOffsetsToTxn'>>((done) => {
    transactionsOf(broker).coordinator.addPartitions(addition, 0, (code) => {
      const isOldName = version < 2 && code === errorCode.PRODUCER_FENCED
      done({ throttleTimeMs: 0, errorCode: isOldName ? errorCode.INVALID_PRODUCER_EPOCH : code })
    })
  })
})
