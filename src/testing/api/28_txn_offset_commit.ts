// TxnOffsetCommit, API 28: commits positions of a group within a transaction. Serves versions 0 to 6.
//
// Behaviour: the positions wait until the marker of the transaction comes to the group's partition of __consumer_offsets.
// Like Kafka, the broker first sees to it that the transaction has this partition, and only then whether the member may
// commit: what is refused here may have begun the transaction. Positions become part of the log, as a transactional
// batch of the producer, but not in the records of Kafka's own format.
//
// Versions: 3 member, generation and instance id (KIP-447), which are looked at only where given; 5 adds the partition to
// the transaction (KIP-890); 6 topic ids.

import { errorCode, RecordBatchBuilder } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import { txnOffsetCommitMode, verifyBatches } from '../cluster/verification.ts'
import type { VerificationOutcome } from '../cluster/verification.ts'
import type { Broker } from '../cluster/broker.ts'
import { commitRefusal } from '../group/commit_checks.ts'
import { groupCoordinatorOf } from '../group/group_coordinator.ts'
import type { LoadedGroups } from '../group/loaded_groups.ts'
import { sameForAll, takeOffsets } from '../group/offset_requests.ts'
import type { OffsetTopicResponse } from '../group/offset_requests.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

type Request = RequestOf<'TxnOffsetCommit'>

const firstVersionWithTopicIds = 6

export const txnOffsetCommit = handler('TxnOffsetCommit', (request, { broker, version }) => {
  const { groupId, transactionalId, producerId, producerEpoch, topics } = request
  const refuse = (code: number) => ({ throttleTimeMs: 0, topics: sameForAll(topics, code) })
  if (groupId === '') return refuse(errorCode.INVALID_GROUP_ID)
  const groups = groupCoordinatorOf(broker).groupsOf(groupId)
  if (typeof groups === 'number') return refuse(groups)
  const { partition } = groups
  const batch = {
    producerId,
    producerEpoch,
    baseSequence: -1,
    lastOffsetDelta: 0,
    maxTimestamp: broker.nowMs(),
    isTransactional: true
  }
  const finish = ([outcome]: readonly VerificationOutcome[]) => {
    if (outcome instanceof Refusal) return refuse(asOffsetCode(outcome.errorCode))
    // The partition may have moved while the transaction was asked for.
    const still = groupCoordinatorOf(broker).groupsOf(groupId)
    if (still !== groups) return refuse(errorCode.NOT_COORDINATOR)
    if (groups.isSuperseded) return groups.unloaded().then(() => refuse(errorCode.NOT_COORDINATOR))
    return { throttleTimeMs: 0, topics: commit(broker, groups, request, version, outcome) }
  }
  const outcomes = verifyBatches(broker, transactionalId, [{ partition, batch }], txnOffsetCommitMode(version))
  return outcomes instanceof Promise ? outcomes.then(finish) : finish(outcomes)
})

function commit(
  broker: Broker,
  groups: LoadedGroups,
  request: Request,
  version: number,
  guard: Exclude<VerificationOutcome, Refusal>
): readonly OffsetTopicResponse[] {
  const { groupId, producerId, producerEpoch } = request
  const taken = takeOffsets(broker, request.topics, { isById: version >= firstVersionWithTopicIds })
  const refused = commitRefusal(groups, request, taken, { isTransactional: true, version })
  if (refused !== 0) return sameForAll(request.topics, refused)
  const { offsets, topics } = taken
  if (offsets.length === 0) return topics
  const builder = new RecordBatchBuilder({ initialBytes: 128 })
  builder.append(new TextEncoder().encode(groupId), null, [], broker.nowMs())
  const bytes = builder.finishPlain({ producerId, producerEpoch, baseSequence: -1, isTransactional: true })
  const appended = groups.partition.append(bytes, { origin: 'coordinator', guard, nowMs: broker.nowMs() })
  if (appended instanceof Refusal) return sameForAll(request.topics, asOffsetCode(appended.errorCode))
  groups.offsets.commitPending(producerId, groupId, offsets)
  return topics
}

/** What is wrong with the log is told as what it means for a coordinator. Source: GroupCoordinatorService. */
function asOffsetCode(code: number): number {
  switch (code) {
    case errorCode.NOT_ENOUGH_REPLICAS:
    case errorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case errorCode.REQUEST_TIMED_OUT:
    case errorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return errorCode.COORDINATOR_NOT_AVAILABLE
    case errorCode.NOT_LEADER_OR_FOLLOWER:
    case errorCode.KAFKA_STORAGE_ERROR:
      return errorCode.NOT_COORDINATOR
    case errorCode.MESSAGE_TOO_LARGE:
    case errorCode.RECORD_LIST_TOO_LARGE:
    case errorCode.INVALID_FETCH_SIZE:
      return errorCode.UNKNOWN_SERVER_ERROR
    default:
      return code
  }
}
