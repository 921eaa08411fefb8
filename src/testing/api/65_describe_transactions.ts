// DescribeTransactions, API 65: shows what the coordinator holds of transactional ids. Serves version 0.
//
// Behaviour: while a transaction is being ended, only the partitions without their marker are listed.

import { transactionsOf } from '../transaction/broker_transactions.ts'
import { describeTransaction } from '../transaction/views.ts'
import { handler } from './handler.ts'

export const describeTransactions = handler('DescribeTransactions', ({ transactionalIds }, { broker }) => {
  const { state } = transactionsOf(broker).coordinator
  return {
    throttleTimeMs: 0,
    transactionStates: transactionalIds.map((transactionalId) => describeTransaction(state, transactionalId))
  }
})
