// Owns the text of the settings files of brokers that tests start: what differs between Kafka versions and nothing else.
// Three listeners each: clients' (which may be advertised under a proxy's address), the brokers' own, so that a proxy's
// faults never touch replication or transaction markers, and the controller's.
import { join } from 'node:path'
import type { SaslMechanism, SaslOptions } from 'kafka-once/testing'
import type { KafkaVersion } from './jars.ts'

export interface NodeConfig {
  readonly id: number
  readonly folder: string
  readonly clientPort: number
  readonly internalPort: number
  /** The controller's port under KRaft. */
  readonly controllerPort: number
  /** `host:port` under which clients are sent to this node. */
  readonly advertised: string
}

export interface ClusterConfig {
  readonly version: KafkaVersion
  readonly nodes: readonly NodeConfig[]
  readonly zookeeperPort: number | undefined
  /** Users of the clients' listener, which then speaks SASL_PLAINTEXT. */
  readonly sasl?: SaslOptions | undefined
  /** Settings of the test, which win over all others. */
  readonly config: Readonly<Record<string, string>>
}

/** Versions before 3.3 had no KRaft fit for use. */
export function needsZooKeeper(version: KafkaVersion): boolean {
  return version === '2.8.2' || version === '1.1.1'
}

/** Brokers from 4.0 log through log4j2. */
export function usesLog4j2(version: KafkaVersion): boolean {
  return version === '4.4.0'
}

/** The transaction versions that a cluster of this Kafka version can be formatted with; the last is its default. */
export function transactionVersionsOf(version: KafkaVersion): readonly (0 | 1 | 2)[] {
  return version === '4.4.0' ? [0, 1, 2] : [0]
}

/**
 * Settings for tests that kill and restart a broker often. A restarted broker must wait until the session of the killed
 * one has run out, 9 s by default.
 */
export const quickRestart: Readonly<Record<string, string>> = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500'
}

export function dataFolderOf(node: NodeConfig): string {
  return join(node.folder, 'data')
}

export function serverProperties(cluster: ClusterConfig, node: NodeConfig): string {
  const settings = {
    ...listenerSettings(cluster, node),
    ...replicationSettings(cluster),
    ...saslSettings(cluster.sasl),
    'log.dirs': dataFolderOf(node),
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.cleaner.dedupe.buffer.size': '16777216', // 128 MiB of heap by default, a third of what a test's broker has
    ...cluster.config
  }
  return propertiesText(settings)
}

function listenerSettings(cluster: ClusterConfig, node: NodeConfig): Record<string, string> {
  const internal = `INTERNAL://127.0.0.1:${node.internalPort}`
  const client = `PLAINTEXT://127.0.0.1:${node.clientPort}`
  const shared = {
    'advertised.listeners': `PLAINTEXT://${node.advertised},${internal}`,
    'inter.broker.listener.name': 'INTERNAL'
  }
  if (cluster.zookeeperPort !== undefined) {
    return {
      ...shared,
      'broker.id': String(node.id),
      listeners: `${client},${internal}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
      'zookeeper.connect': `127.0.0.1:${cluster.zookeeperPort}`,
      'zookeeper.session.timeout.ms': '2000' // a killed broker's registration outlives it for this long
    }
  }
  const voters = cluster.nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
  return {
    ...shared,
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: `${client},${internal},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,PLAINTEXT:${clientProtocol(cluster)},INTERNAL:PLAINTEXT`
  }
}

function clientProtocol({ sasl }: ClusterConfig): string {
  return sasl === undefined ? 'PLAINTEXT' : 'SASL_PLAINTEXT'
}

/** Logins of the clients' listener. Passwords for SCRAM are no setting: they are set when the broker runs. */
function saslSettings(sasl: SaslOptions | undefined): Record<string, string> {
  if (sasl === undefined) return {}
  const listener = 'listener.name.plaintext'
  const users = Object.entries(sasl.users).map(([user, password]) => `"user_${user}"="${password}"`)
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return {
    [`${listener}.sasl.enabled.mechanisms`]: mechanismsOf(sasl).join(','),
    [`${listener}.plain.sasl.jaas.config`]: [
      'org.apache.kafka.common.security.plain.PlainLoginModule required',
      ...users
    ]
      .join(' ')
      .concat(';'),
    [`${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: scram
  }
}

/** All that there are, unless the test says otherwise. */
export function mechanismsOf(sasl: SaslOptions): readonly SaslMechanism[] {
  return sasl.mechanisms ?? ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']
}

function replicationSettings(cluster: ClusterConfig): Record<string, string> {
  const replicas = String(cluster.nodes.length)
  const inSyncMin = cluster.nodes.length === 1 ? '1' : '2'
  const settings: Record<string, string> = {
    'default.replication.factor': replicas,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin,
    'transaction.state.log.num.partitions': '4'
  }
  if (cluster.version === '4.4.0') {
    settings['share.coordinator.state.topic.replication.factor'] = replicas
    settings['share.coordinator.state.topic.min.isr'] = inSyncMin
  }
  return settings
}

export function zookeeperProperties(port: number, folder: string): string {
  return propertiesText({
    tickTime: '500',
    dataDir: folder,
    clientPort: String(port),
    clientPortAddress: '127.0.0.1',
    maxClientCnxns: '0'
  })
}

/** What StorageTool writes beside the metadata log; each node of a cluster needs its own. */
export function metaProperties(clusterId: string, nodeId: number, directoryId: string): string {
  return propertiesText({
    version: '1',
    'cluster.id': clusterId,
    'node.id': String(nodeId),
    'directory.id': directoryId
  })
}

/** Log settings for a broker: warnings and above on the console, which startServer writes to a file. */
export function loggingProperties(version: KafkaVersion): string {
  if (!usesLog4j2(version)) {
    return propertiesText({
      'log4j.rootLogger': 'WARN, console',
      'log4j.appender.console': 'org.apache.log4j.ConsoleAppender',
      'log4j.appender.console.layout': 'org.apache.log4j.PatternLayout',
      'log4j.appender.console.layout.ConversionPattern': '[%d] %p %m (%c)%n'
    })
  }
  return propertiesText({
    'rootLogger.level': 'WARN',
    'rootLogger.appenderRefs': 'console',
    'rootLogger.appenderRef.console.ref': 'console',
    'appender.console.type': 'Console',
    'appender.console.name': 'console',
    'appender.console.layout.type': 'PatternLayout',
    'appender.console.layout.pattern': '[%d] %p %m (%c)%n'
  })
}

/** The JVM option that names the file of `loggingProperties`. */
export function loggingOption(version: KafkaVersion, file: string): string {
  return usesLog4j2(version) ? `-Dlog4j2.configurationFile=${file}` : `-Dlog4j.configuration=file:${file}`
}

function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
