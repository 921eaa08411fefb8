// Owns the logs of partitions that a broker led before it stood still, as they were when another broker took its place.
// It answers out of them until it has followed its successor far enough: first as the leader that it takes itself for,
// then, for those who ask any replica, as a follower that lags.

import { PartitionLog } from '../log/partition_log.ts'
import type { StoredLog } from '../log/partition_log.ts'
import type { Partition } from './topic.ts'

export class OldLogs {
  /** Read again only where somebody asks. */
  readonly #logs = new Map<Partition, StoredLog | PartitionLog>()

  /** Call before the successor's log begins to differ. */
  keep(partition: Partition): void {
    if (!this.#logs.has(partition)) this.#logs.set(partition, partition.log.store())
  }

  of(partition: Partition): PartitionLog | undefined {
    const kept = this.#logs.get(partition)
    if (kept === undefined || kept instanceof PartitionLog) return kept
    const log = new PartitionLog(partition.topic.settings)
    log.restore(kept)
    this.#logs.set(partition, log)
    return log
  }

  partitions(): Partition[] {
    return [...this.#logs.keys()]
  }

  drop(partition: Partition): void {
    this.#logs.delete(partition)
  }

  clear(): void {
    this.#logs.clear()
  }
}
