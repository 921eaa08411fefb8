// Owns the time of a cluster: that of its runtime, until a test advances it. Timers that are due then fire one after the
// other, each at its own time, so that what a broker does in an hour is done in a moment. Clients keep their own clocks.

import type { ServerRuntime, Timer } from '../../runtime/index.ts'

/** What a cluster needs of the outside. */
export type ClusterRuntime = Pick<
  ServerRuntime,
  'nowMs' | 'monotonicMs' | 'setTimer' | 'defer' | 'random' | 'randomBytes' | 'listen'
>

interface Pending {
  readonly dueMs: number
  readonly fire: () => void
  timer: Timer
}

export class ClusterClock {
  readonly #inner: ClusterRuntime
  readonly #pending = new Set<Pending>()
  #offsetMs = 0
  /** Ends when nobody advances it any more. */
  #advancing: Promise<void> = Promise.resolve()

  constructor(inner: ClusterRuntime) {
    this.#inner = inner
  }

  /** The runtime as the cluster has it, with this time. */
  get runtime(): ClusterRuntime {
    const inner = this.#inner
    return {
      // Whole milliseconds, and never behind the timers.
      nowMs: () => inner.nowMs() + Math.ceil(this.#offsetMs),
      monotonicMs: () => this.#monotonicMs,
      setTimer: (delayMs, fire) => this.#setTimer(delayMs, fire),
      defer: (fire) => inner.defer(fire),
      random: () => inner.random(),
      randomBytes: (length) => inner.randomBytes(length),
      listen: (options, accept) => inner.listen(options, accept)
    }
  }

  /** Resolves when all that is due by then has been done. */
  advance(ms: number): Promise<void> {
    this.#advancing = this.#advancing.then(() => this.#advance(ms))
    return this.#advancing
  }

  get #monotonicMs(): number {
    return this.#inner.monotonicMs() + this.#offsetMs
  }

  #setTimer(delayMs: number, fire: () => void): Timer {
    const pending: Pending = { dueMs: this.#monotonicMs + delayMs, fire, timer: this.#arm(delayMs, () => pending) }
    this.#pending.add(pending)
    return {
      cancel: () => {
        if (this.#pending.delete(pending)) pending.timer.cancel()
      }
    }
  }

  #arm(delayMs: number, pending: () => Pending): Timer {
    return this.#inner.setTimer(delayMs, () => {
      this.#pending.delete(pending())
      pending().fire()
    })
  }

  async #advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms
    for (let next = this.#nextUntil(untilMs); next !== undefined; next = this.#nextUntil(untilMs)) {
      this.#goTo(next.dueMs)
      this.#pending.delete(next)
      next.timer.cancel()
      next.fire()
      // What follows from it may set timers of its own.
      await new Promise<void>((resolve) => this.#inner.defer(resolve))
    }
    this.#goTo(untilMs)
    const nowMs = this.#monotonicMs
    for (const pending of this.#pending) {
      pending.timer.cancel()
      pending.timer = this.#arm(Math.max(0, pending.dueMs - nowMs), () => pending)
    }
  }

  /** The first timer that is due by then. */
  #nextUntil(untilMs: number): Pending | undefined {
    let next: Pending | undefined
    for (const pending of this.#pending) {
      if (pending.dueMs <= untilMs && (next === undefined || pending.dueMs < next.dueMs)) next = pending
    }
    return next
  }

  #goTo(monotonicMs: number): void {
    this.#offsetMs += Math.max(0, monotonicMs - this.#monotonicMs)
  }
}
