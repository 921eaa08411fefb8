import { afterEach, describe, expect, it } from 'vitest'
import { Kafka, KafkaError } from 'kafka-once'
import type { KafkaOptions } from 'kafka-once'
import { parseAddress } from '../../src/client/kafka_options.ts'
import { FakeBroker } from './fake_broker.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

function refusal(given: unknown): string {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
    void new Kafka(given as KafkaOptions)
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'INVALID_OPTION') return error.message
    throw error
  }
  throw new Error('Nothing was refused.')
}

describe('new Kafka', () => {
  it('needs only addresses', () => {
    const kafka = new Kafka({ brokers: ['127.0.0.1:9092'] })
    expect(kafka.cluster).toMatchObject({ clientId: 'kafka-once', requestTimeoutMs: 30_000, retryBackoffMs: 100 })
  })

  it.each([
    [{}, 'brokers is missing'],
    [{ brokers: [] }, 'brokers is an array of 0, but must be an array of at least 1'],
    [{ brokers: '127.0.0.1:9092' }, 'brokers is "127.0.0.1:9092", but must be an array'],
    [{ brokers: ['localhost'] }, 'element 0 is "localhost"'],
    [{ brokers: ['a:1', 'kafka://b:9092'] }, 'element 1 is "kafka://b:9092"'],
    [
      { bootstrapServers: ['a:1'] },
      'bootstrapServers (given as an array of 1) is not an option. Did you mean brokers?'
    ],
    [{ brokers: ['a:1'], requestTimeout: 5 }, 'Did you mean requestTimeoutMs?'],
    [{ brokers: ['a:1'], connectionTimeout: 5 }, 'Did you mean connectTimeoutMs?'],
    [
      { brokers: ['a:1'], decodedBytesMax: 1_000 },
      'decodedBytesMax is 1000, but must be a whole number of at least 16777216'
    ],
    [{ brokers: ['a:1'], requestTimeoutMs: 0 }, 'requestTimeoutMs is 0, but must be a whole number from 10'],
    [{ brokers: ['a:1'], logger: {} }, 'logger is an object, but must be a logger (an object with debug, info'],
    [{ brokers: ['a:1'], ssl: true }, 'Did you mean tls?'],
    [{ brokers: ['a:1'], tls: { caa: 'x' } }, 'Did you mean ca?'],
    [{ brokers: ['a:1'], tls: { cert: 'x' } }, 'give cert and key, or neither'],
    [{ brokers: ['a:1'], tls: { key: 'hunter2', cert: 5 } }, 'cert is a hidden value'],
    [{ brokers: ['a:1'], retryBackoffMs: 500, retryBackoffMsMax: 100 }, 'contradict each other: retryBackoffMs is 500'],
    [{ brokers: ['a:1'], clientId: '' }, 'clientId is ""']
  ])('refuses %j', (given, expected) => {
    const message = refusal(given)
    expect(message).toContain(expected)
    expect(message).not.toContain('hunter2')
  })

  it.each([
    ['a.b-c.example:9092', { host: 'a.b-c.example', port: 9092 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
    ['::1:9092', undefined],
    ['a:0', undefined],
    ['a:65536', undefined],
    ['a', undefined],
    [':9092', undefined],
    ['a b:9092', undefined],
    ['http://a:9092', undefined],
    ['a:9092/x', undefined]
  ])('reads the address %s', (text, expected) => {
    expect(parseAddress(text)).toEqual(expected)
  })
})

async function kafkaWithBroker() {
  const broker = await FakeBroker.start({
    handlers: {
      Metadata: () => ({
        brokers: [{ nodeId: 1, host: '127.0.0.1', port: broker.port }],
        clusterId: 'fake',
        controllerId: 1,
        topics: []
      })
    }
  })
  closers.push(() => broker.close())
  return { broker, kafka: new Kafka({ brokers: [broker.address] }) }
}

/** What keeps a process alive, as far as a client could be the reason. */
function held(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'TCPSocketWrap').length
}

describe('closing the client', () => {
  it('closes its parts and its connections, leaves no timer and no socket, and can be repeated', async () => {
    const { broker, kafka } = await kafkaWithBroker()
    const before = held()
    const producer = kafka.producer()
    const consumer = kafka.consumer()
    expect(await kafka.cluster.clusterId()).toBe('fake')
    expect(broker.sockets.size).toBe(1)
    await Promise.all([kafka.close(), kafka.close()])
    await expect(producer.send({ topic: 'a', value: 'b' })).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(consumer.assign([{ topic: 'a', partition: 0, position: 0n }])).rejects.toMatchObject({
      code: 'CLOSED'
    })
    await expect.poll(() => broker.sockets.size).toBe(0)
    await expect.poll(() => held()).toBeLessThanOrEqual(before)
  })

  it('gives out nothing more', async () => {
    const { kafka } = await kafkaWithBroker()
    {
      await using _closing = kafka
    }
    for (const make of [
      () => kafka.producer(),
      () => kafka.consumer(),
      () => kafka.admin(),
      () => kafka.transactionalProducer({ transactionalId: 'a' }),
      () => kafka.resumeTransaction({ transactionalId: 'a', producerId: 1n, producerEpoch: 0 })
    ]) {
      expect(make).toThrow(KafkaError)
    }
  })
})
