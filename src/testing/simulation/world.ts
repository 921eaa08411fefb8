// Owns one simulated world: time, chance, the network, machines with their disks, and the processes on them. A machine can
// lose its power, which ends its processes without a word to anybody and takes what its disk had not made safe.

import type { ProcessIdentity, ServerRuntime } from '../../runtime/index.ts'
import { Chance } from './chance.ts'
import { Disk } from './disk.ts'
import { EventQueue } from './event_queue.ts'
import { VirtualNetwork } from './network.ts'
import type { NetworkWatcher } from './network.ts'
import { VirtualProcess } from './process.ts'
import { Trace } from './trace.ts'
import { virtualRuntime } from './virtual_runtime.ts'
import type { CallWatcher } from './virtual_runtime.ts'

/** A simulated process with the Runtime to run a program on. */
export interface Spawned {
  readonly process: VirtualProcess
  readonly runtime: ServerRuntime
}

interface Machine {
  readonly name: string
  readonly disk: Disk
  bootId: number
  nextPid: number
}

export interface WorldOptions {
  readonly seed: number
  /** Whether the trace keeps lines to read. Default false. */
  readonly isTraceKept?: boolean
}

/** Sees everything that programs do, and decides about some of it. */
export type WorldWatcher = NetworkWatcher & CallWatcher

/** 2026-01-01. */
const epochMs = 1_767_225_600_000
const hashKinds = Object.freeze({ timer: 1, io: 2, killed: 3, paused: 4, resumed: 5, power: 6 })

export class World {
  readonly chance: Chance
  readonly queue = new EventQueue()
  readonly trace: Trace
  readonly network: VirtualNetwork
  /** How many events have run. */
  events = 0
  readonly #machines = new Map<string, Machine>()
  readonly #processes: VirtualProcess[] = []
  #watcher: WorldWatcher | undefined

  constructor({ seed, isTraceKept = false }: WorldOptions) {
    this.chance = new Chance(seed, 'world')
    this.trace = new Trace(isTraceKept)
    const ghost = this.#newProcess('nowhere', 'nobody')
    this.network = new VirtualNetwork(this.queue, this.chance.stream('network'), this.trace, ghost)
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  /** Lets somebody watch all that programs do. */
  watch(watcher: WorldWatcher | undefined): void {
    this.#watcher = watcher
    this.network.watcher = watcher
  }

  /** Starts a process; the caller runs its program. */
  spawn(machineName: string, name: string): Spawned {
    const machine = this.#machine(machineName)
    const process = this.#newProcess(machineName, name)
    const runtime = virtualRuntime({
      process,
      queue: this.queue,
      network: this.network,
      disk: machine.disk,
      chance: this.chance.stream(`process ${process.number}`),
      epochMs,
      isAlive: (identity) => this.#isAlive(identity, process),
      watcher: () => this.#watcher
    })
    return { process, runtime }
  }

  disk(machineName: string): Disk {
    return this.#machine(machineName).disk
  }

  /** Ends a process as SIGKILL does. What it has written to sockets and files stays. */
  kill(process: VirtualProcess): void {
    if (process.state === 'dead') return
    this.#note(hashKinds.killed, process, 'is killed')
    process.kill()
  }

  pause(process: VirtualProcess): void {
    if (process.state !== 'running') return
    this.#note(hashKinds.paused, process, 'is paused')
    process.pause()
  }

  resume(process: VirtualProcess): void {
    if (process.state !== 'paused') return
    this.#note(hashKinds.resumed, process, 'goes on')
    process.resume()
  }

  /** Takes the power from a machine; it is back at once, as another boot. */
  cutPower(machineName: string): void {
    const machine = this.#machine(machineName)
    this.trace.mix(hashKinds.power, 0)
    if (this.trace.isKept) this.tell(`${machineName} loses its power`)
    for (const one of this.#processes) {
      if (one.identity.host !== machineName || one.state === 'dead') continue
      this.network.vanish(one)
      this.kill(one)
    }
    machine.disk.losePower(this.chance)
    machine.bootId++
  }

  /** Runs the next event. False where there is none. */
  step(): boolean {
    const event = this.queue.next()
    if (event === undefined) return false
    const { fire, owner, kind } = event
    if (fire === undefined || (owner !== undefined && !owner.admits(event))) return true
    event.fire = undefined
    this.events++
    this.trace.mix(hashKinds[kind] + 16 * (owner?.number ?? -1), Math.floor(event.atMs * 1000))
    fire()
    return true
  }

  /** A line of the trace. */
  tell(text: string): void {
    this.trace.tell(this.queue.nowMs, text)
  }

  #note(kind: number, process: VirtualProcess, what: string): void {
    this.trace.mix(kind, process.number)
    if (this.trace.isKept) this.tell(`${process.name} ${what}`)
  }

  #newProcess(machineName: string, name: string): VirtualProcess {
    const machine = this.#machine(machineName)
    const number = this.#processes.length
    const pid = machine.nextPid++
    const identity = { host: machineName, bootId: `boot-${machine.bootId}`, pid, startTime: String(number) }
    const chance = this.chance.stream(`life ${number}`)
    const process = new VirtualProcess(number, name, Object.freeze(identity), this.queue, chance)
    this.#processes.push(process)
    return process
  }

  #machine(name: string): Machine {
    let machine = this.#machines.get(name)
    if (machine === undefined) {
      machine = { name, disk: new Disk(), bootId: 1, nextPid: 100 }
      this.#machines.set(name, machine)
    }
    return machine
  }

  #isAlive(identity: ProcessIdentity, asking: VirtualProcess): boolean | undefined {
    const { host, bootId, pid, startTime } = identity
    if (host !== asking.identity.host || bootId !== asking.identity.bootId) return undefined
    const found = this.#processes.find((one) => one.identity.host === host && one.identity.startTime === startTime)
    return found !== undefined && found.identity.pid === pid && found.state !== 'dead'
  }
}
