// What to do about each failure: one sentence per code, and whether a transaction that meets it must be aborted or its
// producer is finished. Owns the general answer; an operation that knows better says so when it makes the error.
// Categories as in KIP-1050. Names and codes: org.apache.kafka.common.protocol.Errors.
import type { ClientErrorCode } from './errors.ts'

/** What the holder of a transaction has to do; `none` where the code says nothing about that. */
export type TransactionEffect = 'none' | 'abort' | 'fatal'

export interface Advice {
  readonly nextStep: string
  readonly effect: TransactionEffect
}

type Group = readonly [effect: TransactionEffect, nextStep: string, codes: readonly number[]]

const groups: readonly Group[] = [
  // The request may be repeated as it is.
  ['none', 'Refresh the metadata and try again.', [3, 5, 6, 9, 72, 74, 75, 78, 100, 103]],
  ['none', 'Find the coordinator again and repeat the request.', [14, 15, 16]],
  ['none', 'Find the controller again and repeat the request.', [41, 11]],
  ['none', 'Repeat the request after a short wait.', [7, 8, 13, 19, 20, 51, 56, 80, 83, 88, 89]],
  ['none', 'Begin a new fetch session.', [70, 71, 106, 122, 123]],
  ['none', 'Close share sessions that are not needed, or try again later.', [133]],
  ['none', 'Nothing needs to be done.', [84, 85]],
  ['none', 'Begin again at the bootstrap addresses.', [129]],

  // Somebody must allow it.
  ['abort', 'Grant the principal the operation on this topic, then try again.', [29]],
  ['abort', 'Grant the principal READ on this group, then try again.', [30]],
  ['fatal', 'Grant the principal the operation on the cluster, then begin anew.', [31]],
  ['fatal', 'Grant the principal WRITE and DESCRIBE on this transactional id, then begin anew.', [53]],
  ['none', 'Correct the credentials.', [58, 65, 66, 67, 93]],
  ['none', 'Choose a mechanism that the broker offers.', [33, 34, 54, 61, 64, 76]],
  ['none', 'Create or renew the delegation token.', [62, 63]],

  // Transactions and idempotence.
  ['abort', 'Abort the transaction and begin another one.', [45, 59, 120]],
  ['none', 'Nothing is lost: the broker has this batch already.', [46]],
  ['fatal', 'Another producer took over: stop this one.', [47, 90]],
  ['fatal', 'The transaction has ended: find out how from its witness, and begin anew.', [48]],
  ['fatal', 'The transactional id has moved on: find out how the transaction ended, and begin anew.', [49]],
  ['fatal', 'Begin anew with the present coordinator.', [52]],
  ['none', 'Lower transactionTimeoutMs, or raise transaction.max.timeout.ms at the broker.', [50]],
  ['none', 'Check the id: no transaction has used it, or it has expired.', [105]],

  // Groups.
  ['abort', 'Abort, join the group again and go on from its committed offsets.', [22, 25, 79, 82, 110, 113]],
  ['abort', 'Abort, wait for the rebalance and go on from the committed offsets.', [27]],
  ['none', 'Give the members of the group a common assignment protocol.', [23, 112]],
  ['none', 'Correct the group id.', [24, 69]],
  ['none', 'Choose a session timeout that the broker allows.', [26]],
  ['none', 'Stop the members of the group first.', [68, 86, 111]],
  ['none', 'Raise group.max.size at the broker, or start fewer members.', [81]],
  ['none', 'Read the message of each group.', [134]],
  ['none', 'Repeat it with the topology and epoch that the group has.', [130, 131, 132, 135]],
  ['none', 'Acknowledge only records that are acquired.', [121]],
  ['none', 'Let the coordinator of the share group refresh its state.', [124]],

  // Records and positions.
  ['none', 'Choose a position inside the log; where a checkpoint needed this one, those records are gone.', [1]],
  ['none', 'The records are in tiered storage: fetch from the leader, or from a later offset.', [109, 99]],
  ['abort', 'Make the batch smaller, or raise max.message.bytes of the topic.', [10, 18]],
  ['abort', 'Correct the record; records of compacted topics need keys.', [2, 87]],
  ['abort', 'Correct the timestamp, or the limits that the topic sets for it.', [32]],
  ['abort', 'Make the metadata shorter, or raise offset.metadata.max.bytes.', [12, 28]],
  ['none', 'Correct the size limits of the fetch.', [4]],
  ['none', 'Use acks 0, 1 or -1.', [21]],

  // The request itself.
  ['fatal', 'Use a broker that has this version, or do without the feature.', [35]],
  ['none', 'Convert the topic to a newer message format.', [43]],
  ['none', 'Correct the request; its message says what is wrong.', [37, 38, 39, 40, 42, 55, 92, 98, 114, 115, 128]],
  ['abort', 'Correct the name of the topic.', [17]],
  ['none', 'Use the topic that exists, or choose another name.', [36]],
  ['none', 'Ask whoever runs the cluster for its policy.', [44, 73]],
  ['none', 'Check the name of what was asked for.', [57, 91, 101, 102, 116, 136]],
  ['none', 'Wait until the reassignment is complete.', [60]],
  ['none', 'Renew the telemetry subscription.', [117, 118]],
  ['none', 'Read the log of the broker; try again if the cause is gone.', [-1]],

  // Between brokers; a client that meets one talks to a node it should not talk to.
  [
    'none',
    'Check that the address leads to a broker of the right cluster.',
    [77, 94, 95, 96, 97, 104, 107, 108, 119, 125, 126, 127]
  ]
]

const byCode = new Map<number, Advice>(
  groups.flatMap(([effect, nextStep, codes]) =>
    codes.map((code) => [code, Object.freeze({ effect, nextStep })] as const)
  )
)

const unknownCode: Advice = Object.freeze({
  effect: 'none',
  nextStep: 'Look the code up in the protocol guide of the Kafka version that the broker runs.'
})

/** The general advice about a broker's error code. */
export function adviceOn(kafkaCode: number): Advice {
  return byCode.get(kafkaCode) ?? unknownCode
}

/** Whether there is advice made for this code. */
export function hasAdvice(kafkaCode: number): boolean {
  return byCode.has(kafkaCode)
}

/** The general next step after a failure that no broker's code names. */
export const clientNextSteps: Readonly<Record<Exclude<ClientErrorCode, 'BROKER_ERROR'>, string>> = Object.freeze({
  CONNECTION_REFUSED: 'Check the address, the network, and that the broker runs.',
  CONNECTION_LOST: 'Try again; where the outcome is unknown, find it out first.',
  REQUEST_TIMEOUT: 'Try again; where the outcome is unknown, find it out first.',
  DEADLINE_EXCEEDED: 'Remove what the last error names, or allow more time.',
  SPEAKS_TLS: 'Set the option tls, or use the port of the plaintext listener.',
  SPEAKS_HTTP: 'Use the port of the Kafka listener, not that of a web service.',
  TLS_FAILED: 'Check the certificates, and that the port belongs to a TLS listener.',
  BROKER_TOO_OLD: 'Upgrade the broker, or do without the feature.',
  CLUSTER_CHANGED: 'Correct the addresses, or make a new client for the other cluster.',
  PROTOCOL_VIOLATION: 'Check that the address leads to a Kafka broker; if it does, report this error.',
  INVALID_OPTION: 'Correct the option.',
  INVALID_STATE: 'Correct the order of the calls.',
  CLOSED: 'Make a new client.',
  BUFFER_FULL: 'Wait for what is under way, or raise the limit.',
  PRODUCER_FENCED: 'Stop this producer: another one has its transactional id.',
  TRANSACTION_ABORTABLE: 'Abort the transaction and begin another one.',
  TRANSACTION_TORN: 'Compare the partitions that are named and repair the output; no client can do that by itself.',
  RECORD_TOO_LARGE: 'Make the record smaller, or raise max.message.bytes of the topic.',
  OFFSET_OUT_OF_RANGE: 'Choose a position inside the log, or allow a reset.',
  LOG_TRUNCATED: 'Decide from which offset to go on; records that were read before are gone from the log.',
  TOPIC_RECREATED: 'Choose a position in the new topic.',
  CORRUPT_BATCH: 'Read from another replica, or skip the batch knowingly.'
})
