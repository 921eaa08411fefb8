// Commits a source's offsets to its group, for those who watch the group: nothing is ever restored from there. Hence a
// commit that fails is told and forgotten, and of several that wait for a slow coordinator only the newest is sent.
import type { Logger } from '../../client/index.ts'

export interface OffsetToCommit {
  readonly topic: string
  readonly partition: number
  /** Next offset to read. */
  readonly offset: bigint
  readonly leaderEpoch: number
}

export interface OffsetCommitterOptions {
  readonly commit: (offsets: readonly OffsetToCommit[]) => Promise<void>
  /** Called when offsets are committed. */
  readonly committed: (offsets: readonly OffsetToCommit[]) => void
  readonly groupId: string
  readonly logger: Logger
  /** Aborts when the run fails. */
  readonly signal: AbortSignal
}

/** Checkpoints that may wait to be completed with their offsets remembered; beyond it the oldest is forgotten. */
export const pendingCheckpointsMax = 100

export class OffsetCommitter {
  /** By checkpoint id, in order. */
  readonly pendingOffsetsToCommit = new Map<number, readonly OffsetToCommit[]>()
  private readonly options: OffsetCommitterOptions
  private waiting: readonly OffsetToCommit[] | undefined
  private inFlight: Promise<void> | undefined

  constructor(options: OffsetCommitterOptions) {
    this.options = options
  }

  /** The offsets of a checkpoint whose outcome is not known yet. */
  remember(checkpointId: number, offsets: readonly OffsetToCommit[]): void {
    this.pendingOffsetsToCommit.set(checkpointId, offsets)
    for (const oldest of this.pendingOffsetsToCommit.keys()) {
      if (this.pendingOffsetsToCommit.size <= pendingCheckpointsMax) break
      this.pendingOffsetsToCommit.delete(oldest)
    }
  }

  /** Commits the offsets of this checkpoint, and forgets those of older ones, which it covers. */
  checkpointCompleted(checkpointId: number): void {
    const offsets = this.pendingOffsetsToCommit.get(checkpointId)
    for (const id of this.pendingOffsetsToCommit.keys()) {
      if (id <= checkpointId) this.pendingOffsetsToCommit.delete(id)
    }
    if (offsets !== undefined) this.commit(offsets)
  }

  commit(offsets: readonly OffsetToCommit[]): void {
    if (offsets.length === 0) return
    this.waiting = offsets
    this.inFlight ??= this.drain()
  }

  /** Resolves when nothing waits to be committed. */
  async idle(): Promise<void> {
    await this.inFlight
  }

  private async drain(): Promise<void> {
    const { commit, committed, groupId, logger, signal } = this.options
    while (this.waiting !== undefined) {
      const offsets = this.waiting
      this.waiting = undefined
      try {
        await commit(offsets)
        committed(offsets)
      } catch (error) {
        if (signal.aborted) continue
        const reason = error instanceof Error ? error.message : String(error)
        logger.warn(`The offsets of group ${groupId} could not be committed; the next checkpoint tries again`, {
          reason
        })
      }
    }
    this.inFlight = undefined
  }
}
