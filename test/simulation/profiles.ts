// Which faults a profile has, how often, and how a plan follows from a seed. Each fault of a profile has a weight; a plan
// draws some of them, and for each a moment that is likely to come.
import { Chance } from 'kafka-once/testing'
import type { Trigger } from 'kafka-once/testing'
import { points, transactionalApis } from './plan.ts'
import type { Action, Plan, PlannedFault, Shape } from './plan.ts'

type Draw = (chance: Chance, shape: Shape) => PlannedFault

interface Profile {
  readonly shape: (chance: Chance) => Partial<Shape>
  readonly faultsMax: number
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

const stop: Draw = (chance, shape) => ({ when: atTime(chance, shape), action: { do: 'stop' } })

function plainShape(chance: Chance): Shape {
  const batches = chance.between(6, 14)
  const feedMs = chance.pick([10, 30, 60])
  return {
    brokers: chance.pick([1, 3]),
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
    loadMs: chance.pick([0, 0, 5, 60]),
    firstEpoch: -1,
    batches,
    batchRecords: chance.between(1, 3),
    feedMs,
    isRead: chance.is(0.25),
    healMs: batches * feedMs + chance.pick([0, 300])
  }
}

const profiles: Readonly<Record<string, Profile>> = {
  /** Processes die and pause, nothing else. */
  crash: {
    shape: () => ({}),
    faultsMax: 4,
    faults: [
      [5, kill],
      [2, pause],
      [1, fail],
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
  const faults = Array.from({ length: count }, () => {
    let left = chance.next() * total
    const drawn = profile.faults.find(([weight]) => (left -= weight) < 0) ?? profile.faults[0]
    if (drawn === undefined) throw new Error(`The profile ${profileName} has no faults`)
    return drawn[1](chance, shape)
  })
  return { seed, profile: profileName, shape, faults }
}
