// Owns the choice of a partition: by the key's hash, as Java does it, so that producers in both languages agree; without
// a key one partition for as long as a batch fills, since many small batches cost more than one large one (KIP-480).
// Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner.
import { partitionForKey } from '../../protocol/index.ts'

/** Answers a partition, 0 <= partition < `partitionCount`, or undefined for the producer's own choice. */
export type Partitioner = (topic: string, key: Uint8Array | null, partitionCount: number) => number | undefined

/** The partition of a record with a key. An empty key is a key. */
export const keyPartitioner: Partitioner = (_topic, key, partitionCount) =>
  key === null ? undefined : partitionForKey(key, partitionCount)

/** Stays with one partition of a topic until told to move on. */
export class StickyPartition {
  private current = -1

  /** The partition for the next record without a key. `random` is at least 0 and less than 1. */
  choose(partitionCount: number, random: () => number): number {
    if (this.current < 0 || this.current >= partitionCount) this.current = Math.floor(random() * partitionCount)
    return this.current
  }

  /** The batch of `partition` is closed: the next records go elsewhere. */
  moveOn(partition: number, partitionCount: number, random: () => number): void {
    if (partition !== this.current || partitionCount < 2) return
    this.current = (partition + 1 + Math.floor(random() * (partitionCount - 1))) % partitionCount
  }
}
