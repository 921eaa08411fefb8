// kafka-once under measurement, used as its README says.
import {
  Kafka,
  KafkaSink,
  KafkaSource,
  memoryCheckpointStorage,
  SimpleStringSchema,
  StreamExecutionEnvironment
} from '../../test/programs/package.ts'
import { ConsumeProgress, makeValues } from '../workload.ts'
import type { BenchClient, Meter, Workload } from '../workload.ts'

/** Calls to `send` that may be under way. */
const sendsMax = 16

function connect({ bootstrap }: Workload): Kafka {
  return new Kafka({ brokers: bootstrap.split(','), clientId: 'benchmark' })
}

async function produce(workload: Workload, meter: Meter): Promise<void> {
  await using kafka = connect(workload)
  const producer = kafka.producer()
  const { topic, recordsPerSend } = workload
  const messages = makeValues(recordsPerSend, workload.valueBytes).map((value) => ({ topic, value }))
  const sendAll = async (records: number): Promise<void> => {
    const sends: Promise<unknown>[] = []
    for (let sent = 0; sent < records; sent += recordsPerSend) {
      if (sends.length >= sendsMax) await sends.shift()
      sends.push(producer.send(messages))
    }
    await Promise.all(sends)
  }
  await sendAll(workload.warmUp)
  meter.start()
  await sendAll(workload.count)
  meter.stop(workload.count)
  await producer.close()
}

async function consumeAt(
  isolationLevel: 'read_committed' | 'read_uncommitted',
  workload: Workload,
  meter: Meter
): Promise<void> {
  await using kafka = connect(workload)
  await using consumer = kafka.consumer({ isolationLevel })
  const { topic } = workload
  await consumer.assign(
    Array.from({ length: workload.partitions }, (_, partition) => ({ topic, partition, position: 'earliest' }))
  )
  const progress = new ConsumeProgress(workload, meter)
  let bytes = 0
  for await (const batch of consumer.batches()) {
    for (let i = 0; i < batch.count; i++) bytes += batch.valueAt(i)?.length ?? 0
    if (progress.add(batch.count)) break
  }
  if (bytes === 0) throw new Error('The records were empty')
}

async function one(workload: Workload, meter: Meter): Promise<void> {
  await using kafka = connect(workload)
  const producer = kafka.producer()
  const [value] = makeValues(1, workload.valueBytes)
  const message = { topic: workload.topic, partition: 0, value: value! }
  for (let i = 0; i < workload.warmUp; i++) await producer.send(message)
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(() => producer.send(message))
  meter.stop(workload.count)
  await producer.close()
}

async function transactions(workload: Workload, meter: Meter): Promise<void> {
  await using kafka = connect(workload)
  const producer = kafka.transactionalProducer({ transactionalId: `bench-${workload.runId}` })
  const [value] = makeValues(1, workload.valueBytes)
  const message = { topic: workload.topic, partition: 0, value: value! }
  const transact = async (): Promise<void> => {
    const transaction = producer.beginTransaction()
    await transaction.send(message)
    const verdict = await transaction.commit()
    if (verdict.kind !== 'committed') throw new Error(`A transaction was not committed but ${verdict.kind}`)
  }
  for (let i = 0; i < workload.warmUp; i++) await transact()
  meter.start()
  for (let i = 0; i < workload.count; i++) await meter.time(transact)
  meter.stop(workload.count)
  await producer.close()
}

/** The engine, from one topic to another, with its last checkpoint committed when the input has been read. */
async function pipeline(workload: Workload, meter: Meter): Promise<void> {
  await using kafka = connect(workload)
  const environment = new StreamExecutionEnvironment({ parallelism: 1 })
  environment.enableCheckpointing(workload.commitIntervalMs, { storage: memoryCheckpointStorage() })
  let seen = 0
  const { topic, outputTopic: output, runId } = workload
  environment
    .addSource(
      new KafkaSource({
        kafka,
        topics: [topic],
        startupMode: 'EARLIEST',
        bounded: true,
        schema: new SimpleStringSchema()
      })
    )
    .map((value) => {
      if (++seen === workload.warmUp) meter.start()
      return value.toUpperCase()
    })
    .addSink(
      new KafkaSink({ kafka, topic: output, schema: new SimpleStringSchema(), transactionalIdPrefix: `bench-${runId}` })
    )
  await environment.execute(`bench-${runId}`)
  const expected = workload.warmUp + workload.count
  if (seen !== expected) throw new Error(`The pipeline saw ${seen} records of ${expected}`)
  meter.stop(workload.count)
}

export const client: BenchClient = {
  produce,
  consume: (workload, meter) => consumeAt('read_uncommitted', workload, meter),
  consumeCommitted: (workload, meter) => consumeAt('read_committed', workload, meter),
  one,
  transactions,
  pipeline
}
