// Whole jobs between Kafka topics: the article's program copies its input byte by byte, and what happens to the job on
// the way neither loses nor doubles a record.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Kafka } from 'kafka-once'
import {
  fileCheckpointStorage,
  KafkaSink,
  KafkaSource,
  memoryCheckpointStorage,
  RawBytesSchema,
  SimpleStringSchema,
  StreamExecutionEnvironment
} from 'kafka-once/exactlyonce'
import type { CheckpointStorage, JobHandle, KafkaSinkOptions, KafkaSourceOptions } from 'kafka-once/exactlyonce'
import { GroupMember } from '../broker/group_member.ts'
import { firstOpenOffset, readCommitted, scanTopic } from '../broker/log_scan.ts'
import { describeKafka } from '../broker/real_kafka.ts'
import { feed, newTopic, numbered, openKafka, uniqueName, until } from './kafka_fixture.ts'

interface CopyOptions {
  readonly kafka: Kafka
  readonly input: string
  readonly output: string
  readonly storage: CheckpointStorage
  readonly parallelism?: number
  readonly source?: Partial<KafkaSourceOptions<string>>
  readonly sink?: Partial<KafkaSinkOptions<string>>
}

function copyJob({
  kafka,
  input,
  output,
  storage,
  parallelism = 1,
  source,
  sink
}: CopyOptions): StreamExecutionEnvironment {
  const env = new StreamExecutionEnvironment({ parallelism, restart: { attemptsMax: 3, delayMs: 50 } })
  env.enableCheckpointing(100, { storage, timeoutMs: 20_000 })
  const schema = new SimpleStringSchema()
  env
    .addSource(new KafkaSource({ kafka, topics: [input], schema, startupMode: 'EARLIEST', ...source }), { name: 'in' })
    .addSink(new KafkaSink({ kafka, topic: output, schema, transactionalIdPrefix: output, ...sink }), { name: 'out' })
  return env
}

async function start(env: StreamExecutionEnvironment): Promise<JobHandle> {
  const job = await env.executeAsync('copy')
  onTestFinished(() => job.cancel())
  return job
}

async function textOf(bootstrap: string, topic: string): Promise<string[]> {
  const records = await readCommitted(bootstrap, topic)
  return records.map(({ value }) => (value === null ? 'null' : Buffer.from(value).toString()))
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kafka-once-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

describeKafka('a job between Kafka topics', ({ bootstrap }) => {
  it('copies flink_kafka_poc_input to flink_kafka_poc_output byte by byte', async () => {
    const kafka = openKafka(bootstrap)
    const input = await newTopic(kafka, 'flink_kafka_poc_input', 3)
    const output = await newTopic(kafka, 'flink_kafka_poc_output', 3)
    const values = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      Buffer.from('日本語 💡'),
      new Uint8Array(900_000).fill(7),
      ...numbered(5000).map((text) => Buffer.from(text))
    ]
    const producer = kafka.producer()
    await producer.send(values.map((value, i) => ({ topic: input, partition: i % 3, value })))
    const env = new StreamExecutionEnvironment()
    env.enableCheckpointing(100, { storage: fileCheckpointStorage(await folder()), timeoutMs: 20_000 })
    const groupId = uniqueName('flink_poc_k110_consumer')
    const schema = new RawBytesSchema()
    env
      .addSource(new KafkaSource({ kafka, topics: [input], groupId, schema, bounded: true }))
      .addSink(new KafkaSink({ kafka, topic: output, schema, transactionalIdPrefix: uniqueName('poc') }))
    const { outcome, metrics } = await env.execute('poc')
    expect(outcome).toBe('finished')
    expect([metrics.recordsIn, metrics.recordsOut]).toEqual([values.length, values.length])
    const copied = (await readCommitted(bootstrap, output)).map(({ value }) => Buffer.from(value!).toString('base64'))
    expect(copied.toSorted()).toEqual(values.map((value) => Buffer.from(value).toString('base64')).toSorted())
  })

  it('goes on where it was stopped, at another parallelism, with records that came meanwhile', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output] = [await newTopic(kafka, 'in', 4), await newTopic(kafka, 'out')]
    const storage = fileCheckpointStorage(await folder())
    const written: string[] = []
    for (const [round, parallelism] of [1, 3, 2].entries()) {
      const job = await start(copyJob({ kafka, input, output, storage, parallelism }))
      for (let partition = 0; partition < 4; partition++) {
        const values = numbered(100).map((text) => `${round} ${partition} ${text}`)
        await feed(kafka, input, values, { partition })
        written.push(...values)
      }
      await until(() => job.metrics().recordsOut >= 300, 'most records are copied')
      await job.stop()
    }
    const job = await start(copyJob({ kafka, input, output, storage, source: { bounded: true } }))
    await job.done
    expect((await textOf(bootstrap, output)).toSorted()).toEqual(written.toSorted())
  })

  it('ends what was open when it was cancelled, and makes it again', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
    const storage = memoryCheckpointStorage()
    for (let round = 0; round < 3; round++) {
      const job = await start(copyJob({ kafka, input, output, storage }))
      await feed(kafka, input, numbered(500, round * 500))
      const aim = Math.random() * 500
      await until(() => job.metrics().recordsOut > aim, 'some records are copied')
      await job.cancel()
    }
    const job = await start(copyJob({ kafka, input, output, storage, source: { bounded: true } }))
    await job.done
    expect(await textOf(bootstrap, output)).toEqual(numbered(1500))
    const scans = await scanTopic(bootstrap, output)
    expect(scans.map(firstOpenOffset)).toEqual([undefined])
  })

  it('restarts when a function throws, and no record is lost or doubled by it', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
    await feed(kafka, input, numbered(300))
    let failures = 0
    const env = new StreamExecutionEnvironment({ restart: { attemptsMax: 3, delayMs: 20 } })
    env.enableCheckpointing(50, { storage: memoryCheckpointStorage(), timeoutMs: 20_000 })
    const schema = new SimpleStringSchema()
    env
      .addSource(new KafkaSource({ kafka, topics: [input], schema, bounded: true, recordsPerPollMax: 10 }))
      .map((text) => {
        if (text === 'record 150' && failures++ < 2) throw new Error('out of luck')
        return text
      })
      .addSink(new KafkaSink({ kafka, topic: output, schema, transactionalIdPrefix: output }))
    const { metrics } = await env.execute('unlucky')
    expect(metrics.restarts).toBe(2)
    expect(await textOf(bootstrap, output)).toEqual(numbered(300))
  })

  it('hands records that cannot be read to a sink of their own, in the same transaction', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output, dead] = [
      await newTopic(kafka, 'in'),
      await newTopic(kafka, 'out'),
      await newTopic(kafka, 'dead-letters')
    ]
    const bad = Uint8Array.of(0xff, 1)
    await kafka.producer().send(['a', bad, 'b', bad].map((value) => ({ topic: input, partition: 0, value })))
    const env = new StreamExecutionEnvironment()
    env.enableCheckpointing(100, { storage: memoryCheckpointStorage(), timeoutMs: 20_000 })
    const lines = env.addSource(
      new KafkaSource<string | Uint8Array | null>({
        kafka,
        topics: [input],
        schema: new SimpleStringSchema(),
        bounded: true,
        onBadRecord: ({ value }) => value
      })
    )
    const common = { kafka, transactionalIdPrefix: output }
    lines
      .flatMap<string>((one, collect) => {
        if (typeof one === 'string') collect(one)
      })
      .addSink(new KafkaSink({ ...common, topic: output, schema: new SimpleStringSchema() }))
    lines
      .flatMap<Uint8Array | null>((one, collect) => {
        if (typeof one !== 'string') collect(one)
      })
      .addSink(new KafkaSink({ ...common, topic: dead, schema: new RawBytesSchema() }))
    await env.execute('sorted')
    expect(await textOf(bootstrap, output)).toEqual(['a', 'b'])
    expect((await readCommitted(bootstrap, dead)).map(({ value }) => [...value!])).toEqual([[...bad], [...bad]])
  })

  it('goes on while somebody has joined the group of its source, and after somebody has joined its ledgers', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
    const groupId = uniqueName('joined')
    const storage = memoryCheckpointStorage()
    const join = (id: string) => GroupMember.join(kafka.cluster, id, 'classic', input, { sessionTimeoutMs: 60_000 })
    const reader = await join(groupId)
    await feed(kafka, input, numbered(100))
    const first = await start(copyJob({ kafka, input, output, storage, source: { groupId } }))
    await until(() => first.metrics().recordsOut === 100, 'the records are copied')
    await first.stop()
    expect((await kafka.admin().fetchOffsets({ groupId, partitions: 'all' })).size).toBe(0)

    const stranger = await join(`${output}.0.0.ledger`)
    const second = await start(copyJob({ kafka, input, output, storage, source: { groupId } }))
    await feed(kafka, input, numbered(100, 100))
    await Promise.all([reader.leave(), stranger.leave()])
    await until(() => second.metrics().recordsOut === 100, 'the others are copied too')
    await second.stop()
    expect(await textOf(bootstrap, output)).toEqual(numbered(200))
    const committed = await kafka.admin().fetchOffsets({ groupId, partitions: 'all' })
    expect([...committed.values()].map(({ offset }) => offset)).toEqual([200n])
  })

  describe('a second run of the same job', () => {
    it('is refused with LedgerMismatchError where it has another, empty store', async () => {
      const kafka = openKafka(bootstrap)
      const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
      await feed(kafka, input, numbered(10))
      const bounded = { source: { bounded: true } } as const
      await copyJob({ kafka, input, output, storage: memoryCheckpointStorage(), ...bounded }).execute('copy')
      const again = copyJob({ kafka, input, output, storage: memoryCheckpointStorage(), ...bounded })
      await expect(again.execute('copy')).rejects.toMatchObject({
        name: 'LedgerMismatchError',
        code: 'LEDGER_MISMATCH'
      })
      expect(await textOf(bootstrap, output)).toEqual(numbered(10))
    })

    it('takes over, and the first one stops with a clear error', async () => {
      const kafka = openKafka(bootstrap)
      const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
      const path = await folder()
      const storage = (): CheckpointStorage => fileCheckpointStorage(path, { lock: 'none' })
      await feed(kafka, input, numbered(100))
      const first = await start(copyJob({ kafka, input, output, storage: storage() }))
      await until(() => first.metrics().recordsOut === 100, 'the first run works')
      const second = await start(copyJob({ kafka: openKafka(bootstrap), input, output, storage: storage() }))
      await until(() => second.metrics().state === 'running', 'the second run works')
      await feed(kafka, input, numbered(100, 100))
      await expect(first.done).rejects.toMatchObject({ name: 'JobError', code: 'JOB_FENCED' })
      await until(async () => (await textOf(bootstrap, output)).length >= 200, 'all is copied')
      await second.stop()
      expect(await textOf(bootstrap, output)).toEqual(numbered(200))
    })
  })

  it('does not start two Kafka sinks that cannot commit together', async () => {
    const kafka = openKafka(bootstrap)
    const [input, output] = [await newTopic(kafka, 'in'), await newTopic(kafka, 'out')]
    const schema = new SimpleStringSchema()
    const env = new StreamExecutionEnvironment()
    env.enableCheckpointing(100, { storage: memoryCheckpointStorage() })
    const stream = env.addSource(new KafkaSource({ kafka, topics: [input], schema }))
    for (const prefix of ['one', 'two']) {
      stream.addSink(new KafkaSink({ kafka, topic: output, schema, transactionalIdPrefix: prefix }))
    }
    await expect(env.execute('two prefixes')).rejects.toThrow(/kafka:one.*kafka:two/)
  })
})
