// Owns the buffers that batches are gathered in, to be used again: a megabyte that is allocated, touched for the first time
// and collected for each batch costs as much as writing it. A buffer comes back only when nobody can be reading it.

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
