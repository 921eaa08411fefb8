// The contract with the container image: a broker that Testcontainers starts answers on loopback as itself, takes a
// topic, and is a whole Kafka 4.4.
import { expect, test } from 'vitest'
import { askBroker, createTopic } from '../broker/probe.ts'
import { describeContainer } from '../broker/real_kafka.ts'

describeContainer('Kafka in a container', ({ bootstrap }) => {
  test('answers where it says that it is', async () => {
    const { nodes } = await askBroker(bootstrap)
    expect(nodes.map(({ host, port }) => `${host}:${port}`)).toEqual([bootstrap])
  })

  test('speaks the Produce version of transactions version 2', async () => {
    const produceKey = 0
    const { apis } = await askBroker(bootstrap)
    expect(apis.get(produceKey)).toBeGreaterThanOrEqual(12)
  })

  test('takes a topic', async () => {
    const topic = { name: `container-${process.pid}`, partitions: 2 }
    expect(await createTopic(bootstrap, topic)).toBe(0)
    const alreadyExists = 36
    expect(await createTopic(bootstrap, topic)).toBe(alreadyExists)
  })
})
