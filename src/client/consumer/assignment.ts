// What a consumer is told to read: partitions, and where to begin in each. Owns the words, and their
// checks; nothing here knows a broker. KIP-320 (leader epochs), KIP-516 (topic ids).
import { keyOfPartition, partitionRules } from '../admin/partitions.ts'
import { KafkaError } from '../errors.ts'
import { checkOptions, integer, show, value } from '../options.ts'

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

const words = ['earliest', 'latest', 'committed']
const isTopicId = (given: unknown): given is string => typeof given === 'string' && given.length === 22

const rules = {
  ...partitionRules,
  position: value(
    `a bigint of at least 0n, 'earliest', 'latest', 'committed' or { timestampMs } with milliseconds since 1970`,
    isPosition
  ),
  leaderEpoch: integer({ min: -1, optional: true }),
  topicId: value('the 22 characters that Kafka prints', isTopicId, { optional: true })
}

/** Throws KafkaError INVALID_OPTION where an assignment makes no sense, or two are for the same partition. */
export function checkAssignments(assignments: readonly Assignment[], groupId: string | undefined): void {
  if (!Array.isArray(assignments)) throw invalid(`it is ${show(assignments, false)}, but must be an array.`)
  const seen = new Set<string>()
  for (const assignment of assignments) {
    checkOptions('an assignment', assignment, rules)
    checkGroup(assignment.position, groupId)
    const key = keyOfPartition(assignment.topic, assignment.partition)
    if (seen.has(key)) throw invalid(`partition ${key} is given twice.`)
    seen.add(key)
  }
}

/** Throws KafkaError INVALID_OPTION. */
export function checkPosition(position: StartPosition, groupId: string | undefined): void {
  checkOptions('a position', { position }, { position: rules.position })
  checkGroup(position, groupId)
}

function checkGroup(position: StartPosition, groupId: string | undefined): void {
  if (position !== 'committed' || groupId !== undefined) return
  throw invalid(`position 'committed' needs the option groupId of the consumer.`)
}

function isPosition(given: unknown): given is StartPosition {
  if (typeof given === 'bigint') return given >= 0n
  if (typeof given !== 'object' || given === null) return words.some((word) => word === given)
  const timestampMs: unknown = Reflect.get(given, 'timestampMs')
  return Number.isSafeInteger(timestampMs) && Number(timestampMs) >= 0
}

function invalid(reason: string): KafkaError {
  return new KafkaError('INVALID_OPTION', `Assignment: ${reason}`)
}
