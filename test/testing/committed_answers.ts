// What a broker tells readers of committed records: the last stable offset, and which transactions were aborted. The same
// cases for the embedded one and for a real Kafka 4.4.0.
import { errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import { Wire } from '../broker/wire.ts'
import type { AnswerCase } from './produce_answers.ts'
import { RawCluster } from './raw_cluster.ts'
import { RawProducer } from './raw_producer.ts'
import { batch, fetchRequest } from './site.ts'
import type { FetchOptions, Site, SiteTopic } from './site.ts'

const { NONE } = errorCode

const committed = { isolationLevel: 1 }

let ids = 0

/** A producer of its own id that writes to a topic in the words of transactions v2. */
async function producerOf(site: Site, topic: SiteTopic): Promise<RawProducer> {
  const cluster = {
    bootstrap: site.address,
    nodes: [{ id: 1, address: site.address }],
    kill: () => Promise.reject(new Error('these cases kill nothing')),
    start: () => Promise.reject(new Error('these cases start nothing'))
  }
  return new RawProducer(new RawCluster(cluster), `committed-${process.pid}-${++ids}`, topic.name, 'v5').init()
}

/** Ends a transaction, and waits until its marker is in the log. */
async function end(site: Site, topic: SiteTopic, producer: RawProducer, isCommit: boolean): Promise<void> {
  const highWatermark = await latest(site, topic, 0)
  const answer = await producer.end(isCommit)
  expect(answer).toMatchObject({ errorCode: NONE })
  producer.adopt(answer)
  await expect.poll(() => latest(site, topic, 0)).toBe(highWatermark + 1n)
}

async function aborted(site: Site, topic: SiteTopic, options: FetchOptions = {}) {
  const { abortedTransactions } = await site.fetch(topic, { ...committed, ...options })
  return abortedTransactions?.map(({ producerId, firstOffset }) => [producerId, firstOffset] as const)
}

async function latest(site: Site, topic: SiteTopic, isolationLevel: number): Promise<bigint> {
  const partitions = [{ partitionIndex: 0, timestamp: -1n }]
  const request = { replicaId: -1, isolationLevel, topics: [{ name: topic.name, partitions }], timeoutMs: 1_000 }
  const { topics } = await site.wire.request('ListOffsets', 11, request)
  return topics[0]!.partitions[0]!.offset
}

export const committedAnswers: readonly AnswerCase[] = [
  {
    name: 'hides what is undecided, and tells how far the decided goes',
    async run(site) {
      const topic = await site.topic()
      await site.produce(topic, batch())
      const producer = await producerOf(site, topic)
      await producer.write(0)
      await site.produce(topic, batch())
      const all = await site.fetch(topic)
      expect(all).toMatchObject({ highWatermark: 3n, lastStableOffset: 1n, abortedTransactions: null })
      const some = await site.fetch(topic, committed)
      expect(some).toMatchObject({ highWatermark: 3n, lastStableOffset: 1n, abortedTransactions: [] })
      expect(some.records).toHaveLength(batch().length)
      expect([await latest(site, topic, 0), await latest(site, topic, 1)]).toEqual([3n, 1n])
      await end(site, topic, producer, true)
      expect(await site.fetch(topic, committed)).toMatchObject({ lastStableOffset: 4n, abortedTransactions: [] })
      expect(await latest(site, topic, 1)).toBe(4n)
    }
  },
  {
    name: 'names the transactions that were aborted, also those behind what is read',
    async run(site) {
      const topic = await site.topic()
      const producer = await producerOf(site, topic)
      const { producerId } = producer
      await producer.write(0)
      await end(site, topic, producer, false)
      await site.produce(topic, batch())
      await producer.write(0)
      await end(site, topic, producer, false)
      expect(await aborted(site, topic)).toEqual([
        [producerId, 0n],
        [producerId, 3n]
      ])
      expect(await aborted(site, topic, { offset: 2n })).toEqual([[producerId, 3n]])
      expect(await aborted(site, topic, { offset: 5n })).toEqual([])
      // One batch is read, and the list reaches as far as the index of offsets does.
      expect(await aborted(site, topic, { partitionMaxBytes: 1 })).toHaveLength(2)
    }
  },
  {
    name: 'leaves out aborted transactions that lie behind the next entry of the index',
    async run(site) {
      const topic = await site.topic()
      const large = batch({ values: ['x'.repeat(1_000)] })
      for (let i = 0; i < 10; i++) await site.produce(topic, large)
      const producer = await producerOf(site, topic)
      const { producerId } = producer
      await producer.write(0)
      await end(site, topic, producer, false)
      const lengths: number[] = []
      for (let offset = 0n; offset <= 10n; offset++) {
        lengths.push((await aborted(site, topic, { offset, partitionMaxBytes: 1 }))?.length ?? -1)
      }
      expect(lengths).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
      expect(await aborted(site, topic)).toEqual([[producerId, 10n]])
    }
  },
  {
    name: 'wakes up a reader when the marker comes',
    async run(site) {
      const topic = await site.topic()
      const producer = await producerOf(site, topic)
      await producer.write(0)
      using reader = await Wire.open(site.address)
      const begin = Date.now()
      const request = fetchRequest([topic], { ...committed, maxWaitMs: 20_000 })
      const waiting = reader.request('Fetch', 16, request)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await producer.end(true)
      const { responses } = await waiting
      expect(responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(0)
      expect(Date.now() - begin).toBeLessThan(15_000)
    }
  },
  {
    name: 'does not let a reader wait that is ahead of what is decided',
    async run(site) {
      const topic = await site.topic()
      const producer = await producerOf(site, topic)
      await producer.write(0)
      await site.produce(topic, batch())
      const begin = Date.now()
      const ahead = await site.fetch(topic, { ...committed, offset: 1n, maxWaitMs: 20_000 })
      expect(ahead).toMatchObject({ errorCode: NONE, highWatermark: 2n, lastStableOffset: 0n })
      expect(ahead.records).toHaveLength(0)
      expect(Date.now() - begin).toBeLessThan(15_000)
      await end(site, topic, producer, true)
    }
  },
  {
    name: 'goes on where undecided records are deleted',
    async run(site) {
      const topic = await site.topic()
      const producer = await producerOf(site, topic)
      await producer.write(0)
      await site.produce(topic, batch())
      await site.produce(topic, batch())
      const partitions = [{ partitionIndex: 0, offset: 2n }]
      await site.wire.request('DeleteRecords', 2, { topics: [{ name: topic.name, partitions }], timeoutMs: 10_000 })
      const answer = await site.fetch(topic, { ...committed, offset: 2n })
      expect(answer).toMatchObject({ errorCode: NONE, logStartOffset: 2n, lastStableOffset: 2n })
      await end(site, topic, producer, false)
      const after = await site.fetch(topic, { ...committed, offset: 2n })
      expect(after).toMatchObject({ lastStableOffset: 4n })
    }
  }
]
