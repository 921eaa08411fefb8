// Tests see what is in a topic without a consumer: what is committed, or all of it.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

let broker: EmbeddedKafka
let kafka: Kafka

beforeEach(async () => {
  broker = await EmbeddedKafka.start()
  kafka = new Kafka({ brokers: broker.addresses })
  await kafka.admin().createTopics([{ topic: 'orders', partitionCount: 2 }])
})

afterEach(async () => {
  await kafka.close()
  await broker.close()
})

async function texts(isolationLevel?: 'read_uncommitted', partition?: number): Promise<string[]> {
  const options = { ...(isolationLevel && { isolationLevel }), ...(partition === undefined ? {} : { partition }) }
  return (await broker.records('orders', options)).map(({ value }) => String(value))
}

test('records have their parts, in the order of partitions and offsets', async () => {
  const producer = kafka.producer()
  await producer.send({ topic: 'orders', partition: 1, key: 'k', value: null, timestamp: 5, headers: [['h', 'x']] })
  await producer.send({ topic: 'orders', partition: 0, value: 'tea' })
  const [tea, gone] = await broker.records('orders')
  expect(tea).toMatchObject({ partition: 0, offset: 0n, key: null, headers: [] })
  expect(String(tea?.value)).toBe('tea')
  expect(gone).toMatchObject({ partition: 1, offset: 0n, timestamp: 5, value: null })
  expect([String(gone?.key), String(gone?.headers[0])]).toEqual(['k', 'h,x'])
  expect(await texts(undefined, 1)).toEqual(['null'])
})

test('records of transactions are seen when they are committed, or by who asks for all', async () => {
  const producer = kafka.transactionalProducer({ transactionalId: 'shop' })
  for (const [value, end] of [
    ['tea', 'commit'],
    ['poison', 'abort'],
    ['milk', 'commit']
  ] as const) {
    const transaction = producer.beginTransaction()
    await transaction.send({ topic: 'orders', partition: 0, value })
    await transaction[end]()
  }
  await producer.close()
  const open = kafka.transactionalProducer({ transactionalId: 'open' }).beginTransaction()
  await open.send({ topic: 'orders', partition: 0, value: 'late' })
  await kafka.producer().send({ topic: 'orders', partition: 0, value: 'behind it' })
  expect(await texts()).toEqual(['tea', 'milk'])
  expect(await texts('read_uncommitted')).toEqual(['tea', 'poison', 'milk', 'late', 'behind it'])
  await open.commit()
  await expect.poll(() => texts()).toEqual(['tea', 'milk', 'late', 'behind it'])
})

test.each(['gzip', 'snappy', 'lz4'] as const)('records of %s batches are decompressed', async (compression) => {
  const producer = kafka.producer({ compression })
  await producer.send({ topic: 'orders', partition: 0, value: 'tea'.repeat(1000) })
  expect(await texts()).toEqual(['tea'.repeat(1000)])
})

test('a topic that is not there is told', async () => {
  await expect(broker.records('nothing')).rejects.toThrow('There is no topic nothing')
  await expect(broker.records('orders', { partition: 7 })).rejects.toThrow('There is no partition orders-7')
})
