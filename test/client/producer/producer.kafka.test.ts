// The idempotent producer against a real broker: order without gap or repetition while connections are cut and the broker
// is killed, batches that the broker finds too large.
import { Kafka } from 'kafka-once'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quickRestart } from '../../broker/broker.ts'
import { scanTopic } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { startProxiedBroker } from '../../proxy/tcp_proxy.ts'
import type { ProxiedBroker } from '../../proxy/tcp_proxy.ts'
import { uniqueName } from '../transaction/settling.ts'

function everyThird(count: number): number[][] {
  return [0, 1, 2].map((first) => Array.from({ length: Math.ceil((count - first) / 3) }, (_, i) => first + 3 * i))
}

describeBrokers('an idempotent producer', () => {
  let proxied: ProxiedBroker
  let kafka: Kafka

  beforeAll(async () => {
    proxied = await startProxiedBroker({ config: quickRestart })
    kafka = new Kafka({ brokers: [proxied.bootstrap], requestTimeoutMs: 5_000 })
  })
  afterAll(async () => {
    await kafka?.close()
    await proxied?.[Symbol.asyncDispose]()
  })

  async function newTopic(what: string, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = uniqueName(what)
    await kafka
      .admin()
      .createTopics([{ topic, partitionCount: 3, replicationFactor: 1, configs }], { deadlineMs: 30_000 })
    return topic
  }

  // Numbers per partition, in the order of the log.
  async function storedNumbers(topic: string): Promise<number[][]> {
    const scans = await scanTopic(proxied.bootstrap, topic)
    return scans.map(({ records }) => records.map(({ value }) => Number(Buffer.from(value ?? []).toString())))
  }

  // Calls come in waves, as fast as they are made.
  async function sendNumbers(topic: string, count: number, pauseMs: number): Promise<void> {
    await using producer = kafka.producer({ batchBytesMax: 1_000, lingerMs: 1 })
    const calls: Promise<void>[] = []
    for (let n = 0; n < count; n++) {
      const partition = n % 3
      const sent = producer.send({ topic, partition, value: String(n) }).then(([first]) => {
        expect(first).toMatchObject({ topic, partition, count: 1 })
      })
      calls.push(sent)
      if (n % 500 === 499) await sleep(pauseMs)
    }
    await Promise.all(calls)
  }

  test('keeps 1,000 concurrent sends in order, without gap or repetition', async () => {
    const topic = await newTopic('concurrent')
    await sendNumbers(topic, 1_000, 0)
    expect(await storedNumbers(topic)).toEqual(everyThird(1_000))
  })

  test('keeps the order while connections are cut in every place', async () => {
    const topic = await newTopic('cut')
    const proxy = proxied.proxies[0]!
    const sending = sendNumbers(topic, 5_000, 100)
    const places = [
      { fate: 'cut' },
      { fate: 'cutInside' },
      { direction: 'response', fate: 'cut' },
      { fate: 'passThenCut' }
    ] as const
    for (const place of [...places, ...places]) {
      const met = proxy.intercept({ apiKey: 0, ...place })
      await Promise.race([met.first, sending])
      await sleep(30)
    }
    await sending
    expect(await storedNumbers(topic)).toEqual(everyThird(5_000))
  })

  test('keeps the order while the broker is killed and restarted', async () => {
    const topic = await newTopic('killed')
    const sending = sendNumbers(topic, 6_000, 300)
    for (let n = 0; n < 2; n++) {
      await sleep(500)
      await proxied.broker.restart()
    }
    await sending
    expect(await storedNumbers(topic)).toEqual(everyThird(6_000))
  }, 180_000)

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'splits batches of %s that the broker finds too large',
    async (compression) => {
      const topic = await newTopic('small', { 'max.message.bytes': '2000' })
      await using producer = kafka.producer({ compression })
      // Bytes by chance, so that compression does not help.
      const values = Array.from({ length: 200 }, (_, n) => `${n} ${randomBytes(200).toString('base64')}`)
      const results = await producer.send(values.map((value) => ({ topic, partition: 0, value })))
      expect(results.reduce((sum, { count }) => sum + count, 0)).toBe(200)
      const [scan] = await scanTopic(proxied.bootstrap, topic)
      expect(scan?.records.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(values)
      const tooLarge = producer.send({ topic, partition: 0, value: randomBytes(5_000) })
      await expect(tooLarge).rejects.toMatchObject({ kafkaName: 'MESSAGE_TOO_LARGE' })
      await producer.send({ topic, partition: 0, value: 'after' })
    }
  )

  test('sends records with a key where a Java producer would', async () => {
    const topic = await newTopic('keys')
    await using producer = kafka.producer()
    const keys = Array.from({ length: 50 }, (_, n) => `key ${n}`)
    const sent = await Promise.all(keys.map((key) => producer.send({ topic, key, value: key })))
    // DefaultPartitioner's choice among three partitions, computed by Utils.toPositive(Utils.murmur2(key)) % 3.
    const expected = '12201121202210000012002001121211212220201021100222'
    expect(sent.map(([one]) => one?.partition).join('')).toBe(expected)
  })
})
