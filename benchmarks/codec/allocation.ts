// Counts what a piece of work allocates: the growth of the heap, and of what lies outside of it, while nothing is
// collected. Needs a process of its own with `allocationFlags`: a young generation in which everything has room.
import { setTimeout as sleep } from 'node:timers/promises'
import { PerformanceObserver } from 'node:perf_hooks'
import type { CodecSubject } from './workload.ts'

export const allocationFlags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'] as const

/** Enough that nothing else counts, and less than V8 lets grow before it collects. */
const bytesPerSample = 6 * 1024 * 1024
const samplesWanted = 9
const attemptsMax = 60

/** The bytes that one run allocates: the median of samples during which nothing was collected. */
export async function allocatedBytes(subject: CodecSubject): Promise<number> {
  const collectedMs: number[] = []
  const observer = new PerformanceObserver((list) => collectedMs.push(...list.getEntries().map((one) => one.startTime)))
  observer.observe({ entryTypes: ['gc'] })
  const perRun: number[] = []
  let runs = 1
  let runsMax = 256
  for (let attempt = 0; attempt < attemptsMax && perRun.length < samplesWanted; attempt++) {
    const { bytes, startMs, endMs } = await sample(subject, runs)
    // Collections are reported only after the work that they interrupted.
    await sleep(20)
    if (collectedMs.some((at) => at > startMs && at < endMs)) runs = runsMax = Math.max(1, runs >> 1)
    else if (bytes < bytesPerSample && runs < runsMax) runs *= 2
    else perRun.push(bytes / runs)
  }
  observer.disconnect()
  if (perRun.length < samplesWanted) throw new Error('Something is collected during each sample')
  return perRun.toSorted((left, right) => left - right)[perRun.length >> 1]!
}

interface Sample {
  readonly bytes: number
  readonly startMs: number
  readonly endMs: number
}

async function sample(subject: CodecSubject, runs: number): Promise<Sample> {
  if (globalThis.gc === undefined) throw new Error(`Start Node with ${allocationFlags.join(' ')}`)
  globalThis.gc()
  const before = process.memoryUsage()
  const startMs = performance.now()
  await subject.run(runs)
  const endMs = performance.now()
  const after = process.memoryUsage()
  // What array buffers hold is part of `external`.
  return { bytes: after.heapUsed - before.heapUsed + after.external - before.external, startMs, endMs }
}
