// The embedded Kafka serves this project's own client over TCP.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
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

describe('an embedded Kafka', () => {
  test('gives back what was produced', async () => {
    await using embedded = await EmbeddedKafka.start()
    await using kafka = new Kafka({ brokers: embedded.bootstrap.split(',') })
    await kafka.admin().createTopics([{ topic: 'greetings', partitionCount: 1 }])
    const producer = kafka.producer()
    const [first] = await producer.send({ topic: 'greetings', value: 'hello' })
    expect(first).toMatchObject({ partition: 0, baseOffset: 0n })
    await producer.send({ topic: 'greetings', value: 'again' })
    expect(await texts(kafka, 'greetings', 2)).toEqual(['hello', 'again'])
  })
})
