// Testing your own consumer without Docker: an embedded Kafka per test, spoken to over TCP. Replace `shout` by yours.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import { expect, test } from 'vitest'

/** What is under test: reads some orders and answers them in capital letters. */
async function shout(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  await using consumer = kafka.consumer({ isolationLevel: 'read_committed' })
  await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
  const heard: string[] = []
  for await (const batch of consumer.batches()) {
    for (const { value } of batch.records())
      heard.push(
        Buffer.from(value ?? [])
          .toString()
          .toUpperCase()
      )
    if (heard.length >= count) break
  }
  return heard
}

test('orders that were committed are shouted, others are not', async () => {
  await using broker = await EmbeddedKafka.start()
  await using kafka = new Kafka({ brokers: broker.addresses })
  await kafka.admin().createTopics([{ topic: 'orders', partitionCount: 1 }])
  await using producer = kafka.transactionalProducer({ transactionalId: 'shop' })
  for (const [value, end] of [
    ['tea', 'commit'],
    ['poison', 'abort'],
    ['milk', 'commit']
  ] as const) {
    const transaction = producer.beginTransaction()
    await transaction.send({ topic: 'orders', value })
    await transaction[end]()
  }
  expect(await shout(kafka, 'orders', 2)).toEqual(['TEA', 'MILK'])
})
