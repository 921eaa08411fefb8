// Owns the buffers that batches are gathered in, to be used again: a megabyte that is allocated, touched for the first time
// and collected for each batch costs as much as writing it. A buffer comes back only when nobody can be reading it.
import type { Cluster } from '../cluster.ts'

/** Bytes kept for all producers of a client together, besides those that hold records. */
const pooledBytesMax = 16 * 1024 * 1024

/** Buffers kept; more would be searched too long. */
const buffersMax = 64

export class BufferPool {
  private readonly bytesMax: number
  private readonly buffers: Uint8Array[] = []
  private bytes = 0

  /** Keeps up to `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** A buffer of at least `bytesMin` bytes with something in it; undefined where there is none. */
  take(bytesMin: number): Uint8Array | undefined {
    // The one that was given last is the likeliest to be in the processor's cache.
    for (let i = this.buffers.length - 1; i >= 0; i--) {
      const buffer = this.buffers[i]!
      if (buffer.length < bytesMin) continue
      this.buffers.splice(i, 1)
      this.bytes -= buffer.length
      return buffer
    }
    return undefined
  }

  give(buffer: Uint8Array): void {
    if (this.buffers.length >= buffersMax || this.bytes + buffer.length > this.bytesMax) return
    this.buffers.push(buffer)
    this.bytes += buffer.length
  }
}

const pools = new WeakMap<Cluster, BufferPool>()

/** The pool that all producers of a client share: each transaction gathers its batches anew. */
export function poolOf(cluster: Cluster): BufferPool {
  let pool = pools.get(cluster)
  if (pool === undefined) {
    pool = new BufferPool(pooledBytesMax)
    pools.set(cluster, pool)
  }
  return pool
}
