// kafkajs 2.2.4 under measurement, set up as its documentation says: idempotent, acks of all replicas, one request in
// flight, which its idempotence asks for, and its logger at ERROR.
import { ConsumeProgress, makeValues } from '../workload.ts'
import type { BenchClient, Meter, Workload } from '../workload.ts'
import { loadPeer } from './peer_packages.ts'

interface Message {
  readonly value: Uint8Array | null
  readonly partition?: number
}

interface Sender {
  send(record: { topic: string; messages: readonly Message[] }): Promise<unknown>
}

interface Transaction extends Sender {
  sendOffsets(offsets: {
    consumerGroupId: string
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<void>
  commit(): Promise<void>
}

interface Producer extends Sender {
  connect(): Promise<void>
  disconnect(): Promise<void>
  transaction(): Promise<Transaction>
}

interface Batch {
  readonly topic: string
  readonly partition: number
  readonly messages: readonly { readonly value: Uint8Array | null; readonly offset: string }[]
}

interface Consumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(options: {
    autoCommit: boolean
    eachBatchAutoResolve: boolean
    partitionsConsumedConcurrently: number
    eachBatch(payload: { batch: Batch; heartbeat(): Promise<void>; resolveOffset(offset: string): void }): Promise<void>
  }): Promise<void>
}

interface Kafka {
  producer(options: object): Producer
  consumer(options: object): Consumer
}

interface Package {
  Kafka: new (options: object) => Kafka
  logLevel: { readonly ERROR: number; readonly NOTHING: number }
}

async function connect({ bootstrap }: Workload): Promise<Kafka> {
  const { Kafka: Client, logLevel } = await loadPeer<Package>('kafkajs')
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  return new Client({ brokers: bootstrap.split(','), clientId: 'benchmark', logLevel: logLevel.NOTHING })
}

async function produce(workload: Workload, meter: Meter): Promise<void> {
  const producer = (await connect(workload)).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const { topic, recordsPerSend } = workload
  const messages = makeValues(recordsPerSend, workload.valueBytes).map((value) => ({ value }))
  const sendAll = async (records: number): Promise<void> => {
    for (let sent = 0; sent < records; sent += recordsPerSend) await producer.send({ topic, messages })
  }
  await sendAll(workload.warmUp)
  meter.start()
  await sendAll(workload.count)
  meter.stop(workload.count)
  await producer.disconnect()
}

async function consumeAt(readUncommitted: boolean, workload: Workload, meter: Meter): Promise<void> {
  const kafka = await connect(workload)
  const consumer = kafka.consumer({ groupId: `bench-${workload.runId}`, readUncommitted })
  await consumer.connect()
  await consumer.subscribe({ topics: [workload.topic], fromBeginning: true })
  const progress = new ConsumeProgress(workload, meter)
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    const eachBatch = async ({ batch }: { batch: Batch }): Promise<void> => {
      for (const { value } of batch.messages) bytes += value?.length ?? 0
      if (progress.add(batch.messages.length)) resolve()
    }
    const options = { autoCommit: false, eachBatchAutoResolve: true, partitionsConsumedConcurrently: 1, eachBatch }
    consumer.run(options).catch(reject)
  })
  if (bytes === 0) throw new Error('The records were empty')
  await consumer.disconnect()
}

async function one(workload: Workload, meter: Meter): Promise<void> {
  const producer = (await connect(workload)).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const { topic } = workload
  const [value] = makeValues(1, workload.valueBytes)
  const record = { topic, messages: [{ partition: 0, value: value! }] }
  for (let i = 0; i < workload.warmUp; i++) await producer.send(record)
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(() => producer.send(record))
  meter.stop(workload.count)
  await producer.disconnect()
}

async function transactions(workload: Workload, meter: Meter): Promise<void> {
  const producer = await transactionalProducer(workload)
  const [value] = makeValues(1, workload.valueBytes)
  const record = { topic: workload.topic, messages: [{ partition: 0, value: value! }] }
  const transact = async (): Promise<void> => {
    const transaction = await producer.transaction()
    await transaction.send(record)
    await transaction.commit()
  }
  for (let i = 0; i < workload.warmUp; i++) await transact()
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(transact)
  meter.stop(workload.count)
  await producer.disconnect()
}

async function transactionalProducer(workload: Workload): Promise<Producer> {
  const producer = (await connect(workload)).producer({
    transactionalId: `bench-${workload.runId}`,
    idempotent: true,
    maxInFlightRequests: 1
  })
  await producer.connect()
  return producer
}

/**
 * The loop that its documentation gives for exactly-once: read, transform, write in a transaction that holds the offsets
 * too. Batches are collected until the commit interval is over.
 */
async function pipeline(workload: Workload, meter: Meter): Promise<void> {
  const groupId = `bench-${workload.runId}`
  const kafka = await connect(workload)
  const producer = await transactionalProducer(workload)
  const consumer = kafka.consumer({ groupId, readUncommitted: false })
  await consumer.connect()
  await consumer.subscribe({ topics: [workload.topic], fromBeginning: true })
  const progress = new ConsumeProgress(workload, meter)
  let transaction: Transaction | undefined
  let beganAtMs = 0
  let records = 0
  const positions = new Map<number, string>()
  const commit = async (): Promise<boolean> => {
    if (transaction === undefined) return false
    const partitions = [...positions].map(([partition, offset]) => ({ partition, offset }))
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: workload.topic, partitions }] })
    await transaction.commit()
    transaction = undefined
    positions.clear()
    const isEnd = progress.add(records)
    records = 0
    return isEnd
  }
  await new Promise<void>((resolve, reject) => {
    const eachBatch = async ({ batch }: { batch: Batch }): Promise<void> => {
      transaction ??= await producer.transaction()
      if (beganAtMs === 0) beganAtMs = performance.now()
      const messages = batch.messages.map(({ value }) => ({ value: transform(value) }))
      await transaction.send({ topic: workload.outputTopic, messages })
      positions.set(batch.partition, String(BigInt(batch.messages.at(-1)!.offset) + 1n))
      records += messages.length
      const leftMs = workload.commitIntervalMs - (performance.now() - beganAtMs)
      if (leftMs > 0 && !progress.isLast(records)) return
      beganAtMs = 0
      if (await commit()) resolve()
    }
    const options = { autoCommit: false, eachBatchAutoResolve: true, partitionsConsumedConcurrently: 1, eachBatch }
    consumer.run(options).catch(reject)
  })
  await consumer.disconnect()
  await producer.disconnect()
}

function transform(value: Uint8Array | null): Uint8Array | null {
  return value === null ? null : Buffer.from(Buffer.from(value).toString('utf8').toUpperCase())
}

export const client: BenchClient = {
  produce,
  consume: (workload, meter) => consumeAt(true, workload, meter),
  consumeCommitted: (workload, meter) => consumeAt(false, workload, meter),
  one,
  transactions,
  pipeline
}
