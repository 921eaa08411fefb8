// A sealed transaction of a durable checkpoint is lost only where something has ended it: its timeout, another run, or a
// request that came late. Owns which faults can do so. In every other plan a loss is a fault of the engine's, however
// well it is made up for by replaying.
import type { PipelineEvent } from '../faults/orders.ts'
import type { Action, Plan } from './plan.ts'

/** What cannot end a transaction that is sealed, and whose handle is durable. */
const harmless: ReadonlySet<Action['do']> = new Set([
  'kill',
  'fail',
  'stop',
  'disk',
  'cut',
  'slice',
  'moveLeaders',
  'moveCoordinator',
  'killBroker',
  'markers',
  'addPartitions',
  'joinGroups'
])
/** No run takes so long, milliseconds, unless somebody is away for longer than the half of it. */
const timeoutMsMin = 60_000

function isHarmless(action: Action): boolean {
  if (action.do === 'kill' && action.downMs > timeoutMsMin / 2) return false
  // Whoever sleeps loses nothing by itself.
  return harmless.has(action.do) || (action.do === 'pause' && action.successorMs === undefined)
}

export function mayLose({ faults, shape }: Plan): boolean {
  return shape.transactionTimeoutMs < timeoutMsMin || faults.some(({ action }) => !isHarmless(action))
}

/** Losses that were told although nothing of the plan can have caused them. */
export function lossesWithoutCause(plan: Plan, events: readonly PipelineEvent[]): string[] {
  if (mayLose(plan)) return []
  return events.flatMap((event) => {
    if (event.event === 'transactionLost') return [`checkpoint ${event.checkpointId} was lost without a cause`]
    if (event.event !== 'verdict' || event.verdict !== 'lost') return []
    return [`checkpoint ${event.checkpointId} of ${event.transactionalId} was called lost without a cause`]
  })
}
