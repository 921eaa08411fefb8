// How a source says that the log no longer holds what the job has to go on with. Fatal, all of them: reading on from
// anywhere else would lose or repeat records in silence.
import { KafkaError } from '../../client/index.ts'
import type { ClientErrorCode } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { StartupMode } from './kafka_source_options.ts'
import type { OffsetOutside } from './start_offsets.ts'
import type { KafkaTopicPartition, KafkaTopicPartitionState, RestoredPartition } from './partition_state.ts'

const nextStep =
  'Nothing was skipped. To start anew on purpose, use a new checkpoint directory and transactionalIdPrefix, and choose ' +
  'a startupMode.'

export function noSuchPartition({ topic, partition }: KafkaTopicPartition): JobError {
  const message = `startupMode gives an offset of ${topic}-${partition}, which does not exist.`
  return new JobError('INVALID_JOB', message, { fatal: true, nextStep: 'Correct the number of the partition.' })
}

export function noSuchOffset(outside: OffsetOutside, mode: StartupMode, groupId: string | undefined): JobError {
  const { topic, partition, offset, startOffset, endOffset } = outside
  const isGiven =
    typeof mode === 'object' && 'specificOffsets' in mode && mode.specificOffsets[topic]?.[partition] === offset
  const whose = isGiven ? 'startupMode gives' : `Group ${groupId ?? ''} has committed`
  const holds =
    startOffset === endOffset ? `is empty at ${endOffset}` : `holds offsets ${startOffset} to ${endOffset - 1n}`
  const message = `${whose} offset ${offset} of ${topic}-${partition}, which ${holds}.`
  return new JobError(isGiven ? 'INVALID_JOB' : 'SOURCE_LOST', message, {
    fatal: true,
    nextStep: isGiven
      ? 'Correct the offset.'
      : 'Nothing was skipped. Set the offsets of the group, or choose where to begin by startupMode.'
  })
}

export function topicGone({ topic, partition, offset }: RestoredPartition): JobError {
  const message = `The checkpoint goes on at offset ${offset + 1n} of ${topic}-${partition}, which does not exist any more.`
  return new JobError('SOURCE_LOST', message, { fatal: true, nextStep })
}

export function topicReplaced({ topic, topicId, partition, offset }: RestoredPartition, nowTopicId: string): JobError {
  const message =
    `The checkpoint goes on at offset ${offset + 1n} of ${topic}-${partition} with topic id ${topicId}, but the topic ` +
    `was deleted and created again: its id is ${nowTopicId} now.`
  return new JobError('SOURCE_LOST', message, { fatal: true, nextStep })
}

const lostCodes: ReadonlySet<ClientErrorCode> = new Set(['OFFSET_OUT_OF_RANGE', 'LOG_TRUNCATED', 'TOPIC_RECREATED'])

/** The error as a JobError where it says that a position is not in the log any more; undefined for all others. */
export function sourceLost(error: unknown, states: Iterable<KafkaTopicPartitionState>): JobError | undefined {
  if (!(error instanceof KafkaError)) return undefined
  if (!lostCodes.has(error.code)) return undefined
  const positions = [...states].map(({ topic, partition, offset }) => `${topic}-${partition}@${offset + 1n}`)
  const shown = positions.slice(0, 20).join(', ') + (positions.length > 20 ? ', ...' : '')
  const message = `The log no longer holds what comes next. ${error.reason} Positions: ${shown}.`
  return new JobError('SOURCE_LOST', message, { fatal: true, nextStep, cause: error })
}
