// A sealed transaction that is left to another process.
import { expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import type { Timer } from 'kafka-once/runtime'
import { createTopic } from '../../broker/probe.ts'
import { describeKafka } from '../../broker/real_kafka.ts'

describeKafka('a sealed transaction', ({ bootstrap }) => {
  test('leaves nothing behind that would keep its process alive', async () => {
    const topic = `sealed-${process.pid}-${Date.now()}`
    expect(await createTopic(bootstrap.split(',')[0] ?? '', { name: topic, partitions: 1 })).toBe(0)
    const waiting = new Set<Timer>()
    const real = nodeRuntime()
    const setTimer = (delayMs: number, fire: () => void): Timer => {
      const inner = real.setTimer(delayMs, () => {
        waiting.delete(timer)
        fire()
      })
      const timer: Timer = {
        cancel() {
          waiting.delete(timer)
          inner.cancel()
        }
      }
      waiting.add(timer)
      return timer
    }
    const kafka = new Kafka({ brokers: bootstrap.split(','), runtime: { ...real, setTimer } })
    const transaction = kafka.transactionalProducer({ transactionalId: topic }).beginTransaction()
    await transaction.send({ topic, partition: 0, value: 'sealed' })
    const handle = await transaction.prepare()
    await kafka.close()
    expect(waiting.size).toBe(0)

    await using other = new Kafka({ brokers: bootstrap.split(',') })
    expect(await other.resumeTransaction(handle).abort()).toEqual({ kind: 'aborted' })
  })
})
