// What an idempotent producer promises whatever happens on the way: every acknowledged record is stored once, and the
// records of a partition are stored in the order in which they were sent.
import fc from 'fast-check'
import { codecByName, registerCodec } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import { KafkaError } from '../../../src/client/errors.ts'
import { Producer } from '../../../src/client/producer/index.ts'
import type { ProducerOptions } from '../../../src/client/producer/index.ts'
import { FakeCluster } from './fake_cluster.ts'
import type { RequestFate } from './fake_cluster.ts'
import { seededRandom, VirtualTime } from './virtual_runtime.ts'

interface World {
  readonly time: VirtualTime
  readonly cluster: FakeCluster
  readonly random: () => number
}

function world(seed: number, topics: Readonly<Record<string, number>>): World {
  const random = seededRandom(seed)
  const time = new VirtualTime(random)
  return { time, cluster: new FakeCluster(time.runtime, topics), random }
}

/** Codes that ask for another attempt, and whether the batch may be stored all the same. */
const retriableCodes: readonly (readonly [code: number, mayBeStored: boolean])[] = [
  [5, false],
  [6, false],
  [7, true],
  [19, false],
  [20, true],
  [56, false]
]

function troubledFate(random: () => number, trouble: number, mayBeLate = true): RequestFate {
  const delayMs = 1 + Math.floor(random() * 10)
  if (random() >= trouble) return { kind: 'fine', delayMs }
  const dice = Math.floor(random() * 4)
  if (dice === 0) return { kind: 'lostRequest', delayMs }
  if (dice === 1) return { kind: 'lostReply', delayMs }
  if (dice === 2) return { kind: mayBeLate ? 'lateRequest' : 'lostReply', delayMs }
  const [code, mayBeStored] = retriableCodes[Math.floor(random() * retriableCodes.length)]!
  return { kind: 'fine', delayMs, code, isStored: mayBeStored && random() < 0.5 }
}

interface Sent {
  readonly partition: number
  readonly value: string
  outcome: 'acknowledged' | 'failed'
  offset: bigint
}

async function sendAll(
  { time, cluster, random }: World,
  options: ProducerOptions,
  count: number,
  movesPerRecord = 0.02
): Promise<Sent[]> {
  const producer = new Producer(cluster, options)
  const sent: Sent[] = []
  const calls: Promise<void>[] = []
  const work = async (): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const record: Sent = { partition: n % 3, value: `v${n}`, outcome: 'failed', offset: -1n }
      sent.push(record)
      const call = producer.send({ topic: 'a', partition: record.partition, value: record.value })
      calls.push(
        call.then(
          ([metadata]) => {
            record.outcome = 'acknowledged'
            record.offset = metadata!.baseOffset
          },
          (error: unknown) => {
            if (!(error instanceof KafkaError)) throw error
          }
        )
      )
      if (random() < 0.3) await time.runtime.sleep(Math.floor(random() * 5))
      if (random() < movesPerRecord) moveLeader(cluster, random)
    }
    await Promise.all(calls)
    await producer.close()
    // Requests that are still on their way arrive now.
    await time.runtime.sleep(60_000)
  }
  await time.run(work())
  return sent
}

function moveLeader(cluster: FakeCluster, random: () => number): void {
  const partition = cluster.partition('a', Math.floor(random() * 3))
  partition.leaderId = 3 - partition.leaderId
  partition.leaderEpoch++
}

function check(cluster: FakeCluster, sent: readonly Sent[]): void {
  for (const partition of [0, 1, 2]) {
    const stored = cluster.partition('a', partition).values
    const acknowledged = sent.filter((one) => one.partition === partition && one.outcome === 'acknowledged')
    expect(new Set(stored).size, 'stored once').toBe(stored.length)
    const mine = new Set(acknowledged.map(({ value }) => value))
    expect(
      stored.filter((value) => mine.has(value)),
      'stored in order'
    ).toEqual(acknowledged.map(({ value }) => value))
    for (const { offset, value } of acknowledged) if (offset >= 0n) expect(stored[Number(offset)]).toBe(value)
  }
}

describe('records that are acknowledged', () => {
  test('are stored once and in order while requests, replies and leaders come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom(0, 5),
        fc.constantFrom(1, 2, 5),
        async (seed, lingerMs, flights) => {
          const it = world(seed, { a: 3 })
          it.cluster.fateOf = () => troubledFate(it.random, 0.3)
          const sent = await sendAll(it, { lingerMs, inFlightRequestsMax: flights, batchBytesMax: 200 }, 120)
          expect(sent.every(({ outcome }) => outcome === 'acknowledged')).toBe(true)
          check(it.cluster, sent)
          for (const partition of [0, 1, 2]) expect(it.cluster.partition('a', partition).values).toHaveLength(40)
        }
      ),
      { numRuns: 150 }
    )
  })

  test('stay in order when others expire without a known outcome', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const it = world(seed, { a: 3 })
        // Nothing can help where a request arrives after its record was given up: what follows it on the dead connection
        // is stored from there, and again under the next epoch.
        it.cluster.fateOf = () => troubledFate(it.random, 0.8, false)
        const options = { lingerMs: 2, batchBytesMax: 200, deliveryTimeoutMs: 100 }
        check(it.cluster, await sendAll(it, options, 150))
      }),
      { numRuns: 150 }
    )
  })

  test('stay in order when leaders forget the producer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const it = world(seed, { a: 3 })
        it.cluster.fateOf = (nodeId) => {
          if (it.random() < 0.05) for (const one of it.cluster.partitions.values()) one.forgetProducers()
          // A leader that has forgotten takes a repetition for something new: only lost requests are fair here.
          const isLost = it.random() < 0.1
          return { kind: isLost && nodeId === 1 ? 'lostRequest' : 'fine', delayMs: 1 + Math.floor(it.random() * 5) }
        }
        check(it.cluster, await sendAll(it, { lingerMs: 2, batchBytesMax: 200 }, 120, 0))
      }),
      { numRuns: 50 }
    )
  })

  test.each(['gzip', 'snappy', 'lz4'] as const)(
    'are stored once and in order when compressed with %s',
    async (compression) => {
      const it = world(7, { a: 3 })
      it.cluster.fateOf = () => troubledFate(it.random, 0.3)
      const sent = await sendAll(it, { compression, batchBytesMax: 300 }, 200)
      expect(sent.every(({ outcome }) => outcome === 'acknowledged')).toBe(true)
      check(it.cluster, sent)
    }
  )

  test('are stored in order when their batches are too large for the broker', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom('none' as const, 'gzip' as const), async (seed, compression) => {
        const it = world(seed, { a: 3 })
        it.cluster.batchBytesMax = 150
        it.cluster.fateOf = () => troubledFate(it.random, 0.2)
        const sent = await sendAll(it, { batchBytesMax: 2_000, lingerMs: 20, compression }, 150)
        expect(sent.every(({ outcome }) => outcome === 'acknowledged')).toBe(true)
        check(it.cluster, sent)
      }),
      { numRuns: 50 }
    )
  })
})

describe('records that cannot be compressed', () => {
  test('are refused with what to do about it, and no later ones are held up', async () => {
    // This runtime is like Node 20 without the package for zstd.
    const it = world(3, { a: 1 })
    const producer = new Producer(it.cluster, { compression: 'zstd' })
    for (let round = 0; round < 2; round++) {
      const refused = it.time.run(producer.send({ topic: 'a', value: 'x'.repeat(100) }))
      await expect(refused).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringMatching(/Node 22\.15 or newer, install @bokuweb\/zstd-wasm/),
        cause: { code: 'UNSUPPORTED_COMPRESSION' }
      })
    }
    await it.time.run(producer.close())
  })

  test('are refused also where a codec of the user throws at once', async () => {
    const it = world(4, { a: 1 })
    const before = codecByName('lz4')
    const failure = new RangeError('no memory for this')
    registerCodec({
      ...before,
      compress() {
        throw failure
      }
    })
    try {
      const producer = new Producer(it.cluster, { compression: 'lz4' })
      const refused = it.time.run(producer.send({ topic: 'a', value: 'x'.repeat(100) }))
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_STATE', cause: failure })
      registerCodec(before)
      await it.time.run(producer.send({ topic: 'a', value: 'y'.repeat(100) }))
      expect(it.cluster.partition('a', 0).values).toEqual(['y'.repeat(100)])
      await it.time.run(producer.close())
    } finally {
      registerCodec(before)
    }
  })
})
