// A healthy cluster gives no reason to log: back-to-back transactions wait for each other's markers, are answered
// CONCURRENT_TRANSACTIONS and ask again, and none of that is anybody's business.
import { expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import type { Logger } from 'kafka-once'
import { readCommitted } from '../broker/log_scan.ts'
import { describeKafka } from '../broker/real_kafka.ts'
import { newTopic, textsOf } from './contents.ts'

const transactionsCount = 100

describeKafka('100 back-to-back transactions of one record', ({ bootstrap }) => {
  test('log no line above debug', async () => {
    const topic = await newTopic(bootstrap, 'quiet', 1)
    const lines: string[] = []
    const note = (message: string): void => void lines.push(message)
    const logger: Logger = { debug: () => undefined, info: note, warn: note, error: note }
    await using kafka = new Kafka({ brokers: bootstrap.split(','), logger })
    const producer = kafka.transactionalProducer({ transactionalId: topic })
    const expected: string[] = []
    for (let i = 0; i < transactionsCount; i++) {
      const transaction = producer.beginTransaction()
      await transaction.send({ topic, value: `record ${i}` })
      expect(await transaction.commit()).toEqual({ kind: 'committed' })
      expected.push(`record ${i}`)
    }
    await producer.close()
    expect(lines).toEqual([])
    await expect.poll(async () => textsOf(await readCommitted(bootstrap, topic))).toEqual(expected)
  })
})
