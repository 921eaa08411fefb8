// What the suites on a real Kafka share: topics of their own, transactions that end as told, and reading to the end.
import { randomBytes } from 'node:crypto'
import type { Assignment, Consumer, ConsumerOptions, Kafka, ProducerMessage, TransactionalProducer } from 'kafka-once'
import { KafkaError } from 'kafka-once'

export interface ReadRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: string
  readonly valueBytes: number
}

/** A name that no other suite or run uses. */
export function ownName(what: string): string {
  return `consumer-${what}-${randomBytes(4).toString('hex')}`
}

export async function makeTopic(
  kafka: Kafka,
  what: string,
  partitionCount = 1,
  replicationFactor = 1
): Promise<string> {
  const topic = ownName(what)
  await kafka.admin().createTopics([{ topic, partitionCount, replicationFactor }])
  return topic
}

/** One transaction, its records sent one by one so that each gets a batch, and its end. */
export async function transact(
  producer: TransactionalProducer,
  messages: readonly ProducerMessage[],
  end: 'commit' | 'abort'
): Promise<void> {
  const transaction = producer.beginTransaction()
  for (const message of messages) await transaction.send(message)
  if (end === 'abort') return transaction.abort()
  const verdict = await transaction.commit()
  if (verdict.kind !== 'committed') throw new Error(`The transaction is ${verdict.kind}`)
}

export function everyPartition(topic: string, count: number, position: Assignment['position']): Assignment[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition, position }))
}

/** Reads until the positions of all partitions have reached the ends that the admin tells for read_uncommitted. */
export async function readToEnd(
  kafka: Kafka,
  topic: string,
  assignments: readonly Assignment[],
  options: ConsumerOptions = {}
): Promise<ReadRecord[]> {
  const queries = assignments.map(({ partition }) => ({ topic, partition, position: 'latest' as const }))
  const ends = await kafka.admin().listOffsets(queries)
  await using consumer = kafka.consumer({ fetchWaitMs: 50, ...options })
  await consumer.assign(assignments)
  const records: ReadRecord[] = []
  const untilMs = performance.now() + 30_000
  const isAtEnd = ({ partition }: Assignment): boolean =>
    consumer.position(topic, partition)! >= ends.get(`${topic}:${partition}`)!.offset
  while (!assignments.every(isAtEnd)) {
    if (performance.now() > untilMs) throw new Error(`The end of ${topic} was not reached`)
    records.push(...(await poll(consumer)))
  }
  return records
}

export async function poll(consumer: Consumer, waitMs = 50): Promise<ReadRecord[]> {
  const batches = await consumer.poll({ waitMs })
  return batches.flatMap((batch) =>
    Array.from(batch.records(), ({ partition, offset, key, value }) => ({
      partition,
      offset,
      key: Buffer.from(key ?? []).toString(),
      valueBytes: value?.length ?? -1
    }))
  )
}

/** In the order of partitions and offsets, as short text. */
export function places(
  records: readonly { partition: number; offset: bigint; key: string | Uint8Array | null }[]
): string[] {
  return records
    .toSorted((left, right) => left.partition - right.partition || Number(left.offset - right.offset))
    .map(({ partition, offset, key }) => `${partition}@${offset} ${Buffer.from(key ?? []).toString()}`)
}

/** The KafkaError with which a promise rejects. */
export async function refusal(promise: Promise<unknown>): Promise<KafkaError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('It was not refused')
}
