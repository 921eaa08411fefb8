// A producer that wakes beside its successor, which has committed a transaction meanwhile. Below transaction version 2
// the coordinator then shows an epoch that could also be that of a transaction that timed out.
import { Kafka, KafkaError } from 'kafka-once'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { readCommitted } from '../../broker/log_scan.ts'
import { createTopic } from '../../broker/probe.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'

describeBrokers('a producer beside its successor', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion })
    })
    afterAll(async () => broker?.[Symbol.asyncDispose]())

    test.each(['commit', 'abort'] as const)('takes nothing back after a %s of the successor', async (end) => {
      const topic = `successor-${end}`
      expect(await createTopic(broker.bootstrap, { name: topic, partitions: 1 })).toBe(0)
      await using kafka = new Kafka({ brokers: [broker.bootstrap] })
      const options = { transactionalId: topic, transactionTimeoutMs: 60_000 }
      const write = async (producer: ReturnType<Kafka['transactionalProducer']>, value: string) => {
        const transaction = producer.beginTransaction()
        await transaction.send({ topic, partition: 0, value })
        return transaction
      }
      const first = kafka.transactionalProducer(options)
      await (await write(first, 'first')).commit()

      const successor = kafka.transactionalProducer(options)
      await successor.init()
      await (await write(successor, 'second'))[end]()

      await expect(write(first, 'never')).rejects.toBeInstanceOf(KafkaError)
      await expect(write(first, 'never again')).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
      await (await write(successor, 'third')).commit()
      const texts = async (): Promise<string[]> => {
        const records = await readCommitted(broker.bootstrap, topic)
        return records.map(({ value }) => Buffer.from(value ?? []).toString())
      }
      const expected = end === 'commit' ? ['first', 'second', 'third'] : ['first', 'third']
      await expect.poll(texts, { timeout: 10_000 }).toEqual(expected)
    })
  })
})
