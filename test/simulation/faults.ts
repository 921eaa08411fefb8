// The faults that plans are drawn from: each says when it comes, and what it does. Which profile has which, and how often,
// is for profiles.ts to say.
import type { Chance, Trigger } from 'kafka-once/testing'
import { points, transactionalApis } from './plan.ts'
import type { Action, PlannedFault, Shape } from './plan.ts'

export type Draw = (chance: Chance, shape: Shape) => PlannedFault

/** A place where the program itself is: a point, a call, or a frame that it sends or is sent. */
function anyPlace(chance: Chance): Trigger {
  const at = chance.next()
  if (at < 0.45) return atPoint(chance)
  if (at < 0.7) return { at: chance.pick(['before', 'after']), hit: chance.between(1, 900) }
  return atFrame(chance)
}

function atPoint(chance: Chance): Trigger {
  const name = chance.pick(points)
  return { at: 'point', name, hit: chance.between(1, name.startsWith('recovery') ? 4 : 8) }
}

function atFrame(chance: Chance): Trigger {
  const api = chance.pick(transactionalApis)
  return { at: chance.pick(['request', 'response']), api, hit: chance.between(1, api === 'Produce' ? 30 : 10) }
}

function atTime(chance: Chance, shape: Shape): Trigger {
  return { at: 'time', ms: Math.round(chance.within(1, shape.healMs * 0.8)) }
}

const wait = (chance: Chance): number => Math.round(chance.exponential(chance.pick([5, 100, 600])))
const anyBroker = (chance: Chance): number => chance.between(0, 2)

export const kill: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

export const pause: Draw = (chance, { lock }) => ({
  when: anyPlace(chance),
  action: {
    do: 'pause',
    forMs: 10 + wait(chance),
    successorMs: lock === 'none' && chance.is(0.8) ? wait(chance) : undefined
  }
})

export const fail: Draw = (chance) => ({ when: atPoint(chance), action: { do: 'fail' } })

export const frame: Draw = (chance) => {
  const when = atFrame(chance)
  const isRequest = when.at === 'request'
  const fates: Action[] = [
    { do: 'delay', delayMs: wait(chance) },
    { do: 'cut', keptBytes: chance.is(0.5) ? 0 : chance.between(1, 200) },
    { do: 'cut', keptBytes: chance.is(0.5) ? 100_000 : chance.between(1, 60) },
    { do: 'slice', pieceBytesMax: chance.between(1, 40) }
  ]
  if (isRequest) {
    fates.push({ do: 'late', delayMs: wait(chance) }, { do: 'repeat', delayMs: wait(chance) })
  }
  return { when, action: chance.pick(fates) }
}

export const swallow: Draw = (chance) => ({ when: atFrame(chance), action: { do: 'swallow' } })

export const part: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'part', broker: anyBroker(chance), forMs: wait(chance) }
})

export const killBroker: Draw = (chance, shape) => ({
  when: chance.is(0.6) ? atFrame(chance) : atTime(chance, shape),
  action: { do: 'killBroker', broker: anyBroker(chance), downMs: wait(chance) }
})

export const pauseBroker: Draw = (chance, shape) => ({
  when: chance.is(0.6) ? atFrame(chance) : atTime(chance, shape),
  action: { do: 'pauseBroker', broker: anyBroker(chance), forMs: wait(chance) }
})

export const move: Draw = (chance, shape) => ({
  when: chance.is(0.7) ? anyPlace(chance) : atTime(chance, shape),
  action: chance.pick<Action>([
    { do: 'moveLeaders', broker: anyBroker(chance) },
    { do: 'moveCoordinator', of: 'group', broker: anyBroker(chance) },
    { do: 'moveCoordinator', of: 'transaction', broker: anyBroker(chance) }
  ])
})

export const markers: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'markers', fate: chance.pick(['skip', 'hold']), forMs: wait(chance), nth: chance.between(1, 3) }
})

export const disk: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: {
    do: 'disk',
    call: chance.pick(['create', 'write', 'sync', 'link', 'remove', 'syncFolder', 'list', 'read']),
    fault: chance.pick(['ENOSPC', 'EIO']),
    forMs: wait(chance)
  }
})

/** While a checkpoint is published; it is not durable then. */
export const diskWherePublished: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['checkpoint.preCommitted', 'store.torn', 'store.written']),
    hit: chance.between(1, 8)
  },
  action: {
    do: 'disk',
    call: chance.pick(['create', 'write', 'sync', 'link', 'syncFolder']),
    fault: chance.pick(['ENOSPC', 'EIO']),
    forMs: wait(chance)
  }
})

export const stop: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'stop' } })

/** Markers come late, but none is left out: only the engine looks for those that a dead program has left. */
export const holdMarkers: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'markers', fate: 'hold', forMs: wait(chance), nth: chance.between(1, 3) }
})

/** A transaction may time out while nobody works on it: at about that time a process comes back. */
export const longDown: Draw = (chance, { transactionTimeoutMs, lock }) => {
  const share = chance.pick([0.5, 0.9, 1, 1.1, 1.5, 2.5])
  const downMs = Math.round(transactionTimeoutMs * share + chance.within(-5, 5))
  const action: Action = chance.is(0.6)
    ? { do: 'kill', power: chance.is(0.2), downMs }
    : { do: 'pause', forMs: downMs, successorMs: lock === 'none' && chance.is(0.5) ? wait(chance) : undefined }
  return { when: chance.is(0.5) ? whereSealed(chance) : anyPlace(chance), action }
}

/** Where a checkpoint is durable, and its transaction not committed yet. */
function whereSealed(chance: Chance): Trigger {
  const name = chance.pick(['checkpoint.durable', 'transaction.beforeEndTxn'] as const)
  // The first one has only where the job begins to go back to.
  return { at: 'point', name, hit: chance.is(0.25) ? 1 : chance.between(2, 8) }
}

export const failWhereSealed: Draw = (chance) => ({ when: whereSealed(chance), action: { do: 'fail' } })
export const killWhereSealed: Draw = (chance) => ({
  when: whereSealed(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

export const skipMarkers: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'markers', fate: 'skip', forMs: 50 + wait(chance), nth: chance.between(1, 3) }
})

/** With records in a transaction that nobody has sealed. */
export const killWhereOpen: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['checkpoint.beforeBarrier', 'checkpoint.barrierPassed', 'transaction.flush']),
    hit: chance.between(2, 8)
  },
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

/** While a run ends what the one before has left open. */
export const skipWhereFenced: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['recovery.loaded', 'recovery.settled']),
    hit: chance.pick([2, 2, 3])
  },
  action: { do: 'markers', fate: 'skip', forMs: 50 + wait(chance), nth: chance.between(1, 3) }
})

export const start: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'start' } })

/** One that wakes when another one has taken over. */
export const zombie: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'pause', forMs: 5 + wait(chance), successorMs: Math.round(chance.exponential(10)) }
})

/** For about as long as it takes until the others give it up. */
export const pauseLedger: Draw = (chance) => ({
  when: chance.is(0.6) ? whereRecovered(chance) : anyPlace(chance),
  action: { do: 'pauseLedger', forMs: Math.round(chance.within(100, 250)) }
})

/** Where a run has read what there is in the folder, and has not asked the ledgers yet. */
function whereRecovered(chance: Chance): Trigger {
  const name = chance.pick(['recovery.loaded', 'recovery.settled', 'recovery.fenced'] as const)
  return { at: 'point', name, hit: chance.between(2, 5) }
}

/** One that wakes, and makes its checkpoint durable, when its successor has read the folder. */
export const lateZombie: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['transaction.flush', 'checkpoint.preCommitted', 'store.torn', 'store.written']),
    hit: chance.between(1, 8)
  },
  action: {
    do: 'pause',
    forMs: Math.round(chance.within(140, 300)),
    successorMs: Math.round(chance.exponential(10))
  }
})

/** One that wakes when its successor has ended what it had open, between its last record and its commit. */
export const zombieWhereSealed: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick([
      'transaction.flush',
      'checkpoint.preCommitted',
      'store.written',
      'checkpoint.durable',
      'transaction.beforeEndTxn'
    ]),
    hit: chance.between(1, 8)
  },
  action: { do: 'pause', forMs: Math.round(chance.within(5, 200)), successorMs: Math.round(chance.exponential(10)) }
})

/** No partition gets the marker of what the second run finds open. */
export const skipAllWhereFenced: Draw = (chance) => ({
  when: { at: 'point', name: 'recovery.loaded', hit: 2 },
  action: { do: 'markers', fate: 'skip', forMs: 50 + wait(chance), nth: 1 }
})

/**
 * The successor has read the folder, and asks the ledgers when the zombie has committed; their coordinator, which it knows,
 * has been replaced meanwhile, and has just woken up.
 */
export const pauseWhereLoaded: Draw = (chance) => {
  const ledgerMs = Math.round(chance.within(160, 320))
  return {
    when: { at: 'point', name: 'recovery.loaded', hit: 2 },
    action: {
      do: 'pause',
      forMs: ledgerMs + Math.round(chance.within(-30, 60)),
      successorMs: undefined,
      also: { do: 'pauseLedger', forMs: ledgerMs }
    }
  }
}

/** The first broker stands still, and the program cannot wait for it: it goes on with those that lead instead. */
export const pauseFirst: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['checkpoint.beforeBarrier', 'transaction.flush', 'checkpoint.durable']),
    hit: chance.between(1, 3)
  },
  action: {
    do: 'disconnect',
    broker: 0,
    afterMs: Math.round(chance.within(100, 200)),
    also: { do: 'pauseBroker', broker: 0, forMs: Math.round(chance.within(400, 2000)) }
  }
})

/** What the dead run had open may lack its marker; a run that has to wait for it asks nobody else early. */
export const skipOrDelay: Draw = (chance, shape) =>
  chance.is(0.8) ? skipWhereFenced(chance, shape) : frame(chance, shape)

/** With records in a transaction at the new leaders; whoever comes next meets the old ones when they go on. */
export const resumeWhereKilled: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['checkpoint.barrierPassed', 'transaction.flush', 'checkpoint.durable']),
    hit: chance.between(4, 8)
  },
  action: {
    do: 'kill',
    power: false,
    downMs: Math.round(chance.within(1, 60)),
    also: { do: 'resumeBrokers', afterMs: Math.round(chance.within(40, 120)) }
  }
})

export const folder: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'folder', what: chance.pick(['empty', 'older', 'flipped', 'short']) }
})

export const deleteLedgers: Draw = (chance) => ({ when: anyPlace(chance), action: { do: 'deleteLedgers' } })

/** Somebody else is a member for a while, mostly while a run takes over. */
export const joinGroups: Draw = (chance) => ({
  when: chance.is(0.6) ? { at: 'point', name: 'recovery.loaded', hit: chance.between(1, 3) } : anyPlace(chance),
  action: {
    do: 'joinGroups',
    of: chance.is(0.7) ? 'ledgers' : 'source',
    protocol: chance.pick(['classic', 'consumer']),
    forMs: Math.round(chance.exponential(chance.pick([20, 300, 3000])))
  }
})

/** The job is down for about as long as brokers keep its ledgers. */
export const longAway: Draw = (chance) => ({
  when: chance.is(0.5) ? whereSealed(chance) : anyPlace(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: Math.round(chance.within(40_000, 130_000)) }
})

export const setVersion: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'setVersion', version: chance.pick([0, 1, 2]) }
})

/** Mostly to transactions v2. */
export const upgrade: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'setVersion', version: chance.pick([1, 2, 2, 2]) }
})

export const grow: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'addPartitions' } })

export const clock: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'clock', ms: Math.round(chance.within(-3_600_000, 3_600_000)) }
})

/** Requests that come when nobody remembers them: up to a minute late. */
export const veryLate: Draw = (chance) => ({
  when: { at: 'request', api: chance.pick(transactionalApis), hit: chance.between(1, 8) },
  action: { do: chance.pick(['late', 'repeat']), delayMs: Math.round(chance.within(10, chance.pick([500, 60_000]))) }
})
