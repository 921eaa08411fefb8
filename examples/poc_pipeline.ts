// The pipeline of the article that this project grew from: it reads flink_kafka_poc_input and writes
// flink_kafka_poc_output, each record exactly once, whatever happens to this process in between.
//
//   node build/examples/poc_pipeline.js --brokers 127.0.0.1:9092
//
// Settings stand on the command line or in the environment, see below. SIGTERM and SIGINT take a last checkpoint,
// commit it and end.
import { parseArgs } from 'node:util'
import { Kafka } from 'kafka-once'
import type { ConsumedBatch } from 'kafka-once'
import { fileCheckpointStorage, KafkaSink, KafkaSource, StreamExecutionEnvironment } from 'kafka-once/exactlyonce'
import type { DeserializationSchema, JobHandle, SerializationSchema } from 'kafka-once/exactlyonce'

const { env } = process
const { values: settings } = parseArgs({
  options: {
    brokers: { type: 'string', default: env['KAFKA_BROKERS'] ?? '127.0.0.1:9092' },
    input: { type: 'string', default: env['POC_INPUT'] ?? 'flink_kafka_poc_input' },
    output: { type: 'string', default: env['POC_OUTPUT'] ?? 'flink_kafka_poc_output' },
    group: { type: 'string', default: env['POC_GROUP'] ?? 'flink_poc_k110_consumer' },
    prefix: { type: 'string', default: env['POC_PREFIX'] ?? 'flink-kafka-poc' },
    checkpoints: { type: 'string', default: env['POC_CHECKPOINTS'] ?? './poc-checkpoints' },
    'interval-ms': { type: 'string', default: env['POC_INTERVAL_MS'] ?? '1000' },
    parallelism: { type: 'string', default: env['POC_PARALLELISM'] ?? '1' }
  }
})

/** A record's text and the partition it came from, so that it keeps its place in the order on the way out. */
interface Line {
  readonly partition: number
  readonly text: string
}

class LineSchema implements DeserializationSchema<Line>, SerializationSchema<Line> {
  deserialize(batch: ConsumedBatch, i: number): Line {
    const value = batch.valueAt(i)
    return { partition: batch.partition, text: value === null ? '' : Buffer.from(value).toString() }
  }

  serialize({ text }: Line): Uint8Array {
    return Buffer.from(text)
  }

  partition({ partition }: Line): number {
    return partition
  }
}

const kafka = new Kafka({ brokers: settings.brokers.split(',') })
const environment = new StreamExecutionEnvironment({ parallelism: Number(settings.parallelism) })
environment.enableCheckpointing(Number(settings['interval-ms']), {
  storage: fileCheckpointStorage(settings.checkpoints),
  timeoutMs: 30_000
})
environment
  .addSource(
    new KafkaSource({
      kafka,
      topics: [settings.input],
      groupId: settings.group,
      startupMode: 'EARLIEST',
      schema: new LineSchema()
    })
  )
  .map((line) => ({ ...line, text: line.text.toUpperCase() }))
  .addSink(
    new KafkaSink({ kafka, topic: settings.output, schema: new LineSchema(), transactionalIdPrefix: settings.prefix })
  )

let job: JobHandle | undefined
try {
  job = await environment.executeAsync('flink-kafka-poc')
  const stopProgress = showProgress(job)
  const stop = (): void => void job?.stop().catch(() => undefined)
  process.once('SIGTERM', stop).once('SIGINT', stop)
  const { outcome } = await job.done.finally(stopProgress)
  console.log(outcome)
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : error)
  process.exitCode = 1
} finally {
  await kafka.close()
}

/** One line a second, until the function that it returns is called. */
function showProgress(running: JobHandle): () => void {
  running.on('started', ({ restoredCheckpointId }) => {
    const from = restoredCheckpointId === undefined ? 'from the beginning' : `from checkpoint ${restoredCheckpointId}`
    console.log(`running ${from}`)
  })
  running.on('transactionLost', ({ loss, restoredCheckpointId }) => {
    console.log(`checkpoint ${loss.checkpointId} was lost (${loss.evidence}); replaying from ${restoredCheckpointId}`)
  })
  running.on('restarting', ({ error }) => console.log(`restarting: ${String(error)}`))
  let recordsBefore = 0
  const timer = setInterval(() => {
    const { recordsOut, lastCheckpointId, lag, transactions } = running.metrics()
    const open = transactions.filter(({ state }) => state === 'open').map(({ id }) => id)
    console.log(
      `${recordsOut - recordsBefore} records/s, checkpoint ${lastCheckpointId ?? '-'}, ` +
        `open transaction ${open.join(' ') || '-'}, lag ${lag ?? '-'}`
    )
    recordsBefore = recordsOut
  }, 1000)
  return () => clearInterval(timer)
}
