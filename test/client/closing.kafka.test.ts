// A client whose broker does not answer any more can be closed all the same: whoever closes says how long that may take.
import { Kafka } from 'kafka-once'
import { expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { createTopic } from '../broker/probe.ts'

const topic = 'closing'

describeBrokers('a client whose broker does not answer', () => {
  test('gives up what is under way when the signal of close aborts', async () => {
    await using broker = await startBroker()
    expect(await createTopic(broker.bootstrap, { name: topic, partitions: 1 })).toBe(0)
    const kafka = new Kafka({ brokers: [broker.bootstrap] })
    const producer = kafka.producer()
    await producer.send({ topic, value: 'before' })
    const small = { bufferBytesMax: 1024, batchBytesMax: 512 }
    const transaction = kafka.transactionalProducer({ transactionalId: topic, ...small }).beginTransaction()
    await transaction.send({ topic, value: 'before' })
    broker.pause()
    const send = producer.send({ topic, value: 'after' })
    const room = (async () => {
      for (;;) await transaction.append(topic, 0, null, Buffer.alloc(100))
    })()
    const flush = transaction.flush()
    const ends = Promise.allSettled([send, room, flush])

    const beginMs = performance.now()
    await kafka.close({ signal: AbortSignal.timeout(300) })
    expect(performance.now() - beginMs).toBeLessThan(5_000)
    expect(transaction.state).toBe('failed')
    for (const end of await ends) {
      expect(end.status === 'rejected' && end.reason).toMatchObject({
        code: expect.stringMatching(/^(CLOSED|TRANSACTION_ABORTABLE)$/)
      })
    }
  })
})
