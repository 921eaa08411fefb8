// What a broker answers about offsets, and to the deletion of records: the same cases for the embedded one and for a
// real Kafka 4.4.0.
import { errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import type { AnswerCase } from './produce_answers.ts'
import { batch, keptForEver } from './site.ts'
import type { Site, SiteTopic } from './site.ts'

const {
  INVALID_REQUEST,
  INVALID_TOPIC_EXCEPTION,
  NONE,
  OFFSET_OUT_OF_RANGE,
  POLICY_VIOLATION,
  UNKNOWN_LEADER_EPOCH,
  UNKNOWN_TOPIC_OR_PARTITION,
  UNSUPPORTED_VERSION
} = errorCode

interface Query {
  readonly timestamp: bigint
  readonly version?: number
  readonly partition?: number
  readonly leaderEpoch?: number
}

async function offsets(site: Site, topic: string, query: Query) {
  const { timestamp, version = 11, partition = 0, leaderEpoch = -1 } = query
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp }]
  const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }], timeoutMs: 1_000 }
  const { topics } = await site.wire.request('ListOffsets', version, request)
  return topics[0]!.partitions[0]!
}

async function remove(site: Site, topic: string, offset: bigint, partitionIndex = 0) {
  const request = { topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }], timeoutMs: 10_000 }
  const { topics } = await site.wire.request('DeleteRecords', 2, request)
  return topics[0]!.partitions[0]!
}

/** Three batches of one record, at 1,000, 3,000 and 2,000 ms, and one of two at 2,500 ms. */
async function timed(site: Site): Promise<SiteTopic> {
  const topic = await site.topic({ config: keptForEver })
  for (const timestamp of [1_000, 3_000, 2_000]) await site.produce(topic, batch({ timestamp }))
  await site.produce(topic, batch({ timestamp: 2_500, values: ['a', 'b'] }))
  return topic
}

export const offsetAnswers: readonly AnswerCase[] = [
  {
    name: 'knows the first and the last offset',
    async run(site) {
      const { name } = await timed(site)
      expect(await offsets(site, name, { timestamp: -2n })).toMatchObject({
        errorCode: NONE,
        timestamp: -1n,
        offset: 0n,
        leaderEpoch: 0
      })
      expect(await offsets(site, name, { timestamp: -1n })).toMatchObject({
        offset: 5n,
        leaderEpoch: 0,
        timestamp: -1n
      })
      expect(await offsets(site, name, { timestamp: -4n })).toMatchObject({
        offset: 0n,
        leaderEpoch: 0,
        timestamp: -1n
      })
    }
  },
  {
    name: 'finds the first record that is not older than a timestamp',
    async run(site) {
      const { name } = await timed(site)
      const found = async (timestamp: bigint) => {
        const { offset, timestamp: at } = await offsets(site, name, { timestamp })
        return [offset, at]
      }
      expect(await found(0n)).toEqual([0n, 1_000n])
      expect(await found(1_001n)).toEqual([1n, 3_000n])
      expect(await found(3_000n)).toEqual([1n, 3_000n])
      expect(await found(3_001n)).toEqual([-1n, -1n])
    }
  },
  {
    name: 'finds the newest record, from version 7 on',
    async run(site) {
      const { name } = await timed(site)
      const newest = { errorCode: NONE, offset: 1n, timestamp: 3_000n, leaderEpoch: 0 }
      expect(await offsets(site, name, { timestamp: -3n })).toMatchObject(newest)
      expect(await offsets(site, name, { timestamp: -3n, version: 6 })).toMatchObject({
        errorCode: UNSUPPORTED_VERSION
      })
      const { name: empty } = await site.topic()
      expect(await offsets(site, empty, { timestamp: -3n })).toMatchObject({ errorCode: NONE, offset: -1n })
    }
  },
  {
    name: 'has nothing in tiered storage',
    async run(site) {
      const { name } = await timed(site)
      for (const timestamp of [-5n, -6n]) {
        expect(await offsets(site, name, { timestamp })).toMatchObject({
          errorCode: NONE,
          offset: -1n,
          leaderEpoch: -1
        })
      }
      expect(await offsets(site, name, { timestamp: -9n })).toMatchObject({ errorCode: UNSUPPORTED_VERSION })
    }
  },
  {
    name: 'refuses what it does not know',
    async run(site) {
      const { name } = await timed(site)
      const beyond = await offsets(site, name, { timestamp: -1n, partition: 1 })
      expect(beyond).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION, offset: -1n })
      const later = await offsets(site, name, { timestamp: -1n, leaderEpoch: 4 })
      expect(later).toMatchObject({ errorCode: UNKNOWN_LEADER_EPOCH, offset: -1n })
    }
  },
  {
    name: 'refuses a partition that is asked for twice',
    async run(site) {
      const { name } = await timed(site)
      const twice = [-1n, -2n].map((timestamp) => ({ partitionIndex: 0, timestamp }))
      const request = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions: twice }], timeoutMs: 1_000 }
      const { topics } = await site.wire.request('ListOffsets', 11, request)
      for (const one of topics[0]!.partitions) expect(one.errorCode).toBe(INVALID_REQUEST)
    }
  },
  {
    name: 'deletes records up to an offset, or all of them',
    async run(site) {
      const topic = await timed(site)
      expect(await remove(site, topic.name, 4n)).toMatchObject({ errorCode: NONE, lowWatermark: 4n })
      expect(await site.fetch(topic, { offset: 3n })).toMatchObject({ errorCode: OFFSET_OUT_OF_RANGE })
      // Its batch begins earlier, and is given whole.
      const answer = await site.fetch(topic, { offset: 4n })
      expect(answer).toMatchObject({ errorCode: NONE, logStartOffset: 4n })
      expect(new DataView(answer.records!.buffer, answer.records!.byteOffset).getBigInt64(0)).toBe(3n)
      expect(await offsets(site, topic.name, { timestamp: -2n })).toMatchObject({ offset: 4n, leaderEpoch: 0 })
      expect(await offsets(site, topic.name, { timestamp: 0n })).toMatchObject({ offset: 4n, timestamp: 2_500n })
      expect(await remove(site, topic.name, 2n)).toMatchObject({ errorCode: NONE, lowWatermark: 4n })
      expect(await remove(site, topic.name, -1n)).toMatchObject({ errorCode: NONE, lowWatermark: 5n })
      expect(await site.produce(topic, batch())).toMatchObject({ baseOffset: 5n, logStartOffset: 5n })
    }
  },
  {
    name: 'refuses to delete what is not there, or must be kept',
    async run(site) {
      const { name } = await timed(site)
      for (const offset of [6n, -2n]) {
        expect(await remove(site, name, offset)).toMatchObject({ errorCode: OFFSET_OUT_OF_RANGE, lowWatermark: -1n })
      }
      expect(await remove(site, name, 0n, 3)).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION })
      const compacted = await site.topic({ config: { 'cleanup.policy': 'compact' } })
      expect(await remove(site, compacted.name, -1n)).toMatchObject({ errorCode: POLICY_VIOLATION, lowWatermark: -1n })
      await site.wire.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['any'] })
      await expect
        .poll(async () => (await remove(site, '__consumer_offsets', -1n)).errorCode, { timeout: 10_000 })
        .toBe(INVALID_TOPIC_EXCEPTION)
    }
  }
]
