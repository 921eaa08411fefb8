// Decoding of the two responses that come most and are largest: Metadata of 1,000 partitions and what is around the
// records of a Fetch of 50 partitions. The peers do not speak the same versions, so each response is measured in the
// newest version that kafkajs speaks and in the newest that the others do.
import { apis, compile, Reader, Writer } from '../../test/programs/protocol.ts'
import type { EncodableResponseOf, ResponseOf } from '../../test/programs/protocol.ts'
import { decodingSubject } from './decoding.ts'
import type { FetchFacts, MetadataFacts } from './decoding.ts'
import { fetchLimit, metadataLimit } from './messages_limit.ts'
import { fetchPeers, metadataPeers } from './messages_peers.ts'
import type { CodecWorkload } from './workload.ts'

const topicCount = 10
const partitionsPerTopic = 100
const brokerCount = 6
const fetchTopicCount = 5
const fetchPartitionsPerTopic = 10

function topicId(topic: number): string {
  return Buffer.from(`topic id ${String(topic).padStart(7, '0')}`).toString('base64url')
}

function brokersOf(partition: number): number[] {
  return [0, 1, 2].map((step) => 1 + ((partition + step) % brokerCount))
}

function metadataBody(version: number): EncodableResponseOf<'Metadata'> {
  return {
    brokers: Array.from({ length: brokerCount }, (_, i) => {
      return { nodeId: i + 1, host: `broker-${i + 1}.kafka.internal`, port: 9092, rack: `zone-${i % 3}` }
    }),
    clusterId: 'AbCdEfGhIjKlMnOpQrStUg',
    controllerId: 1,
    topics: Array.from({ length: topicCount }, (_, topic) => ({
      errorCode: 0,
      name: `orders-of-region-${topic}`,
      ...(version >= 10 ? { topicId: topicId(topic) } : {}),
      partitions: Array.from({ length: partitionsPerTopic }, (__, partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId: 1 + (partitionIndex % brokerCount),
        ...(version >= 7 ? { leaderEpoch: 5 } : {}),
        replicaNodes: brokersOf(partitionIndex),
        isrNodes: brokersOf(partitionIndex),
        offlineReplicas: []
      }))
    }))
  }
}

function metadataFacts(response: ResponseOf<'Metadata'>): MetadataFacts {
  return {
    brokers: response.brokers.map(({ nodeId, host, port, rack }) => [nodeId, host, port, rack]),
    topics: response.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((one) => {
        return [one.partitionIndex, one.leaderId, one.replicaNodes.join(), one.isrNodes.join()]
      })
    }))
  }
}

function fetchBody(version: number): EncodableResponseOf<'Fetch'> {
  return {
    throttleTimeMs: 0,
    sessionId: 1_234_567,
    responses: Array.from({ length: fetchTopicCount }, (_, topic) => ({
      ...(version >= 13 ? { topicId: topicId(topic) } : { topic: `orders-of-region-${topic}` }),
      partitions: Array.from({ length: fetchPartitionsPerTopic }, (__, partitionIndex) => ({
        partitionIndex,
        errorCode: 0,
        highWatermark: BigInt(9_123_456_000 + topic * 1_000 + partitionIndex),
        lastStableOffset: BigInt(9_123_456_000 + topic * 1_000 + partitionIndex),
        logStartOffset: 0n,
        abortedTransactions: null,
        // Without records, since some peers decode them in the same go.
        records: new Uint8Array(0)
      }))
    }))
  }
}

function fetchFacts(response: ResponseOf<'Fetch'>): FetchFacts {
  return {
    topics: response.responses.map(({ topic, topicId: id, partitions }) => ({
      topic: topic === '' ? Buffer.from(id, 'base64url').toString('hex') : topic,
      partitions: partitions.map((one) => {
        return [one.partitionIndex, one.errorCode, String(one.highWatermark), String(one.lastStableOffset)]
      })
    }))
  }
}

function metadataWorkload(version: number): CodecWorkload {
  const codec = compile(apis.Metadata.response, version)
  const writer = new Writer()
  codec.encode(writer, metadataBody(version))
  const bytes = Buffer.from(writer.finishWhole())
  const decode = (): ResponseOf<'Metadata'> => codec.decode(new Reader(bytes))
  const expected = metadataFacts(decode())
  const own = () => decodingSubject({ decode, facts: metadataFacts }, expected)
  return {
    group: 'messages',
    name: `metadata-v${version}`,
    title: `Decode Metadata v${version}: ${topicCount} topics of ${partitionsPerTopic} partitions, ${bytes.length} bytes`,
    unit: 'partition',
    unitsPerRun: topicCount * partitionsPerTopic,
    subjects: {
      'kafka-once': own,
      closures: own,
      ...metadataPeers(version, bytes, expected),
      ...(version === 12 ? { limit: () => metadataLimit(bytes, expected) } : {})
    }
  }
}

function fetchWorkload(version: number): CodecWorkload {
  const codec = compile(apis.Fetch.response, version)
  const writer = new Writer()
  codec.encode(writer, fetchBody(version))
  const bytes = Buffer.from(writer.finishWhole())
  const decode = (): ResponseOf<'Fetch'> => codec.decode(new Reader(bytes))
  const expected = fetchFacts(decode())
  const own = () => decodingSubject({ decode, facts: fetchFacts }, expected)
  const partitions = fetchTopicCount * fetchPartitionsPerTopic
  return {
    group: 'messages',
    name: `fetch-v${version}`,
    title: `Decode a Fetch v${version} without records: ${partitions} partitions, ${bytes.length} bytes`,
    unit: 'partition',
    unitsPerRun: partitions,
    subjects: {
      'kafka-once': own,
      closures: own,
      ...fetchPeers(version, bytes, expected),
      ...(version === 17 ? { limit: () => fetchLimit(bytes, expected) } : {})
    }
  }
}

export const messageWorkloads: readonly CodecWorkload[] = [
  metadataWorkload(12),
  metadataWorkload(6),
  fetchWorkload(17),
  fetchWorkload(11)
]
