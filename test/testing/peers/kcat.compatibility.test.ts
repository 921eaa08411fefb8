// kcat, which is librdkafka, works against the embedded Kafka as it does against a real one.
import { Kafka } from 'kafka-once'
import { expect, test } from 'vitest'
import { kcatMissing, readWithKcat } from '../../broker/peers.ts'
import { KcatMember, produceWithKcat } from './kcat_peer.ts'
import { describePeer } from './sites.ts'

const topic = 'orders'
const group = 'kcat-group'

function named(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`)
}

describePeer('kcat', await kcatMissing(), (start) => {
  test('shares a group, commits, and resumes it', async () => {
    await using kafka = await start()
    await using client = new Kafka({ brokers: [kafka.bootstrap] })
    await client.admin().createTopics([{ topic, partitionCount: 2 }])
    for (const partition of [0, 1]) await produceWithKcat(kafka.bootstrap, topic, partition, named(`p${partition}`, 10))
    const a = new KcatMember(kafka.bootstrap, group, topic)
    await expect.poll(() => a.values.length, { timeout: 30_000 }).toBe(20)
    expect(a.assigned()).toEqual([0, 1])
    const b = new KcatMember(kafka.bootstrap, group, topic)
    const held = (): unknown[] => [a, b].map((member) => member.assigned().length)
    await expect.poll(held, { timeout: 30_000 }).toEqual([1, 1])
    expect(new Set([...a.assigned(), ...b.assigned()])).toEqual(new Set([0, 1]))
    await b.leave()
    await expect.poll(() => a.assigned(), { timeout: 30_000 }).toEqual([0, 1])
    await a.leave()
    expect([...a.values, ...b.values].toSorted()).toEqual([...named('p0', 10), ...named('p1', 10)].toSorted())
    await produceWithKcat(kafka.bootstrap, topic, 0, named('later', 5))
    const resumed = new KcatMember(kafka.bootstrap, group, topic)
    await expect.poll(() => resumed.values, { timeout: 30_000 }).toEqual(named('later', 5))
    await resumed.leave()
  })

  test('reads what was committed, and not what was aborted', async () => {
    await using kafka = await start()
    await using client = new Kafka({ brokers: [kafka.bootstrap] })
    await client.admin().createTopics([{ topic, partitionCount: 1 }])
    await using producer = client.transactionalProducer({ transactionalId: 'kcat-id' })
    for (const value of ['kept', 'dropped', 'kept too']) {
      const transaction = producer.beginTransaction()
      await transaction.send({ topic, value })
      await (value === 'dropped' ? transaction.abort() : transaction.commit())
    }
    const read = async (): Promise<string[]> => {
      const records = await readWithKcat(kafka.bootstrap, topic)
      return records.map(({ value }) => Buffer.from(value ?? []).toString())
    }
    // A commit is decided at once, its markers follow.
    await expect.poll(read, { timeout: 60_000 }).toEqual(['kept', 'kept too'])
  })
})
