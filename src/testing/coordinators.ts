// Owns which coordinators a broker of this build has.

import type { CoordinatorMakers } from './cluster/broker.ts'
import { GroupCoordinator } from './group/group_coordinator.ts'
import { BrokerTransactions } from './transaction/broker_transactions.ts'

/** Called once per life of a broker. */
export const coordinators: CoordinatorMakers = {
  groups: (broker) => new GroupCoordinator(broker),
  transactions: (broker) => new BrokerTransactions(broker)
}
