// Owns when a planned fault happens: at a time, or at the n-th time that a watched process passes a point, makes a call
// through its Runtime, sends a request or is sent a response. What the fault is, is the business of whoever planned it.
// Plans are data, so that a run can be told, repeated and made smaller.

import { apiByKey } from '../../protocol/index.ts'
import type { ApiName } from '../../protocol/index.ts'
import type { Exchange, FrameFate } from './link.ts'
import type { VirtualProcess } from './process.ts'
import type { World, WorldWatcher } from './world.ts'

/** Hits are counted from 1, over all watched processes and from the beginning. */
export type Trigger =
  | { readonly at: 'time'; readonly ms: number }
  /** A point that the program marks. */
  | { readonly at: 'point'; readonly name: string; readonly hit: number }
  /** Any call through the Runtime, before or after it takes effect. */
  | { readonly at: 'before' | 'after'; readonly hit: number }
  | { readonly at: 'request' | 'response'; readonly api: ApiName; readonly hit: number }

export interface Fault<A> {
  readonly when: Trigger
  readonly action: A
}

/** Where a fault happens. */
export interface FaultSite {
  /** The trigger in words, without its count. */
  readonly place: string
  /** Whoever caused it; undefined for a time. */
  readonly process: VirtualProcess | undefined
  readonly exchange: Exchange | undefined
}

/** Carries out a fault. What it answers decides about a frame; what it throws is thrown at a point of the program. */
export type ApplyFault<A> = (action: A, site: FaultSite) => FrameFate | undefined

export class Injector<A> implements WorldWatcher {
  readonly watched = new Set<VirtualProcess>()
  /** How often each place was passed. */
  readonly passed = new Map<string, number>()
  readonly #world: World
  readonly #apply: ApplyFault<A>
  readonly #waiting = new Map<string, Map<number, Fault<A>[]>>()
  #isOver = false

  constructor(world: World, faults: readonly Fault<A>[], apply: ApplyFault<A>) {
    this.#world = world
    this.#apply = apply
    for (const fault of faults) this.#arm(fault)
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    this.#isOver = true
    this.#waiting.clear()
  }

  fateOf(exchange: Exchange): FrameFate | undefined {
    const { process } = exchange.link.client
    if (!this.watched.has(process)) return undefined
    const api = apiByKey(exchange.apiKey)?.name ?? 'unknown'
    return this.#pass(`${exchange.direction} ${api}`, process, exchange)
  }

  calls(process: VirtualProcess): void {
    if (this.watched.has(process)) this.#pass('before', process)
  }

  called(process: VirtualProcess): void {
    if (this.watched.has(process)) this.#pass('after', process)
  }

  passes(process: VirtualProcess, point: string): void {
    if (this.watched.has(process)) this.#pass(`point ${point}`, process)
  }

  #arm(fault: Fault<A>): void {
    const { when } = fault
    if (when.at === 'time') {
      this.#world.queue.at(when.ms, 'io', undefined, () => {
        if (!this.#isOver) this.#run(fault, { place: 'time', process: undefined, exchange: undefined })
      })
      return
    }
    const place = placeOf(when)
    const byHit = this.#waiting.get(place) ?? new Map<number, Fault<A>[]>()
    this.#waiting.set(place, byHit)
    byHit.set(when.hit, [...(byHit.get(when.hit) ?? []), fault])
  }

  #pass(place: string, process: VirtualProcess, exchange?: Exchange): FrameFate | undefined {
    const hit = (this.passed.get(place) ?? 0) + 1
    this.passed.set(place, hit)
    const faults = this.#waiting.get(place)?.get(hit)
    if (faults === undefined) return undefined
    let result: FrameFate | undefined
    for (const fault of faults) result = this.#run(fault, { place, process, exchange }) ?? result
    return result
  }

  #run(fault: Fault<A>, site: FaultSite): FrameFate | undefined {
    if (this.#world.trace.isKept) this.#world.tell(`FAULT ${JSON.stringify(fault)} ${site.process?.name ?? ''}`)
    return this.#apply(fault.action, site)
  }
}

function placeOf(when: Exclude<Trigger, { readonly at: 'time' }>): string {
  if (when.at === 'point') return `point ${when.name}`
  return when.at === 'request' || when.at === 'response' ? `${when.at} ${when.api}` : when.at
}
