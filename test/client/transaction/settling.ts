// What the tests of verdicts have in common: producers and topics with names of their own, and the scan of control
// records with which every verdict is compared.
import type {
  Kafka,
  PreparedTransaction,
  Transaction,
  TransactionalProducer,
  TransactionalProducerOptions,
  Verdict
} from 'kafka-once'
import { expect } from 'vitest'
import { scanTopic } from '../../broker/log_scan.ts'

let names = 0

/** A name that nobody else has. */
export function uniqueName(what: string): string {
  return `${what}-${process.pid}-${Date.now()}-${names++}`
}

export interface Place {
  readonly bootstrap: string
  readonly kafka: Kafka
  readonly topic: string
  readonly transactionalId: string
}

/** A topic of three partitions and an id of its own. */
export async function newPlace(bootstrap: string, kafka: Kafka, what: string): Promise<Place> {
  const topic = uniqueName(what)
  await kafka.admin().createTopics([{ topic, partitionCount: 3, replicationFactor: 1 }], { deadlineMs: 30_000 })
  return { bootstrap, kafka, topic, transactionalId: `${topic}-id` }
}

export function newProducer(
  { kafka, transactionalId }: Place,
  options: Partial<TransactionalProducerOptions> = {}
): TransactionalProducer {
  return kafka.transactionalProducer({ transactionalId, ...options })
}

/** A transaction with a record in partitions 0 and 1, prepared. */
export async function prepareOne(
  producer: TransactionalProducer,
  { topic }: Place,
  value = 'v'
): Promise<PreparedTransaction> {
  const transaction = producer.beginTransaction()
  for (const partition of [0, 1]) await transaction.append(topic, partition, null, Buffer.from(value))
  return transaction.prepare()
}

/** The transaction that a producer is at. */
export function current(producer: TransactionalProducer): Transaction {
  const own: unknown = Reflect.get(producer, 'current')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the producer's own transaction
  return own as Transaction
}

type Outcome = 'COMMIT' | 'ABORT' | 'open'

/** How the log says that the transaction of this handle ended, in each partition that it wrote to. */
export async function outcomesOf(place: Place, handle: PreparedTransaction): Promise<Outcome[]> {
  const scans = await scanTopic(place.bootstrap, place.topic)
  return handle.partitions.map(({ partition, firstOffset }) => {
    const found = scans[partition]!.transactions.find(
      ({ producerId, ranges }) =>
        producerId === BigInt(handle.producerId) && ranges[0]?.firstOffset === BigInt(firstOffset)
    )
    if (found === undefined) throw new Error(`no transaction begins at offset ${firstOffset} of partition ${partition}`)
    return found.outcome
  })
}

/** The verdict must be what the log says, in every partition. */
export async function expectVerdict(
  place: Place,
  handle: PreparedTransaction,
  verdict: Verdict,
  ...kinds: readonly Verdict['kind'][]
): Promise<void> {
  expect(kinds, JSON.stringify(verdict)).toContain(verdict.kind)
  await expect
    .poll(async () => [...new Set(await outcomesOf(place, handle))], { timeout: 10_000 })
    .toEqual([verdict.kind === 'committed' || verdict.kind === 'alreadyCommitted' ? 'COMMIT' : 'ABORT'])
}
