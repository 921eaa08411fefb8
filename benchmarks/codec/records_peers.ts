// The peers at encoding and decoding record batches: their own functions, called as their producers and consumers call
// them, from records in the form in which they take them. None of them checks the checksum of what it reads.
import { loadPeerFile } from '../clients/peer_packages.ts'
import type { PeerName } from '../clients/peer_packages.ts'
import { bytesRecords } from './records_data.ts'
import type { Bytes, Taking, TextRecord } from './records_data.ts'

/** A client's record codec at one batch. */
export interface RecordCodec {
  /** Makes a batch of the records. */
  encode(): Uint8Array | Promise<Uint8Array>
  /** Finds the records of the batch and hands each value out. */
  values(): void | Promise<void>
  /** Finds the records of the batch and reads the first and the last byte of each value. */
  places(): void | Promise<void>
  /** Finds the records of the batch and hands out all that there is of each. */
  everything(): void | Promise<void>
}

export type MakeRecordCodec = (
  records: readonly TextRecord[],
  batch: Buffer,
  taking: Taking
) => RecordCodec | Promise<RecordCodec>

/** The peers offer a view or a text of each value. */
function takeEndsOf(value: Bytes, taking: Taking): void {
  const last = value.length - 1
  if (typeof value === 'string') taking.takeEnds(value.charCodeAt(0), value.charCodeAt(last))
  else taking.takeEnds(value[0]!, value[last]!)
}

interface KafkaJsRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer>>
  readonly offset: string
  readonly timestamp: string
}

type KafkaJsDecoder = new (bytes: Buffer) => object
type KafkaJsRequest = (request: object) => { encode(): Promise<{ readonly buffer: Buffer }> }
type KafkaJsDecodeBatch = (decoder: object) => Promise<{ readonly records: readonly KafkaJsRecord[] }>

/** What comes before the batch in a produce request for one partition of the topic `t`. */
const kafkaJsRequestBytes = 27

async function kafkaJs(records: readonly TextRecord[], batch: Buffer, taking: Taking): Promise<RecordCodec> {
  const folder = 'src/protocol'
  const request = await loadPeerFile<KafkaJsRequest>('kafkajs', `${folder}/requests/produce/v3/request.js`)
  const decodeBatch = await loadPeerFile<KafkaJsDecodeBatch>('kafkajs', `${folder}/recordBatch/v0/decoder.js`)
  const Decoder = await loadPeerFile<KafkaJsDecoder>('kafkajs', `${folder}/decoder.js`)
  const messages = bytesRecords(records).map(({ headers, ...rest }) => {
    return { ...rest, headers: Object.fromEntries(headers) }
  })
  const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 0, messages }] }]
  return {
    async encode() {
      const { buffer } = await request({ acks: -1, timeout: 1_000, topicData }).encode()
      return buffer.subarray(kafkaJsRequestBytes)
    },
    async values() {
      const decoded = await decodeBatch(new Decoder(batch))
      for (const { value } of decoded.records) taking.takeValue(value)
    },
    async places() {
      const decoded = await decodeBatch(new Decoder(batch))
      for (const { value } of decoded.records) if (value !== null) takeEndsOf(value, taking)
    },
    async everything() {
      const decoded = await decodeBatch(new Decoder(batch))
      for (const { key, value, headers, offset, timestamp } of decoded.records) {
        taking.take(key, value, headers, offset, timestamp)
      }
    }
  }
}

interface PlatformaticBatch {
  readonly firstOffset: bigint
  readonly firstTimestamp: bigint
  readonly records: readonly {
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers: readonly unknown[]
    readonly offsetDelta: number
    readonly timestampDelta: bigint
  }[]
}

interface PlatformaticRecords {
  createRecordsBatch(messages: readonly object[], options: object): { readonly buffer: Buffer }
  readRecordsBatch(reader: object): PlatformaticBatch
}

interface PlatformaticReader {
  readonly Reader: { from(bytes: Buffer): object }
}

async function platformatic(records: readonly TextRecord[], batch: Buffer, taking: Taking): Promise<RecordCodec> {
  const codec = await loadPeerFile<PlatformaticRecords>('platformatic', 'dist/protocol/records.js')
  const { Reader } = await loadPeerFile<PlatformaticReader>('platformatic', 'dist/protocol/reader.js')
  const messages = bytesRecords(records).map(({ key, value, headers, timestamp }) => {
    const entries = headers.map(([name, bytes]) => [Buffer.from(name), bytes] as const)
    return { topic: 't', partition: 0, key, value, headers: new Map(entries), timestamp: BigInt(timestamp) }
  })
  return {
    encode: () => codec.createRecordsBatch(messages, {}).buffer,
    values() {
      for (const { value } of codec.readRecordsBatch(Reader.from(batch)).records) taking.takeValue(value)
    },
    places() {
      for (const { value } of codec.readRecordsBatch(Reader.from(batch)).records) {
        if (value !== null) takeEndsOf(value, taking)
      }
    },
    everything() {
      const { firstOffset, firstTimestamp, records: found } = codec.readRecordsBatch(Reader.from(batch))
      for (const { key, value, headers, offsetDelta, timestampDelta } of found) {
        taking.take(key, value, headers, firstOffset + BigInt(offsetDelta), firstTimestamp + timestampDelta)
      }
    }
  }
}

interface KafkaTsBatch {
  readonly baseOffset: bigint
  readonly baseTimestamp: bigint
  readonly records: readonly {
    readonly key: Bytes | null
    readonly value: Bytes | null
    readonly headers: readonly unknown[]
    readonly offsetDelta: number
    readonly timestampDelta: bigint
  }[]
}

interface KafkaTsProduce {
  readonly createBatch: (partition: object) => { value(): Buffer }
}

interface KafkaTsFetch {
  readonly decodeRecordBatch: (
    decoder: object,
    size: number,
    decompressions: Promise<void>[]
  ) => readonly KafkaTsBatch[]
}

interface KafkaTsDecoder {
  readonly Decoder: new (bytes: Buffer) => object
}

async function kafkaTs(records: readonly TextRecord[], batch: Buffer, taking: Taking): Promise<RecordCodec> {
  const { createBatch } = await loadPeerFile<KafkaTsProduce>('kafka-ts', 'dist/api/produce/common.js')
  const { decodeRecordBatch } = await loadPeerFile<KafkaTsFetch>('kafka-ts', 'dist/api/fetch/common.js')
  const { Decoder } = await loadPeerFile<KafkaTsDecoder>('kafka-ts', 'dist/utils/decoder.js')
  const baseTimestamp = BigInt(records[0]!.timestamp)
  const own = records.map(({ key, value, headers, timestamp }, offsetDelta) => ({
    attributes: 0,
    timestampDelta: BigInt(timestamp) - baseTimestamp,
    offsetDelta,
    key,
    value,
    headers: headers.map(([name, text]) => ({ key: name, value: text }))
  }))
  const partition = {
    baseOffset: 0n,
    partitionLeaderEpoch: -1,
    attributes: 0,
    lastOffsetDelta: records.length - 1,
    baseTimestamp,
    maxTimestamp: BigInt(records.at(-1)!.timestamp),
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    records: own
  }
  const decode = () => decodeRecordBatch(new Decoder(batch), batch.length, [])
  return {
    encode: () => createBatch(partition).value(),
    values() {
      for (const decoded of decode()) {
        for (const { value } of decoded.records) taking.takeValue(value)
      }
    },
    places() {
      for (const decoded of decode()) {
        for (const { value } of decoded.records) if (value !== null) takeEndsOf(value, taking)
      }
    },
    everything() {
      for (const { baseOffset, baseTimestamp: base, records: found } of decode()) {
        for (const { key, value, headers, offsetDelta, timestampDelta } of found) {
          taking.take(key, value, headers, baseOffset + BigInt(offsetDelta), base + timestampDelta)
        }
      }
    }
  }
}

export const recordPeers: Readonly<Record<PeerName, MakeRecordCodec>> = {
  kafkajs: kafkaJs,
  platformatic,
  'kafka-ts': kafkaTs
}
