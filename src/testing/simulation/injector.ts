// Owns when a planned fault happens: at a time, or at the n-th time that a watched process passes a point, makes a call
// through its Runtime, sends a request or is sent a response. What the fault is, is the business of whoever planned it.
// Plans are data, so that a run can be told, repeated and made smaller.

import { apis } from '../../protocol/index.ts'
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

/** What is known of one place: how often it was passed, and what waits for which time. */
interface Place<A> {
  readonly name: string
  passed: number
  readonly waiting: Map<number, Fault<A>[]>
}

export class Injector<A> implements WorldWatcher {
  readonly watched = new Set<VirtualProcess>()
  readonly #world: World
  readonly #apply: ApplyFault<A>
  readonly #before: Place<A> = newPlace('before')
  readonly #after: Place<A> = newPlace('after')
  /** By the names of points, and by the keys of APIs. */
  readonly #points = new Map<string, Place<A>>()
  readonly #requests = new Map<number, Place<A>>()
  readonly #responses = new Map<number, Place<A>>()
  #isOver = false

  constructor(world: World, faults: readonly Fault<A>[], apply: ApplyFault<A>) {
    this.#world = world
    this.#apply = apply
    for (const fault of faults) this.#arm(fault)
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    this.#isOver = true
  }

  fateOf(exchange: Exchange): FrameFate | undefined {
    const { process } = exchange.link.client
    if (!this.watched.has(process)) return undefined
    const { direction, apiKey } = exchange
    const place = (direction === 'request' ? this.#requests : this.#responses).get(apiKey)
    return place === undefined ? undefined : this.#pass(place, process, exchange)
  }

  calls(process: VirtualProcess): void {
    if (this.watched.has(process)) this.#pass(this.#before, process)
  }

  called(process: VirtualProcess): void {
    if (this.watched.has(process)) this.#pass(this.#after, process)
  }

  passes(process: VirtualProcess, point: string): void {
    const place = this.#points.get(point)
    if (place !== undefined && this.watched.has(process)) this.#pass(place, process)
  }

  #arm(fault: Fault<A>): void {
    const { when } = fault
    if (when.at === 'time') {
      this.#world.queue.at(when.ms, 'io', undefined, () => {
        if (!this.#isOver) this.#run(fault, { place: 'time', process: undefined, exchange: undefined })
      })
      return
    }
    const { waiting } = this.#placeOf(when)
    waiting.set(when.hit, [...(waiting.get(when.hit) ?? []), fault])
  }

  /** Only places where something waits are counted. */
  #placeOf(when: Exclude<Trigger, { readonly at: 'time' }>): Place<A> {
    switch (when.at) {
      case 'before':
        return this.#before
      case 'after':
        return this.#after
      case 'point':
        return placeIn(this.#points, when.name, `point ${when.name}`)
      default: {
        const places = when.at === 'request' ? this.#requests : this.#responses
        return placeIn(places, apis[when.api].key, `${when.at} ${when.api}`)
      }
    }
  }

  #pass(place: Place<A>, process: VirtualProcess, exchange?: Exchange): FrameFate | undefined {
    const hit = ++place.passed
    if (this.#isOver || place.waiting.size === 0) return undefined
    const faults = place.waiting.get(hit)
    if (faults === undefined) return undefined
    let result: FrameFate | undefined
    for (const fault of faults) result = this.#run(fault, { place: place.name, process, exchange }) ?? result
    return result
  }

  #run(fault: Fault<A>, site: FaultSite): FrameFate | undefined {
    if (this.#world.trace.isKept) this.#world.tell(`FAULT ${JSON.stringify(fault)} ${site.process?.name ?? ''}`)
    return this.#apply(fault.action, site)
  }
}

function newPlace<A>(name: string): Place<A> {
  return { name, passed: 0, waiting: new Map() }
}

function placeIn<K, A>(places: Map<K, Place<A>>, key: K, name: string): Place<A> {
  const place = places.get(key) ?? newPlace<A>(name)
  places.set(key, place)
  return place
}
