// Owns what is left of the time of a call that consists of many. Reads the time from the runtime of the cluster.
import type { Cluster } from '../cluster.ts'
import type { CallLimits } from './coordinator_calls.ts'

/** Hands out what is left of the caller's time. */
export class Clock {
  private readonly cluster: Cluster
  private readonly limits: CallLimits
  private readonly endMs: number

  constructor(cluster: Cluster, limits: CallLimits) {
    this.cluster = cluster
    this.limits = limits
    this.endMs = cluster.runtime.monotonicMs() + limits.deadlineMs
  }

  left(): CallLimits {
    const deadlineMs = Math.max(1, this.endMs - this.cluster.runtime.monotonicMs())
    return { deadlineMs, signal: this.limits.signal }
  }
}
