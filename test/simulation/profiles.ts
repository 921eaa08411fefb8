// Which faults a profile has, how often, and how a plan follows from a seed. Each fault of a profile has a weight; a plan
// draws some of them, and for each a moment that is likely to come.
import { Chance } from 'kafka-once/testing'
import type { Trigger } from 'kafka-once/testing'
import { points, sourceGroup, transactionalApis } from './plan.ts'
import type { Action, Plan, PlannedFault, Shape } from './plan.ts'

type Draw = (chance: Chance, shape: Shape) => PlannedFault

interface Profile {
  readonly shape: (chance: Chance) => Partial<Shape>
  readonly faultsMax: number
  /** These are in every plan, before the others. */
  readonly always?: readonly Draw[]
  /** Faults with their weights. */
  readonly faults: readonly (readonly [weight: number, draw: Draw])[]
}

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

const kill: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

const pause: Draw = (chance, { lock }) => ({
  when: anyPlace(chance),
  action: {
    do: 'pause',
    forMs: 10 + wait(chance),
    successorMs: lock === 'none' && chance.is(0.8) ? wait(chance) : undefined
  }
})

const fail: Draw = (chance) => ({ when: atPoint(chance), action: { do: 'fail' } })

const frame: Draw = (chance) => {
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

const swallow: Draw = (chance) => ({ when: atFrame(chance), action: { do: 'swallow' } })

const part: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'part', broker: anyBroker(chance), forMs: wait(chance) }
})

const killBroker: Draw = (chance, shape) => ({
  when: chance.is(0.6) ? atFrame(chance) : atTime(chance, shape),
  action: { do: 'killBroker', broker: anyBroker(chance), downMs: wait(chance) }
})

const pauseBroker: Draw = (chance, shape) => ({
  when: chance.is(0.6) ? atFrame(chance) : atTime(chance, shape),
  action: { do: 'pauseBroker', broker: anyBroker(chance), forMs: wait(chance) }
})

const move: Draw = (chance, shape) => ({
  when: chance.is(0.7) ? anyPlace(chance) : atTime(chance, shape),
  action: chance.pick<Action>([
    { do: 'moveLeaders', broker: anyBroker(chance) },
    { do: 'moveCoordinator', of: 'group', broker: anyBroker(chance) },
    { do: 'moveCoordinator', of: 'transaction', broker: anyBroker(chance) }
  ])
})

const markers: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'markers', fate: chance.pick(['skip', 'hold']), forMs: wait(chance), nth: chance.between(1, 3) }
})

const disk: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: {
    do: 'disk',
    call: chance.pick(['create', 'write', 'sync', 'link', 'remove', 'syncFolder', 'list', 'read']),
    fault: chance.pick(['ENOSPC', 'EIO']),
    forMs: wait(chance)
  }
})

/** While a checkpoint is published; it is not durable then. */
const diskWherePublished: Draw = (chance) => ({
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

const stop: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'stop' } })

function plainShape(chance: Chance): Shape {
  const batches = chance.between(6, 14)
  const feedMs = chance.pick([10, 30, 60])
  return {
    play: 'pipeline',
    brokers: chance.pick([1, 3]),
    knowsOne: false,
    transactionVersion: chance.pick([0, 1, 2, 2]),
    partitions: chance.between(1, 3),
    outputs: chance.between(1, 2),
    parallelism: chance.between(1, 2),
    concurrentMax: chance.between(1, 2),
    intervalMs: chance.pick([30, 80, 150]),
    checkpointTimeoutMs: 20_000,
    transactionTimeoutMs: 60_000,
    lingerMs: chance.pick([0, 5, 30]),
    lock: chance.pick(['pid', 'none']),
    latency: { minMs: chance.pick([0.05, 0.3, 2]), jitterMs: chance.pick([0.05, 0.5, 3]) },
    markerMs: chance.pick([0, 0, 3, 20]),
    replicaMs: chance.pick([0, 0, 1, 10]),
    loadMs: chance.pick([0, 0, 5, 60]),
    offsetsRetentionMinutes: 7 * 24 * 60,
    internalPartitions: 3,
    firstEpoch: 0,
    asksAgain: false,
    mayStop: [],
    batches,
    batchRecords: chance.between(1, 3),
    feedMs,
    isRead: chance.is(0.25),
    healMs: batches * feedMs + chance.pick([0, 300]),
    retainedMax: chance.pick([1, 1, 3]),
    groupId: chance.is(0.3) ? sourceGroup : undefined
  }
}

/** Markers come late, but none is left out: only the engine looks for those that a dead program has left. */
const holdMarkers: Draw = (chance, shape) => ({
  when: chance.is(0.5) ? anyPlace(chance) : atTime(chance, shape),
  action: { do: 'markers', fate: 'hold', forMs: wait(chance), nth: chance.between(1, 3) }
})

/** Things that hardly matter by themselves, to be mixed with others. */
const nuisances: Profile['faults'] = [
  [1, frame],
  [0.5, move],
  [0.3, markers],
  [0.3, killBroker]
]

/** A transaction may time out while nobody works on it: at about that time a process comes back. */
const longDown: Draw = (chance, { transactionTimeoutMs, lock }) => {
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

const failWhereSealed: Draw = (chance) => ({ when: whereSealed(chance), action: { do: 'fail' } })
const killWhereSealed: Draw = (chance) => ({
  when: whereSealed(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

const skipMarkers: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'markers', fate: 'skip', forMs: 50 + wait(chance), nth: chance.between(1, 3) }
})

/** With records in a transaction that nobody has sealed. */
const killWhereOpen: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['checkpoint.beforeBarrier', 'checkpoint.barrierPassed', 'transaction.flush']),
    hit: chance.between(2, 8)
  },
  action: { do: 'kill', power: chance.is(0.2), downMs: wait(chance) }
})

/** While a run ends what the one before has left open. */
const skipWhereFenced: Draw = (chance) => ({
  when: {
    at: 'point',
    name: chance.pick(['recovery.loaded', 'recovery.settled']),
    hit: chance.pick([2, 2, 3])
  },
  action: { do: 'markers', fate: 'skip', forMs: 50 + wait(chance), nth: chance.between(1, 3) }
})

const start: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'start' } })

/** One that wakes when another one has taken over. */
const zombie: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'pause', forMs: 5 + wait(chance), successorMs: Math.round(chance.exponential(10)) }
})

/** For about as long as it takes until the others give it up. */
const pauseLedger: Draw = (chance) => ({
  when: chance.is(0.6) ? whereRecovered(chance) : anyPlace(chance),
  action: { do: 'pauseLedger', forMs: Math.round(chance.within(100, 250)) }
})

/** Where a run has read what there is in the folder, and has not asked the ledgers yet. */
function whereRecovered(chance: Chance): Trigger {
  const name = chance.pick(['recovery.loaded', 'recovery.settled', 'recovery.fenced'] as const)
  return { at: 'point', name, hit: chance.between(2, 5) }
}

/** One that wakes, and makes its checkpoint durable, when its successor has read the folder. */
const lateZombie: Draw = (chance) => ({
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

/**
 * The successor has read the folder, and asks the ledgers when the zombie has committed; their coordinator, which it knows,
 * has been replaced meanwhile, and has just woken up.
 */
const pauseWhereLoaded: Draw = (chance) => {
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
const pauseFirst: Draw = (chance) => ({
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
const skipOrDelay: Draw = (chance, shape) => (chance.is(0.6) ? skipWhereFenced(chance, shape) : frame(chance, shape))

/** With records in a transaction at the new leaders; whoever comes next meets the old ones when they go on. */
const resumeWhereKilled: Draw = (chance) => ({
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

const folder: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'folder', what: chance.pick(['empty', 'older', 'flipped', 'short']) }
})

const deleteLedgers: Draw = (chance) => ({ when: anyPlace(chance), action: { do: 'deleteLedgers' } })

/** Somebody else is a member for a while, mostly while a run takes over. */
const joinGroups: Draw = (chance) => ({
  when: chance.is(0.6) ? { at: 'point', name: 'recovery.loaded', hit: chance.between(1, 3) } : anyPlace(chance),
  action: {
    do: 'joinGroups',
    of: chance.is(0.7) ? 'ledgers' : 'source',
    protocol: chance.pick(['classic', 'consumer']),
    forMs: Math.round(chance.exponential(chance.pick([20, 300, 3000])))
  }
})

/** The job is down for about as long as brokers keep its ledgers. */
const longAway: Draw = (chance) => ({
  when: chance.is(0.5) ? whereSealed(chance) : anyPlace(chance),
  action: { do: 'kill', power: chance.is(0.2), downMs: Math.round(chance.within(40_000, 130_000)) }
})

const setVersion: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'setVersion', version: chance.pick([0, 1, 2]) }
})

/** Mostly to transactions v2. */
const upgrade: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'setVersion', version: chance.pick([1, 2, 2, 2]) }
})

const grow: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'addPartitions' } })

const clock: Draw = (chance) => ({
  when: anyPlace(chance),
  action: { do: 'clock', ms: Math.round(chance.within(-3_600_000, 3_600_000)) }
})

/** Requests that come when nobody remembers them: up to a minute late. */
const veryLate: Draw = (chance) => ({
  when: { at: 'request', api: chance.pick(transactionalApis), hit: chance.between(1, 8) },
  action: { do: chance.pick(['late', 'repeat']), delayMs: Math.round(chance.within(10, chance.pick([500, 60_000]))) }
})

const profiles: Readonly<Record<string, Profile>> = {
  /** Processes die and pause, nothing else. */
  crash: {
    shape: () => ({}),
    faultsMax: 4,
    faults: [
      [5, kill],
      [2, pause],
      [1, fail],
      [1, failWhereSealed],
      [0.5, stop]
    ]
  },
  /** Everything that a network and a cluster do. */
  rough: {
    shape: () => ({}),
    faultsMax: 6,
    faults: [
      [4, kill],
      [2, pause],
      [0.5, fail],
      [4, frame],
      [0.5, swallow],
      [1, part],
      [1.5, killBroker],
      [1, pauseBroker],
      [2, move],
      [1.5, markers],
      [1, disk],
      [0.3, stop]
    ]
  },
  /** The job is down for about as long as its transactions live. */
  timeout: {
    shape: (chance) => {
      const transactionTimeoutMs = chance.pick([600, 1000, 2000])
      return {
        transactionTimeoutMs,
        checkpointTimeoutMs: transactionTimeoutMs - 300,
        healMs: 3 * transactionTimeoutMs,
        markerMs: chance.pick([0, 3, 20, transactionTimeoutMs / 8])
      }
    },
    faultsMax: 4,
    faults: [[4, longDown], [1, kill], ...nuisances]
  },
  /** Two runs of one job at the same time. */
  zombies: {
    shape: () => ({ lock: 'none', healMs: 900 }),
    faultsMax: 5,
    faults: [[4, zombie], [1.5, start], [1, kill], ...nuisances]
  },
  /** Coordinators of the ledgers stand still until others have taken their place, while runs take over from each other. */
  stale: {
    shape: (chance) => ({
      lock: 'none',
      healMs: 1200,
      brokers: 3,
      // One broker has all ledgers, and mostly another one all transactions.
      internalPartitions: 1,
      intervalMs: chance.pick([30, 80])
    }),
    always: [lateZombie, pauseWhereLoaded],
    faultsMax: 4,
    faults: [
      [2, pauseLedger],
      [1, zombie],
      [1, start],
      [0.5, kill]
    ]
  },
  /** Leaders stand still until others have taken their place, while markers are left out and runs take over. */
  superseded: {
    shape: (chance) => ({
      lock: 'none',
      healMs: 1500,
      brokers: 3,
      knowsOne: chance.is(0.8),
      partitions: chance.between(2, 3),
      intervalMs: chance.pick([30, 80]),
      // There is input for all runs.
      batches: chance.between(14, 20),
      feedMs: 60
    }),
    always: [pauseFirst, resumeWhereKilled, skipOrDelay],
    faultsMax: 2,
    faults: [
      [1, resumeWhereKilled],
      [1, skipMarkers],
      [0.5, pauseBroker],
      [0.5, kill],
      [0.5, pauseLedger]
    ]
  },
  /** Requests that arrive again, or for the first time, when their sender is long gone. */
  late: {
    shape: (chance) => ({ intervalMs: chance.pick([80, 400]), healMs: chance.pick([600, 3000]) }),
    faultsMax: 5,
    faults: [
      [4, veryLate],
      [2, kill],
      [1, move]
    ]
  },
  /** Requests and answers are lost, cut and slowed down, again and again. */
  frames: {
    shape: () => ({}),
    faultsMax: 10,
    faults: [
      [6, frame],
      [1, kill]
    ]
  },
  /** Markers are left out while brokers and programs die. */
  hanging: {
    shape: (chance) => ({ partitions: chance.between(2, 3), healMs: 900 }),
    faultsMax: 5,
    faults: [
      [2, skipMarkers],
      [2, skipWhereFenced],
      [2, killWhereOpen],
      [2, killWhereSealed],
      [1, kill],
      [0.5, failWhereSealed]
    ]
  },
  /** Ids whose epochs are used up. */
  epochs: {
    shape: (chance) => ({ firstEpoch: 32_767 - chance.between(1, 8) }),
    faultsMax: 4,
    faults: [[4, kill], [1, pause], ...nuisances]
  },
  /** The cluster is changed to another transaction version, up or down. */
  versions: {
    shape: () => ({}),
    faultsMax: 4,
    faults: [[3, setVersion], [3, kill], ...nuisances]
  },
  /** The checkpoint folder is emptied, set back or damaged; whoever did it notices, and puts the right one back. */
  folder: {
    shape: () => ({}),
    faultsMax: 4,
    faults: [
      [3, folder],
      [2, kill],
      [0.5, frame]
    ]
  },
  /** The disk fails while checkpoints are published, and the process dies. */
  disk: {
    shape: () => ({}),
    always: [diskWherePublished],
    faultsMax: 4,
    faults: [
      [3, kill],
      [1, killWhereSealed],
      [1, diskWherePublished],
      [1, disk]
    ]
  },
  /** Somebody deletes the groups that hold the witnesses, or they expire while the job is down. */
  ledger: {
    shape: (chance) => ({
      mayStop: ['LEDGER_MISMATCH', 'TRANSACTION_UNDECIDED'],
      offsetsRetentionMinutes: 1,
      transactionTimeoutMs: chance.pick([5000, 60_000, 600_000]),
      checkpointTimeoutMs: 4000
    }),
    faultsMax: 4,
    faults: [[2, deleteLedgers], [2, kill], [1, longAway], ...nuisances]
  },
  /** Others join the groups that the job keeps offsets and witnesses in, and leave them again. */
  members: {
    shape: () => ({ groupId: sourceGroup, lock: 'none', healMs: 900 }),
    always: [joinGroups],
    faultsMax: 5,
    faults: [[2, joinGroups], [2, kill], [1.5, zombie], [1, killWhereSealed], [0.5, start], ...nuisances]
  },
  /** Transactions without the engine, their handles saved and resumed. */
  transactions: {
    shape: () => ({ play: 'transactions', lock: 'pid' }),
    faultsMax: 6,
    faults: [
      [5, kill],
      [2, pause],
      [0.5, veryLate],
      [2, frame],
      [1, move],
      [0.5, killBroker],
      [1, pauseBroker],
      [0.7, holdMarkers]
    ]
  },
  /** Handles of transactions that ended long ago are resumed, while the cluster goes to other transaction versions. */
  handles: {
    shape: (chance) => ({
      play: 'transactions',
      lock: 'pid',
      asksAgain: true,
      transactionVersion: chance.pick([0, 1, 1, 2])
    }),
    faultsMax: 8,
    faults: [
      [3, upgrade],
      [5, kill],
      [1, pause],
      [1, frame],
      [0.5, move],
      [0.5, holdMarkers]
    ]
  },
  /** Topics get more partitions, and clocks jump. */
  growth: {
    shape: (chance) => ({ isRead: false, healMs: chance.between(600, 1500) }),
    faultsMax: 4,
    faults: [[2, grow], [1, clock], [2, kill], ...nuisances]
  }
}

export const profileNames: readonly string[] = Object.keys(profiles)

/** The plan of a seed. */
export function planOf(seed: number, profileName: string): Plan {
  const profile = profiles[profileName]
  if (profile === undefined)
    throw new Error(`No profile is called ${profileName}: there are ${profileNames.join(', ')}`)
  const chance = new Chance(seed, 'plan')
  const shape = { ...plainShape(chance), ...profile.shape(chance) }
  const count = chance.between(1, profile.faultsMax)
  const total = profile.faults.reduce((sum, [weight]) => sum + weight, 0)
  const always = (profile.always ?? []).map((draw) => draw(chance, shape))
  const drawn = Array.from({ length: count }, () => {
    let left = chance.next() * total
    const one = profile.faults.find(([weight]) => (left -= weight) < 0) ?? profile.faults[0]
    if (one === undefined) throw new Error(`The profile ${profileName} has no faults`)
    return one[1](chance, shape)
  })
  return { seed, profile: profileName, shape, faults: [...always, ...drawn] }
}
