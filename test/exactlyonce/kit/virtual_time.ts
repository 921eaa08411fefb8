// Owns a clock that stands still until a test moves it. Nothing leaves the thread, so that promises settle in one go.
import { gunzipSync, gzipSync } from 'node:zlib'
import { nodeRuntime } from '../../../src/runtime/index.ts'
import type { Runtime } from '../../../src/runtime/index.ts'

interface Waiting {
  readonly atMs: number
  readonly fire: () => void
}

export class VirtualTime {
  readonly runtime: Runtime
  #nowMs = 0
  #waiting: Waiting[] = []

  constructor() {
    this.runtime = {
      ...nodeRuntime(),
      gzip: (bytes) => Promise.resolve(gzipSync(bytes)),
      gunzip: (bytes) => Promise.resolve(gunzipSync(bytes)),
      nowMs: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      setTimer: (delayMs, fire) => {
        const waiting = { atMs: this.#nowMs + delayMs, fire }
        this.#waiting.push(waiting)
        return { cancel: () => void (this.#waiting = this.#waiting.filter((other) => other !== waiting)) }
      }
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get timersCount(): number {
    return this.#waiting.length
  }

  /** Moves the clock, firing what is due in order, and lets promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await settle()
    for (;;) {
      const [next] = this.#waiting.filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#waiting = this.#waiting.filter((other) => other !== next)
      next.fire()
      await settle()
    }
    this.#nowMs = untilMs
  }
}

/** Lets everything go on that waits for nothing but promises. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
