// ListTransactions, API 66: lists the transactional ids that this broker coordinates. Serves versions 0 to 2.
//
// Behaviour: refused with COORDINATOR_LOAD_IN_PROGRESS while any partition is being loaded. A pattern must match
// the whole id.
//
// Versions: 1 the least duration (KIP-994); 2 the pattern (KIP-1152).

import { errorCode } from '../../protocol/index.ts'
import { wholePattern } from '../re2.ts'
import { transactionsOf } from '../transaction/broker_transactions.ts'
import { listTransactions as list } from '../transaction/views.ts'
import { handler } from './handler.ts'

export const listTransactions = handler('ListTransactions', (request, { broker }) => {
  const pattern = patternOf(request.transactionalIdPattern)
  if (pattern === null) {
    const code = errorCode.INVALID_REGULAR_EXPRESSION
    return { throttleTimeMs: 0, errorCode: code, unknownStateFilters: [], transactionStates: [] }
  }
  const filters = {
    states: request.stateFilters,
    producerIds: request.producerIdFilters,
    durationMs: Number(request.durationFilter),
    pattern
  }
  const listed = list(transactionsOf(broker).coordinator.state, filters, broker.nowMs())
  return {
    throttleTimeMs: 0,
    errorCode: listed.errorCode,
    unknownStateFilters: [...listed.unknownStateFilters],
    transactionStates: listed.transactions.map(({ transactionalId, producerId, state }) => ({
      transactionalId,
      producerId,
      transactionState: state
    }))
  }
})

/** Undefined where none is asked for, null where it cannot be read. */
function patternOf(text: string | null): RegExp | undefined | null {
  if (text === null || text === '') return undefined
  return wholePattern(text) ?? null
}
