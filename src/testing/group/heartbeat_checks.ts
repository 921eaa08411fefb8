// Owns what a ConsumerGroupHeartbeat must say to be looked at. KIP-848.
// Source: org.apache.kafka.coordinator.group.GroupMetadataManager.throwIfConsumerGroupHeartbeatRequestIsInvalid.

import { errorCode } from '../../protocol/index.ts'
import type { RequestOf } from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import { wholePattern } from '../re2.ts'
import { assignors } from './assignors.ts'
import { leaveEpoch, staticLeaveEpoch } from './consumer_member.ts'

/** Heartbeats from this version on bring an id of the member's own. */
const firstVersionWithOwnIds = 1

/** Why the request is refused, or undefined. */
export function heartbeatFault(request: RequestOf<'ConsumerGroupHeartbeat'>, version: number): Refusal | undefined {
  const { memberEpoch, memberId, serverAssignor } = request
  const needsId = version >= firstVersionWithOwnIds || memberEpoch !== 0
  if (request.groupId === '') return invalid("GroupId can't be empty.")
  if (needsId && memberId === '') return invalid("MemberId can't be empty.")
  if (request.instanceId === '') return invalid("InstanceId can't be empty.")
  if (request.rackId === '') return invalid("RackId can't be empty.")
  if (memberEpoch < staticLeaveEpoch) return invalid('MemberEpoch is invalid.')
  if (memberEpoch === 0) {
    const fault = joinFault(request)
    if (fault !== undefined) return fault
  }
  if (memberEpoch === staticLeaveEpoch && request.instanceId === null) return invalid("InstanceId can't be null.")
  if (memberEpoch === leaveEpoch) return undefined
  if (serverAssignor !== null && !assignors.has(serverAssignor)) {
    const known = [...assignors.keys()].join(', ')
    const message = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${known}.`
    return new Refusal(errorCode.UNSUPPORTED_ASSIGNOR, message)
  }
  return regexFault(request.subscribedTopicRegex)
}

function joinFault(request: RequestOf<'ConsumerGroupHeartbeat'>): Refusal | undefined {
  const { rebalanceTimeoutMs, topicPartitions, subscribedTopicNames, subscribedTopicRegex } = request
  if (rebalanceTimeoutMs === -1) return invalid('RebalanceTimeoutMs must be provided in first request.')
  if (topicPartitions === null || topicPartitions.length > 0) {
    return invalid('TopicPartitions must be empty when (re-)joining.')
  }
  const hasNames = subscribedTopicNames !== null && subscribedTopicNames.length > 0
  // An empty pattern counts: it is how a member says that it reads nothing by pattern any more.
  if (hasNames || subscribedTopicRegex !== null) return undefined
  return invalid('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
}

function regexFault(regex: string | null): Refusal | undefined {
  if (regex === null || regex === '') return undefined
  if (wholePattern(regex) !== undefined) return undefined
  const message = `SubscribedTopicRegex \`${regex}\` is not a valid regular expression.`
  return new Refusal(errorCode.INVALID_REGULAR_EXPRESSION, message)
}

function invalid(message: string): Refusal {
  return new Refusal(errorCode.INVALID_REQUEST, message)
}
