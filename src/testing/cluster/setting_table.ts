// Owns the table of settings that the embedded broker knows, with the defaults of Kafka 4.4.0. A setting that is not
// here can be given at start and is shown, but changes nothing. Source: org.apache.kafka.storage.internals.log.LogConfig,
// kafka.server.KafkaConfig and the configuration classes that it is made of.

/** One setting of a broker. */
export interface SettingInfo {
  readonly defaultValue: string
}

/** One setting of a topic. */
export interface TopicSettingInfo {
  readonly defaultValue: string
  /** The broker's setting that is its default, where there is one. */
  readonly brokerName: string | undefined
}

const brokerRows = [
  ['add.partitions.to.txn.retry.backoff.max.ms', '100'],
  ['add.partitions.to.txn.retry.backoff.ms', '20'],
  ['auto.create.topics.enable', 'true'],
  ['broker.session.timeout.ms', '9000'],
  ['default.replication.factor', '1'],
  ['fetch.max.bytes', '57671680'],
  ['log.cleanup.policy', 'delete'],
  ['log.message.timestamp.after.max.ms', '3600000'],
  ['log.message.timestamp.before.max.ms', '9223372036854775807'],
  ['log.message.timestamp.type', 'CreateTime'],
  ['log.retention.ms', '604800000'],
  ['log.retention.bytes', '-1'],
  ['log.segment.bytes', '1073741824'],
  ['max.incremental.fetch.session.cache.slots', '1000'],
  ['message.max.bytes', '1048588'],
  ['min.incremental.fetch.session.eviction.ms', '120000'],
  ['min.insync.replicas', '1'],
  ['num.partitions', '1'],
  ['offsets.topic.num.partitions', '50'],
  ['offsets.topic.replication.factor', '3'],
  ['producer.id.expiration.ms', '86400000'],
  ['request.timeout.ms', '30000'],
  ['transaction.state.log.min.isr', '2'],
  ['transaction.state.log.num.partitions', '50'],
  ['transaction.state.log.replication.factor', '3'],
  ['transaction.partition.verification.enable', 'true'],
  ['unstable.api.versions.enable', 'false']
] as const

const topicRows = [
  ['cleanup.policy', 'log.cleanup.policy', 'delete'],
  ['max.message.bytes', 'message.max.bytes', '1048588'],
  ['message.timestamp.after.max.ms', 'log.message.timestamp.after.max.ms', '3600000'],
  ['message.timestamp.before.max.ms', 'log.message.timestamp.before.max.ms', '9223372036854775807'],
  ['message.timestamp.type', 'log.message.timestamp.type', 'CreateTime'],
  ['min.insync.replicas', 'min.insync.replicas', '1'],
  ['retention.bytes', 'log.retention.bytes', '-1'],
  ['retention.ms', 'log.retention.ms', '604800000'],
  ['segment.bytes', 'log.segment.bytes', '1073741824']
] as const

/** Settings of brokers by name. */
export const settingTable: ReadonlyMap<string, SettingInfo> = new Map(
  brokerRows.map(([name, defaultValue]) => [name, { defaultValue }])
)

/** Settings of topics by name. */
export const topicSettings: ReadonlyMap<string, TopicSettingInfo> = new Map(
  topicRows.map(([name, brokerName, defaultValue]) => [name, { brokerName, defaultValue }])
)
