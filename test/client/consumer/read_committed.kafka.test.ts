// read_committed on a real Kafka hands out exactly what was committed: the scenarios in which other clients leak, and any
// interleaving of producers, judged by kcat, by Kafka's own consumer and by the control records in the log.
import fc from 'fast-check'
import { Kafka } from 'kafka-once'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstOpenOffset, readCommitted, scanTopic } from '../../broker/log_scan.ts'
import { kcatMissing, readWithJava, readWithKcat } from '../../broker/peers.ts'
import { describeKafka } from '../../broker/real_kafka.ts'
import { everyPartition, makeTopic, ownName, places, readToEnd, transact } from './reading.ts'

describeKafka('read_committed', ({ bootstrap }) => {
  let kafka: Kafka
  beforeAll(() => {
    kafka = new Kafka({ brokers: bootstrap.split(',') })
  })
  afterAll(() => kafka.close())

  const keysOf = async (topic: string, options = {}): Promise<string[]> => {
    const records = await readToEnd(kafka, topic, everyPartition(topic, 1, 'earliest'), options)
    return records.map(({ key }) => key)
  }

  test('hides A and C of one producer that aborts A, commits B, aborts C and commits D within one fetch', async () => {
    const topic = await makeTopic(kafka, 'abcd')
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('abcd') })
    const three = (name: string) => [1, 2, 3].map((i) => ({ topic, partition: 0, key: `${name}${i}`, value: name }))
    await transact(producer, three('A'), 'abort')
    await transact(producer, three('B'), 'commit')
    await transact(producer, three('C'), 'abort')
    await transact(producer, three('D'), 'commit')
    expect(await keysOf(topic)).toEqual(['B1', 'B2', 'B3', 'D1', 'D2', 'D3'])
    expect((await keysOf(topic, { isolationLevel: 'read_uncommitted' })).length).toBe(12)
    // From any offset on, the same.
    for (let from = 0n; from <= 16n; from++) {
      const records = await readToEnd(kafka, topic, [{ topic, partition: 0, position: from }])
      const expected = [4n, 5n, 6n, 12n, 13n, 14n].filter((offset) => offset >= from)
      expect(records.map(({ offset }) => offset)).toEqual(expected)
    }
  })

  test('hides an aborted transaction of 1.2 MB whose marker arrives in a later fetch', async () => {
    const topic = await makeTopic(kafka, 'large')
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('large') })
    const message = (key: string, size: number) => ({ topic, partition: 0, key, value: Buffer.alloc(size, key) })
    await transact(
      producer,
      [1, 2, 3, 4, 5, 6].map((i) => message(`aborted${i}`, 200_000)),
      'abort'
    )
    await transact(producer, [message('kept1', 100), message('kept2', 100)], 'commit')
    for (const bytes of [450_000, 1]) {
      const options = { fetchBytesMax: bytes, partitionFetchBytesMax: bytes }
      expect(await keysOf(topic, options)).toEqual(['kept1', 'kept2'])
      expect((await keysOf(topic, { ...options, isolationLevel: 'read_uncommitted' })).length).toBe(8)
    }
  })

  test('stays before an open transaction and goes on when it ends', async () => {
    const topic = await makeTopic(kafka, 'open')
    await using producer = kafka.transactionalProducer({ transactionalId: ownName('open') })
    await using plain = kafka.producer()
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, partition: 0, key: 'in', value: '' })
    await plain.send({ topic, partition: 0, key: 'after', value: '' })
    await using consumer = kafka.consumer({ fetchWaitMs: 20 })
    await consumer.assign(everyPartition(topic, 1, 'earliest'))
    do expect(await consumer.poll({ waitMs: 100 })).toEqual([])
    while (consumer.lag(topic, 0) === undefined)
    expect(consumer.lag(topic, 0)).toEqual({ endOffset: 0n, lastStableOffset: 0n, highWatermark: 2n })
    await transaction.commit()
    const keys: string[] = []
    while (keys.length < 2) {
      for (const batch of await consumer.poll({ waitMs: 5_000 })) {
        for (const { key } of batch.records()) keys.push(Buffer.from(key!).toString())
      }
    }
    expect(keys).toEqual(['in', 'after'])
  })

  test('reads what kcat, Java and the control records say, for any interleaving and any size of fetch', async () => {
    const partitions = 3
    const topic = await makeTopic(kafka, 'any', partitions)
    const producers = [0, 1, 2].map(() => kafka.transactionalProducer({ transactionalId: ownName('any') }))
    await using plain = kafka.producer()
    const choices = fc.record({
      producer: fc.nat(2),
      partition: fc.nat(partitions - 1),
      size: fc.constantFrom(0, 10, 1_000, 30_000),
      step: fc.constantFrom('go on', 'go on', 'go on', 'commit', 'abort', 'plain')
    })
    const steps = fc.sample(fc.array(choices, { minLength: 150, maxLength: 150, size: 'max' }), {
      numRuns: 1,
      seed: 7
    })[0]!
    const open = new Map<number, ReturnType<(typeof producers)[number]['beginTransaction']>>()
    for (const [i, { producer, partition, size, step }] of steps.entries()) {
      const message = { topic, partition, key: `k${i}`, value: Buffer.alloc(size, 'x') }
      if (step === 'plain') {
        await plain.send(message)
        continue
      }
      const transaction = open.get(producer) ?? producers[producer]!.beginTransaction()
      open.set(producer, transaction)
      await transaction.send(message)
      if (step === 'go on') continue
      open.delete(producer)
      await (step === 'commit' ? transaction.commit() : transaction.abort())
    }
    for (const transaction of open.values()) await transaction.commit()
    await Promise.all(producers.map((producer) => producer.close()))

    // A commit is answered before its markers are written.
    const openAt = async () => (await scanTopic(bootstrap, topic)).map(firstOpenOffset)
    await expect.poll(openAt).toEqual(Array.from({ length: partitions }, () => undefined))
    const judged = places(await readCommitted(bootstrap, topic))
    expect(judged.length).toBeGreaterThan(50)
    if ((await kcatMissing()) === undefined) expect(places(await readWithKcat(bootstrap, topic))).toEqual(judged)
    expect(places(await readWithJava(bootstrap, topic))).toEqual(judged)
    for (const partitionFetchBytesMax of [1, 5_000, 70_000, 1_000_000]) {
      const records = await readToEnd(kafka, topic, everyPartition(topic, partitions, 'earliest'), {
        partitionFetchBytesMax,
        fetchBytesMax: partitionFetchBytesMax * 2
      })
      expect(places(records)).toEqual(judged)
    }
  })
})
