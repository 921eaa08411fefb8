// Owns the table of settings that the embedded broker knows, with types and defaults of Kafka 4.4.0. Many are only shown:
// README.md says which of them change anything. setting_names.ts has those that may be given, and are ignored.
// Source: DescribeConfigs of a broker, org.apache.kafka.storage.internals.log.LogConfig.

/** Kafka's types of settings; `configTypes` has their numbers. */
export type SettingKind = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list'

/** The numbers of the types in DescribeConfigs. */
export const configTypes: Readonly<Record<SettingKind, number>> = Object.freeze({
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7
})

/** What is wrong with a value that has the right type, or undefined. */
type Check = (value: string) => string | undefined

/** One setting of a broker. */
export interface SettingInfo {
  readonly kind: SettingKind
  readonly defaultValue: string | null
  /** Whether it can be changed while the broker runs. */
  readonly isDynamic: boolean
  /** Whether Kafka keeps it from administrators. */
  readonly isInternal: boolean
}

/** A setting of a broker that is the default of a topic's, in a unit that is so many times as large. */
export type Synonym = readonly [brokerName: string, factor: number]

/** One setting of a topic. */
export interface TopicSettingInfo {
  readonly kind: SettingKind
  readonly defaultValue: string
  /** The first of them that is set counts. */
  readonly synonyms: readonly Synonym[]
  readonly check: Check | undefined
}

function atLeast(min: number): Check {
  return (value) => (Number(value) < min ? `Value must be at least ${min}` : undefined)
}

function between(min: number, max: number): Check {
  return (value) => atLeast(min)(value) ?? (Number(value) > max ? `Value must be no more than ${max}` : undefined)
}

function oneOf(...allowed: string[]): Check {
  return (value) => {
    const isAllowed = value.split(',').every((part) => allowed.includes(part.trim()))
    return isAllowed ? undefined : `String must be one of: ${allowed.join(', ')}`
  }
}

const brokerRows: readonly (readonly [string, SettingKind, string | null, 'fixed' | 'dynamic' | 'internal'])[] = [
  ['add.partitions.to.txn.retry.backoff.max.ms', 'int', '100', 'fixed'],
  ['add.partitions.to.txn.retry.backoff.ms', 'int', '20', 'fixed'],
  ['auto.create.topics.enable', 'boolean', 'true', 'fixed'],
  ['auto.leader.rebalance.enable', 'boolean', 'true', 'fixed'],
  ['broker.heartbeat.interval.ms', 'int', '2000', 'fixed'],
  ['broker.rack', 'string', null, 'fixed'],
  ['broker.session.timeout.ms', 'int', '9000', 'fixed'],
  ['compression.gzip.level', 'int', '-1', 'dynamic'],
  ['compression.lz4.level', 'int', '9', 'dynamic'],
  ['compression.type', 'string', 'producer', 'dynamic'],
  ['compression.zstd.level', 'int', '3', 'dynamic'],
  ['connection.failed.authentication.delay.ms', 'int', '100', 'fixed'],
  ['connections.max.reauth.ms', 'long', '0', 'fixed'],
  ['controlled.shutdown.enable', 'boolean', 'true', 'fixed'],
  ['default.replication.factor', 'int', '1', 'fixed'],
  ['delete.topic.enable', 'boolean', 'true', 'fixed'],
  ['fetch.max.bytes', 'int', '57671680', 'fixed'],
  ['group.consumer.assignment.interval.ms', 'int', '1000', 'dynamic'],
  ['group.consumer.assignors', 'list', 'uniform,range', 'fixed'],
  ['group.consumer.heartbeat.interval.ms', 'int', '5000', 'fixed'],
  ['group.consumer.max.assignment.interval.ms', 'int', '15000', 'fixed'],
  ['group.consumer.max.heartbeat.interval.ms', 'int', '15000', 'fixed'],
  ['group.consumer.max.session.timeout.ms', 'int', '60000', 'fixed'],
  ['group.consumer.max.size', 'int', '2147483647', 'fixed'],
  ['group.consumer.migration.policy', 'string', 'bidirectional', 'fixed'],
  ['group.consumer.min.assignment.interval.ms', 'int', '0', 'fixed'],
  ['group.consumer.min.heartbeat.interval.ms', 'int', '5000', 'fixed'],
  ['group.consumer.min.session.timeout.ms', 'int', '45000', 'fixed'],
  ['group.consumer.session.timeout.ms', 'int', '45000', 'fixed'],
  ['group.coordinator.rebalance.protocols', 'list', 'classic,consumer,streams', 'fixed'],
  ['group.initial.rebalance.delay.ms', 'int', '3000', 'fixed'],
  ['group.max.session.timeout.ms', 'int', '1800000', 'fixed'],
  ['group.max.size', 'int', '2147483647', 'fixed'],
  ['group.min.session.timeout.ms', 'int', '6000', 'fixed'],
  ['leader.imbalance.check.interval.seconds', 'long', '300', 'fixed'],
  ['log.cleaner.delete.retention.ms', 'long', '86400000', 'dynamic'],
  ['log.cleaner.enable', 'boolean', 'true', 'fixed'],
  ['log.cleaner.max.compaction.lag.ms', 'long', '9223372036854775807', 'dynamic'],
  ['log.cleaner.min.cleanable.ratio', 'double', '0.5', 'dynamic'],
  ['log.cleaner.min.compaction.lag.ms', 'long', '0', 'dynamic'],
  ['log.cleanup.policy', 'list', 'delete', 'dynamic'],
  ['log.flush.interval.messages', 'long', '9223372036854775807', 'dynamic'],
  ['log.flush.interval.ms', 'long', null, 'dynamic'],
  ['log.index.interval.bytes', 'int', '4096', 'dynamic'],
  ['log.index.size.max.bytes', 'int', '10485760', 'dynamic'],
  ['log.message.timestamp.after.max.ms', 'long', '3600000', 'dynamic'],
  ['log.message.timestamp.before.max.ms', 'long', '9223372036854775807', 'dynamic'],
  ['log.message.timestamp.type', 'string', 'CreateTime', 'dynamic'],
  ['log.preallocate', 'boolean', 'false', 'dynamic'],
  ['log.retention.bytes', 'long', '-1', 'dynamic'],
  ['log.retention.check.interval.ms', 'long', '300000', 'fixed'],
  ['log.retention.hours', 'int', '168', 'fixed'],
  ['log.retention.minutes', 'int', null, 'fixed'],
  ['log.retention.ms', 'long', null, 'dynamic'],
  ['log.roll.hours', 'int', '168', 'fixed'],
  ['log.roll.jitter.hours', 'int', '0', 'fixed'],
  ['log.roll.jitter.ms', 'long', null, 'dynamic'],
  ['log.roll.ms', 'long', null, 'dynamic'],
  ['log.segment.bytes', 'int', '1073741824', 'dynamic'],
  ['log.segment.delete.delay.ms', 'long', '60000', 'dynamic'],
  ['max.decompressed.message.bytes', 'int', '2147483639', 'dynamic'],
  ['max.incremental.fetch.session.cache.slots', 'int', '1000', 'fixed'],
  ['max.request.partition.size.limit', 'int', '2000', 'fixed'],
  ['message.max.bytes', 'int', '1048588', 'dynamic'],
  ['min.incremental.fetch.session.eviction.ms', 'long', '120000', 'internal'],
  ['min.insync.replicas', 'int', '1', 'dynamic'],
  ['num.partitions', 'int', '1', 'fixed'],
  ['offset.metadata.max.bytes', 'int', '4096', 'fixed'],
  ['offsets.commit.timeout.ms', 'int', '5000', 'fixed'],
  ['offsets.retention.check.interval.ms', 'long', '600000', 'fixed'],
  ['offsets.retention.minutes', 'int', '10080', 'fixed'],
  ['offsets.topic.num.partitions', 'int', '50', 'fixed'],
  ['offsets.topic.replication.factor', 'short', '3', 'fixed'],
  ['producer.id.expiration.check.interval.ms', 'int', '600000', 'internal'],
  ['producer.id.expiration.ms', 'int', '86400000', 'dynamic'],
  ['request.timeout.ms', 'int', '30000', 'fixed'],
  ['transaction.abort.timed.out.transaction.cleanup.interval.ms', 'int', '10000', 'fixed'],
  ['transaction.max.timeout.ms', 'int', '900000', 'fixed'],
  ['transaction.partition.verification.enable', 'boolean', 'true', 'dynamic'],
  ['transaction.remove.expired.transaction.cleanup.interval.ms', 'int', '3600000', 'fixed'],
  ['transaction.state.log.min.isr', 'int', '2', 'fixed'],
  ['transaction.state.log.num.partitions', 'int', '50', 'fixed'],
  ['transaction.state.log.replication.factor', 'short', '3', 'fixed'],
  ['transaction.two.phase.commit.enable', 'boolean', 'false', 'fixed'],
  ['transactional.id.expiration.ms', 'int', '604800000', 'fixed'],
  ['unclean.leader.election.enable', 'boolean', 'false', 'dynamic'],
  ['unstable.api.versions.enable', 'boolean', 'false', 'internal']
]

/** What Kafka asks of values besides their type, where the brokers here go by them. */
export const brokerChecks: Readonly<Record<string, Check>> = {
  'default.replication.factor': atLeast(1),
  'group.consumer.max.size': atLeast(1),
  'group.consumer.migration.policy': oneOf('bidirectional', 'upgrade', 'downgrade', 'disabled'),
  'group.max.size': atLeast(1),
  'log.cleanup.policy': oneOf('compact', 'delete'),
  'log.message.timestamp.type': oneOf('CreateTime', 'LogAppendTime'),
  'message.max.bytes': atLeast(0),
  'min.insync.replicas': atLeast(1),
  'num.partitions': atLeast(1),
  'offsets.retention.minutes': atLeast(1),
  'offsets.topic.num.partitions': atLeast(1),
  'offsets.topic.replication.factor': atLeast(1),
  'transaction.max.timeout.ms': atLeast(1),
  'transaction.state.log.min.isr': atLeast(1),
  'transaction.state.log.num.partitions': atLeast(1),
  'transaction.state.log.replication.factor': atLeast(1),
  'transactional.id.expiration.ms': atLeast(1)
}

const topicRows: readonly (readonly [string, SettingKind, string, readonly Synonym[], Check?])[] = [
  ['cleanup.policy', 'list', 'delete', [['log.cleanup.policy', 1]], oneOf('compact', 'delete')],
  ['compression.gzip.level', 'int', '-1', [['compression.gzip.level', 1]]],
  ['compression.lz4.level', 'int', '9', [['compression.lz4.level', 1]]],
  [
    'compression.type',
    'string',
    'producer',
    [['compression.type', 1]],
    oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer')
  ],
  ['compression.zstd.level', 'int', '3', [['compression.zstd.level', 1]]],
  ['delete.retention.ms', 'long', '86400000', [['log.cleaner.delete.retention.ms', 1]], atLeast(0)],
  ['file.delete.delay.ms', 'long', '60000', [['log.segment.delete.delay.ms', 1]], atLeast(0)],
  ['flush.messages', 'long', '9223372036854775807', [['log.flush.interval.messages', 1]], atLeast(1)],
  ['flush.ms', 'long', '9223372036854775807', [['log.flush.interval.ms', 1]], atLeast(0)],
  ['index.interval.bytes', 'int', '4096', [['log.index.interval.bytes', 1]], atLeast(0)],
  ['max.compaction.lag.ms', 'long', '9223372036854775807', [['log.cleaner.max.compaction.lag.ms', 1]], atLeast(1)],
  ['max.decompressed.message.bytes', 'int', '2147483639', [['max.decompressed.message.bytes', 1]]],
  ['max.message.bytes', 'int', '1048588', [['message.max.bytes', 1]], atLeast(0)],
  ['message.timestamp.after.max.ms', 'long', '3600000', [['log.message.timestamp.after.max.ms', 1]], atLeast(0)],
  [
    'message.timestamp.before.max.ms',
    'long',
    '9223372036854775807',
    [['log.message.timestamp.before.max.ms', 1]],
    atLeast(0)
  ],
  [
    'message.timestamp.type',
    'string',
    'CreateTime',
    [['log.message.timestamp.type', 1]],
    oneOf('CreateTime', 'LogAppendTime')
  ],
  ['min.cleanable.dirty.ratio', 'double', '0.5', [['log.cleaner.min.cleanable.ratio', 1]], between(0, 1)],
  ['min.compaction.lag.ms', 'long', '0', [['log.cleaner.min.compaction.lag.ms', 1]], atLeast(0)],
  ['min.insync.replicas', 'int', '1', [['min.insync.replicas', 1]], atLeast(1)],
  ['preallocate', 'boolean', 'false', [['log.preallocate', 1]]],
  ['retention.bytes', 'long', '-1', [['log.retention.bytes', 1]]],
  [
    'retention.ms',
    'long',
    '604800000',
    [
      ['log.retention.ms', 1],
      ['log.retention.minutes', 60_000],
      ['log.retention.hours', 3_600_000]
    ],
    atLeast(-1)
  ],
  ['segment.bytes', 'int', '1073741824', [['log.segment.bytes', 1]], atLeast(1_048_576)],
  ['segment.index.bytes', 'int', '10485760', [['log.index.size.max.bytes', 1]], atLeast(4)],
  [
    'segment.jitter.ms',
    'long',
    '0',
    [
      ['log.roll.jitter.ms', 1],
      ['log.roll.jitter.hours', 3_600_000]
    ],
    atLeast(0)
  ],
  [
    'segment.ms',
    'long',
    '604800000',
    [
      ['log.roll.ms', 1],
      ['log.roll.hours', 3_600_000]
    ],
    atLeast(1)
  ],
  ['unclean.leader.election.enable', 'boolean', 'false', [['unclean.leader.election.enable', 1]]]
]

/** Settings of brokers by name. */
export const brokerSettings: ReadonlyMap<string, SettingInfo> = new Map(
  brokerRows.map(([name, kind, defaultValue, change]) => [
    name,
    { kind, defaultValue, isDynamic: change === 'dynamic', isInternal: change === 'internal' }
  ])
)

/** Settings of topics by name. */
export const topicSettings: ReadonlyMap<string, TopicSettingInfo> = new Map(
  topicRows.map(([name, kind, defaultValue, synonyms, check]) => [name, { kind, defaultValue, synonyms, check }])
)
