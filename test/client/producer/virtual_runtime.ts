// A runtime whose time passes only when nothing else is left to do, and whose chances come from a seed: hours of retries
// take milliseconds, and a seed that fails fails again.
import { gunzipSync, gzipSync } from 'node:zlib'
import { nodeRuntime } from 'kafka-once/runtime'
import type { Runtime, Timer } from 'kafka-once/runtime'

interface Pending {
  readonly atMs: number
  readonly number: number
  readonly fire: () => void
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000
  }
}

export class VirtualTime {
  readonly runtime: Runtime
  private now = 1_000
  private count = 0
  private readonly timers = new Map<number, Pending>()

  constructor(random: () => number) {
    const real = nodeRuntime()
    const setTimer = (delayMs: number, fire: () => void): Timer => this.setTimer(delayMs, fire)
    this.runtime = {
      nowMs: () => 1_700_000_000_000 + Math.floor(this.now),
      monotonicMs: () => this.now,
      setTimer,
      defer: (fire) => void setTimer(0, fire),
      sleep: (delayMs, signal) => this.sleep(delayMs, signal),
      random,
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
      connect: () => Promise.reject(new Error('There is no network here.')),
      files: real.files,
      process: real.process,
      isAlive: (identity) => real.isAlive(identity),
      gunzip: (bytes, bytesMax) => this.afterAWhile(gunzipSync(bytes, { maxOutputLength: bytesMax })),
      gzip: (bytes, level) => this.afterAWhile(gzipSync(bytes, { level })),
      faultPoint: () => {}
    }
  }

  /** Lets time pass until the work is done. Rejects when it waits for nothing that will ever happen. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const settled = work.finally(() => (isDone = true))
    settled.catch(() => {})
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (isDone) break
      const next = this.nextTimer()
      if (next === undefined) throw new Error('Nothing is left that could happen, and the work is not done.')
      this.timers.delete(next.number)
      this.now = Math.max(this.now, next.atMs)
      next.fire()
    }
    return settled
  }

  // What runs off the thread takes time that only this clock knows of.
  private async afterAWhile<T>(result: T): Promise<T> {
    await this.sleep(1)
    return result
  }

  private nextTimer(): Pending | undefined {
    let first: Pending | undefined
    for (const timer of this.timers.values()) {
      if (first === undefined || timer.atMs < first.atMs) first = timer
    }
    return first
  }

  private setTimer(delayMs: number, fire: () => void): Timer {
    const number = this.count++
    this.timers.set(number, { atMs: this.now + Math.max(0, delayMs), number, fire })
    return { cancel: () => void this.timers.delete(number) }
  }

  private sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason)
      }
      const timer = this.setTimer(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
