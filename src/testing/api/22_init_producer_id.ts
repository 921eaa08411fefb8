// InitProducerId, API 22: gives a producer its id and epoch. Serves versions 0 to 5, and 6 where unstable versions are
// enabled.
//
// Behaviour: without a transactional id any broker answers a new id with epoch 0, whatever id the producer had before.

import { errorCode } from '../../protocol/index.ts'
import { handler } from './handler.ts'

export const initProducerId = handler('InitProducerId', (request, { broker }) => {
  if (request.transactionalId !== null) {
    return { throttleTimeMs: 0, errorCode: errorCode.COORDINATOR_NOT_AVAILABLE, producerId: -1n, producerEpoch: -1 }
  }
  return { throttleTimeMs: 0, errorCode: 0, producerId: broker.producerIds.take(), producerEpoch: 0 }
})
