// Owns the table of error codes that a broker may answer with: number, Kafka's name, and whether the same request may
// succeed when it is sent again. Knows nothing about what a client should do besides; that is the client's to decide.
// Source: org.apache.kafka.common.protocol.Errors of Kafka 4.4.0, where retriable means a RetriableException.

/** One error code of Kafka's protocol. */
export interface ErrorInfo {
  /** The number on the wire (int16). */
  readonly code: number
  /** Kafka's name, such as `NOT_COORDINATOR`. */
  readonly name: string
  /** Whether Kafka calls the condition temporary: the same request may succeed later. */
  readonly retriable: boolean
  /** What happened, in one short sentence. */
  readonly message: string
}

const table = [
  [-1, 'UNKNOWN_SERVER_ERROR', false, 'The broker failed in a way it has no code for; its log says more.'],
  [0, 'NONE', false, 'No error.'],
  [1, 'OFFSET_OUT_OF_RANGE', false, 'The partition does not hold that offset: it was deleted or not yet written.'],
  [
    2,
    'CORRUPT_MESSAGE',
    true,
    'The broker found the records damaged, oversized, or without the key that compaction needs.'
  ],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', true, 'The broker does not know this topic or partition.'],
  [4, 'INVALID_FETCH_SIZE', false, 'The number of bytes asked for is not valid.'],
  [5, 'LEADER_NOT_AVAILABLE', true, 'The partition has no leader at the moment.'],
  [6, 'NOT_LEADER_OR_FOLLOWER', true, 'The broker no longer leads or replicates this partition; refresh the metadata.'],
  [7, 'REQUEST_TIMED_OUT', true, 'The broker could not finish the request in the time it was given.'],
  [8, 'BROKER_NOT_AVAILABLE', false, 'The broker is not available.'],
  [9, 'REPLICA_NOT_AVAILABLE', true, 'The replica is not available on this broker.'],
  [10, 'MESSAGE_TOO_LARGE', false, 'A record batch is larger than the topic allows (max.message.bytes).'],
  [11, 'STALE_CONTROLLER_EPOCH', false, 'The controller has moved to another node.'],
  [12, 'OFFSET_METADATA_TOO_LARGE', false, 'The metadata string beside a committed offset is too long.'],
  [13, 'NETWORK_EXCEPTION', true, 'The connection ended before the answer came.'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', true, 'The coordinator is still reading its state.'],
  [15, 'COORDINATOR_NOT_AVAILABLE', true, 'No coordinator is available at the moment.'],
  [16, 'NOT_COORDINATOR', true, 'The broker is not the coordinator for this id; look it up again.'],
  [17, 'INVALID_TOPIC_EXCEPTION', false, 'The topic name is not valid, or the operation is not allowed on this topic.'],
  [18, 'RECORD_LIST_TOO_LARGE', false, 'The batch is larger than a segment of the log.'],
  [19, 'NOT_ENOUGH_REPLICAS', true, 'Fewer replicas are in sync than min.insync.replicas asks; nothing was written.'],
  [
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    true,
    'The records were written, but to fewer in-sync replicas than required.'
  ],
  [21, 'INVALID_REQUIRED_ACKS', false, 'The value for acks is none of 0, 1 and -1.'],
  [22, 'ILLEGAL_GENERATION', false, 'The generation of the group member is not the current one.'],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', false, 'The member shares no assignment protocol with the rest of the group.'],
  [24, 'INVALID_GROUP_ID', false, 'The group id is not valid.'],
  [25, 'UNKNOWN_MEMBER_ID', false, 'The coordinator does not know this member; join again.'],
  [26, 'INVALID_SESSION_TIMEOUT', false, 'The session timeout lies outside what the broker allows.'],
  [27, 'REBALANCE_IN_PROGRESS', false, 'The group is rebalancing; join again.'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', false, 'The offset commit is too large to be stored.'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', false, 'The principal may not do this to the topic; check the ACLs.'],
  [30, 'GROUP_AUTHORIZATION_FAILED', false, 'The principal may not do this to the group; check the ACLs.'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', false, 'The principal may not do this to the cluster; check the ACLs.'],
  [32, 'INVALID_TIMESTAMP', false, 'A record timestamp is further from the broker clock than the topic allows.'],
  [33, 'UNSUPPORTED_SASL_MECHANISM', false, 'The broker does not offer this SASL mechanism.'],
  [34, 'ILLEGAL_SASL_STATE', false, 'The request does not fit the state of the SASL exchange.'],
  [35, 'UNSUPPORTED_VERSION', false, 'The broker does not speak this version of the request, or of a feature in it.'],
  [36, 'TOPIC_ALREADY_EXISTS', false, 'A topic with this name exists already.'],
  [37, 'INVALID_PARTITIONS', false, 'The number of partitions is not valid.'],
  [38, 'INVALID_REPLICATION_FACTOR', false, 'The replication factor is below 1 or above the number of brokers.'],
  [39, 'INVALID_REPLICA_ASSIGNMENT', false, 'The assignment of replicas to brokers is not valid.'],
  [40, 'INVALID_CONFIG', false, 'A configuration value is not valid.'],
  [41, 'NOT_CONTROLLER', true, 'The node is not the controller; look it up again.'],
  [42, 'INVALID_REQUEST', false, 'The broker could not make sense of the request.'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', false, 'The format of the stored records does not support this request.'],
  [44, 'POLICY_VIOLATION', false, 'A policy that the cluster runs refused the request.'],
  [
    45,
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    false,
    'The sequence of the batch does not follow the last one of this producer.'
  ],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', false, 'The broker has seen a batch with this sequence before.'],
  [47, 'INVALID_PRODUCER_EPOCH', false, 'The producer epoch is older than the one the broker knows.'],
  [48, 'INVALID_TXN_STATE', false, 'The transaction is not in a state that allows this.'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', false, 'The transactional id does not hold this producer id (any more).'],
  [
    50,
    'INVALID_TRANSACTION_TIMEOUT',
    false,
    'The transaction timeout is not between 1 and transaction.max.timeout.ms.'
  ],
  [51, 'CONCURRENT_TRANSACTIONS', true, 'An earlier change of this transaction has not finished; ask again shortly.'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', false, 'A newer coordinator has taken over this producer.'],
  [
    53,
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    false,
    'The principal may not use this transactional id; check the ACLs.'
  ],
  [54, 'SECURITY_DISABLED', false, 'The cluster runs without the security feature that was asked for.'],
  [55, 'OPERATION_NOT_ATTEMPTED', false, 'Not tried, since another operation of the same request failed.'],
  [56, 'KAFKA_STORAGE_ERROR', true, 'The broker could not reach the log on its disk.'],
  [57, 'LOG_DIR_NOT_FOUND', false, 'The broker has no such log directory.'],
  [58, 'SASL_AUTHENTICATION_FAILED', false, 'The credentials were refused.'],
  [59, 'UNKNOWN_PRODUCER_ID', false, 'The broker holds no state of this producer, as after its records were deleted.'],
  [60, 'REASSIGNMENT_IN_PROGRESS', false, 'The replicas of the partition are being moved.'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', false, 'The cluster does not use delegation tokens.'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', false, 'The broker does not know this delegation token.'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', false, 'The principal neither owns nor may renew this delegation token.'],
  [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED', false, 'This connection is not secure enough for delegation tokens.'],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', false, 'The principal may not do this to the delegation token.'],
  [66, 'DELEGATION_TOKEN_EXPIRED', false, 'The delegation token has expired.'],
  [67, 'INVALID_PRINCIPAL_TYPE', false, 'The broker does not support this type of principal.'],
  [68, 'NON_EMPTY_GROUP', false, 'The group still has members.'],
  [69, 'GROUP_ID_NOT_FOUND', false, 'The coordinator does not know this group.'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND', true, 'The broker has dropped this fetch session; begin a new one.'],
  [71, 'INVALID_FETCH_SESSION_EPOCH', true, 'The fetch session is at another epoch; begin a new one.'],
  [72, 'LISTENER_NOT_FOUND', true, 'The leader has no listener that matches the one this client uses.'],
  [73, 'TOPIC_DELETION_DISABLED', false, 'The cluster does not allow topics to be deleted.'],
  [
    74,
    'FENCED_LEADER_EPOCH',
    true,
    'The leader epoch of the request is older than the broker has; refresh the metadata.'
  ],
  [75, 'UNKNOWN_LEADER_EPOCH', true, 'The broker has not heard of this leader epoch yet.'],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE', false, 'The compression does not go with this version of the request.'],
  [77, 'STALE_BROKER_EPOCH', false, 'The epoch of the broker is outdated.'],
  [78, 'OFFSET_NOT_AVAILABLE', true, 'A new leader cannot vouch for its offsets yet.'],
  [79, 'MEMBER_ID_REQUIRED', false, 'Join again with the member id that the coordinator just gave.'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', true, 'The preferred leader is not available.'],
  [81, 'GROUP_MAX_SIZE_REACHED', false, 'The group has as many members as the broker allows.'],
  [82, 'FENCED_INSTANCE_ID', false, 'Another member has joined with the same group.instance.id.'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', true, 'None of the replicas that may lead is available.'],
  [84, 'ELECTION_NOT_NEEDED', true, 'The partition has the right leader already.'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', false, 'No replicas of this partition are being moved.'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', false, 'Offsets cannot be deleted while the group subscribes to the topic.'],
  [87, 'INVALID_RECORD', false, 'The broker refused a record, for instance one without a key on a compacted topic.'],
  [88, 'UNSTABLE_OFFSET_COMMIT', true, 'An open transaction still decides about these offsets.'],
  [89, 'THROTTLING_QUOTA_EXCEEDED', true, 'The quota is used up; wait for the throttle time.'],
  [90, 'PRODUCER_FENCED', false, 'A newer producer has taken over this transactional id.'],
  [91, 'RESOURCE_NOT_FOUND', false, 'The request names something that does not exist.'],
  [92, 'DUPLICATE_RESOURCE', false, 'The request names the same thing twice.'],
  [93, 'UNACCEPTABLE_CREDENTIAL', false, 'The new credential does not meet the requirements of the cluster.'],
  [94, 'INCONSISTENT_VOTER_SET', false, 'One side of the request is not among the voters.'],
  [95, 'INVALID_UPDATE_VERSION', false, 'The version of the update is not valid.'],
  [96, 'FEATURE_UPDATE_FAILED', false, 'The features of the cluster could not be updated.'],
  [
    97,
    'PRINCIPAL_DESERIALIZATION_FAILURE',
    false,
    'The controller could not read the principal that a broker forwarded.'
  ],
  [98, 'SNAPSHOT_NOT_FOUND', false, 'There is no such snapshot.'],
  [99, 'POSITION_OUT_OF_RANGE', false, 'The position lies outside the snapshot.'],
  [100, 'UNKNOWN_TOPIC_ID', true, 'The broker does not know this topic id.'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', false, 'Another broker is registered under this id.'],
  [102, 'BROKER_ID_NOT_REGISTERED', false, 'No broker is registered under this id.'],
  [103, 'INCONSISTENT_TOPIC_ID', true, 'The log belongs to a topic with another id.'],
  [104, 'INCONSISTENT_CLUSTER_ID', false, 'The node belongs to another cluster.'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', false, 'The coordinator does not know this transactional id.'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', true, 'The fetch session mixed topic names and topic ids; begin a new one.'],
  [107, 'INELIGIBLE_REPLICA', false, 'A replica that should join the in-sync set may not.'],
  [108, 'NEW_LEADER_ELECTED', false, 'The in-sync set was changed, and with it the leader.'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', false, 'The offset now lies in tiered storage.'],
  [110, 'FENCED_MEMBER_EPOCH', false, 'The coordinator fenced this member: give up its partitions and join again.'],
  [111, 'UNRELEASED_INSTANCE_ID', false, 'Another member still holds this group.instance.id.'],
  [112, 'UNSUPPORTED_ASSIGNOR', false, 'The group does not support this assignor.'],
  [113, 'STALE_MEMBER_EPOCH', false, 'The member epoch is outdated; repeat after the next heartbeat.'],
  [
    114,
    'MISMATCHED_ENDPOINT_TYPE',
    false,
    'The request went to a controller where a broker was meant, or the reverse.'
  ],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', false, 'The node does not support this type of endpoint.'],
  [116, 'UNKNOWN_CONTROLLER_ID', false, 'There is no controller with this id.'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', false, 'The telemetry subscription is unknown or outdated.'],
  [118, 'TELEMETRY_TOO_LARGE', false, 'The telemetry is larger than the broker accepts.'],
  [119, 'INVALID_REGISTRATION', false, 'The controller refused the registration of the broker.'],
  [
    120,
    'TRANSACTION_ABORTABLE',
    false,
    'The transaction cannot be committed: abort it, the transactional id stays usable.'
  ],
  [121, 'INVALID_RECORD_STATE', false, 'The delivery cannot be acknowledged in the state the record is in.'],
  [122, 'SHARE_SESSION_NOT_FOUND', true, 'The broker has dropped this share session; begin a new one.'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', true, 'The share session is at another epoch; begin a new one.'],
  [124, 'FENCED_STATE_EPOCH', false, 'The state epoch is not the one the coordinator has.'],
  [125, 'INVALID_VOTER_KEY', false, 'The key of the voter is not the one of the replica that received the request.'],
  [126, 'DUPLICATE_VOTER', false, 'The node is among the voters already.'],
  [127, 'VOTER_NOT_FOUND', false, 'The node is not among the voters.'],
  [128, 'INVALID_REGULAR_EXPRESSION', false, 'The broker cannot read this regular expression (RE2 syntax).'],
  [
    129,
    'REBOOTSTRAP_REQUIRED',
    false,
    'What the client knows of the cluster is outdated: begin again at the bootstrap addresses.'
  ],
  [130, 'STREAMS_INVALID_TOPOLOGY', false, 'The topology of the streams group is not valid.'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', false, 'The topology epoch of the streams group is not valid.'],
  [132, 'STREAMS_TOPOLOGY_FENCED', false, 'The streams group has a newer topology.'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', true, 'The broker holds as many share sessions as it allows.'],
  [134, 'GROUP_DELETION_FAILED', false, 'Groups could not be deleted; the message per group says why.'],
  [
    135,
    'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED',
    false,
    'The broker could not store the description of the topology.'
  ],
  [136, 'CONTROLLER_ID_NOT_REGISTERED', false, 'No controller is registered under this id.']
] as const satisfies readonly (readonly [code: number, name: string, retriable: boolean, message: string])[]

type Row = (typeof table)[number]

/** Kafka's names of the errors in the table. */
export type KafkaErrorName = Row[1]

/** Kafka's error codes by name; `errorCode.NOT_COORDINATOR` has the type `16`. */
export type ErrorCodes = { readonly [R in Row as R[1]]: R[0] }

/** Every error of Kafka 4.4.0, in the order of the codes. */
export const kafkaErrors: readonly ErrorInfo[] = Object.freeze(
  table.map(([code, name, retriable, message]) => Object.freeze({ code, name, retriable, message }))
)

/** The codes as constants: `errorCode.NOT_COORDINATOR`. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets which name has which code
export const errorCode = Object.freeze(Object.fromEntries(table.map(([code, name]) => [name, code]))) as ErrorCodes

const byCode = new Map(kafkaErrors.map((info) => [info.code, info]))

/**
 * What an error code means. A code that this table does not have, from a newer broker, is answered with the name
 * `UNKNOWN_CODE_<n>` and is not retriable.
 */
export function errorByCode(code: number): ErrorInfo {
  return (
    byCode.get(code) ?? {
      code,
      name: `UNKNOWN_CODE_${code}`,
      retriable: false,
      message: `The broker answered with error code ${code}, which this version of the client does not know.`
    }
  )
}
