// What a consumer is told to read: partitions, and where to begin in each. Owns the words, and their
// checks; nothing here knows a broker. KIP-320 (leader epochs), KIP-516 (topic ids).
import { keyOfPartition } from '../admin/partitions.ts'
import { KafkaError } from '../errors.ts'
import { show } from '../options.ts'

/**
 * Where reading begins: an offset; `earliest`, the first one that is left; `latest`, after the last record that the
 * consumer's isolation level lets it see; `committed`, the group's committed offset; or the first record whose
 * timestamp is at least `timestampMs` (milliseconds since 1970), `latest` where there is none.
 */
export type StartPosition = bigint | 'earliest' | 'latest' | 'committed' | { readonly timestampMs: number }

export interface Assignment {
  readonly topic: string
  readonly partition: number
  readonly position: StartPosition
  /** Leader epoch of the last record that was read before `position`, so that a truncated log is noticed (KIP-320). */
  readonly leaderEpoch?: number
  /** Id of the topic that `position` belongs to, so that a recreated topic is noticed (KIP-516). */
  readonly topicId?: string
}

/** Throws KafkaError INVALID_OPTION where an assignment makes no sense, or two are for the same partition. */
export function checkAssignments(assignments: readonly Assignment[], groupId: string | undefined): void {
  const seen = new Set<string>()
  for (const assignment of assignments) {
    checkPartition(assignment.topic, assignment.partition)
    checkPosition(assignment.position, groupId)
    const { leaderEpoch, topicId } = assignment
    if (leaderEpoch !== undefined && !(Number.isInteger(leaderEpoch) && leaderEpoch >= -1)) {
      throw invalid(`leaderEpoch is ${show(leaderEpoch, false)}, but must be a whole number of at least -1.`)
    }
    if (topicId !== undefined && !(typeof topicId === 'string' && topicId.length === 22)) {
      throw invalid(`topicId is ${show(topicId, false)}, but must be the 22 characters that Kafka prints.`)
    }
    const key = keyOfPartition(assignment.topic, assignment.partition)
    if (seen.has(key)) throw invalid(`partition ${key} is given twice.`)
    seen.add(key)
  }
}

/** Throws KafkaError INVALID_OPTION. */
export function checkPosition(position: StartPosition, groupId: string | undefined): void {
  if (position === 'committed' && groupId === undefined) {
    throw invalid(`position 'committed' needs the option groupId of the consumer.`)
  }
  const isOffset = typeof position === 'bigint' && position >= 0n
  const isWord = position === 'earliest' || position === 'latest' || position === 'committed'
  const isTime = typeof position === 'object' && position !== null && Number.isSafeInteger(position.timestampMs)
  if (isOffset || isWord || (isTime && position.timestampMs >= 0)) return
  throw invalid(
    `position is ${show(position, false)}, but must be a bigint of at least 0n, 'earliest', 'latest', 'committed' or ` +
      `{ timestampMs } with milliseconds since 1970.`
  )
}

function checkPartition(topic: string, partition: number): void {
  if (typeof topic !== 'string' || topic === '') {
    throw invalid(`topic is ${show(topic, false)}, but must be a name.`)
  }
  if (!Number.isInteger(partition) || partition < 0) {
    throw invalid(`partition is ${show(partition, false)}, but must be a whole number of at least 0.`)
  }
}

function invalid(reason: string): KafkaError {
  return new KafkaError('INVALID_OPTION', `Assignment: ${reason}`)
}
