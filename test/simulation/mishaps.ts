// Carries out what a plan says goes wrong: with processes, their machine, its disk, and the network between them and the
// brokers. What concerns brokers alone is cluster_site.ts's.
import type { DiskCall, DiskFault, FaultSite, FrameFate, World } from 'kafka-once/testing'
import type { ClusterSite } from './cluster_site.ts'
import type { Action } from './plan.ts'
import { startAgainMs } from './supervisor.ts'
import type { Hand, Supervisor } from './supervisor.ts'

export interface MishapParts {
  readonly world: World
  readonly site: ClusterSite
  readonly supervisor: Supervisor
  readonly machine: string
  readonly folder: string
}

type FolderContent = ReadonlyMap<string, Uint8Array>

const frameFates = new Set<Action['do']>(['delay', 'cut', 'late', 'repeat', 'slice', 'swallow'])
const snapshotsMax = 4

export class Mishaps {
  readonly #parts: MishapParts
  /** What the folder held a while ago, the oldest first. */
  #snapshots: FolderContent[] = []
  /** What the folder should hold, while it does not. */
  #truth: FolderContent | undefined

  constructor(parts: MishapParts) {
    this.#parts = parts
  }

  /** The folder was tampered with, and nobody has gone on with it yet. */
  get isFolderWrong(): boolean {
    return this.#truth !== undefined
  }

  apply(action: Action, { process, exchange }: FaultSite): FrameFate | undefined {
    const { site, supervisor } = this.#parts
    if (site.apply(action)) return undefined
    if (isFrameFate(action)) return exchange === undefined ? undefined : action
    const hand = supervisor.hands.find((one) => one.process === process) ?? supervisor.running.at(-1)
    switch (action.do) {
      case 'fail':
        throw new Error('told to fail')
      case 'start':
        supervisor.start()
        return undefined
      case 'disk':
        this.#spoilDisk(action.call, action.fault, action.forMs)
        return undefined
      default:
        if (hand !== undefined && !hand.isGone) this.#harm(hand, action)
        return undefined
    }
  }

  /** A checkpoint has come about: what is in the folder now can be what somebody restores by mistake. */
  remember(): void {
    const { world, machine, folder } = this.#parts
    if (this.#snapshots.push(world.disk(machine).snapshot(folder)) > snapshotsMax) this.#snapshots.shift()
  }

  /** Puts back what belongs into the folder. */
  restoreFolder(): void {
    const { world, machine, folder } = this.#parts
    if (this.#truth !== undefined) world.disk(machine).restore(folder, this.#truth)
    this.#truth = undefined
  }

  /** Somebody has gone on with the folder as it is. */
  acceptFolder(): void {
    this.#truth = undefined
  }

  heal(): void {
    const { world, machine, supervisor } = this.#parts
    world.disk(machine).faults = undefined
    for (const { process } of supervisor.hands) world.resume(process)
  }

  #harm(hand: Hand, action: Action): void {
    const { world, site, supervisor } = this.#parts
    const { process } = hand
    switch (action.do) {
      case 'kill':
        supervisor.kill(hand, !action.power)
        if (action.also !== undefined) site.apply(action.also)
        return supervisor.startLater(action.downMs)
      case 'pause':
        world.pause(process)
        if (action.also !== undefined) site.apply(action.also)
        supervisor.runtime.setTimer(action.forMs, () => world.resume(process))
        if (action.successorMs !== undefined) supervisor.runtime.setTimer(action.successorMs, () => supervisor.start())
        return undefined
      case 'stop':
        return hand.program?.stop()
      case 'disconnect':
        if (action.also !== undefined) site.apply(action.also)
        supervisor.runtime.setTimer(action.afterMs, () => {
          for (const link of world.network.linksOf(process, site.portOf(action.broker))) link.cut()
        })
        return undefined
      case 'part':
        return world.network.part(process, site.portOf(action.broker), action.forMs)
      case 'clock':
        process.clockOffsetMs += action.ms
        return undefined
      case 'folder':
        supervisor.kill(hand, true)
        this.#spoilFolder(action.what)
        return supervisor.startLater(startAgainMs)
      default:
        throw new Error(`Nobody does ${action.do}`)
    }
  }

  #spoilDisk(call: DiskCall, fault: DiskFault, forMs: number): void {
    const { world, machine, supervisor } = this.#parts
    const disk = world.disk(machine)
    disk.faults = (one) => (one === call ? fault : undefined)
    supervisor.runtime.setTimer(forMs, () => {
      disk.faults = undefined
    })
  }

  #spoilFolder(what: 'empty' | 'older' | 'flipped' | 'short'): void {
    const { world, machine, folder, supervisor } = this.#parts
    if (this.#truth !== undefined || supervisor.running.length > 0) return
    const disk = world.disk(machine)
    const truth = disk.snapshot(folder)
    const spoilt = this.#spoilt(truth, what)
    if (spoilt === undefined) return
    this.#truth = truth
    disk.restore(folder, spoilt)
  }

  #spoilt(truth: FolderContent, what: 'empty' | 'older' | 'flipped' | 'short'): FolderContent | undefined {
    if (what === 'empty') return new Map()
    if (what === 'older') return this.#snapshots[0]
    const newest = [...truth.keys()].filter((name) => name.startsWith('checkpoint-')).at(-1)
    const bytes = newest === undefined ? undefined : truth.get(newest)
    if (newest === undefined || bytes === undefined) return undefined
    const { chance } = this.#parts.world
    if (what === 'short') return new Map(truth).set(newest, bytes.slice(0, chance.between(0, bytes.length - 1)))
    const flipped = bytes.slice()
    const at = chance.between(0, bytes.length - 1)
    flipped[at] = flipped[at]! ^ (1 << chance.between(0, 7))
    return new Map(truth).set(newest, flipped)
  }
}

function isFrameFate(action: Action): action is FrameFate {
  return frameFates.has(action.do)
}
