// Checkpoints in memory: they outlive a restart of the job within the process, and nothing else. For tests and for jobs
// that may begin anew.
import { BlobCheckpointStore } from './store.ts'
import type { Blobs } from './store.ts'
import type { CheckpointStorage } from './storage.ts'

export interface MemoryCheckpointStorage extends CheckpointStorage {
  /** What is kept, by name, as a file would hold it. */
  readonly blobs: Map<string, Uint8Array>
}

/** Keeps the checkpoints of one job in memory. Several runs may have it open at once: there is no lock. */
export function memoryCheckpointStorage(): MemoryCheckpointStorage {
  const blobs = new Map<string, Uint8Array>()
  return {
    blobs,
    open: (context) => {
      const limits = { retainedMax: 1, checkpointBytesMax: 256 * 1024 * 1024 }
      return Promise.resolve(new BlobCheckpointStore(new MemoryBlobs(blobs), context, limits))
    }
  }
}

class MemoryBlobs implements Blobs {
  readonly #blobs: Map<string, Uint8Array>

  constructor(blobs: Map<string, Uint8Array>) {
    this.#blobs = blobs
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#blobs.keys()])
  }

  listDurable(): Promise<readonly string[]> {
    return this.list()
  }

  read(name: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#blobs.get(name))
  }

  async publish(name: string, bytes: Uint8Array, beforePublish?: () => Promise<void>): Promise<'published' | 'taken'> {
    await beforePublish?.()
    if (this.#blobs.has(name)) return 'taken'
    this.#blobs.set(name, bytes.slice())
    return 'published'
  }

  remove(name: string): Promise<void> {
    this.#blobs.delete(name)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
