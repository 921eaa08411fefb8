// Fills the topics that the consuming scenarios read, and counts what a pipeline wrote. The same log for every client: batches of a thousand records, and
// for read_committed transactions of which every tenth is aborted.
import type { Kafka } from '../test/programs/package.ts'
import { makeValues } from './workload.ts'

const recordsPerBatch = 1_000
const partitions = 6

export async function fillPlain(kafka: Kafka, topic: string, records: number, valueBytes: number): Promise<void> {
  const producer = kafka.producer()
  const values = makeValues(recordsPerBatch, valueBytes)
  for (let sent = 0, turn = 0; sent < records; sent += recordsPerBatch, turn++) {
    const partition = turn % partitions
    await producer.send(values.slice(0, records - sent).map((value) => ({ topic, partition, value })))
  }
  await producer.close()
}

/** The committed records are as many as in `fillPlain`; the aborted ones come on top. */
export async function fillCommitted(kafka: Kafka, topic: string, records: number, valueBytes: number): Promise<void> {
  const producer = kafka.transactionalProducer({ transactionalId: `fill-${topic}` })
  const values = makeValues(recordsPerBatch, valueBytes)
  for (let sent = 0, turn = 0; sent < records; turn++) {
    const partition = turn % partitions
    const isAborted = turn % 10 === 9
    const transaction = producer.beginTransaction()
    const own = isAborted ? values : values.slice(0, records - sent)
    await transaction.send(own.map((value) => ({ topic, partition, value })))
    if (isAborted) {
      await transaction.abort()
      continue
    }
    const verdict = await transaction.commit()
    if (verdict.kind !== 'committed') throw new Error(`A transaction was not committed but ${verdict.kind}`)
    sent += own.length
  }
  await producer.close()
}

/** Records that read_committed can see, up to the present end of the topic. */
export async function countCommitted(kafka: Kafka, topic: string, partitionCount: number): Promise<number> {
  const places = Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }))
  const ends = await kafka.admin().listOffsets(places.map((place) => ({ ...place, position: 'latest' })))
  await using consumer = kafka.consumer({ fetchWaitMs: 50 })
  await consumer.assign(places.map((place) => ({ ...place, position: 'earliest' })))
  let records = 0
  const isAtEnd = ({ partition }: { partition: number }): boolean =>
    consumer.position(topic, partition)! >= ends.get(`${topic}:${partition}`)!.offset
  while (!places.every(isAtEnd)) {
    for (const batch of await consumer.poll({ waitMs: 50 })) records += batch.count
  }
  return records
}
