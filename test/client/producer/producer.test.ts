// What the idempotent producer promises besides order: how records are gathered, what waits for what, which limits hold,
// and that every failure says what it is and leaves the producer usable.
import { describe, expect, test } from 'vitest'
import { KafkaError } from '../../../src/client/errors.ts'
import { Producer } from '../../../src/client/producer/index.ts'
import type { ProducerMessage, ProducerOptions } from '../../../src/client/producer/index.ts'
import { FakeCluster } from './fake_cluster.ts'
import { seededRandom, VirtualTime } from './virtual_runtime.ts'

function world(options?: ProducerOptions, topics: Readonly<Record<string, number>> = { a: 3 }) {
  const random = seededRandom(1)
  const time = new VirtualTime(random)
  const cluster = new FakeCluster(time.runtime, topics)
  return { time, cluster, producer: new Producer(cluster, options) }
}

function messages(count: number, bytes = 10, topic = 'a'): ProducerMessage[] {
  return Array.from({ length: count }, (_, n) => ({ topic, partition: 0, value: String(n).padEnd(bytes, '.') }))
}

function throwing(): never {
  throw new Error('no luck')
}

async function failure(work: Promise<unknown>): Promise<KafkaError> {
  const error: unknown = await work.catch((reason: unknown) => reason)
  if (error instanceof KafkaError) return error
  throw new Error(`A KafkaError was expected, not ${String(error)}`)
}

describe('gathering', () => {
  test('many records of one call go into one batch', async () => {
    const { time, cluster, producer } = world()
    const result = await time.run(producer.send(messages(100)))
    expect(result).toEqual([{ topic: 'a', partition: 0, baseOffset: 0n, count: 100 }])
    expect(cluster.partition('a', 0).batchSizes).toEqual([100])
  })

  test('calls of one turn go into one batch, and each is told its own offsets', async () => {
    const { time, cluster, producer } = world()
    const calls = messages(5).map((message) => producer.send(message))
    const results = await time.run(Promise.all(calls))
    expect(results.map(([one]) => [one?.baseOffset, one?.count])).toEqual([0n, 1n, 2n, 3n, 4n].map((at) => [at, 1]))
    expect(cluster.partition('a', 0).batchSizes).toEqual([5])
  })

  test('one request to a broker carries batches of all its partitions', async () => {
    const { time, cluster, producer } = world({}, { a: 4, b: 4 })
    const everywhere = ['a', 'b'].flatMap((topic) =>
      [0, 1, 2, 3].map((partition) => ({ topic, partition, value: 'v' }))
    )
    await time.run(producer.send(everywhere))
    cluster.requests.splice(0)
    await time.run(producer.send(everywhere))
    expect(cluster.requests.map(({ batches }) => batches)).toEqual([4, 4])
  })

  test('no batch is larger than batchBytesMax', async () => {
    const { time, cluster, producer } = world({ batchBytesMax: 500 })
    cluster.batchBytesMax = 500
    await time.run(producer.send(messages(200, 30)))
    const { batchSizes, values } = cluster.partition('a', 0)
    expect(values).toHaveLength(200)
    expect(Math.max(...batchSizes)).toBeGreaterThan(5)
  })

  test('a larger record gets a batch of its own, up to requestBytesMax', async () => {
    const { time, cluster, producer } = world({ batchBytesMax: 500, requestBytesMax: 5_000 })
    const sizes = [10, 4_000, 10]
    await time.run(producer.send(sizes.map((bytes) => ({ topic: 'a', partition: 0, value: 'x'.repeat(bytes) }))))
    expect(cluster.partition('a', 0).values.map(({ length }) => length)).toEqual(sizes)
    const error = await failure(time.run(producer.send({ topic: 'a', partition: 0, value: 'x'.repeat(5_000) })))
    expect(error.code).toBe('RECORD_TOO_LARGE')
    expect(error.message).toContain('topic a')
    expect(error.nextStep).toContain('requestBytesMax')
    await time.run(producer.send({ topic: 'a', partition: 0, value: 'after' }))
    expect(cluster.partition('a', 0).values.at(-1)).toBe('after')
  })

  test('a batch that the broker finds too large arrives in smaller ones', async () => {
    const { time, cluster, producer } = world()
    cluster.batchBytesMax = 400
    const results = await time.run(Promise.all(messages(60).map((message) => producer.send(message))))
    expect(results.map(([one]) => one?.baseOffset)).toEqual(Array.from({ length: 60 }, (_, n) => BigInt(n)))
    const error = await failure(time.run(producer.send({ topic: 'a', partition: 0, value: 'x'.repeat(1_000) })))
    expect(error.kafkaName).toBe('MESSAGE_TOO_LARGE')
  })

  test('records without a key go to all partitions in turn, those with a key to one', async () => {
    const { time, cluster, producer } = world({}, { a: 3 })
    for (let n = 0; n < 60; n++) await time.run(producer.send({ topic: 'a', value: String(n) }))
    for (const partition of [0, 1, 2]) expect(cluster.partition('a', partition).values.length).toBeGreaterThan(5)
    const before = [0, 1, 2].map((partition) => cluster.partition('a', partition).values.length)
    for (let n = 0; n < 10; n++) await time.run(producer.send({ topic: 'a', key: 'k', value: String(n) }))
    const grown = [0, 1, 2].filter((partition) => cluster.partition('a', partition).values.length > before[partition]!)
    expect(grown).toHaveLength(1)
  })
})

describe('waiting', () => {
  test('a single record is not held back while nothing is under way', async () => {
    const { time, producer } = world({ lingerMs: 1_000 })
    await time.run(producer.send(messages(1)))
    const before = time.runtime.monotonicMs()
    await time.run(producer.send(messages(1)))
    expect(time.runtime.monotonicMs() - before).toBeLessThan(5)
  })

  test('never more than inFlightRequestsMax requests are under way to a broker', async () => {
    for (const inFlightRequestsMax of [1, 2, 5]) {
      const { time, cluster, producer } = world({ inFlightRequestsMax, batchBytesMax: 200, lingerMs: 0 })
      await time.run(producer.send(messages(200)))
      expect(cluster.inFlightMax).toBeLessThanOrEqual(inFlightRequestsMax)
      expect(cluster.requests.length).toBeGreaterThan(20)
      if (inFlightRequestsMax > 1) expect(cluster.inFlightMax).toBeGreaterThan(1)
    }
  })

  test('a full buffer makes callers wait and keeps their order', async () => {
    const { time, cluster, producer } = world({ bufferBytesMax: 2_000, batchBytesMax: 400 })
    const calls = messages(500, 30).map((message) => producer.send(message))
    await time.run(Promise.all(calls))
    expect(cluster.partition('a', 0).values.map(Number.parseFloat)).toEqual(Array.from({ length: 500 }, (_, n) => n))
  })

  test('flush waits for all that was sent before', async () => {
    const { time, cluster, producer } = world({ lingerMs: 500 })
    for (const message of messages(50)) void producer.send(message)
    await time.run(producer.flush())
    expect(cluster.partition('a', 0).values).toHaveLength(50)
  })

  test('close delivers what was sent, and refuses what comes later', async () => {
    const { time, cluster, producer } = world()
    const sent = producer.send(messages(10))
    await time.run(producer.close())
    expect(cluster.partition('a', 0).values).toHaveLength(10)
    await sent
    expect((await failure(producer.send(messages(1)))).code).toBe('CLOSED')
  })

  test('a signal ends the waiting', async () => {
    const { time, cluster, producer } = world()
    cluster.fateOf = () => ({ kind: 'fine', delayMs: 1_000 })
    const controller = new AbortController()
    const sent = producer.send(messages(1), { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(time.run(sent)).rejects.toThrow('enough')
  })
})

describe('failing', () => {
  test('a topic that nobody knows is asked for a while and then named', async () => {
    const { time, producer } = world()
    const before = time.runtime.monotonicMs()
    const error = await failure(time.run(producer.send({ topic: 'typo', value: 'v' })))
    expect(error.message).toContain('typo')
    const tookMs = time.runtime.monotonicMs() - before
    expect(tookMs).toBeGreaterThan(5_000)
    expect(tookMs).toBeLessThan(20_000)
    await time.run(producer.send(messages(1)))
  })

  test('a topic that comes to be meanwhile is written to', async () => {
    const { time, cluster, producer } = world()
    const sent = producer.send(messages(3, 10, 'late'))
    await time.run(time.runtime.sleep(2_000))
    Object.assign(cluster, { partitions: new FakeCluster(time.runtime, { late: 1 }).partitions })
    cluster.topicIds.set('late', Buffer.from('late............').toString('base64url'))
    expect(await time.run(sent)).toEqual([{ topic: 'late', partition: 0, baseOffset: 0n, count: 3 }])
  })

  test('a partition that the topic does not have is named with the number it has', async () => {
    const { time, producer } = world()
    const error = await failure(time.run(producer.send({ topic: 'a', partition: 7, value: 'v' })))
    expect(error.message).toContain('partition 7 of topic a')
    expect(error.message).toContain('3 partitions')
    expect(error.nextStep).toContain('add partitions')
    await time.run(producer.send(messages(1)))
  })

  test.each([
    [() => 3, 'INVALID_OPTION', '3 is not a partition of topic a, which has 3'],
    [() => -1, 'INVALID_OPTION', '-1 is not a partition of topic a, which has 3'],
    [throwing, 'INVALID_STATE', 'no luck']
  ])('a partitioner that answers nonsense or throws is told at once (%#)', async (partitioner, code, reason) => {
    const { time, producer } = world({ partitioner })
    const before = time.runtime.monotonicMs()
    const error = await failure(time.run(producer.send({ topic: 'a', value: 'v' })))
    expect(error).toMatchObject({ code, reason: expect.stringContaining(reason) })
    expect(time.runtime.monotonicMs() - before).toBeLessThan(1_000)
    await time.run(producer.send(messages(1)))
  })

  test('calls with options that make no sense are refused by name', async () => {
    const { time, producer } = world()
    for (const [options, named] of [
      [{ timeoutMs: 5 }, 'timeoutMs'],
      [{ signal: 'now' }, 'signal is "now"']
    ] as const) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program without types may call it
      const wrong = options as never
      for (const call of [producer.send(messages(1), wrong), producer.flush(wrong), producer.close(wrong)]) {
        expect(await failure(call)).toMatchObject({ code: 'INVALID_OPTION', reason: expect.stringContaining(named) })
      }
    }
    await time.run(producer.send(messages(1)))
  })

  test('impossible partitions and timestamps are refused at once', async () => {
    const { time, producer } = world()
    await time.run(producer.send(messages(1)))
    for (const wrong of [{ partition: -1 }, { partition: 0.5 }, { timestamp: Number.NaN }, { timestamp: 1.5 }]) {
      const error = await failure(time.run(producer.send({ topic: 'a', partition: 0, value: 'v', ...wrong })))
      expect(error.code).toBe('INVALID_OPTION')
    }
    await time.run(producer.send(messages(1)))
  })

  test.each([
    [{ topic: 'a' }, /value of a record is undefined/],
    [{ topic: 'a', valeu: 'v' }, /value of a record is undefined/],
    [{ topic: 'a', value: 5 }, /value of a record is 5, but must be a string, a Uint8Array or null/],
    [{ topic: 'a', value: [1, 2] }, /value of a record is an array/],
    [{ topic: 'a', value: 'v', key: {} }, /key of a record is an object/],
    [
      { topic: 'a', value: 'v', headers: { name: 'x' } },
      /headers of a record is an object, but must be an array of pairs/
    ],
    [{ topic: 'a', value: 'v', headers: [[5, 'x']] }, /name of a header of a record is 5/],
    [{ topic: 'a', value: 'v', headers: [['n', 5]] }, /header of a record is 5/],
    [{ topic: 'a', value: 'v', headers: ['ab'] }, /header of a record is "ab", but must be an array of a name and/],
    [{ topic: 'a', value: 'v', headers: [7] }, /header of a record is 7/],
    [{ topic: 'a', value: 'v', headers: [['n']] }, /header of a record is an array of 1/],
    [null, /record is null, but must be an object with topic and value/],
    ['a', /record is "a", but must be an object/],
    [[undefined], /record is undefined/],
    [{ value: 'v' }, /topic of a record is undefined/]
  ])('what is no record is refused with what was meant: %j', async (given, reason) => {
    const { time, cluster, producer } = world()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program without types may call it
    const error = await failure(time.run(producer.send(given as never)))
    expect(error).toMatchObject({ code: 'INVALID_OPTION', reason: expect.stringMatching(reason) })
    expect(await time.run(producer.send({ topic: 'a', partition: 0, value: null }))).toHaveLength(1)
    expect(cluster.partition('a', 0).batchSizes).toEqual([1])
  })

  test('a record that is not acknowledged in time fails and says whether it may be stored', async () => {
    const { time, cluster, producer } = world({ deliveryTimeoutMs: 500 })
    await time.run(producer.send(messages(1)))
    cluster.fateOf = () => ({ kind: 'lostReply', delayMs: 1 })
    const unknown = await failure(time.run(producer.send(messages(1))))
    expect([unknown.code, unknown.outcomeUnknown]).toEqual(['DEADLINE_EXCEEDED', true])
    cluster.fateOf = () => ({ kind: 'fine', delayMs: 1, code: 19 })
    const known = await failure(time.run(producer.send(messages(1))))
    expect([known.code, known.outcomeUnknown, known.kafkaName]).toEqual([
      'DEADLINE_EXCEEDED',
      false,
      'NOT_ENOUGH_REPLICAS'
    ])
    cluster.fateOf = () => ({ kind: 'fine', delayMs: 1 })
    await time.run(producer.send(messages(2)))
  })

  test('a refused record fails alone', async () => {
    const { time, cluster, producer } = world()
    await time.run(producer.send(messages(1)))
    cluster.fateOf = () => ({ kind: 'fine', delayMs: 1, code: 29 })
    expect((await failure(time.run(producer.send(messages(1))))).kafkaName).toBe('TOPIC_AUTHORIZATION_FAILED')
    cluster.fateOf = () => ({ kind: 'fine', delayMs: 1 })
    await time.run(producer.send(messages(3)))
    expect(cluster.partition('a', 0).values).toHaveLength(4)
  })

  test('without a producer id sends fail with the reason, and later ones ask again', async () => {
    const { time, cluster, producer } = world()
    cluster.initCodes.push(31)
    expect((await failure(time.run(producer.send(messages(1))))).kafkaName).toBe('CLUSTER_AUTHORIZATION_FAILED')
    await time.run(producer.send(messages(1)))
    cluster.initCodes.push(15, 14)
  })

  test('no promise that nobody waits for ends the process', async () => {
    const { time, producer } = world()
    void producer.send({ topic: 'typo', value: 'v' })
    await time.run(time.runtime.sleep(30_000))
    await time.run(producer.close())
  })

  test('options are checked when they are given', () => {
    const { cluster } = world()
    const make = (options: object) => () => new Producer(cluster, options)
    expect(make({ linger: 5 })).toThrow(/linger .*lingerMs/)
    expect(make({ inFlightRequestsMax: 6 })).toThrow('inFlightRequestsMax is 6')
    expect(make({ batchBytesMax: 2_000_000, requestBytesMax: 1_000_000 })).toThrow('batchBytesMax is 2000000')
  })
})

describe('older brokers', () => {
  test('topics are named below version 13', async () => {
    for (const version of [3, 9, 12, 13]) {
      const { time, cluster, producer } = world()
      cluster.produceVersion = version
      await time.run(producer.send(messages(1)))
      expect(cluster.requests.map((request) => request.version)).toEqual([version])
    }
  })

  test('a topic without an id is written to by its name', async () => {
    const { time, cluster, producer } = world()
    cluster.topicIds.clear()
    await time.run(producer.send(messages(1)))
    expect(cluster.requests.map((request) => request.version)).toEqual([12])
  })
})
