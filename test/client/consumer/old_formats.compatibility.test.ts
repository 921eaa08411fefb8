// Topics whose records lie in the formats before Kafka 0.11, on a real Kafka 1.1.1 that still writes them: what Kafka's
// own consumer reads in them, we read too, whatever the codec, the clock, and after compaction.
import { Kafka } from 'kafka-once'
import type { ConsumedRecord } from 'kafka-once'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import { readWithJava, runJava } from '../../broker/peers.ts'
import type { JavaRecord } from '../../broker/peers.ts'
import { run } from '../../broker/processes.ts'
import { describeJars } from '../../broker/real_kafka.ts'

const version = '1.1.1'
/** The oldest version of Java's consumer that the program which reads with it can be built on. */
const readerVersion = '3.9.1'
const codecs = ['none', 'gzip', 'snappy', 'lz4'] as const
/** What a topic is told, and the format that this means. */
const formats = [
  ['0.9.0', 0],
  ['0.10.2', 1]
] as const

interface Seen {
  readonly offset: bigint
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
}

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString()

function seen({ offset, timestamp, key, value }: JavaRecord | ConsumedRecord): Seen {
  return { offset, timestamp, key: text(key), value: text(value) }
}

async function newTopic(kafka: Kafka, configs: Readonly<Record<string, string>>): Promise<string> {
  const topic = `old-${randomBytes(5).toString('hex')}`
  // Java's records are older than the broker would keep them.
  const all = { 'retention.ms': '-1', ...configs }
  await kafka.admin().createTopics([{ topic, partitionCount: 1, replicationFactor: 1, configs: all }])
  return topic
}

async function readAll(kafka: Kafka, topic: string, position: 'earliest' | bigint = 'earliest'): Promise<Seen[]> {
  const ends = await kafka.admin().listOffsets([{ topic, partition: 0, position: 'latest' }])
  const end = ends.get(`${topic}:0`)!.offset
  // Small fetches, so that sets of messages are cut off at their ends.
  await using consumer = kafka.consumer({ fetchWaitMs: 50, partitionFetchBytesMax: 3_000 })
  await consumer.assign([{ topic, partition: 0, position }])
  const records: Seen[] = []
  while (consumer.position(topic, 0)! < end) {
    const batches = await consumer.poll({ waitMs: 20_000 })
    if (batches.length === 0) throw new Error(`${topic} was read up to ${consumer.position(topic, 0)} of ${end} only`)
    for (const batch of batches) {
      expect(batch.leaderEpoch).toBe(-1)
      for (const record of batch.records()) records.push(seen(record))
    }
  }
  return records
}

async function expectSame(kafka: Kafka, bootstrap: string, topic: string): Promise<readonly Seen[]> {
  const expected = (await readWithJava(bootstrap, topic, readerVersion)).map(seen)
  expect(await readAll(kafka, topic)).toEqual(expected)
  const from = expected[Math.floor(expected.length / 3)]!.offset + 1n
  expect(await readAll(kafka, topic, from)).toEqual(expected.filter(({ offset }) => offset >= from))
  return expected
}

function roundLines(round: number): string {
  return Array.from({ length: 150 }, (_, i) => `key ${i % (20 + round)}:value ${round} ${i}\n`).join('')
}

describeJars('on a Kafka 1.1.1', () => {
  test('topics in old formats are read as Java reads them', async () => {
    await using broker = await startBroker({ version })
    await using kafka = new Kafka({ brokers: [broker.bootstrap] })
    for (const [formatVersion, magic] of formats) {
      for (const codec of codecs) {
        const topic = await newTopic(kafka, { 'message.format.version': formatVersion })
        await runJava('peer/Produce.java', [broker.bootstrap, topic, codec, '300', '0'], version)
        const records = await expectSame(kafka, broker.bootstrap, topic)
        expect(records).toHaveLength(300)
        const timestamp = magic === 0 ? -1 : 1_700_000_007_000
        expect(records[7]).toEqual({ offset: 7n, timestamp, key: 'key 7', value: `${codec} value value value value 7` })
      }
    }
  }, 300_000)

  test('messages that librdkafka wrote in old formats are read as well', async () => {
    await using broker = await startBroker({ version })
    await using kafka = new Kafka({ brokers: [broker.bootstrap] })
    const lines = Array.from({ length: 400 }, (_, i) => `key ${i}:value value value ${i}`)
    for (const [formatVersion, fallback] of [
      ['0.9.0', '0.9.0.1'],
      ['0.10.2', '0.10.1.0']
    ] as const) {
      for (const codec of codecs) {
        const topic = await newTopic(kafka, { 'message.format.version': formatVersion })
        const old = ['-X', 'api.version.request=false', '-X', `broker.version.fallback=${fallback}`]
        const args = ['-P', '-b', broker.bootstrap, '-t', topic, '-K', ':', '-z', codec, ...old]
        const ended = await run('kcat', args, { input: `${lines.join('\n')}\n`, timeoutMs: 60_000 })
        expect(ended.code, ended.stderr).toBe(0)
        const records = await expectSame(kafka, broker.bootstrap, topic)
        expect(records.map(({ key, value }) => `${key}:${value}`)).toEqual(lines)
      }
    }
  }, 300_000)

  test("the broker's clock and codecs of its choice are read as Java reads them", async () => {
    await using broker = await startBroker({ version })
    await using kafka = new Kafka({ brokers: [broker.bootstrap] })
    for (const codec of codecs) {
      const topic = await newTopic(kafka, {
        'message.format.version': '0.10.2',
        'message.timestamp.type': 'LogAppendTime',
        'compression.type': codec === 'none' ? 'uncompressed' : codec
      })
      await runJava('peer/Produce.java', [broker.bootstrap, topic, 'gzip', '200', '0'], version)
      const records = await expectSame(kafka, broker.bootstrap, topic)
      for (const { timestamp } of records) expect(Math.abs(timestamp - Date.now())).toBeLessThan(600_000)
    }
  }, 300_000)

  test('what compaction leaves is read as Java reads it', async () => {
    const quick = { 'log.cleaner.backoff.ms': '100', 'log.cleaner.dedupe.buffer.size': '16777216' }
    await using broker = await startBroker({ version, config: quick })
    await using kafka = new Kafka({ brokers: [broker.bootstrap] })
    for (const codec of ['none', 'gzip'] as const) {
      for (const [formatVersion] of formats) {
        const topic = await newTopic(kafka, {
          'message.format.version': formatVersion,
          'cleanup.policy': 'compact',
          'segment.ms': '100',
          'min.cleanable.dirty.ratio': '0.01'
        })
        for (let round = 0; round < 4; round++) {
          const args = ['-P', '-b', broker.bootstrap, '-t', topic, '-K', ':', '-z', codec]
          const ended = await run('kcat', args, { input: roundLines(round), timeoutMs: 60_000 })
          expect(ended.code, ended.stderr).toBe(0)
          // The next round begins a segment of its own: only those before the last one are compacted.
          await sleep(300)
        }
        for (let waits = 0; (await readAll(kafka, topic)).length > 300; waits++) {
          expect(waits, 'compaction did not come').toBeLessThan(200)
          await sleep(200)
        }
        // The cleaner may still be at work; what it does then is seen by one reader and not by the other.
        for (let before = 0, now = -1; now !== before; await sleep(1_000)) {
          before = now
          now = (await readAll(kafka, topic)).length
        }
        const records = await expectSame(kafka, broker.bootstrap, topic)
        expect(records.length).toBeLessThan(300)
      }
    }
  }, 400_000)
})
