// For programs that look into a checkpoint store from outside, to list or settle what a stopped job has left prepared.
import type { PreparedTransaction } from '../../client/index.ts'
import type { Checkpoint } from '../checkpoint/storage.ts'
import { unpackHandle } from './packed_handle.ts'

/** Names of participants that keep Kafka transactions begin so. */
export const kafkaParticipantPrefix = 'kafka:'

/**
 * The Kafka transactions that the checkpoint waits for, in order of checkpoint id. `kafka.resumeTransaction` takes them;
 * a job that is started again settles them itself. Throws JobError CHECKPOINT_CORRUPT.
 */
export function pendingKafkaTransactions(checkpoint: Checkpoint): PreparedTransaction[] {
  const handles: PreparedTransaction[] = []
  for (const [name, { pending }] of checkpoint.participants) {
    if (!name.startsWith(kafkaParticipantPrefix)) continue
    for (const { handle } of pending) handles.push(unpackHandle(handle))
  }
  return handles
}
