// A job whose only broker is away for longer than a checkpoint may take: each run lets go of what waits for the broker,
// the job tries again, and goes on by itself when the broker is back.
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Kafka } from 'kafka-once'
import { fileCheckpointStorage, KafkaSink, KafkaSource, StreamExecutionEnvironment } from 'kafka-once/exactlyonce'
import { SimpleStringSchema } from 'kafka-once/exactlyonce'
import type { JobHandle, Semantic } from 'kafka-once/exactlyonce'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { readCommitted } from '../broker/log_scan.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { newTopic, openKafka, until } from './kafka_fixture.ts'

const timeoutMs = 2_000
/** For checkpoints, some of which fail where the machine is slow. */
const patienceMs = 90_000
const testMs = 360_000

interface Running {
  readonly job: JobHandle
  readonly output: string
  readonly restarts: unknown[]
  /** Values that were sent and acknowledged. */
  readonly fed: Set<string>
  /** Feeds no more. */
  readonly finish: () => Promise<void>
}

/** A job that copies what keeps being fed. */
async function run({ bootstrap }: TestBroker, semantic: Semantic): Promise<Running> {
  const kafka = openKafka(bootstrap)
  const [input, output] = [await newTopic(kafka, 'input', 2), await newTopic(kafka, 'output', 2)]
  const folder = await mkdtemp(join(tmpdir(), 'kafka-once-outage-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const environment = new StreamExecutionEnvironment({ parallelism: 2, restart: { attemptsMax: 50, delayMs: 200 } })
  environment.enableCheckpointing(200, { storage: fileCheckpointStorage(folder), timeoutMs })
  const schema = new SimpleStringSchema()
  const prefix = semantic === 'EXACTLY_ONCE' ? { transactionalIdPrefix: output } : {}
  environment
    .addSource(new KafkaSource({ kafka, topics: [input], groupId: input, schema }))
    .addSink(new KafkaSink({ kafka, topic: output, schema, semantic, ...prefix }))
  const job = await environment.executeAsync('outage')
  onTestFinished(() => job.cancel())
  const restarts: unknown[] = []
  job.on('restarting', ({ error }) => restarts.push(error))

  const feeder = new Kafka({ brokers: [bootstrap] })
  const producer = feeder.producer()
  const fed = new Set<string>()
  const ending = new AbortController()
  const feeding = (async () => {
    for (let n = 0; !ending.signal.aborted; n += 20) {
      const values = Array.from({ length: 20 }, (_, i) => `record ${n + i}`)
      void producer.send(values.map((value) => ({ topic: input, value }))).then(
        () => values.forEach((value) => fed.add(value)),
        () => undefined
      )
      await sleep(20)
    }
    await producer.flush()
  })()
  onTestFinished(() => {
    ending.abort()
    return feeder.close({ signal: AbortSignal.timeout(100) })
  })
  const finish = async (): Promise<void> => {
    ending.abort()
    await feeding
  }
  return { job, output, restarts, fed, finish }
}

const checkpointed = (job: JobHandle, count: number) => () => job.metrics().checkpointsCompleted >= count

/** Ends the job, which must have copied all that was fed, once. */
async function expectCopied({ bootstrap }: TestBroker, { job, output, fed, finish }: Running): Promise<void> {
  await until(checkpointed(job, job.metrics().checkpointsCompleted + 3), 'checkpoints after the outage', patienceMs)
  await finish()
  const values = async () =>
    (await readCommitted(bootstrap, output)).map(({ value }) => Buffer.from(value ?? []).toString())
  // A stop ends with a checkpoint of what was read by then, which need not be all that was fed.
  await until(async () => (await values()).length >= fed.size, 'all that was fed in the output', 60_000)
  await job.stop()
  const copied = await values()
  expect(new Set(copied).size).toBe(copied.length)
  expect(new Set(copied)).toEqual(fed)
}

describeBrokers('a job whose broker is away for a while', () => {
  test('tries anew from its checkpoint, and goes on when it is back', { timeout: testMs }, async () => {
    await using broker = await startBroker()
    const running = await run(broker, 'EXACTLY_ONCE')
    const { job, restarts } = running
    await until(checkpointed(job, 2), 'two checkpoints', patienceMs)
    // With records in an open transaction and nothing sealed, the next checkpoint cannot become durable. A run whose
    // checkpoints are durable would wait for their proof as long as the broker is away.
    let isPaused = false
    job.on('checkpoint', () => {
      const states = job.metrics().transactions.map(({ state }) => state)
      if (isPaused || states.length !== 1 || states[0] !== 'open') return
      isPaused = true
      broker.pause()
    })
    await until(() => isPaused, 'a checkpoint with nothing sealed behind it', 60_000)
    // It has ended a run, which had a transaction open, and has tried another one.
    await until(() => restarts.length > 0, 'a restart while the broker is away', 60_000)
    broker.resume()
    await expectCopied(broker, running)
  })

  test('goes on when it is back, whatever it was at', { timeout: testMs }, async () => {
    await using broker = await startBroker()
    const running = await run(broker, 'EXACTLY_ONCE')
    const { job } = running
    await until(checkpointed(job, 2), 'two checkpoints', patienceMs)
    for (let n = 0; n < 8; n++) {
      await until(checkpointed(job, job.metrics().checkpointsCompleted + 1), 'a checkpoint', patienceMs)
      await sleep(n * 25)
      broker.pause()
      await sleep(timeoutMs / 2)
      broker.resume()
    }
    await expectCopied(broker, running)
  })

  test('can be cancelled meanwhile, whatever its sink promises', { timeout: testMs }, async () => {
    await using broker = await startBroker()
    const all = await Promise.all(
      (['EXACTLY_ONCE', 'AT_LEAST_ONCE', 'NONE'] as const).map((semantic) => run(broker, semantic))
    )
    for (const { job } of all) await until(checkpointed(job, 2), 'two checkpoints', patienceMs)
    await broker.kill()
    const beginMs = performance.now()
    await Promise.all(all.map(({ job }) => job.cancel()))
    expect(performance.now() - beginMs).toBeLessThan(20_000)
    for (const { job } of all) expect(await job.done).toMatchObject({ outcome: 'cancelled' })
  })
})
