// Sources and sinks refuse what they cannot make sense of when they are built, and say what was meant.
import { describe, expect, it } from 'vitest'
import { Kafka } from 'kafka-once'
import {
  fileCheckpointStorage,
  KafkaSink,
  KafkaSource,
  memoryCheckpointStorage,
  SimpleStringSchema,
  StreamExecutionEnvironment
} from 'kafka-once/exactlyonce'
import { checkKafkaSourceOptions } from '../../src/exactlyonce/source/kafka_source_options.ts'
import { topicOf } from '../../src/exactlyonce/sink/topic_of.ts'
import { sinkSettingsOf } from '../../src/exactlyonce/sink/sink_settings.ts'

const kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
const schema = new SimpleStringSchema()
const source = { kafka, topics: ['in'], schema }
const sink = { kafka, topic: 'out', schema, transactionalIdPrefix: 'job' }

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- hostile input on purpose
const sourceOf = (options: object): unknown => new KafkaSource(options as never)
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
const sinkOf = (options: object): unknown => new KafkaSink(options as never)

describe('a Kafka source', () => {
  it.each([
    [{ ...source, topics: undefined }, /neither/],
    [{ ...source, topicPattern: /a/ }, /both/],
    [{ ...source, topics: [] }, /topics/],
    [{ ...source, topics: ['a', 'a'] }, /twice/],
    [{ ...source, topic: 'in' }, /topic .*Did you mean topics/],
    [{ ...source, schema: {} }, /deserialize/],
    [{ ...source, startupMode: 'LATE' }, /'LATE'|"LATE"/],
    [{ ...source, startupMode: 'GROUP_OFFSETS' }, /groupId is missing/],
    [{ ...source, startupMode: { timestampMs: -1 } }, /startupMode/],
    [{ ...source, startupMode: { specificOffsets: { in: { 0: 5 } } } }, /startupMode/],
    [{ ...source, startupMode: { specificOffsets: { inn: { 0: 5n } } } }, /offsets of topic inn/],
    [
      { kafka, schema, topicPattern: /in/, startupMode: { specificOffsets: { inn: { 0: 5n } } } },
      /offsets of topic inn/
    ],
    [{ ...source, fetchBytesMax: 2 ** 31 }, /fetchBytesMax is 2147483648/],
    [{ ...source, offsetCommitMode: 'ON_CHECKPOINTS' }, /groupId is missing/],
    [{ ...source, groupId: 'g', offsetCommitIntervalMs: 500 }, /is for offsetCommitMode KAFKA_PERIODIC/],
    [{ ...source, onBadRecord: 'ignore' }, /onBadRecord/],
    [{ ...source, kafka: {} }, /kafka/],
    [{ ...source, kafka: { cluster: null } }, /kafka is an object, but must be a Kafka object/],
    [{ ...source, recordsPerPollMax: 0 }, /recordsPerPollMax/]
  ])('refuses contradictory options (%#)', (options, reason) => {
    expect(() => sourceOf(options)).toThrow(reason)
    expect(() => sourceOf(options)).toThrow(/KafkaSource/)
  })

  it('begins at the offsets of its group where it has one, else at the beginning', () => {
    expect(checkKafkaSourceOptions(source)).toMatchObject({ startupMode: 'EARLIEST', offsetCommitMode: 'DISABLED' })
    expect(checkKafkaSourceOptions({ ...source, groupId: 'g' })).toMatchObject({
      startupMode: 'GROUP_OFFSETS',
      offsetCommitMode: 'ON_CHECKPOINTS'
    })
  })
})

describe('a Kafka sink', () => {
  it.each([
    [{ ...sink, topic: undefined }, /one of topic and topicFor/],
    [{ ...sink, transactionalIdPrefix: undefined }, /needs transactionalIdPrefix/],
    [{ ...sink, transactionalIdPrefix: 'with space' }, /transactionalIdPrefix/],
    [{ ...sink, transactionalIdPrefix: 'x'.repeat(201) }, /transactionalIdPrefix/],
    [{ ...sink, topic: undefined, topicFor: () => 'a' }, /ledgerTopic/],
    [{ ...sink, semantic: 'EXACTLY_TWICE' }, /EXACTLY_TWICE/],
    [{ ...sink, transactionTimeoutMs: 0 }, /transactionTimeoutMs/],
    [{ ...sink, transactionTimeout: 1000 }, /Did you mean transactionTimeoutMs/],
    [{ ...sink, producer: { linger: 5 } }, /producer.*linger .*Did you mean lingerMs/],
    [{ ...sink, producer: { batchBytesMax: 2000, requestBytesMax: 1024 } }, /producer contradict/],
    [{ ...sink, schema: { serialise: () => null } }, /serialize/]
  ])('refuses contradictory options (%#)', (options, reason) => {
    expect(() => sinkOf(options)).toThrow(reason)
    expect(() => sinkOf(options)).toThrow(/KafkaSink/)
  })

  it('takes part in transactions only at EXACTLY_ONCE', () => {
    expect(new KafkaSink(sink).participant?.name).toBe('kafka:job')
    for (const semantic of ['AT_LEAST_ONCE', 'NONE'] as const) {
      expect(new KafkaSink({ kafka, topic: 'out', schema, semantic }).participant).toBeUndefined()
    }
  })

  it('shares settings with the others of its prefix, and keeps the ledger under the first topic', () => {
    const all = ['b', 'a', 'b'].map((topic) => new KafkaSink<never>({ ...sink, topic }).options)
    expect(sinkSettingsOf(all)).toMatchObject({ prefix: 'job', ledgerTopic: 'b', topics: ['b', 'a'] })
    const named = new KafkaSink<never>({ ...sink, topic: 'c', ledgerTopic: 'ledger' }).options
    expect(sinkSettingsOf([...all, named])).toMatchObject({ ledgerTopic: 'ledger', topics: ['b', 'a', 'c'] })
  })
})

describe('a sink that chooses topics', () => {
  const untied = { kafka, schema, transactionalIdPrefix: 'job', ledgerTopic: 'ledger' }

  it.each([
    [undefined, /gave no topic/],
    [5, /gave 5 /],
    ['', /gave "" /]
  ])('refuses %j as a topic, at once', (chosen, reason) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program without types may answer it
    const { options } = new KafkaSink({ ...untied, topicFor: () => chosen as never })
    expect(() => topicOf(options, 'element')).toThrow(reason)
  })
})

describe('a job', () => {
  // As a program without types may call it.
  const env: { [name: string]: (...given: unknown[]) => unknown } = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...given: unknown[]) => {
          const made = new StreamExecutionEnvironment()
          const method: unknown = Reflect.get(made, name)
          return typeof method === 'function' ? Reflect.apply(method, made, given) : undefined
        }
    }
  )
  const storage = memoryCheckpointStorage()

  it.each([
    ['addSource', [{}], /source is an object, but must be a source, such as new KafkaSource/],
    ['addSource', [KafkaSource], /source is a function, but must be a source/],
    ['addSource', [], /source is missing/],
    ['enableCheckpointing', [], /intervalMs is missing/],
    ['enableCheckpointing', [1000], /storage is missing/],
    ['enableCheckpointing', [1000, './checkpoints'], /must be an object, not ".\/checkpoints"/],
    ['enableCheckpointing', [1000, { storage, intervalMs: 5 }], /intervalMs \(given as 5\) is not an option/],
    ['execute', ['a', { jobName: 'b' }], /jobName \(given as "b"\) is not an option/],
    ['execute', [], /jobName is missing/]
  ])('refuses what makes no sense in %s (%#)', async (name, given, reason) => {
    await expect((async () => env[name]!(...given))()).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(reason)
    })
  })

  it('refuses to commit offsets with checkpoints that it does not take', async () => {
    const made = new StreamExecutionEnvironment()
    const committing = new KafkaSource({ ...source, groupId: 'g', offsetCommitMode: 'ON_CHECKPOINTS' })
    made.addSource(committing).addSink(new KafkaSink({ kafka, topic: 'out', schema, semantic: 'NONE' }))
    await expect(made.execute('a')).rejects.toMatchObject({
      code: 'INVALID_JOB',
      message: expect.stringMatching(/source-1.*checkpointing is off: offsetCommitMode is ON_CHECKPOINTS/)
    })
  })

  it('refuses a sink that is none', () => {
    const stream = new StreamExecutionEnvironment().addSource(new KafkaSource(source))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    expect(() => stream.addSink({} as never)).toThrow(/sink is an object, but must be a sink, such as new KafkaSink/)
  })

  it('refuses a folder that is named twice', () => {
    const options: object = { directory: './b' }
    expect(() => fileCheckpointStorage('./a', options)).toThrow(/directory \(given as ".\/b"\) is not an option/)
  })
})
