// The embedded Kafka serves this project's own client over TCP.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka, simulate } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'

async function texts(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer()
  await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
  const found: string[] = []
  for await (const batch of consumer.batches()) {
    for (const { value } of batch.records()) found.push(Buffer.from(value ?? []).toString())
    if (found.length >= count) break
  }
  await consumer.close()
  return found
}

function playInMemory() {
  return simulate({ seed: 1 }, async (world) => {
    const broker = await EmbeddedKafka.start({ runtime: world.spawn('cluster', 'brokers').runtime })
    const { runtime } = world.spawn('elsewhere', 'shop')
    const shop = new Kafka({ brokers: broker.addresses, runtime })
    await shop.admin().createTopics([{ topic: 'orders', partitionCount: 1 }])
    await shop.producer().send({ topic: 'orders', value: 'tea' })
    await runtime.sleep(60_000)
    return (await broker.records('orders')).length
  })
}

describe('an embedded Kafka', () => {
  test('gives back what was produced', async () => {
    await using embedded = await EmbeddedKafka.start()
    await using kafka = new Kafka({ brokers: embedded.addresses })
    await kafka.admin().createTopics([{ topic: 'greetings', partitionCount: 1 }])
    const producer = kafka.producer()
    const [first] = await producer.send({ topic: 'greetings', value: 'hello' })
    expect(first).toMatchObject({ partition: 0, baseOffset: 0n })
    await producer.send({ topic: 'greetings', value: 'again' })
    expect(await texts(kafka, 'greetings', 2)).toEqual(['hello', 'again'])
  })

  test('does as its README shows: a batch whose answer was lost is known when it comes again', async () => {
    await using embedded = await EmbeddedKafka.start({ brokers: 3 })
    await using client = new Kafka({ brokers: embedded.addresses })
    await client.admin().createTopics([{ topic: 'orders', partitionCount: 1 }])
    embedded.control('Produce', () => ({ reply: 'cut' }))
    await client.producer().send({ topic: 'orders', value: 'tea' })
    expect(embedded.log('orders', 0).batches.length).toBe(1)
    const delayed = embedded.control('Fetch', () => ({ delayMs: 10 }), { keep: true })
    expect(await texts(client, 'orders', 1)).toEqual(['tea'])
    delayed.cancel()
  })

  test('does as its README shows: in memory a minute is nothing, and a seed fixes the run', async () => {
    const run = await playInMemory()
    expect(run.outcome).toEqual({ kind: 'ended', value: 1 })
    expect(run.virtualMs).toBeGreaterThan(60_000)
    expect((await playInMemory()).hash).toBe(run.hash)
  })

  test('leaves no socket behind', async () => {
    const embedded = await EmbeddedKafka.start({ brokers: 3 })
    const kafka = new Kafka({ brokers: embedded.addresses })
    await kafka.admin().createTopics([{ topic: 'left', partitionCount: 3 }])
    const producer = kafka.transactionalProducer({ transactionalId: 'left.0' })
    const transaction = producer.beginTransaction()
    await transaction.send({ topic: 'left', value: 'open' })
    await transaction.prepare()
    await kafka.close()
    await embedded.close()
    expect(process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'))).toEqual([])
  })

  test('is up at once', async () => {
    const begin = performance.now()
    await using embedded = await EmbeddedKafka.start({ brokers: 3 })
    expect(embedded.brokerIds).toEqual([1, 2, 3])
    console.info(`three brokers were up after ${(performance.now() - begin).toFixed(1)} ms`)
  })
})
