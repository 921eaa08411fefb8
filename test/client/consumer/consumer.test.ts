// What a consumer promises, in front of a cluster in memory whose leaders move, whose logs are cut and whose replies are
// damaged at will.
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeRuntime } from 'kafka-once/runtime'
import { describe, expect, test, vi } from 'vitest'
import { Consumer } from '../../../src/client/consumer/consumer.ts'
import type { ConsumedBatch } from '../../../src/client/consumer/consumed_batch.ts'
import type { ConsumerOptions } from '../../../src/client/consumer/options.ts'
import { KafkaError } from '../../../src/client/errors.ts'
import { connectionLost, FakeCluster } from './fake_cluster.ts'

const codes = { notLeader: 6, unknownEpoch: 75, notAvailable: 78, serverError: -1, unauthorized: 29 }

function text(batch: ConsumedBatch): string[] {
  return [...batch.records()].map(({ value }) => Buffer.from(value!).toString())
}

/** Polls until `count` records came; answers their values. */
async function take(consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = []
  while (values.length < count) {
    const batches = await consumer.poll({ waitMs: 2_000 })
    if (batches.length === 0) throw new Error(`only ${values.length} of ${count} records came`)
    values.push(...batches.flatMap(text))
  }
  return values
}

async function start(cluster: FakeCluster, options: ConsumerOptions = {}, position = 0n): Promise<Consumer> {
  const consumer = new Consumer(cluster, { fetchWaitMs: 10, ...options })
  await consumer.assign([{ topic: 't', partition: 0, position }])
  return consumer
}

async function refusalOf(promise: Promise<unknown>): Promise<KafkaError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('a consumer hands out', () => {
  test('the records from its position on, in batches that say where they belong', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a', 'b', 'c'])
    await log.append(['d'])
    await using consumer = await start(cluster, {}, 1n)
    const [first, second] = await consumer.poll()
    expect(text(first!)).toEqual(['b', 'c'])
    expect(first).toMatchObject({
      topic: 't',
      partition: 0,
      count: 2,
      leaderEpoch: 0,
      topicId: cluster.topicIds.get('t')
    })
    expect([first!.baseOffset, first!.lastOffset, first!.nextOffset]).toEqual([1n, 2n, 3n])
    expect([first!.offsetAt(0), first!.offsetAt(1)]).toEqual([1n, 2n])
    expect(Buffer.from(first!.keyAt(1)!).toString()).toBe('2')
    expect([first!.timestampAt(0), first!.headersAt(0)]).toEqual([1_001, [['n', null]]])
    expect(() => first!.valueAt(-1)).toThrow(RangeError)
    expect(() => first!.valueAt(2)).toThrow(RangeError)
    expect(text(second!)).toEqual(['d'])
    expect(consumer.position('t', 0)).toBe(4n)
    expect(consumer.positionLeaderEpoch('t', 0)).toBe(0)
    expect(consumer.lag('t', 0)).toEqual({ endOffset: 4n, lastStableOffset: 4n, highWatermark: 4n })
  })

  test('compressed records, from the middle of their batch too', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      await log.append(
        Array.from({ length: 50 }, (_, i) => `${compression} ${i}`),
        { compression }
      )
    }
    await using consumer = await start(cluster, {}, 49n)
    const values = await take(consumer, 151)
    expect([values[0], values[1], values[51], values[101]]).toEqual(['gzip 49', 'snappy 0', 'lz4 0', 'zstd 0'])
  })

  test('no control record and nothing of an aborted transaction, and moves its position over them', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    const transaction = { producerId: 7n, isTransactional: true }
    await log.append(['a', 'b'], transaction)
    log.marker('ABORT', 7n)
    await log.append(['c'], transaction)
    log.marker('COMMIT', 7n)
    await log.append(['d'], transaction)
    log.marker('ABORT', 7n)
    log.aborted = [5n, 0n].map((firstOffset) => ({ producerId: 7n, firstOffset }))
    await using committed = await start(cluster)
    expect(await take(committed, 1)).toEqual(['c'])
    expect(await committed.poll({ waitMs: 20 })).toEqual([])
    expect(committed.position('t', 0)).toBe(7n)
    await using uncommitted = await start(cluster, { isolationLevel: 'read_uncommitted' })
    expect(await take(uncommitted, 4)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('every partition, although each reply has room for one batch only', async () => {
    const cluster = new FakeCluster()
    cluster.createTopic('t', 3)
    for (let round = 0; round < 4; round++) {
      for (let partition = 0; partition < 3; partition++)
        await cluster.log('t', partition).append([`${partition}-${round}`])
    }
    await using consumer = new Consumer(cluster, { fetchWaitMs: 10, fetchBytesMax: 1, partitionFetchBytesMax: 1 })
    await consumer.assign([0, 1, 2].map((partition) => ({ topic: 't', partition, position: 'earliest' })))
    const values = await take(consumer, 12)
    for (let partition = 0; partition < 3; partition++) {
      const own = values.filter((value) => value.startsWith(`${partition}-`))
      expect(own).toEqual([0, 1, 2, 3].map((round) => `${partition}-${round}`))
    }
  })

  test('batches in a loop that ends when the consumer is closed', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a'])
    const consumer = await start(cluster)
    const seen: string[] = []
    const loop = (async () => {
      for await (const batch of consumer.batches()) seen.push(...text(batch))
    })()
    const seenAll = (count: number) => vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 10_000 })
    await seenAll(1)
    await log.append(['b'])
    await seenAll(2)
    await consumer.close()
    await loop
    expect(seen).toEqual(['a', 'b'])
    expect(cluster.closedChannels).toHaveLength(1)
  })

  test('records one by one, and keeps those that a loop did not take for the next one', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a', 'b', 'c'])
    await log.append(['d'])
    await using consumer = await start(cluster)
    const seen: string[] = []
    const takeUntil = async (last: string): Promise<void> => {
      for await (const record of consumer) {
        seen.push(
          `${record.copy().topic}:${record.partition}@${record.offset}=${Buffer.from(record.value!).toString()}`
        )
        if (seen.at(-1)!.endsWith(last)) break
      }
    }
    await takeUntil('b')
    expect(consumer.position('t', 0)).toBe(2n)
    await takeUntil('d')
    expect(seen).toEqual(['t:0@0=a', 't:0@1=b', 't:0@2=c', 't:0@3=d'])
  })
})

describe('a consumer goes on by itself', () => {
  test('when the leader moves, without losing or repeating a record', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await using consumer = await start(cluster)
    const expected: string[] = []
    const seen: string[] = []
    for (let round = 0; round < 20; round++) {
      await log.append([`r${round}`])
      expected.push(`r${round}`)
      log.elect(1 + (round % 3))
      if (round % 2 === 0) seen.push(...(await take(consumer, 1)))
    }
    seen.push(...(await take(consumer, 20 - seen.length)))
    expect(seen).toEqual(expected)
    expect(cluster.count('OffsetForLeaderEpoch')).toBeGreaterThan(0)
  })

  test.each(Object.entries(codes).filter(([name]) => name !== 'unauthorized'))(
    'when the broker refuses for a while: %s',
    async (_name, code) => {
      const cluster = new FakeCluster()
      const log = cluster.createTopic('t')
      const told: string[] = []
      Object.assign(cluster.logger, { info: told.push, warn: told.push, error: told.push })
      log.refusals.push(code, code)
      await log.append(['a'])
      await using consumer = await start(cluster)
      expect(await take(consumer, 1)).toEqual(['a'])
      expect(told).toEqual([])
    }
  )

  test('when connections break, telling it at debug only', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t').append(['a'])
    let failures = 3
    const told: string[] = []
    cluster.logger.debug = (message) => told.push(message)
    cluster.beforeReply = (api) => {
      if (api === 'Fetch' && failures-- > 0) throw connectionLost()
    }
    await using consumer = await start(cluster)
    expect(await take(consumer, 1)).toEqual(['a'])
    expect(told.length).toBeGreaterThanOrEqual(3)
  })

  test('when the log was cut behind what it had handed out', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const value of ['a', 'b', 'c']) await log.append([value])
    await using consumer = await start(cluster)
    const batches = consumer.batches()
    expect(text((await batches.next()).value!)).toEqual(['a'])
    // `b` and `c` were fetched ahead; the new leader never had `c`.
    log.elect(2, 2n)
    await log.append(['C'])
    await vi.waitFor(() => expect(cluster.count('OffsetForLeaderEpoch')).toBeGreaterThan(0), { timeout: 10_000 })
    await sleep(50)
    expect(text((await batches.next()).value!)).toEqual(['b'])
    expect(text((await batches.next()).value!)).toEqual(['C'])
    await batches.return()
  })
})

describe('a consumer never moves silently', () => {
  test('out of a log that begins later: it says so with the numbers', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a', 'b'])
    log.startOffset = 1n
    await using consumer = await start(cluster)
    const error = await refusalOf(consumer.poll({ waitMs: 2_000 }))
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', kafkaCode: 1, retriable: false })
    expect(error.reason).toContain('holds offsets 1 to 2, position 0 is outside')
    // Told again, until somebody seeks.
    expect(await refusalOf(consumer.poll({ waitMs: 2_000 }))).toBe(error)
    await consumer.seek('t', 0, 'earliest')
    expect(consumer.position('t', 0)).toBe(1n)
    expect(await take(consumer, 1)).toEqual(['b'])
  })

  test.each([
    ['earliest', ['b']],
    ['latest', []]
  ] as const)('but resets where offsetReset is %s', async (offsetReset, expected) => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a'])
    await log.append(['b'])
    log.batches.shift()
    log.startOffset = 1n
    await using consumer = await start(cluster, { offsetReset }, 99n)
    const seen: string[] = []
    while (consumer.position('t', 0) !== 2n) seen.push(...(await consumer.poll({ waitMs: 30 })).flatMap(text))
    expect(seen).toEqual(expected)
    await consumer.seek('t', 0, offsetReset)
    expect(await take(consumer, expected.length)).toEqual(expected)
    expect(await consumer.poll({ waitMs: 30 })).toEqual([])
  })

  test('back to the end of a truncated log: it names epoch and offsets', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const value of ['a', 'b', 'c']) await log.append([value])
    await using consumer = await start(cluster)
    expect(await take(consumer, 3)).toEqual(['a', 'b', 'c'])
    log.elect(2, 1n)
    await log.append(['B'])
    const error = await refusalOf(consumer.poll({ waitMs: 2_000 }))
    expect(error.code).toBe('LOG_TRUNCATED')
    expect(error.reason).toContain('read up to offset 3 in leader epoch 0, but its leader now ends epoch 0 at offset 1')
  })

  test('but goes on there where a reset is allowed', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const value of ['a', 'b', 'c']) await log.append([value])
    await using consumer = await start(cluster, { offsetReset: 'latest' })
    expect(await take(consumer, 3)).toEqual(['a', 'b', 'c'])
    log.elect(2, 1n)
    await log.append(['B', 'C'])
    expect(await take(consumer, 2)).toEqual(['B', 'C'])
  })

  test('into a log that was truncated before it began', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await log.append(['a'])
    log.elect(1)
    await log.append(['b'])
    await using consumer = new Consumer(cluster, { fetchWaitMs: 10 })
    const assignment = { topic: 't', partition: 0, position: 2n, leaderEpoch: 0 }
    expect(await refusalOf(consumer.assign([assignment]))).toMatchObject({ code: 'LOG_TRUNCATED' })
    expect(consumer.position('t', 0)).toBeUndefined()
    await consumer.assign([{ ...assignment, position: 1n }])
    expect(await take(consumer, 1)).toEqual(['b'])
  })

  test('into a topic that was recreated, neither at the start nor later', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t').append(['a', 'b'])
    await using consumer = await start(cluster)
    expect(await take(consumer, 2)).toEqual(['a', 'b'])
    const topicId = cluster.topicIds.get('t')!
    cluster.deleteTopic('t')
    await cluster.createTopic('t', 1, 'another-id------------').append(['x', 'y', 'z'])
    expect(await refusalOf(consumer.poll({ waitMs: 2_000 }))).toMatchObject({ code: 'TOPIC_RECREATED' })
    await using next = new Consumer(cluster)
    const assigned = next.assign([{ topic: 't', partition: 0, position: 2n, topicId }])
    expect(await refusalOf(assigned)).toMatchObject({ code: 'TOPIC_RECREATED' })
  })

  test('but begins anew in a recreated topic where a reset is allowed', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t').append(['a', 'b'])
    await using consumer = await start(cluster, { offsetReset: 'earliest' })
    expect(await take(consumer, 2)).toEqual(['a', 'b'])
    cluster.deleteTopic('t')
    await cluster.createTopic('t', 1, 'another-id------------').append(['x', 'y', 'z'])
    expect(await take(consumer, 3)).toEqual(['x', 'y', 'z'])
  })

  test('on from a topic that is gone', async () => {
    // The clock runs fast, so that half a minute passes in a moment.
    const cluster = new FakeCluster({ monotonicMs: () => performance.now() * 500 })
    await cluster.createTopic('t').append(['a'])
    await using consumer = await start(cluster)
    expect(await take(consumer, 1)).toEqual(['a'])
    cluster.deleteTopic('t')
    const error = await refusalOf(consumer.poll())
    expect(error).toMatchObject({ code: 'BROKER_ERROR', kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false })
  })

  test('past a damaged batch: it names the place, after everything before it', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const value of ['a', 'b', 'c']) await log.append([value])
    log.batches[1]!.bytes[65]! ^= 1
    await using consumer = await start(cluster)
    expect(await take(consumer, 1)).toEqual(['a'])
    const error = await refusalOf(consumer.poll({ waitMs: 2_000 }))
    expect(error).toMatchObject({ code: 'CORRUPT_BATCH', fatal: true })
    expect(error.reason).toContain('t:0 cannot be read at offset 1')
    await consumer.seek('t', 0, 2n)
    expect(await take(consumer, 1)).toEqual(['c'])
  })

  test('on when it may not read, and a busy partition does not hide that', async () => {
    const cluster = new FakeCluster()
    cluster.createTopic('t', 2)
    cluster.log('t', 1).refusals.push(codes.unauthorized)
    for (let i = 0; i < 100; i++) await cluster.log('t').append(['a'])
    await using consumer = new Consumer(cluster, { fetchWaitMs: 10, partitionFetchBytesMax: 100 })
    await consumer.assign([0, 1].map((partition) => ({ topic: 't', partition, position: 0n })))
    const reading = (async () => {
      for (;;) await consumer.poll({ waitMs: 2_000 })
    })()
    expect(await refusalOf(reading)).toMatchObject({ kafkaName: 'TOPIC_AUTHORIZATION_FAILED', retriable: false })
    consumer.removeAssignments([{ topic: 't', partition: 1 }])
    expect((await consumer.poll({ waitMs: 2_000 })).length).toBeGreaterThan(0)
  })

  test('on when a broker sends a batch cut off and nothing else', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t').append(['a'])
    cluster.onFetched = (partition) => ({ ...partition, records: partition.records?.subarray(0, 40) ?? null })
    await using consumer = await start(cluster)
    expect(await refusalOf(consumer.poll({ waitMs: 2_000 }))).toMatchObject({ code: 'PROTOCOL_VIOLATION' })
  })
})

describe('a consumer does what it is told', () => {
  test('pausing and resuming, also while paused partitions fill the buffer', async () => {
    const cluster = new FakeCluster()
    cluster.createTopic('t', 2)
    for (let i = 0; i < 50; i++) {
      await cluster.log('t', 0).append([`0-${i}`.padEnd(1_000)])
      await cluster.log('t', 1).append([`1-${i}`.padEnd(1_000)])
    }
    await using consumer = new Consumer(cluster, { fetchWaitMs: 10, bufferedBytesMax: 8_000 })
    await consumer.assign([0, 1].map((partition) => ({ topic: 't', partition, position: 0n })))
    await sleep(30)
    consumer.pause([{ topic: 't', partition: 0 }])
    const second = await take(consumer, 50)
    expect(second.map((value) => value.trim())).toEqual(Array.from({ length: 50 }, (_, i) => `1-${i}`))
    expect(consumer.position('t', 0)).toBe(0n)
    consumer.resume([{ topic: 't', partition: 0 }])
    const first = await take(consumer, 50)
    expect(first.map((value) => value.trim())).toEqual(Array.from({ length: 50 }, (_, i) => `0-${i}`))
    expect(() => consumer.pause([{ topic: 't', partition: 9 }])).toThrow('t:9 is not assigned')
  })

  test('seeking while a fetch from the old position is on its way', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (const value of ['a', 'b', 'c']) await log.append([value])
    let release: (() => void) | undefined
    cluster.beforeReply = (api) => {
      if (api === 'Fetch') return new Promise<void>((resolve) => (release = resolve))
      return undefined
    }
    await using consumer = await start(cluster)
    await sleep(5)
    await consumer.seek('t', 0, 2n)
    cluster.beforeReply = () => {}
    release?.()
    expect(await take(consumer, 1)).toEqual(['c'])
  })

  test('changing the assignment while a fetch is on its way', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t', 2).append(['a'])
    await cluster.log('t', 1).append(['b'])
    await using consumer = await start(cluster)
    await sleep(5)
    consumer.removeAssignments([{ topic: 't', partition: 0 }])
    await consumer.addAssignments([{ topic: 't', partition: 1, position: 'earliest' }])
    expect(await take(consumer, 1)).toEqual(['b'])
    const twice = consumer.addAssignments([{ topic: 't', partition: 1, position: 0n }])
    expect(await refusalOf(twice)).toMatchObject({ code: 'INVALID_STATE' })
    await consumer.assign([{ topic: 't', partition: 0, position: 0n }])
    expect(await take(consumer, 1)).toEqual(['a'])
    expect(consumer.position('t', 1)).toBeUndefined()
  })

  test('fetching no more than its buffer holds while nobody reads', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    for (let i = 0; i < 200; i++) await log.append(['x'.repeat(1_000)])
    let sentBytes = 0
    cluster.onFetched = (partition) => {
      sentBytes += partition.records?.length ?? 0
      return partition
    }
    await using consumer = await start(cluster, { bufferedBytesMax: 20_000, partitionFetchBytesMax: 5_000 })
    await vi.waitFor(() => expect(sentBytes).toBeGreaterThanOrEqual(10_000), { timeout: 10_000 })
    await sleep(100)
    expect(sentBytes).toBeLessThanOrEqual(20_000)
    expect((await take(consumer, 200)).length).toBe(200)
  })

  test('beginning at committed offsets, or where offsetReset says', async () => {
    const cluster = new FakeCluster()
    await cluster.createTopic('t', 2).append(['a', 'b'])
    cluster.committed.set('t:0', { offset: 1n, leaderEpoch: 0 })
    const committed = [0, 1].map((partition) => ({ topic: 't', partition, position: 'committed' as const }))
    await using strict = new Consumer(cluster, { fetchWaitMs: 10, groupId: 'g' })
    const error = await refusalOf(strict.assign(committed))
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    expect(error.reason).toBe('Group g has no committed offset for partition t:1.')
    await strict.assign(committed.slice(0, 1))
    expect(await take(strict, 1)).toEqual(['b'])
    await using lenient = new Consumer(cluster, { fetchWaitMs: 10, groupId: 'g', offsetReset: 'earliest' })
    await lenient.assign(committed)
    expect([lenient.position('t', 0), lenient.position('t', 1)]).toEqual([1n, 0n])
    expect(await lenient.committedOffsets(committed)).toEqual(
      new Map([['t:0', { offset: 1n, leaderEpoch: 0, metadata: '' }]])
    )
  })

  test('waiting as long as it may, and no longer than its signal lets it', async () => {
    const cluster = new FakeCluster()
    cluster.createTopic('t')
    await using consumer = await start(cluster)
    expect(await consumer.poll({ waitMs: 0 })).toEqual([])
    const aborting = new AbortController()
    const waiting = consumer.poll({ signal: aborting.signal })
    expect(await refusalOf(consumer.poll())).toMatchObject({ code: 'INVALID_STATE' })
    aborting.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    // Also one that aborts before the waiting has begun.
    const early = new AbortController()
    const refused = consumer.poll({ waitMs: 5_000, signal: early.signal })
    early.abort(new Error('at once'))
    await expect(refused).rejects.toThrow('at once')
    const last = consumer.poll()
    await consumer.close()
    expect(await last).toEqual([])
    expect(await refusalOf(consumer.poll())).toMatchObject({ code: 'CLOSED' })
    expect(await refusalOf(consumer.assign([]))).toMatchObject({ code: 'CLOSED' })
  })

  test('until it is woken, or not at all where that was before', async () => {
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    await using consumer = await start(cluster)
    const waiting = consumer.poll()
    consumer.wake()
    expect(await waiting).toEqual([])
    consumer.wake()
    expect(await consumer.poll()).toEqual([])
    // Each time for one poll only.
    const next = consumer.poll({ waitMs: 2_000 })
    await log.append(['a'])
    expect((await next).flatMap(text)).toEqual(['a'])
  })

  test('refusing what makes no sense, by name', async () => {
    const cluster = new FakeCluster()
    cluster.createTopic('t')
    expect(() => new Consumer(cluster, Object.assign({ groupId: 'g' }, { maxBytes: 1 }))).toThrow('maxBytes')
    expect(() => new Consumer(cluster, { fetchBytesMin: 2, fetchBytesMax: 1 })).toThrow('fetchBytesMin')
    await using consumer = new Consumer(cluster)
    const bad = [
      [{ topic: 't', partition: 0, position: 'committed' }, 'groupId'],
      [{ topic: 't', partition: -1, position: 0n }, 'partition is -1'],
      [{ topic: 't', partition: 0, position: -1n }, 'position is -1n'],
      [{ topic: 't', partition: 0, position: { timestampMs: 0.5 } }, 'position is an object'],
      [{ topic: '', partition: 0, position: 0n }, 'topic is ""']
    ] as const
    for (const [assignment, reason] of bad) {
      const error = await refusalOf(consumer.assign([assignment]))
      expect(error).toMatchObject({ code: 'INVALID_OPTION' })
      expect(error.reason).toContain(reason)
    }
    // As a program without types may call it.
    const loose: { [Name in 'assign' | 'poll' | 'seek']: (...given: unknown[]) => unknown } = Object.assign(
      Object.create(null),
      {
        assign: consumer.assign.bind(consumer),
        poll: consumer.poll.bind(consumer),
        seek: consumer.seek.bind(consumer)
      }
    )
    const place = { topic: 't', partition: 0 }
    for (const [call, reason] of [
      [() => loose.assign(), 'undefined, but must be an array'],
      [() => loose.assign([null]), 'must be an object, not null'],
      [() => loose.assign([{ ...place, offset: 4n, position: 0n }]), 'offset (given as 4n) is not an option'],
      [() => loose.assign([{ ...place, position: 0 }]), 'position is 0, but must be a bigint'],
      [() => loose.assign([{ ...place, position: 0n, topicId: 'x' }]), 'the 22 characters'],
      [() => loose.assign([], { timeoutMs: 5 }), 'timeoutMs'],
      [() => loose.poll({ waitMs: '5' }), 'waitMs is "5"'],
      [() => loose.poll({ signal: 'now' }), 'signal is "now"'],
      [() => loose.poll({ timeoutMs: 5 }), 'timeoutMs'],
      [() => loose.seek('t', 0, 'start'), 'position is "start"'],
      [() => loose.seek('t', 0, 0n, { deadlineMs: 0 }), 'deadlineMs is 0']
    ] as const) {
      const error = await refusalOf(Promise.resolve(call()))
      expect(error).toMatchObject({ code: 'INVALID_OPTION' })
      expect(error.reason).toContain(reason)
    }
    const twice = { topic: 't', partition: 0, position: 0n }
    expect((await refusalOf(consumer.assign([twice, twice]))).reason).toContain('t:0 is given twice')
    expect(await refusalOf(consumer.commitOffsets([]))).toMatchObject({ code: 'INVALID_STATE' })
  })

  test('leaving no timer behind when it is closed', async () => {
    const runtime = nodeRuntime()
    const timers = new Set<object>()
    const cluster = new FakeCluster({
      setTimer: (delayMs, fire) => {
        const timer = runtime.setTimer(delayMs, () => {
          timers.delete(own)
          fire()
        })
        const own = {
          cancel: () => {
            timers.delete(own)
            timer.cancel()
          }
        }
        timers.add(own)
        return own
      }
    })
    const log = cluster.createTopic('t')
    log.refusals.push(...Array.from({ length: 50 }, () => codes.notAvailable))
    const consumer = await start(cluster)
    const polling = consumer.poll({ waitMs: 60_000 })
    await sleep(10)
    await consumer.close()
    await polling
    expect(timers.size).toBe(0)
  })
})
