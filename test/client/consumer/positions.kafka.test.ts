// Where reading begins and what happens to positions, on a real Kafka: each kind of start, partitions that come later,
// committed offsets, and positions that the log no longer holds.
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka } from 'kafka-once'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeKafka } from '../../broker/real_kafka.ts'
import { everyPartition, makeTopic, ownName, poll, readToEnd, refusal, transact } from './reading.ts'

describeKafka('positions', ({ bootstrap }) => {
  let kafka: Kafka
  beforeAll(() => {
    kafka = new Kafka({ brokers: bootstrap.split(',') })
  })
  afterAll(() => kafka.close())

  /** Of the first record of a topic; a broker throws away what is a week old. */
  const firstMs = Date.now() - 60_000

  const fill = async (topic: string, keys: readonly string[], partition = 0): Promise<void> => {
    await using producer = kafka.producer()
    for (const [i, key] of keys.entries()) {
      await producer.send({ topic, partition, key, value: key, timestamp: firstMs + i * 1_000 })
    }
  }

  test('begin at the earliest offset, the latest, a given one, or the first record of a time', async () => {
    const topic = await makeTopic(kafka, 'starts')
    await fill(topic, ['a', 'b', 'c', 'd'])
    await using consumer = kafka.consumer()
    const startOf = async (position: Parameters<typeof consumer.seek>[2]): Promise<bigint | undefined> => {
      await consumer.assign([{ topic, partition: 0, position }])
      return consumer.position(topic, 0)
    }
    expect(await startOf('earliest')).toBe(0n)
    expect(await startOf(3n)).toBe(3n)
    expect(await startOf({ timestampMs: firstMs + 1_500 })).toBe(2n)
    expect(await startOf({ timestampMs: firstMs + 2_000 })).toBe(2n)
    expect(await startOf({ timestampMs: firstMs + 3_001 })).toBe(4n)
    expect(await startOf('latest')).toBe(4n)
    await fill(topic, ['e'])
    expect((await poll(consumer, 5_000)).map(({ key }) => key)).toEqual(['e'])
    await consumer.seek(topic, 0, { timestampMs: 0 })
    const [first] = await poll(consumer, 5_000)
    expect(first).toMatchObject({ key: 'a', offset: 0n })
  })

  test('begin at latest, which is the last stable offset where only committed records are read', async () => {
    const topic = await makeTopic(kafka, 'latest')
    await fill(topic, ['a'])
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('latest') })
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, partition: 0, value: 'open' })
    for (const [isolationLevel, position] of [
      ['read_committed', 1n],
      ['read_uncommitted', 2n]
    ] as const) {
      await using consumer = kafka.consumer({ isolationLevel })
      await consumer.assign([{ topic, partition: 0, position: 'latest' }])
      expect(consumer.position(topic, 0)).toBe(position)
    }
    await transaction.abort()
  })

  test('are committed and read back with their metadata and leader epoch', async () => {
    const topic = await makeTopic(kafka, 'committed', 2)
    await fill(topic, ['a', 'b', 'c'])
    const groupId = ownName('group')
    await using consumer = kafka.consumer({ groupId })
    const assignments = everyPartition(topic, 2, 'committed')
    expect(await refusal(consumer.assign(assignments))).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    await consumer.commitOffsets([{ topic, partition: 0, offset: 2n, leaderEpoch: 0, metadata: 'so far' }])
    expect(await consumer.committedOffsets([...assignments, { topic, partition: 7 }])).toEqual(
      new Map([[`${topic}:0`, { offset: 2n, leaderEpoch: 0, metadata: 'so far' }]])
    )
    await consumer.assign(assignments.slice(0, 1))
    expect((await poll(consumer, 5_000)).map(({ key }) => key)).toEqual(['c'])
  })

  test('wait for a transaction that is about to change a committed offset', async () => {
    const topic = await makeTopic(kafka, 'stable')
    await fill(topic, ['a', 'b'])
    const groupId = ownName('group')
    await using consumer = kafka.consumer({ groupId })
    await consumer.commitOffsets([{ topic, partition: 0, offset: 1n }])
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('stable') })
    const transaction = producer.beginTransaction()
    await transaction.sendOffsets({ groupId, offsets: [{ topic, partition: 0, offset: 2n }] })
    let isKnown = false
    const assigned = consumer.assign([{ topic, partition: 0, position: 'committed' }]).then(() => (isKnown = true))
    await sleep(300)
    expect(isKnown).toBe(false)
    const before = await consumer.committedOffsets([{ topic, partition: 0 }], { requireStable: false })
    expect(before.get(`${topic}:0`)?.offset).toBe(1n)
    await transaction.commit()
    await assigned
    expect(consumer.position(topic, 0)).toBe(2n)
  })

  test('are refused with the numbers when the log has moved on, and reset where that is allowed', async () => {
    const topic = await makeTopic(kafka, 'moved')
    await fill(topic, ['a', 'b', 'c', 'd'])
    await kafka.admin().deleteRecords([{ topic, partition: 0, before: 2n }])
    await using strict = kafka.consumer()
    await strict.assign([{ topic, partition: 0, position: 1n }])
    const error = await refusal(strict.poll({ waitMs: 10_000 }))
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', kafkaName: 'OFFSET_OUT_OF_RANGE' })
    expect(error.reason).toContain('holds offsets 2 to 4, position 1 is outside')
    await strict.seek(topic, 0, 99n)
    expect((await refusal(strict.poll({ waitMs: 10_000 }))).reason).toContain('position 99 is outside')
    const fromStart = everyPartition(topic, 1, 1n)
    const records = await readToEnd(kafka, topic, fromStart, { offsetReset: 'earliest' })
    expect(records.map(({ key }) => key)).toEqual(['c', 'd'])
    expect(await readToEnd(kafka, topic, fromStart, { offsetReset: 'latest' })).toEqual([])
  })

  test('agree with the epochs of the leader, or are refused', async () => {
    const topic = await makeTopic(kafka, 'epochs')
    await fill(topic, ['a', 'b'])
    await using consumer = kafka.consumer()
    await consumer.assign([{ topic, partition: 0, position: 1n, leaderEpoch: 0 }])
    expect((await poll(consumer, 5_000)).map(({ key }) => key)).toEqual(['b'])
    expect(consumer.positionLeaderEpoch(topic, 0)).toBe(0)
    const tooFar = consumer.assign([{ topic, partition: 0, position: 3n, leaderEpoch: 0 }])
    expect(await refusal(tooFar)).toMatchObject({ code: 'LOG_TRUNCATED' })
    const unknown = consumer.assign([{ topic, partition: 0, position: 1n, leaderEpoch: 5 }])
    expect(await refusal(unknown)).toMatchObject({ code: 'LOG_TRUNCATED' })
  })

  test('mean nothing in a topic that was recreated', async () => {
    const topic = await makeTopic(kafka, 'recreated')
    await fill(topic, ['a', 'b'])
    await using consumer = kafka.consumer()
    await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
    const [batch] = await consumer.poll({ waitMs: 5_000 })
    expect(batch!.topicId).toMatch(/^[\w-]{22}$/)
    const { topicId } = batch!
    await kafka.admin().deleteTopics([topic])
    await sleep(200)
    await kafka.admin().createTopics([{ topic, partitionCount: 1 }])
    await fill(topic, ['x', 'y', 'z'])
    const reading = (async () => {
      for (;;) await consumer.poll({ waitMs: 20_000 })
    })()
    expect(await refusal(reading)).toMatchObject({ code: 'TOPIC_RECREATED' })
    await using later = kafka.consumer()
    const assigned = later.assign([{ topic, partition: 0, position: 1n, topicId }])
    expect(await refusal(assigned)).toMatchObject({ code: 'TOPIC_RECREATED' })
  })

  test('of a topic or partition that is not there are refused by name', async () => {
    const topic = await makeTopic(kafka, 'there')
    const assigned = async (name: string, partition: number): Promise<void> => {
      await using consumer = kafka.consumer()
      await consumer.assign([{ topic: name, partition, position: 'earliest' }])
    }
    const errors = await Promise.all([refusal(assigned(ownName('missing'), 0)), refusal(assigned(topic, 3))])
    for (const error of errors) {
      expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false })
    }
    expect(errors[1].reason).toContain(`${topic}:3`)
  })

  test('can be added for partitions that come later', async () => {
    const topic = await makeTopic(kafka, 'later')
    await fill(topic, ['a'])
    await using consumer = kafka.consumer({ fetchWaitMs: 50 })
    await consumer.assign(everyPartition(topic, 1, 'earliest'))
    expect((await poll(consumer, 5_000)).map(({ key }) => key)).toEqual(['a'])
    await kafka.admin().createPartitions([{ topic, partitionCount: 3 }])
    await fill(topic, ['c'], 2)
    await consumer.addAssignments([{ topic, partition: 2, position: 'earliest' }])
    expect(await poll(consumer, 5_000)).toMatchObject([{ partition: 2, key: 'c', offset: 0n }])
    consumer.removeAssignments([{ topic, partition: 0 }])
    expect(consumer.position(topic, 0)).toBeUndefined()
  })

  test('end a loop over records where it is left, without losing any', async () => {
    const topic = await makeTopic(kafka, 'loop')
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('loop') })
    await transact(
      producer,
      ['a', 'b', 'c'].map((key) => ({ topic, partition: 0, key, value: key })),
      'commit'
    )
    await using consumer = kafka.consumer()
    await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
    const keys: string[] = []
    for (let round = 0; round < 3; round++) {
      for await (const { key } of consumer) {
        keys.push(Buffer.from(key!).toString())
        break
      }
    }
    expect(keys).toEqual(['a', 'b', 'c'])
  })
})
