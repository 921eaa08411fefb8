// Turns assignments into partitions with a position: finds the topics, asks for the offsets that words and timestamps
// mean, reads committed offsets, and compares given leader epochs with the log. All or nothing: one assignment that
// cannot be resolved fails them all. KIP-320, KIP-447 (stable offsets), KIP-516.
import { zeroUuid } from '../../protocol/index.ts'
import { fetchGroupOffsets } from '../admin/group_offsets.ts'
import { keyOfPartition } from '../admin/partitions.ts'
import { listOffsets } from '../admin/topics.ts'
import { retryCall } from '../call.ts'
import type { Cluster, TopicMetadata } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import type { Attempt } from '../retry.ts'
import type { Assignment, StartPosition } from './assignment.ts'
import { canAskEpochs, epochEnds } from './leader_epochs.ts'
import type { AskOptions } from './leader_epochs.ts'
import type { CheckedConsumerOptions } from './options.ts'
import { PartitionState } from './partition_state.ts'
import type { Position } from './partition_state.ts'
import { isTruncated, truncatedError } from './recovery.ts'
import { recreatedError, unknownPartition } from './topic_watch.ts'

/** How long a topic may be unknown to the cluster, milliseconds: a new one needs a moment to get known. */
const missingTopicWaitMs = 5_000

/** A position that still has to be asked for. */
type OpenPosition = Exclude<StartPosition, bigint>

interface Start {
  readonly assignment: Assignment
  readonly topicId: string
  /** What is still open, or what it came to. */
  position: OpenPosition | Position
}

/**
 * Rejects with KafkaError: BROKER_ERROR for unknown topics and refusals, TOPIC_RECREATED, OFFSET_OUT_OF_RANGE where
 * nothing was committed, LOG_TRUNCATED, DEADLINE_EXCEEDED; with the signal's reason when it aborts.
 */
export async function resolveStarts(
  cluster: Cluster,
  options: CheckedConsumerOptions,
  assignments: readonly Assignment[],
  ask: AskOptions
): Promise<PartitionState[]> {
  if (assignments.length === 0) return []
  const topicIds = await findTopics(cluster, assignments, ask)
  const starts: Start[] = assignments.map((assignment) => {
    const { topic, partition, position, leaderEpoch = -1 } = assignment
    const topicId = topicIds.get(topic)!
    if (isOtherTopic(assignment, topicId)) throw recreatedError({ topic, partition }, assignment.topicId!, topicId)
    return {
      assignment,
      topicId,
      position: typeof position === 'bigint' ? { offset: position, leaderEpoch } : position
    }
  })
  await resolveCommitted(cluster, options, starts, ask)
  await resolveByTimestamp(cluster, options, starts, ask)
  await validateEpochs(cluster, options, starts, ask)
  await resolveByTimestamp(cluster, options, starts, ask)
  return starts.map(({ assignment: { topic, partition }, topicId, position }) => {
    const start = resolved(position)
    const state = new PartitionState(topic, partition, topicId, start)
    // Compared just now, so that the first fetch need not do it again.
    if (start.leaderEpoch >= 0) state.validatedEpoch = cluster.cachedLeader(topic, partition)?.leaderEpoch ?? -1
    return state
  })
}

function isOtherTopic(assignment: Assignment, topicId: string): boolean {
  const { topicId: expected = zeroUuid } = assignment
  return expected !== zeroUuid && topicId !== zeroUuid && expected !== topicId
}

function isOpen(position: OpenPosition | Position): position is OpenPosition {
  return typeof position === 'string' || 'timestampMs' in position
}

function resolved(position: OpenPosition | Position): Position {
  if (isOpen(position)) throw new KafkaError('INVALID_STATE', 'A position was left open.')
  return position
}

type Found = Attempt<Map<string, string>>

/** Topic ids by name. Waits a moment for topics and partitions that are not known yet. */
async function findTopics(
  cluster: Cluster,
  assignments: readonly Assignment[],
  ask: AskOptions
): Promise<Map<string, string>> {
  const names = [...new Set(assignments.map(({ topic }) => topic))]
  const { runtime } = cluster
  const startMs = runtime.monotonicMs()
  return retryCall(cluster, 'Looking up the assigned topics', ask, async (_request, number): Promise<Found> => {
    const topics = await cluster.topics(names, { refresh: number > 1, signal: ask.signal })
    const missing = assignments.find((assignment) => !isKnown(assignment, topics))
    if (missing !== undefined) {
      const isOver = runtime.monotonicMs() - startMs >= missingTopicWaitMs
      const error = unknownPartition(missing, 'Assignment', !isOver)
      if (isOver) throw error
      return { again: error }
    }
    const ids = new Map([...topics].map(([name, topic]) => [name, topic.topicId]))
    // What was cached may be the topic that was there before.
    const isStale =
      number === 1 && assignments.some((assignment) => isOtherTopic(assignment, ids.get(assignment.topic)!))
    return isStale ? { again: unknownPartition(assignments[0]!, 'Assignment', true), backoffMs: 0 } : { done: ids }
  })
}

function isKnown({ topic, partition }: Assignment, topics: Map<string, TopicMetadata>): boolean {
  return topics.get(topic)?.partitions.some((known) => known.partition === partition) === true
}

async function resolveCommitted(
  cluster: Cluster,
  { groupId, offsetReset }: CheckedConsumerOptions,
  starts: readonly Start[],
  { deadlineMs, signal }: AskOptions
): Promise<void> {
  const open = starts.filter(({ position }) => position === 'committed')
  if (open.length === 0 || groupId === undefined) return
  const partitions = open.map(({ assignment: { topic, partition } }) => ({ topic, partition }))
  const found = await fetchGroupOffsets(cluster, {
    groupId,
    partitions,
    requireStable: 'whereSupported',
    retryUnstable: true,
    deadlineMs,
    signal
  })
  if (found.errorCode !== 0) throw brokerError(found.errorCode, `OffsetFetch of group ${groupId}`)
  for (const start of open) {
    const { topic, partition } = start.assignment
    const key = keyOfPartition(topic, partition)
    const committed = found.offsets.get(key)
    if (committed !== undefined && committed.errorCode !== 0) {
      throw brokerError(committed.errorCode, `OffsetFetch of ${key} in group ${groupId}`)
    }
    if (committed !== undefined && committed.offset >= 0n) {
      start.position = { offset: committed.offset, leaderEpoch: committed.leaderEpoch }
    } else if (offsetReset === 'error') {
      throw nothingCommitted(key, groupId)
    } else {
      start.position = offsetReset
    }
  }
}

function nothingCommitted(key: string, groupId: string): KafkaError {
  return new KafkaError('OFFSET_OUT_OF_RANGE', `Group ${groupId} has no committed offset for partition ${key}.`, {
    fatal: true,
    nextStep: `Assign it with another position, or set offsetReset to 'earliest' or 'latest'.`
  })
}

async function resolveByTimestamp(
  cluster: Cluster,
  { isolationLevel }: CheckedConsumerOptions,
  starts: readonly Start[],
  ask: AskOptions
): Promise<void> {
  // A timestamp after the last record's means the end, which is asked for in a second round.
  for (let open = openStarts(starts); open.length > 0; open = openStarts(starts)) {
    const queries = open.map(({ start, position }) => {
      const { topic, partition } = start.assignment
      return { topic, partition, position }
    })
    const listed = await listOffsets(cluster, queries, { ...ask, isolationLevel })
    for (const { start, position } of open) {
      const { topic, partition } = start.assignment
      const { offset } = listed.get(keyOfPartition(topic, partition))!
      if (offset >= 0n) start.position = { offset, leaderEpoch: -1 }
      else if (typeof position === 'object') start.position = 'latest'
      else throw new KafkaError('PROTOCOL_VIOLATION', `ListOffsets: a broker answered ${position} with ${offset}.`)
    }
  }
}

function openStarts(starts: readonly Start[]): { start: Start; position: Exclude<OpenPosition, 'committed'> }[] {
  return starts.flatMap((start) => {
    const { position } = start
    return isOpen(position) && position !== 'committed' ? [{ start, position }] : []
  })
}

async function validateEpochs(
  cluster: Cluster,
  { offsetReset }: CheckedConsumerOptions,
  starts: readonly Start[],
  ask: AskOptions
): Promise<void> {
  const given = starts.flatMap((start) => {
    const position = resolved(start.position)
    return position.leaderEpoch >= 0 ? [{ start, position }] : []
  })
  if (given.length === 0 || !(await canAskEpochs(cluster))) return
  const questions = given.map(({ start, position }) => ({
    topic: start.assignment.topic,
    partition: start.assignment.partition,
    epoch: position.leaderEpoch
  }))
  const ends = await epochEnds(cluster, questions, ask)
  for (const { start, position } of given) {
    const key = keyOfPartition(start.assignment.topic, start.assignment.partition)
    const end = ends.get(key)!
    if (!isTruncated(position.offset, end)) continue
    if (offsetReset === 'error') {
      throw truncatedError({ key, position: position.offset, positionEpoch: position.leaderEpoch }, end)
    }
    start.position = end.leaderEpoch >= 0 && end.offset >= 0n ? end : offsetReset
  }
}
