// InitProducerId, API 22: gives a producer its id and epoch. Serves versions 0 to 5, and 6 where unstable versions are
// enabled.
//
// Behaviour: without a transactional id any broker answers a new id with epoch 0, whatever id the producer had before.
// With one the coordinator raises the epoch, which fences whoever held it; a transaction that is open is aborted first,
// and the producer told CONCURRENT_TRANSACTIONS.
//
// Versions: 3 the id and epoch that the producer has (KIP-360); 4 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before;
// 6 two-phase commit (KIP-939): enable2Pc takes away the timeout, keepPreparedTxn is refused as by every released broker.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf } from '../../protocol/index.ts'
import { transactionsOf } from '../transaction/broker_transactions.ts'
import type { ProducerIdResult } from '../transaction/coordinator.ts'
import { settle } from '../transaction/settle.ts'
import { handler } from './handler.ts'

const noProducer = { producerId: -1n, producerEpoch: -1 }

export const initProducerId = handler('InitProducerId', (request, { broker, version }) => {
  const { producerId, producerEpoch } = request
  const isNew = producerId === -1n && producerEpoch === -1
  if (!isNew && (producerId === -1n || producerEpoch === -1)) {
    return { throttleTimeMs: 0, errorCode: errorCode.INVALID_REQUEST, ...noProducer }
  }
  const initiation = {
    transactionalId: request.transactionalId,
    timeoutMs: request.transactionTimeoutMs,
    enable2Pc: request.enable2Pc,
    keepPreparedTxn: request.keepPreparedTxn,
    expected: isNew ? undefined : { producerId, producerEpoch }
  }
  return settle<EncodableResponseOf<'InitProducerId'>>((done) => {
    transactionsOf(broker).coordinator.initProducerId(initiation, (result) => done(respond(result, version)))
  })
})

function respond(result: ProducerIdResult, version: number): EncodableResponseOf<'InitProducerId'> {
  const isOldName = version < 4 && result.errorCode === errorCode.PRODUCER_FENCED
  return { throttleTimeMs: 0, ...result, errorCode: isOldName ? errorCode.INVALID_PRODUCER_EPOCH : result.errorCode }
}
