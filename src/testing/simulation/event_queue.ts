// Owns virtual time and what is to happen in it: a heap of events, ordered by time and, at the same time, by when they
// were asked for. Time stands still while an event runs, and jumps to the next one.

import type { Timer } from '../../runtime/index.ts'

/** What an event comes from; a process that wakes up may take the ones before the others. */
export type EventKind = 'timer' | 'io'

/** Whose event it is: it may be held back for later, or be dropped. */
export interface EventOwner {
  readonly number: number
  /** False where the event must not run now. */
  admits(event: QueuedEvent): boolean
}

export class QueuedEvent implements Timer {
  atMs: number
  order: number
  readonly kind: EventKind
  /** Undefined for what belongs to the world itself. */
  readonly owner: EventOwner | undefined
  /** Undefined once it was cancelled or has run. */
  fire: (() => void) | undefined

  constructor(atMs: number, order: number, kind: EventKind, owner: EventOwner | undefined, fire: () => void) {
    this.atMs = atMs
    this.order = order
    this.kind = kind
    this.owner = owner
    this.fire = fire
  }

  cancel(): void {
    this.fire = undefined
  }
}

/** Cancelled events stay where they are until their time has come, or until they are most of a heap of this size. */
const sweepSizeMin = 1024
const sweepGrowth = 4

export class EventQueue {
  /** Milliseconds since the beginning, with fractions. */
  nowMs = 0
  #heap: QueuedEvent[] = []
  #orders = 0
  #sweepSize = sweepSizeMin

  /** Runs `fire` after so many milliseconds. */
  after(delayMs: number, kind: EventKind, owner: EventOwner | undefined, fire: () => void): QueuedEvent {
    return this.at(this.nowMs + Math.max(0, delayMs), kind, owner, fire)
  }

  at(atMs: number, kind: EventKind, owner: EventOwner | undefined, fire: () => void): QueuedEvent {
    const event = new QueuedEvent(Math.max(atMs, this.nowMs), this.#orders++, kind, owner, fire)
    this.#push(event)
    return event
  }

  /** Puts an event that was held back behind what is ready now. */
  again(event: QueuedEvent): void {
    event.atMs = this.nowMs
    event.order = this.#orders++
    this.#push(event)
  }

  /** Takes the next event and sets the clock to it. Undefined where nothing is to come. */
  next(): QueuedEvent | undefined {
    for (;;) {
      const event = this.#pop()
      if (event === undefined) return undefined
      if (event.fire === undefined) continue
      this.nowMs = event.atMs
      return event
    }
  }

  #push(event: QueuedEvent): void {
    if (this.#heap.length >= this.#sweepSize) this.#sweep()
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (isBefore(heap[above]!, event)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
  }

  #pop(): QueuedEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last !== undefined && last !== first) sink(heap, 0, last)
    return first
  }

  /** Removes what was cancelled; a sorted list is a heap. */
  #sweep(): void {
    this.#heap = this.#heap.filter(({ fire }) => fire !== undefined)
    this.#heap.sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.#sweepSize = Math.max(sweepSizeMin, this.#heap.length * sweepGrowth)
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function sink(heap: QueuedEvent[], from: number, event: QueuedEvent): void {
  let at = from
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
    if (isBefore(event, heap[below]!)) break
    heap[at] = heap[below]!
    at = below
  }
  heap[at] = event
}
