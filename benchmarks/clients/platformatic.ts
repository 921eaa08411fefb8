// @platformatic/kafka 2.12.1 under measurement, set up as its documentation says. It needs Node 22.22, and is not
// measured before. It has no exactly-once pipeline of its own, and its read_committed does not hide all that was aborted.
import { ConsumeProgress, makeValues } from '../workload.ts'
import type { BenchClient, Meter, Workload } from '../workload.ts'
import { loadPeer } from './peer_packages.ts'

interface Message {
  readonly topic: string
  readonly partition?: number
  readonly value: Buffer
}

interface Transaction {
  send(options: { messages: readonly Message[] }): Promise<unknown>
  commit(): Promise<void>
}

interface Producer {
  send(options: { messages: readonly Message[]; acks?: number }): Promise<unknown>
  beginTransaction(): Promise<Transaction>
  close(): Promise<void>
}

interface Stream extends AsyncIterable<{ readonly value: Buffer }> {
  close(): Promise<void>
}

interface Consumer {
  consume(options: object): Promise<Stream>
  close(force?: boolean): Promise<void>
}

interface Package {
  Producer: new (options: object) => Producer
  Consumer: new (options: object) => Consumer
}

function connection({ bootstrap }: Workload): object {
  return { clientId: 'benchmark', bootstrapBrokers: bootstrap.split(',') }
}

async function makeProducer(workload: Workload, options: object = {}): Promise<Producer> {
  const { Producer: Client } = await loadPeer<Package>('platformatic')
  return new Client({ ...connection(workload), idempotent: true, ...options })
}

async function produce(workload: Workload, meter: Meter): Promise<void> {
  const producer = await makeProducer(workload)
  const { topic, recordsPerSend, partitions } = workload
  const messages = makeValues(recordsPerSend, workload.valueBytes).map((value, i) => ({
    topic,
    partition: i % partitions,
    value: Buffer.from(value)
  }))
  const sendAll = async (records: number): Promise<void> => {
    for (let sent = 0; sent < records; sent += recordsPerSend) await producer.send({ messages, acks: -1 })
  }
  await sendAll(workload.warmUp)
  meter.start()
  await sendAll(workload.count)
  meter.stop(workload.count)
  await producer.close()
}

async function consumeAt(isolationLevel: 0 | 1, workload: Workload, meter: Meter): Promise<void> {
  const { Consumer: Client } = await loadPeer<Package>('platformatic')
  const consumer = new Client({ ...connection(workload), groupId: `bench-${workload.runId}` })
  const stream = await consumer.consume({
    topics: [workload.topic],
    mode: 'earliest',
    autocommit: false,
    isolationLevel
  })
  const progress = new ConsumeProgress(workload, meter)
  let bytes = 0
  for await (const { value } of stream) {
    bytes += value.length
    if (progress.add(1)) break
  }
  if (bytes === 0) throw new Error('The records were empty')
  await stream.close()
  await consumer.close(true)
}

async function one(workload: Workload, meter: Meter): Promise<void> {
  const producer = await makeProducer(workload)
  const [value] = makeValues(1, workload.valueBytes)
  const messages = [{ topic: workload.topic, partition: 0, value: Buffer.from(value!) }]
  const send = (): Promise<unknown> => producer.send({ messages, acks: -1 })
  for (let i = 0; i < workload.warmUp; i++) await send()
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(send)
  meter.stop(workload.count)
  await producer.close()
}

async function transactions(workload: Workload, meter: Meter): Promise<void> {
  const producer = await makeProducer(workload, { transactionalId: `bench-${workload.runId}` })
  const [value] = makeValues(1, workload.valueBytes)
  const messages = [{ topic: workload.topic, partition: 0, value: Buffer.from(value!) }]
  const transact = async (): Promise<void> => {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages })
    await transaction.commit()
  }
  for (let i = 0; i < workload.warmUp; i++) await transact()
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(transact)
  meter.stop(workload.count)
  await producer.close()
}

export const client: BenchClient = {
  produce,
  consume: (workload, meter) => consumeAt(0, workload, meter),
  consumeCommitted: (workload, meter) => consumeAt(1, workload, meter),
  one,
  transactions
}
