// EndTxn, API 26: commits or aborts a transaction. Serves versions 0 to 5.
//
// Behaviour: answered when the decision is in the coordinator's log; the markers follow, partition by partition. The
// version of the request alone decides by which rules a transaction is ended, whatever the cluster has finalized: from 5
// on the epoch is raised, and answered together with the producer id to go on with. With a cluster at version 0 that
// fails with UNSUPPORTED_VERSION, and leaves the id busy, as in Kafka.
//
// Versions: 2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 4 TRANSACTION_ABORTABLE; 5 the next epoch (KIP-890).

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import { transactionsOf } from '../transaction/broker_transactions.ts'
import { settle } from '../transaction/settle.ts'
import { handler } from './handler.ts'

export const endTxn = handler('EndTxn', (request, { broker, version }) => {
  const { transactionalId, producerId, producerEpoch, committed } = request
  const clientVersion = version > 4 ? 2 : 0
  const end = { transactionalId, producerId, producerEpoch, committed, clientVersion } as const
  return settle<EncodableResponseOf<'EndTxn'>>((done) => {
    transactionsOf(broker).coordinator.endTransaction(end, (result) => {
      const isOldName = version < 2 && result.errorCode === errorCode.PRODUCER_FENCED
      const code = isOldName ? errorCode.INVALID_PRODUCER_EPOCH : result.errorCode
      done({ throttleTimeMs: 0, ...result, errorCode: code })
    })
  })
})
