// Owns which coordinators a broker of this build has.

import type { CoordinatorMakers } from './cluster/broker.ts'

/** Called once per life of a broker. */
export const coordinators: CoordinatorMakers = {}
