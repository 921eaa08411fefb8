// The peers at decoding responses: their own parsers, called as their connections call them, on the bytes after the
// header of the response.
import { loadPeerFile } from '../clients/peer_packages.ts'
import { awaitedSubject, decodingSubject } from './decoding.ts'
import type { FetchFacts, MetadataFacts } from './decoding.ts'
import type { CodecWorkload } from './workload.ts'

type Subjects = CodecWorkload['subjects']

/** A field of any peer's result; the check of the facts tells soon when it is not what it should be. */
interface Partition {
  readonly [name: string]: unknown
  readonly partitionIndex: number
  readonly partitionId: number
  readonly partition: number
  readonly leaderId: number
  readonly leader: number
  readonly errorCode: number
  readonly highWatermark: bigint | string
  readonly lastStableOffset: bigint | string
}

interface Broker {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

interface Topic {
  readonly [name: string]: unknown
  readonly partitions: readonly Partition[]
  readonly partitionMetadata: readonly Partition[]
}

interface Response {
  readonly brokers: readonly Broker[]
  readonly topics: readonly Topic[]
  readonly topicMetadata: readonly Topic[]
  readonly responses: readonly Topic[]
}

interface KafkaJsParser {
  decode(bytes: Buffer): Promise<Response>
}

interface KafkaTsApi {
  response(decoder: object): Response | Promise<Response>
}

interface KafkaTsDecoder {
  readonly Decoder: new (bytes: Buffer) => object
}

interface PlatformaticParser {
  readonly parseResponse: (correlationId: number, apiKey: number, version: number, reader: object) => Response
}

interface PlatformaticReader {
  readonly Reader: { from(bytes: Buffer): object }
}

function list(value: unknown): string {
  if (!Array.isArray(value)) throw new Error('The peer has no list here')
  return value.join()
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('The peer has no text here')
  return value
}

function brokerFacts(brokers: readonly Broker[]): MetadataFacts['brokers'] {
  return brokers.map(({ nodeId, host, port, rack }) => [nodeId, host, port, rack])
}

function metadataFacts({ brokers, topics }: Response): MetadataFacts {
  return {
    brokers: brokerFacts(brokers),
    topics: topics.map(({ name, partitions }) => ({
      name: text(name),
      partitions: partitions.map((one) => {
        return [one.partitionIndex, one.leaderId, list(one['replicaNodes']), list(one['isrNodes'])]
      })
    }))
  }
}

function kafkaJsMetadataFacts({ brokers, topicMetadata }: Response): MetadataFacts {
  return {
    brokers: brokerFacts(brokers),
    topics: topicMetadata.map(({ topic, partitionMetadata }) => ({
      name: text(topic),
      partitions: partitionMetadata.map((one) => {
        return [one.partitionId, one.leader, list(one['replicas']), list(one['isr'])]
      })
    }))
  }
}

/** `topicOf` and `indexOf` say where a peer has the topic and the number of a partition. */
function fetchFacts(topicOf: (topic: Topic) => unknown, indexOf: (one: Partition) => number) {
  return ({ responses }: Response): FetchFacts => ({
    topics: responses.map((topic) => ({
      topic: text(topicOf(topic)),
      partitions: topic.partitions.map((one) => {
        return [indexOf(one), one.errorCode, String(one.highWatermark), String(one.lastStableOffset)]
      })
    }))
  })
}

export function metadataPeers(version: number, bytes: Buffer, expected: MetadataFacts): Subjects {
  const kafkajs = async () => {
    const parser = await loadPeerFile<KafkaJsParser>(
      'kafkajs',
      `src/protocol/requests/metadata/v${version}/response.js`
    )
    return awaitedSubject({ decode: () => parser.decode(bytes), facts: kafkaJsMetadataFacts }, expected)
  }
  const platformatic = async () => {
    const file = `dist/apis/metadata/metadata-v${version}.js`
    const { parseResponse } = await loadPeerFile<PlatformaticParser>('platformatic', file)
    const { Reader } = await loadPeerFile<PlatformaticReader>('platformatic', 'dist/protocol/reader.js')
    const decode = () => parseResponse(1, 3, version, Reader.from(bytes))
    return decodingSubject({ decode, facts: metadataFacts }, expected)
  }
  const kafkaTs = async () => {
    const file = `dist/api/metadata/v${version}.js`
    const exported = await loadPeerFile<Readonly<Record<string, KafkaTsApi>>>('kafka-ts', file)
    const { Decoder } = await loadPeerFile<KafkaTsDecoder>('kafka-ts', 'dist/utils/decoder.js')
    const api = exported[`METADATA_V${version}`]!
    return decodingSubject({ decode: () => api.response(new Decoder(bytes)), facts: metadataFacts }, expected)
  }
  return { ...(version <= 6 ? { kafkajs } : {}), platformatic, 'kafka-ts': kafkaTs }
}

export function fetchPeers(version: number, bytes: Buffer, expected: FetchFacts): Subjects {
  const kafkajs = async () => {
    const parser = await loadPeerFile<KafkaJsParser>('kafkajs', `src/protocol/requests/fetch/v${version}/response.js`)
    const facts = fetchFacts(
      ({ topicName }) => topicName,
      ({ partition }) => partition
    )
    return awaitedSubject({ decode: () => parser.decode(bytes), facts }, expected)
  }
  const platformatic = async () => {
    const file = `dist/apis/consumer/fetch-v${version}.js`
    const { parseResponse } = await loadPeerFile<PlatformaticParser>('platformatic', file)
    const { Reader } = await loadPeerFile<PlatformaticReader>('platformatic', 'dist/protocol/reader.js')
    const decode = () => parseResponse(1, 1, version, Reader.from(bytes))
    const topicOf = ({ topicId }: Topic) => (version >= 13 ? text(topicId).replaceAll('-', '') : topicId)
    return decodingSubject({ decode, facts: fetchFacts(topicOf, ({ partitionIndex }) => partitionIndex) }, expected)
  }
  const kafkaTs = async () => {
    const exported = await loadPeerFile<Readonly<Record<string, KafkaTsApi>>>(
      'kafka-ts',
      `dist/api/fetch/v${version}.js`
    )
    const { Decoder } = await loadPeerFile<KafkaTsDecoder>('kafka-ts', 'dist/utils/decoder.js')
    const api = exported[`FETCH_V${version}`]!
    const topicOf = ({ topicId, topicName }: Topic) => (version >= 13 ? topicId : topicName)
    const facts = fetchFacts(topicOf, ({ partitionIndex }) => partitionIndex)
    return awaitedSubject({ decode: () => api.response(new Decoder(bytes)), facts }, expected)
  }
  return { ...(version <= 11 ? { kafkajs } : {}), platformatic, 'kafka-ts': kafkaTs }
}
