// Owns the form of a cluster outside memory: one file with everything that survives its brokers, topics and logs as well
// as the state of coordinators. Written whole, read whole, and checked by its sum.
//
//   8 bytes magic and version, 4 bytes CRC-32C of the rest, 4 bytes length of the JSON, the JSON, then the batches of
//   all partitions in the order of the JSON.

import { crc32c } from '../../protocol/index.ts'
import { PartitionLog } from '../log/partition_log.ts'
import type { StoredLog } from '../log/partition_log.ts'
import type { StoredCredential } from '../sasl/credentials.ts'
import type { Cluster } from './cluster.ts'
import { Settings } from './settings.ts'
import { Partition, Topic } from './topic.ts'

const magic = 'KoSnap01'
const headerBytes = 16

interface StoredPartition extends Omit<StoredLog, 'batches'> {
  readonly leaderEpoch: number
  readonly lastLeader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  readonly batchSizes: readonly number[]
  readonly durable: Readonly<Record<string, unknown>>
}

interface StoredTopic {
  readonly name: string
  readonly id: string
  readonly isInternal: boolean
  readonly settings: Readonly<Record<string, string>>
  readonly partitions: readonly StoredPartition[]
}

interface StoredCluster {
  readonly clusterId: string
  readonly nextProducerId: string
  readonly features: Readonly<Record<string, number>>
  /** What was changed while the brokers ran. */
  readonly settings: Readonly<Record<string, string>>
  /** What administrators have changed; absent in older files. */
  readonly credentials?: readonly StoredCredential[]
  readonly topics: readonly StoredTopic[]
}

/** The cluster as pieces of a file. */
export function encodeSnapshot(cluster: Cluster): Uint8Array[] {
  const batches: Uint8Array[] = []
  const stored: StoredCluster = {
    clusterId: cluster.clusterId,
    nextProducerId: String(cluster.producerIdBlocks.next),
    features: Object.fromEntries(cluster.features.levels()),
    settings: Object.fromEntries(cluster.settings.changedEntries()),
    credentials: cluster.credentials.store(),
    topics: Array.from(cluster.topics.values(), (topic) => ({
      name: topic.name,
      id: topic.id,
      isInternal: topic.isInternal,
      settings: Object.fromEntries(topic.settings.changedEntries()),
      partitions: topic.partitions.map((partition) => encodePartition(partition, batches))
    }))
  }
  const json = new TextEncoder().encode(JSON.stringify(stored))
  const header = new Uint8Array(headerBytes)
  new TextEncoder().encodeInto(magic, header)
  const view = new DataView(header.buffer)
  view.setUint32(12, json.length)
  view.setUint32(8, crc32c(json))
  return [header, json, ...batches]
}

function encodePartition(partition: Partition, batches: Uint8Array[]): StoredPartition {
  const { leaderEpoch, lastLeader, replicas, inSync } = partition
  const { batches: stored, ...log } = partition.log.store()
  batches.push(...stored)
  const durable = partition.encodeDurable()
  return { leaderEpoch, lastLeader, replicas, inSync, ...log, batchSizes: stored.map(({ length }) => length), durable }
}

/** Fills a cluster that is still empty. Throws where the file is damaged or of another version. */
export function restoreSnapshot(cluster: Cluster, file: Uint8Array): void {
  const { stored, logs } = parse(file)
  cluster.clusterId = stored.clusterId
  cluster.producerIdBlocks.skipTo(BigInt(stored.nextProducerId))
  for (const [name, level] of Object.entries(stored.features)) cluster.features.setLevel(name, level)
  for (const [name, value] of Object.entries(stored.settings)) cluster.settings.set(name, value)
  cluster.credentials.restore(stored.credentials ?? [])
  refuseMissingBrokers(cluster, stored)
  let at = 0
  for (const one of stored.topics) {
    const topic = new Topic(one.name, one.id, one.isInternal, new Settings(one.settings, cluster.settings))
    for (const partition of one.partitions) at = restorePartition(cluster, topic, partition, logs, at)
    cluster.adopt(topic)
  }
}

/** Replicas on brokers that are not there would have no leader, and nobody would know why. */
function refuseMissingBrokers({ nodes }: Cluster, { topics }: StoredCluster): void {
  const replicas = topics.flatMap(({ partitions }) => partitions.flatMap((partition) => partition.replicas))
  const needed = replicas.reduce((most, id) => Math.max(most, id), 0)
  if (needed <= nodes.size) return
  throw new Error(
    `The data folder is of a cluster with ${needed} brokers, not ${nodes.size}: start it with brokers: ${needed}`
  )
}

function restorePartition(
  cluster: Cluster,
  topic: Topic,
  stored: StoredPartition,
  logs: Uint8Array,
  start: number
): number {
  let at = start
  const batches = stored.batchSizes.map((size) => {
    at += size
    // A copy, since the log patches batches and hands them out for as long as it lives.
    return logs.slice(at - size, at)
  })
  const log = new PartitionLog(topic.settings)
  log.restore({ ...stored, batches })
  const partition = new Partition(topic, topic.partitions.length, log, stored.replicas, cluster.replication)
  partition.inSync = stored.inSync
  // Nobody leads any more, which was an epoch of its own.
  partition.leaderEpoch = stored.leaderEpoch + 1
  partition.lastLeader = stored.lastLeader
  partition.decodeDurable(stored.durable)
  topic.partitions.push(partition)
  return at
}

function parse(file: Uint8Array): { readonly stored: StoredCluster; readonly logs: Uint8Array } {
  const found = new TextDecoder().decode(file.subarray(0, magic.length))
  if (file.length < headerBytes || found !== magic) {
    throw new Error(`This is no data of an embedded Kafka of this version: it begins with '${found}'`)
  }
  const view = new DataView(file.buffer, file.byteOffset, headerBytes)
  const end = headerBytes + view.getUint32(12)
  const json = file.subarray(headerBytes, end)
  if (end > file.length || crc32c(json) !== view.getUint32(8)) {
    throw new Error('The data of the embedded Kafka is damaged: remove the folder, or bring back a copy of it')
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by encodeSnapshot, and its sum is right
  const stored = JSON.parse(new TextDecoder().decode(json)) as StoredCluster
  const logs = file.subarray(end)
  const bytes = stored.topics.flatMap(({ partitions }) => partitions.flatMap(({ batchSizes }) => batchSizes))
  if (bytes.reduce((sum, size) => sum + size, 0) !== logs.length) {
    throw new Error('The data of the embedded Kafka is cut off: remove the folder, or bring back a copy of it')
  }
  return { stored, logs }
}
