// Owns what one execution may cost: time of the processor and memory, measured around it. A measurement that was
// disturbed, by another process or by a collection of garbage, is taken again before it counts. Large inputs, which are
// collected while they are read, have limits of their own.

import { getHeapStatistics } from 'node:v8'
import { outcomeOf, type Costs, type Outcome, type Target } from './target.ts'

/** Milliseconds of the processor for one input. */
export const executionMsMax = 50
/** Bytes for one input, or twice its size where that is more; the named limit of decompression is smaller. */
export const allocatedBytesMax = 16 * 1024 * 1024
const repetitions = 3

/** An input that cost too much. */
export class CostError extends Error {}

/** Runs the target on the bytes. Throws a CostError, or whatever else the target throws that is no refusal. */
export async function meteredOutcome(target: Target, bytes: Uint8Array): Promise<Outcome> {
  const before = usedBytes()
  const start = performance.now()
  let outcome = outcomeOf(target, bytes)
  if (outcome instanceof Promise) outcome = await outcome
  const wallMs = performance.now() - start
  const allocated = usedBytes() - before
  const { executionMs, allocatedBytes } = limitsFor(target, bytes)
  if (wallMs > executionMs) await expectFast(target, bytes)
  const isCollected = allocated < 0 && target.costs === undefined
  if (isCollected || allocated > allocatedBytes) await expectSmall(target, bytes)
  return outcome
}

function limitsFor(target: Target, bytes: Uint8Array): Costs {
  const allocatedBytes = Math.max(allocatedBytesMax, bytes.length * 2)
  return target.costs ?? { executionMs: executionMsMax, allocatedBytes }
}

/** Live memory and garbage that was not collected yet, in the heap and outside of it. */
function usedBytes(): number {
  const { used_heap_size: inside, external_memory: outside } = getHeapStatistics()
  return inside + outside
}

async function expectFast(target: Target, bytes: Uint8Array): Promise<void> {
  let leastMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < repetitions; i++) {
    const start = process.cpuUsage()
    await outcomeOf(target, bytes)
    const { user, system } = process.cpuUsage(start)
    leastMs = Math.min(leastMs, (user + system) / 1000)
  }
  if (leastMs > limitsFor(target, bytes).executionMs)
    throw new CostError(`It takes ${leastMs.toFixed(0)} ms of the processor`)
}

/** The young generation is larger than the limit, so that nothing is collected during an execution that keeps to it. */
async function expectSmall(target: Target, bytes: Uint8Array): Promise<void> {
  for (let i = 0; i < repetitions; i++) {
    globalThis.gc?.()
    const before = usedBytes()
    await outcomeOf(target, bytes)
    const allocated = usedBytes() - before
    if (allocated > limitsFor(target, bytes).allocatedBytes)
      throw new CostError(`It allocates ${(allocated / 2 ** 20).toFixed(1)} MiB`)
    if (allocated >= 0 || target.costs !== undefined) return
  }
  throw new CostError('It allocates more than the young generation holds')
}
