// What decoding would take if it were written by hand for these very responses, with every length checked: the line
// that a general codec can come near to. One object per partition and fresh lists, as the peers make them.
import { decodingSubject } from './decoding.ts'
import type { FetchFacts, MetadataFacts } from './decoding.ts'
import type { CodecSubject } from './workload.ts'

/** Bytes, and where the next one is. */
class Cursor {
  readonly bytes: Buffer
  readonly view: DataView
  readonly end: number
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.byteLength
  }

  need(length: number): void {
    if (length > this.end - this.at) throw new Error('The bytes end early')
  }

  /** A number of one or two bytes; more are not needed here. */
  small(): number {
    this.need(2)
    const first = this.bytes[this.at++]!
    return first < 0x80 ? first : (first & 0x7f) | (this.bytes[this.at++]! << 7)
  }

  text(): string | null {
    const length = this.small() - 1
    if (length < 0) return null
    this.need(length)
    this.at += length
    return this.bytes.toString('latin1', this.at - length, this.at)
  }

  /** A list of node ids. */
  ids(): number[] {
    const count = this.small() - 1
    this.need(count * 4)
    const { view, at } = this
    this.at += count * 4
    if (count === 0) return []
    if (count === 3) return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8)]
    const ids: number[] = Array.from({ length: count })
    for (let i = 0; i < count; i++) ids[i] = view.getInt32(at + i * 4)
    return ids
  }

  skip(length: number): void {
    this.need(length)
    this.at += length
  }
}

function metadataPartition(cursor: Cursor) {
  cursor.need(14)
  const { view, at } = cursor
  cursor.at += 14
  const replicaNodes = cursor.ids()
  const isrNodes = cursor.ids()
  const offlineReplicas = cursor.ids()
  cursor.small()
  return {
    errorCode: view.getInt16(at),
    partitionIndex: view.getInt32(at + 2),
    leaderId: view.getInt32(at + 6),
    leaderEpoch: view.getInt32(at + 10),
    replicaNodes,
    isrNodes,
    offlineReplicas
  }
}

function metadataBroker(cursor: Cursor) {
  cursor.need(4)
  const nodeId = cursor.view.getInt32(cursor.at)
  cursor.at += 4
  const host = cursor.text()
  cursor.need(4)
  const port = cursor.view.getInt32(cursor.at)
  cursor.at += 4
  const rack = cursor.text()
  cursor.small()
  return { nodeId, host, port, rack }
}

function many<T>(cursor: Cursor, read: (cursor: Cursor) => T): T[] {
  const values: T[] = []
  for (let left = cursor.small() - 1; left > 0; left--) values.push(read(cursor))
  return values
}

function metadataTopic(cursor: Cursor) {
  cursor.skip(2)
  const name = cursor.text()
  cursor.skip(17)
  const partitions = many(cursor, metadataPartition)
  cursor.skip(4)
  cursor.small()
  return { name, partitions }
}

function decodeMetadata(bytes: Buffer) {
  const cursor = new Cursor(bytes)
  cursor.skip(4)
  const brokers = many(cursor, metadataBroker)
  const clusterId = cursor.text()
  cursor.skip(4)
  return { brokers, clusterId, topics: many(cursor, metadataTopic) }
}

const metadataFacts = ({ brokers, topics }: ReturnType<typeof decodeMetadata>): MetadataFacts => ({
  brokers: brokers.map(({ nodeId, host, port, rack }) => [nodeId, host ?? '', port, rack]),
  topics: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((one) => {
      return [one.partitionIndex, one.leaderId, one.replicaNodes.join(), one.isrNodes.join()]
    })
  }))
})

export function metadataLimit(bytes: Buffer, expected: MetadataFacts): CodecSubject {
  return decodingSubject({ decode: () => decodeMetadata(bytes), facts: metadataFacts }, expected)
}

function fetchPartition(cursor: Cursor) {
  cursor.need(36)
  const { view, at } = cursor
  cursor.at += 30
  if (cursor.small() !== 0) throw new Error('Aborted transactions are not expected here')
  cursor.at += 4
  const records = cursor.small() - 1
  cursor.skip(Math.max(0, records))
  cursor.small()
  return {
    partitionIndex: view.getInt32(at),
    errorCode: view.getInt16(at + 4),
    highWatermark: view.getBigInt64(at + 6),
    lastStableOffset: view.getBigInt64(at + 14),
    logStartOffset: view.getBigInt64(at + 22),
    divergingEpoch: { epoch: -1, endOffset: -1n },
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    snapshotId: { endOffset: -1n, epoch: -1 },
    abortedTransactions: null,
    preferredReadReplica: view.getInt32(at + 31),
    records
  }
}

function fetchTopic(cursor: Cursor) {
  cursor.need(16)
  const topicId = cursor.bytes.toString('hex', cursor.at, cursor.at + 16)
  cursor.at += 16
  const partitions = many(cursor, fetchPartition)
  cursor.small()
  return { topicId, partitions }
}

function decodeFetch(bytes: Buffer) {
  const cursor = new Cursor(bytes)
  cursor.skip(10)
  return { responses: many(cursor, fetchTopic) }
}

const fetchFacts = ({ responses }: ReturnType<typeof decodeFetch>): FetchFacts => ({
  topics: responses.map(({ topicId, partitions }) => ({
    topic: topicId,
    partitions: partitions.map((one) => {
      return [one.partitionIndex, one.errorCode, String(one.highWatermark), String(one.lastStableOffset)]
    })
  }))
})

export function fetchLimit(bytes: Buffer, expected: FetchFacts): CodecSubject {
  return decodingSubject({ decode: () => decodeFetch(bytes), facts: fetchFacts }, expected)
}
