// All codecs between us and the world: what is written here Java and kcat read, what they write is read here, what the
// broker compresses anew too, with the packages that make codecs faster and without them.
import { Kafka } from 'kafka-once'
import type { ConsumedRecord } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { findJars, kafkaJars } from '../broker/jars.ts'
import { kcatMissing, readWithJava, readWithKcat, runJava } from '../broker/peers.ts'
import type { PeerRecord } from '../broker/peers.ts'
import { run } from '../broker/processes.ts'
import { describeKafka } from '../broker/real_kafka.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

type Codec = (typeof codecs)[number]

interface Plain {
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
}

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString()

function plain({ offset, key, value }: PeerRecord | ConsumedRecord): Plain {
  return { offset, key: text(key), value: text(value) }
}

function messages(topic: string, codec: Codec) {
  return Array.from({ length: 400 }, (_, i) => ({
    topic,
    partition: 0,
    key: i % 5 === 3 ? null : `key ${i}`,
    // One value has more than a block of any codec, in part by chance.
    value: i % 7 === 5 ? null : i === 200 ? bigValue : `${codec} value value value value ${i}`
  }))
}

const bigValue = `${'again and again '.repeat(9_000)}${randomBytes(60_000).toString('base64')}`

async function readAll(client: Kafka, topic: string): Promise<Plain[]> {
  const ends = await client.admin().listOffsets([{ topic, partition: 0, position: 'latest' }])
  const end = ends.get(`${topic}:0`)!.offset
  await using consumer = client.consumer({ isolationLevel: 'read_committed', fetchWaitMs: 50 })
  await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
  const records: Plain[] = []
  while (consumer.position(topic, 0)! < end) {
    const batches = await consumer.poll({ waitMs: 20_000 })
    if (batches.length === 0) throw new Error(`${topic} was read up to ${consumer.position(topic, 0)} of ${end} only`)
    for (const batch of batches) for (const record of batch.records()) records.push(plain(record))
  }
  return records
}

describeKafka('on a real broker', ({ bootstrap }) => {
  const clients = {
    'with packages': new Kafka({ brokers: bootstrap.split(',') }),
    'in JavaScript': new Kafka({ brokers: bootstrap.split(','), runtime: nodeRuntime({ optionalPackages: false }) })
  } as const
  const kafka = clients['with packages']
  afterAll(async () => {
    for (const client of Object.values(clients)) await client.close()
  })

  async function newTopic(configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = `codecs-${randomBytes(5).toString('hex')}`
    // Java's records are older than the broker would keep them.
    const all = { 'retention.ms': '-1', ...configs }
    await kafka.admin().createTopics([{ topic, partitionCount: 1, replicationFactor: 1, configs: all }])
    return topic
  }

  /** Whoever reads it reads the same; Java and kcat where they are. */
  async function readByAll(topic: string): Promise<Plain[]> {
    const records = await readAll(kafka, topic)
    expect(await readAll(clients['in JavaScript'], topic)).toEqual(records)
    if ((await kafkaJars()) !== undefined) expect((await readWithJava(bootstrap, topic)).map(plain)).toEqual(records)
    if ((await kcatMissing()) === undefined) {
      expect((await readWithKcat(bootstrap, topic)).map(plain)).toEqual(records)
    }
    return records
  }

  describe.each(codecs)('%s', (codec) => {
    test('of ours is read by Java, by kcat and by us', async () => {
      const topic = await newTopic()
      const sent: Plain[] = []
      for (const [name, client] of Object.entries(clients)) {
        // Without its package zstd compresses on newer versions of Node only.
        if (codec === 'zstd' && name === 'in JavaScript' && nodeRuntime().zstd === undefined) continue
        await using producer = client.producer({ compression: codec, batchBytesMax: 60_000 })
        for (const { key, value } of messages(topic, codec)) sent.push({ offset: BigInt(sent.length), key, value })
        await producer.send(messages(topic, codec))
      }
      expect(await readByAll(topic)).toEqual(sent)
    })

    test("of Java's is read by us", async (context) => {
      const jars = await findJars()
      if ('reason' in jars) context.skip(jars.reason)
      const topic = await newTopic()
      await runJava('peer/Produce.java', [bootstrap, topic, codec, '700', '0'])
      const records = await readByAll(topic)
      expect(records).toHaveLength(700)
      expect(records[7]).toEqual({ offset: 7n, key: 'key 7', value: `${codec} value value value value 7` })
      expect(records[33]).toEqual({ offset: 33n, key: null, value: null })
    })

    test("of kcat's is read by us", async (context) => {
      const missing = await kcatMissing()
      if (missing !== undefined) context.skip(missing)
      const topic = await newTopic()
      const lines = Array.from({ length: 500 }, (_, i) => `key ${i}:${codec} value value value ${i}`)
      const args = ['-P', '-b', bootstrap, '-t', topic, '-K', ':', '-z', codec]
      const ended = await run('kcat', args, { input: `${lines.join('\n')}\n`, timeoutMs: 60_000 })
      expect(ended.code, ended.stderr).toBe(0)
      expect((await readByAll(topic)).map(({ key, value }) => `${key}:${value}`)).toEqual(lines)
    })

    test('of a topic, into which the broker compresses anew, with markers among it', async () => {
      const topic = await newTopic({ 'compression.type': codec === 'none' ? 'uncompressed' : codec })
      await using producer = kafka.transactionalProducer({
        transactionalId: topic,
        compression: codec === 'gzip' ? 'lz4' : 'gzip'
      })
      for (const end of ['commit', 'abort', 'commit'] as const) {
        const transaction = producer.beginTransaction()
        await transaction.send(messages(topic, codec))
        await transaction[end]()
      }
      // Each transaction ends with a marker, which takes an offset.
      const expected = [0n, 802n].flatMap((first) =>
        messages(topic, codec).map(({ key, value }, i) => ({ offset: first + BigInt(i), key, value }))
      )
      expect(await readByAll(topic)).toEqual(expected)
    })
  })
})
