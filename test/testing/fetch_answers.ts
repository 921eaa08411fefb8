// What a broker answers to fetches: limits, waiting, sessions and errors. The same cases for the embedded one and for a
// real Kafka 4.4.0.
import { errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import { Wire } from '../broker/wire.ts'
import type { AnswerCase } from './produce_answers.ts'
import { batch, fetchRequest } from './site.ts'
import type { FetchOptions, Site, SiteTopic } from './site.ts'

const {
  FENCED_LEADER_EPOCH,
  FETCH_SESSION_ID_NOT_FOUND,
  FETCH_SESSION_TOPIC_ID_ERROR,
  INVALID_FETCH_SESSION_EPOCH,
  NONE,
  OFFSET_OUT_OF_RANGE,
  UNKNOWN_LEADER_EPOCH,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION
} = errorCode

const size = batch().length

async function filled(site: Site, batches: number): Promise<SiteTopic> {
  const topic = await site.topic()
  for (let i = 0; i < batches; i++) await site.produce(topic, batch())
  return topic
}

function bytesOf(answer: { readonly records: Uint8Array | null }): number {
  return answer.records?.length ?? 0
}

const reading: AnswerCase[] = [
  {
    name: 'reads from the batch that holds the offset',
    async run(site) {
      const topic = await site.topic()
      await site.produce(topic, batch({ values: ['a', 'b', 'c'] }))
      await site.produce(topic, batch())
      const whole = await site.fetch(topic, { offset: 1n })
      expect(whole).toMatchObject({
        errorCode: NONE,
        highWatermark: 4n,
        lastStableOffset: 4n,
        logStartOffset: 0n,
        abortedTransactions: null,
        preferredReadReplica: -1
      })
      const view = new DataView(whole.records!.buffer, whole.records!.byteOffset)
      expect(view.getBigInt64(0)).toBe(0n)
      expect(view.getInt32(12)).toBe(0)
      expect(bytesOf(await site.fetch(topic, { offset: 3n }))).toBe(size)
      expect(bytesOf(await site.fetch(topic, { offset: 4n }))).toBe(0)
    }
  },
  {
    name: 'refuses offsets outside the log',
    async run(site) {
      const topic = await filled(site, 1)
      for (const offset of [2n, -1n]) {
        expect(await site.fetch(topic, { offset })).toMatchObject({
          errorCode: OFFSET_OUT_OF_RANGE,
          highWatermark: -1n,
          lastStableOffset: -1n,
          logStartOffset: -1n
        })
      }
    }
  },
  {
    name: 'gives the first batch whole, and cuts off the last',
    async run(site) {
      const topic = await filled(site, 3)
      expect(bytesOf(await site.fetch(topic, { partitionMaxBytes: 1 }))).toBe(size)
      expect(bytesOf(await site.fetch(topic, { partitionMaxBytes: size + 10 }))).toBe(size + 10)
      expect(bytesOf(await site.fetch(topic, { maxBytes: 1 }))).toBe(size)
      expect(bytesOf(await site.fetch(topic))).toBe(3 * size)
    }
  },
  {
    name: 'shares the limit of a response among its partitions, in their order',
    async run(site) {
      const topics = [await filled(site, 2), await filled(site, 2), await filled(site, 2)]
      const fetch = async (maxBytes: number): Promise<number[]> => {
        const { responses } = await site.wire.request('Fetch', 12, fetchRequest(topics, { maxBytes }))
        return responses.map(({ partitions }) => bytesOf(partitions[0]!))
      }
      expect(await fetch(1)).toEqual([size, 0, 0])
      expect(await fetch(size * 3)).toEqual([size * 2, size, 0])
      expect(await fetch(size * 3 + 5)).toEqual([size * 2, size + 5, 0])
    }
  },
  {
    name: 'names what it does not know',
    async run(site) {
      const topic = await filled(site, 1)
      const nowhere = { name: `${topic.name}-not`, id: 'xxxxxxxxxxxxxxxxxxxxxw' }
      expect(await site.fetch(nowhere, { version: 12 })).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION })
      expect(await site.fetch(nowhere)).toMatchObject({ errorCode: UNKNOWN_TOPIC_ID, highWatermark: -1n })
      const request = fetchRequest([topic, nowhere], { maxWaitMs: 100 })
      const { responses } = await site.wire.request('Fetch', 16, request)
      const codes = responses.map(({ partitions }) => partitions[0]!.errorCode)
      expect(codes.toSorted((left, right) => left - right)).toEqual([NONE, UNKNOWN_TOPIC_ID])
    }
  },
  {
    name: 'checks the leader epoch, where it is told one',
    async run(site) {
      const topic = await filled(site, 1)
      expect(await site.fetch(topic, { leaderEpoch: 0 })).toMatchObject({ errorCode: NONE })
      expect(await site.fetch(topic, { leaderEpoch: 1 })).toMatchObject({ errorCode: UNKNOWN_LEADER_EPOCH })
      const { topics } = await site.wire.request('OffsetForLeaderEpoch', 4, {
        replicaId: -1,
        topics: [
          {
            topic: topic.name,
            partitions: [
              { partition: 0, currentLeaderEpoch: 0, leaderEpoch: 0 },
              { partition: 0, currentLeaderEpoch: -1, leaderEpoch: 5 },
              { partition: 0, currentLeaderEpoch: 9, leaderEpoch: 0 },
              { partition: 7, currentLeaderEpoch: -1, leaderEpoch: 0 }
            ]
          }
        ]
      })
      expect(topics[0]!.partitions).toMatchObject([
        { errorCode: NONE, leaderEpoch: 0, endOffset: 1n },
        { errorCode: NONE, leaderEpoch: -1, endOffset: -1n },
        { errorCode: UNKNOWN_LEADER_EPOCH, leaderEpoch: -1, endOffset: -1n },
        { errorCode: UNKNOWN_TOPIC_OR_PARTITION, leaderEpoch: -1, endOffset: -1n }
      ])
      expect(FENCED_LEADER_EPOCH).toBe(74)
    }
  },
  {
    name: 'finds by itself that the reader has gone astray',
    async run(site) {
      const topic = await filled(site, 2)
      expect(await site.fetch(topic, { lastFetchedEpoch: 0, offset: 1n })).toMatchObject({ errorCode: NONE })
      const astray = await site.fetch(topic, { lastFetchedEpoch: 0, offset: 5n })
      expect(astray).toMatchObject({ errorCode: NONE, divergingEpoch: { epoch: 0, endOffset: 2n } })
      const unknown = await site.fetch(topic, { lastFetchedEpoch: 3, offset: 1n })
      expect(unknown).toMatchObject({ errorCode: OFFSET_OUT_OF_RANGE })
    }
  }
]

const waiting: AnswerCase[] = [
  {
    name: 'waits for the bytes that it wants',
    async run(site) {
      const topic = await filled(site, 1)
      using reader = await Wire.open(site.address)
      const begin = Date.now()
      const request = fetchRequest([topic], { offset: 1n, maxWaitMs: 10_000, minBytes: size + 1 })
      const answer = reader.request('Fetch', 16, request)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await site.produce(topic, batch())
      await new Promise((resolve) => setTimeout(resolve, 50))
      await site.produce(topic, batch())
      const { responses } = await answer
      expect(bytesOf(responses[0]!.partitions[0]!)).toBe(2 * size)
      expect(Date.now() - begin).toBeLessThan(8_000)
    }
  },
  {
    name: 'gives up waiting after the time that it was given',
    async run(site) {
      const topic = await filled(site, 1)
      const begin = Date.now()
      expect(bytesOf(await site.fetch(topic, { offset: 1n, maxWaitMs: 200 }))).toBe(0)
      expect(Date.now() - begin).toBeGreaterThanOrEqual(190)
    }
  },
  {
    name: 'does not wait where a partition is refused, or nothing is asked for',
    async run(site) {
      const topic = await filled(site, 1)
      const begin = Date.now()
      await site.fetch(topic, { offset: 9n, maxWaitMs: 10_000 })
      await site.fetch({ name: 'none', id: 'xxxxxxxxxxxxxxxxxxxxxw' }, { maxWaitMs: 10_000 })
      await site.fetch(topic, { offset: 1n, maxWaitMs: 10_000, minBytes: 0 })
      await site.wire.request('Fetch', 16, fetchRequest([], { maxWaitMs: 10_000 }))
      expect(Date.now() - begin).toBeLessThan(8_000)
    }
  },
  {
    name: 'lets requests of one connection wait for the fetch before them',
    async run(site) {
      const topic = await filled(site, 1)
      const begin = Date.now()
      const fetch = site.fetch(topic, { offset: 1n, maxWaitMs: 300 })
      await site.wire.request('ApiVersions', 0, {})
      expect(Date.now() - begin).toBeGreaterThanOrEqual(290)
      await fetch
    }
  }
]

interface SessionAnswer {
  readonly sessionId: number
  readonly errorCode: number
  readonly topics: readonly string[]
}

async function fetchIn(site: Site, topics: readonly SiteTopic[], options: FetchOptions): Promise<SessionAnswer> {
  const answer = await site.wire.request('Fetch', options.version ?? 12, fetchRequest(topics, options))
  const { sessionId, errorCode: code, responses } = answer
  return { sessionId, errorCode: code, topics: responses.map(({ topic }) => topic) }
}

const sessions: AnswerCase[] = [
  {
    name: 'begins a session where it is wanted',
    async run(site) {
      const topic = await filled(site, 1)
      expect((await fetchIn(site, [topic], { sessionEpoch: -1 })).sessionId).toBe(0)
      expect((await fetchIn(site, [topic], { sessionEpoch: 0 })).sessionId).toBeGreaterThan(0)
    }
  },
  {
    name: 'tells only what is new in a session',
    async run(site) {
      const [one, two] = [await filled(site, 1), await filled(site, 1)]
      const { sessionId } = await fetchIn(site, [one, two], { sessionEpoch: 0, offset: 1n })
      expect(await fetchIn(site, [], { sessionId, sessionEpoch: 1 })).toEqual({
        sessionId,
        errorCode: NONE,
        topics: []
      })
      await site.produce(two, batch())
      const told = await fetchIn(site, [], { sessionId, sessionEpoch: 2 })
      expect(told).toEqual({ sessionId, errorCode: NONE, topics: [two.name] })
      // The reader did not move on, so the same batch is told again.
      expect(await fetchIn(site, [], { sessionId, sessionEpoch: 3 })).toMatchObject({ topics: [two.name] })
      const moved = await fetchIn(site, [two], { sessionId, sessionEpoch: 4, offset: 2n })
      expect(moved).toEqual({ sessionId, errorCode: NONE, topics: [] })
    }
  },
  {
    name: 'adds and forgets partitions of a session',
    async run(site) {
      const [one, two] = [await filled(site, 1), await filled(site, 1)]
      const { sessionId } = await fetchIn(site, [one], { sessionEpoch: 0 })
      const added = await fetchIn(site, [two], { sessionId, sessionEpoch: 1 })
      expect(added.topics.toSorted()).toEqual([one.name, two.name].toSorted())
      const request = fetchRequest([], { sessionId, sessionEpoch: 2 })
      const forgotten = { ...request, forgottenTopicsData: [{ topic: one.name, partitions: [0] }] }
      const { responses } = await site.wire.request('Fetch', 12, forgotten)
      expect(responses.map(({ topic }) => topic)).toEqual([two.name])
    }
  },
  {
    name: 'ends a session that has no partitions left',
    async run(site) {
      const topic = await filled(site, 1)
      const { sessionId } = await fetchIn(site, [topic], { sessionEpoch: 0 })
      const request = fetchRequest([], { sessionId, sessionEpoch: 1 })
      const forgotten = { ...request, forgottenTopicsData: [{ topic: topic.name, partitions: [0] }] }
      expect(await site.wire.request('Fetch', 12, forgotten)).toMatchObject({ sessionId: 0, errorCode: NONE })
      const answer = await fetchIn(site, [], { sessionId, sessionEpoch: 2 })
      expect(answer.errorCode).toBe(FETCH_SESSION_ID_NOT_FOUND)
    }
  },
  {
    name: 'refuses a session that it does not know, or at another epoch',
    async run(site) {
      const topic = await filled(site, 1)
      const unknown = await fetchIn(site, [topic], { sessionId: 12_345, sessionEpoch: 1 })
      expect(unknown).toEqual({ sessionId: 0, errorCode: FETCH_SESSION_ID_NOT_FOUND, topics: [] })
      const { sessionId } = await fetchIn(site, [topic], { sessionEpoch: 0 })
      const wrong = await fetchIn(site, [], { sessionId, sessionEpoch: 2 })
      expect(wrong).toEqual({ sessionId: 0, errorCode: INVALID_FETCH_SESSION_EPOCH, topics: [] })
      expect(await fetchIn(site, [], { sessionId, sessionEpoch: 1 })).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'does not mix topic names and topic ids in a session',
    async run(site) {
      const topic = await filled(site, 1)
      const { sessionId } = await fetchIn(site, [topic], { sessionEpoch: 0 })
      const mixed = await fetchIn(site, [], { sessionId, sessionEpoch: 1, version: 13 })
      expect(mixed.errorCode).toBe(FETCH_SESSION_TOPIC_ID_ERROR)
    }
  },
  {
    name: 'closes a session at its final epoch',
    async run(site) {
      const topic = await filled(site, 1)
      const { sessionId } = await fetchIn(site, [topic], { sessionEpoch: 0 })
      expect(await fetchIn(site, [topic], { sessionId, sessionEpoch: -1 })).toMatchObject({ sessionId: 0 })
      const answer = await fetchIn(site, [], { sessionId, sessionEpoch: 1 })
      expect(answer.errorCode).toBe(FETCH_SESSION_ID_NOT_FOUND)
    }
  },
  {
    name: 'gives partitions that had records last a turn after the others',
    async run(site) {
      const topics = [await filled(site, 2), await filled(site, 2)]
      const [one, two] = topics.map(({ name }) => name)
      const { sessionId } = await fetchIn(site, topics, { sessionEpoch: 0, maxBytes: 1 })
      expect((await fetchIn(site, [], { sessionId, sessionEpoch: 1, maxBytes: 1 })).topics).toEqual([one])
      expect((await fetchIn(site, [], { sessionId, sessionEpoch: 2, maxBytes: 1 })).topics).toEqual([two])
      expect((await fetchIn(site, [], { sessionId, sessionEpoch: 3, maxBytes: 1 })).topics).toEqual([one])
    }
  }
]

export const fetchAnswers: readonly AnswerCase[] = [...reading, ...waiting, ...sessions]
