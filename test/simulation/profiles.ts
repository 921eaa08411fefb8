// Which faults a profile has, how often, and how a plan follows from a seed. Each fault of a profile has a weight; a plan
// draws some of them, and for each a moment that is likely to come.
import { Chance } from 'kafka-once/testing'
import {
  clock,
  deleteLedgers,
  disk,
  diskWherePublished,
  fail,
  failWhereSealed,
  folder,
  frame,
  grow,
  holdMarkers,
  joinGroups,
  kill,
  killBroker,
  killWhereOpen,
  killWhereSealed,
  lateZombie,
  longAway,
  longDown,
  markers,
  move,
  part,
  pause,
  pauseBroker,
  pauseFirst,
  pauseLedger,
  pauseWhereLoaded,
  resumeWhereKilled,
  setVersion,
  skipMarkers,
  skipOrDelay,
  skipWhereFenced,
  start,
  stop,
  swallow,
  upgrade,
  veryLate,
  skipAllWhereFenced,
  zombie,
  zombieWhereSealed
} from './faults.ts'
import type { Draw } from './faults.ts'
import { sourceGroup } from './plan.ts'
import type { Plan, Shape } from './plan.ts'

interface Profile {
  readonly shape: (chance: Chance) => Partial<Shape>
  readonly faultsMax: number
  /** These are in every plan, before the others. */
  readonly always?: readonly Draw[]
  /** Faults with their weights. */
  readonly faults: readonly (readonly [weight: number, draw: Draw])[]
}

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

/** Things that hardly matter by themselves, to be mixed with others. */
const nuisances: Profile['faults'] = [
  [1, frame],
  [0.5, move],
  [0.3, markers],
  [0.3, killBroker]
]
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
  /** A run is shut out while it seals or commits, and its successor's markers are left out. */
  shutOut: {
    shape: (chance) => ({ lock: 'none', healMs: 1200, intervalMs: chance.pick([30, 80]) }),
    always: [zombieWhereSealed, skipAllWhereFenced],
    faultsMax: 3,
    faults: [
      [1, zombie],
      [1, skipMarkers],
      [0.5, start],
      [0.5, kill]
    ]
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
