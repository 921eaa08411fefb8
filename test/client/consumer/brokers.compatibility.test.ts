// The consumer on brokers of its own: the oldest and middle-aged versions, and three nodes of which the leader is killed
// while it is read from.
import { Kafka } from 'kafka-once'
import { expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers, describeJars } from '../../broker/real_kafka.ts'
import { everyPartition, makeTopic, ownName, poll, readToEnd, refusal, transact } from './reading.ts'

function connect(broker: TestBroker): Kafka {
  return new Kafka({ brokers: broker.bootstrap.split(',') })
}

describeJars('a consumer', () => {
  test.each(['1.1.1', '3.9.1'] as const)('reads, commits and resets on a Kafka %s', async (version) => {
    await using broker = await startBroker({ version })
    await using kafka = connect(broker)
    const topic = await makeTopic(kafka, 'old')
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('old') })
    const three = (name: string) => [1, 2, 3].map((i) => ({ topic, partition: 0, key: `${name}${i}`, value: name }))
    for (const [name, end] of Object.entries({ A: 'abort', B: 'commit', C: 'abort', D: 'commit' } as const)) {
      await transact(producer, three(name), end)
    }
    const options = { groupId: ownName('group'), partitionFetchBytesMax: 200 }
    const records = await readToEnd(kafka, topic, everyPartition(topic, 1, 'earliest'), options)
    expect(records.map(({ key }) => key)).toEqual(['B1', 'B2', 'B3', 'D1', 'D2', 'D3'])

    await using consumer = kafka.consumer({ ...options, offsetReset: 'error' })
    await consumer.commitOffsets([{ topic, partition: 0, offset: 13n, metadata: 'm' }])
    const committed = await consumer.committedOffsets([{ topic, partition: 0 }])
    expect(committed.get(`${topic}:0`)).toMatchObject({ offset: 13n, metadata: 'm' })
    await consumer.assign([{ topic, partition: 0, position: 'committed' }])
    expect((await poll(consumer, 5_000))[0]).toMatchObject({ key: 'D2', offset: 13n })
    await consumer.assign([{ topic, partition: 0, position: { timestampMs: Date.now() + 3_600_000 } }])
    expect(consumer.position(topic, 0)).toBe(16n)
    await consumer.seek(topic, 0, 99n)
    expect(await refusal(consumer.poll({ waitMs: 20_000 }))).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
  })
})

describeBrokers('a consumer', () => {
  test('goes on in order when the leader it reads from is killed and comes back', async () => {
    await using broker = await startBroker({ nodes: 3 })
    await using kafka = connect(broker)
    const topic = await makeTopic(kafka, 'killed', 3, 3)
    const perPartition = 600
    const partitions = [0, 1, 2]
    const write = async (partition: number): Promise<void> => {
      await using producer = kafka.producer({ lingerMs: 0 })
      for (let i = 0; i < perPartition; i++) {
        await producer.send({ topic, partition, key: String(i), value: 'x'.repeat(1_000) })
      }
    }
    const read = async (): Promise<Map<number, string[]>> => {
      await using consumer = kafka.consumer({ fetchWaitMs: 50 })
      await consumer.assign(everyPartition(topic, 3, 'earliest'))
      const keys = new Map(partitions.map((partition) => [partition, [] as string[]]))
      for (let left = perPartition * 3; left > 0;) {
        const records = await poll(consumer, 60_000)
        if (records.length === 0) throw new Error(`${left} records did not come`)
        for (const { partition, key } of records) keys.get(partition)!.push(key)
        left -= records.length
      }
      return keys
    }
    const leaderOf = async (): Promise<number> => {
      const topics = await kafka.cluster.topics([topic], { refresh: true })
      return topics.get(topic)!.partitions[0]!.leaderId
    }
    const writing = Promise.all(partitions.map(write))
    const reading = read()
    const leader = await leaderOf()
    await broker.kill(leader)
    await broker.start(leader)
    await writing
    const keys = await reading
    const expected = Array.from({ length: perPartition }, (_, i) => String(i))
    for (const partition of partitions) expect(keys.get(partition)).toEqual(expected)
  }, 180_000)
})
