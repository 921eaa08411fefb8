// Several embedded brokers share partitions, lose and take over leadership, and hold back what is not replicated.
import { errorCode } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import type { EmbeddedKafkaOptions } from 'kafka-once/testing'
import { Kafka } from 'kafka-once'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { batch, Site } from './site.ts'
import type { SiteTopic } from './site.ts'

const {
  FENCED_LEADER_EPOCH,
  LEADER_NOT_AVAILABLE,
  NONE,
  NOT_COORDINATOR,
  NOT_ENOUGH_REPLICAS,
  NOT_LEADER_OR_FOLLOWER,
  REQUEST_TIMED_OUT
} = errorCode

const sessionMs = 200
/** Of sessions that end when the test says so. */
const longSessionMs = 60_000
const longSession = { 'broker.session.timeout.ms': String(longSessionMs) }

function start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
  return EmbeddedKafka.start({
    brokers: 3,
    ...options,
    config: { 'broker.session.timeout.ms': String(sessionMs), ...options.config }
  })
}

function address(kafka: EmbeddedKafka, brokerId: number): string {
  return kafka.bootstrap.split(',')[brokerId - 1]!
}

function open(kafka: EmbeddedKafka, brokerId: number): Promise<Site> {
  return Site.open(address(kafka, brokerId))
}

/** A topic whose one partition a broker leads. */
async function ledBy(kafka: EmbeddedKafka, brokerId: number): Promise<SiteTopic> {
  using site = await open(kafka, brokerId)
  const topic = await site.topic()
  kafka.moveLeader(topic.name, 0, brokerId)
  return topic
}

async function partitionOf(site: Site, name: string) {
  const request = { topics: [{ name }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  return (await site.wire.request('Metadata', 12, request)).topics[0]!.partitions[0]!
}

/** Which broker it names as the coordinator of the transactional id `id`. */
async function coordinatorNamedBy(site: Site): Promise<number | undefined> {
  const found = await site.wire.request('FindCoordinator', 4, { keyType: 1, coordinatorKeys: ['id'] })
  return found.coordinators[0]?.nodeId
}

/** Plays while timers wait to be told: a broker that goes on does not learn by itself what it missed. */
async function withoutTimers(play: () => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    await play()
  } finally {
    vi.useRealTimers()
  }
}

describe('a cluster of three', () => {
  test('spreads leaders over its brokers', async () => {
    await using kafka = await start()
    using site = await open(kafka, 1)
    const topic = await site.topic({ partitions: 6 })
    const leaders = Array.from({ length: 6 }, (_, index) => kafka.leaderOf(topic.name, index))
    for (const id of kafka.brokerIds) expect(leaders.filter((leader) => leader === id)).toHaveLength(2)
    expect(await partitionOf(site, topic.name)).toMatchObject({ isrNodes: { length: 3 }, offlineReplicas: [] })
  })

  test('has all replicas in sync again after all brokers were down', async () => {
    await using kafka = await start()
    const { name } = await ledBy(kafka, 1)
    await kafka.restart()
    using site = await open(kafka, 2)
    await expect.poll(() => partitionOf(site, name)).toMatchObject({ isrNodes: { length: 3 } })
  })

  test('sends producers to the leader', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 2)
    const answer = await site.produce(topic, batch())
    expect(answer).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER, currentLeader: { leaderId: 1 } })
    const { leaderEpoch } = await partitionOf(site, topic.name)
    expect(answer.currentLeader.leaderEpoch).toBe(leaderEpoch)
  })

  test('lets readers of an old epoch look again', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 2)
    const { leaderEpoch } = await partitionOf(site, topic.name)
    kafka.moveLeader(topic.name, 0, 2)
    const stale = await site.fetch(topic, { leaderEpoch })
    expect(stale).toMatchObject({ errorCode: FENCED_LEADER_EPOCH, currentLeader: { leaderId: 2 } })
    expect(await site.fetch(topic, { leaderEpoch: leaderEpoch + 1 })).toMatchObject({ errorCode: NONE })
  })

  test('lets a follower answer readers that may know one', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using leader = await open(kafka, 1)
    using follower = await open(kafka, 2)
    await leader.produce(topic, batch())
    expect(await follower.fetch(topic, { version: 10 })).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER })
    expect(await follower.fetch(topic, { version: 11 })).toMatchObject({ errorCode: NONE, highWatermark: 1n })
  })

  test('wakes up a waiting reader when the leader changes', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    const begin = Date.now()
    const fetched = site.fetch(topic, { version: 10, maxWaitMs: 20_000 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    kafka.moveLeader(topic.name, 0, 3)
    expect(await fetched).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER })
    expect(Date.now() - begin).toBeLessThan(15_000)
  })
})

describe('a broker that is killed', () => {
  test('cuts its connections, and is followed by another when its session ends', async () => {
    await using kafka = await start({ config: longSession })
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    using other = await open(kafka, 2)
    await site.produce(topic, batch())
    const waiting = site.fetch(topic, { offset: 1n, maxWaitMs: 20_000 })
    await kafka.kill(1)
    await expect(waiting).rejects.toThrow()
    expect(kafka.isRunning(1)).toBe(false)
    expect(await partitionOf(other, topic.name)).toMatchObject({ leaderId: 1, isrNodes: { length: 3 } })
    await kafka.advanceTime(longSessionMs)
    expect(kafka.leaderOf(topic.name, 0)).not.toBe(1)
    const partition = await partitionOf(other, topic.name)
    expect(partition).toMatchObject({ errorCode: NONE, offlineReplicas: [1], isrNodes: { length: 2 } })
    using leader = await open(kafka, partition.leaderId)
    expect(await leader.produce(topic, batch())).toMatchObject({ errorCode: NONE, baseOffset: 1n })
    await kafka.start(1)
    expect(await partitionOf(other, topic.name)).toMatchObject({ isrNodes: { length: 3 }, offlineReplicas: [] })
  })

  test('comes back on its port, and is elected anew', async () => {
    await using kafka = await EmbeddedKafka.start()
    const before = kafka.bootstrap
    using site = await Site.open(before)
    const topic = await site.topic()
    await site.produce(topic, batch())
    await kafka.restart()
    expect(kafka.bootstrap).toBe(before)
    using again = await Site.open(before)
    expect(await partitionOf(again, topic.name)).toMatchObject({ leaderId: 1, leaderEpoch: 2, isrNodes: [1] })
    expect(await again.produce(topic, batch())).toMatchObject({ errorCode: NONE, baseOffset: 1n })
  })

  test('is missed by acks of all until it is given up', async () => {
    await using kafka = await start({ config: longSession })
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    await kafka.kill(3)
    expect(await site.produce(topic, batch(), { acks: 1 })).toMatchObject({ errorCode: NONE })
    expect((await site.fetch(topic)).highWatermark).toBe(0n)
    const produced = site.produce(topic, batch(), { timeoutMs: 2 * longSessionMs })
    expect(await Promise.race([produced, sleep(50, 'waits')])).toBe('waits')
    await kafka.advanceTime(longSessionMs)
    expect(await produced).toMatchObject({ errorCode: NONE, baseOffset: 1n })
    expect((await site.fetch(topic)).highWatermark).toBe(2n)
  })

  test('leaves too few replicas for acks of all', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    await kafka.stop(2)
    expect(await site.produce(topic, batch())).toMatchObject({ errorCode: NONE })
    await kafka.stop(3)
    expect(await site.produce(topic, batch())).toMatchObject({ errorCode: NOT_ENOUGH_REPLICAS })
    expect(await site.produce(topic, batch(), { acks: 1 })).toMatchObject({ errorCode: NONE, baseOffset: 1n })
    expect((await site.fetch(topic)).highWatermark).toBe(1n)
    await kafka.start(3)
    expect((await site.fetch(topic)).highWatermark).toBe(2n)
  })

  test('leaves a partition without a leader where it was the only replica', async () => {
    await using kafka = await start({ config: { 'default.replication.factor': '1' } })
    using site = await open(kafka, 2)
    const alone = await site.topic()
    const leader = kafka.leaderOf(alone.name, 0)!
    using other = await open(kafka, leader === 2 ? 3 : 2)
    await kafka.stop(leader)
    expect(await partitionOf(other, alone.name)).toMatchObject({
      errorCode: LEADER_NOT_AVAILABLE,
      leaderId: -1,
      isrNodes: [leader]
    })
    await kafka.start(leader)
    expect(await partitionOf(other, alone.name)).toMatchObject({ errorCode: NONE, leaderId: leader })
  })
})

describe('what is not replicated', () => {
  test('is not seen by readers, and makes acks of all wait', async () => {
    await using kafka = await start({ replicationDelayMs: 150 })
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    const begin = Date.now()
    await site.produce(topic, batch(), { acks: 1 })
    expect(await site.fetch(topic)).toMatchObject({ highWatermark: 0n, records: { length: 0 } })
    await site.produce(topic, batch())
    expect(Date.now() - begin).toBeGreaterThanOrEqual(140)
    expect((await site.fetch(topic)).highWatermark).toBe(2n)
  })

  test('is lost with its leader', async () => {
    await using kafka = await start({ replicationDelayMs: 60_000 })
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    expect(await site.produce(topic, batch(), { acks: 1 })).toMatchObject({ errorCode: NONE, baseOffset: 0n })
    await kafka.stop(1)
    expect(kafka.log(topic.name, 0)).toMatchObject({ endOffset: 0n, highWatermark: 0n })
  })

  test('times out after the time that the request allows', async () => {
    await using kafka = await start({ replicationDelayMs: 60_000 })
    const topic = await ledBy(kafka, 1)
    using site = await open(kafka, 1)
    const { responses } = await site.wire.request('Produce', 12, {
      acks: -1,
      timeoutMs: 50,
      topicData: [{ name: topic.name, partitionData: [{ index: 0, records: batch() }] }]
    })
    expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: REQUEST_TIMED_OUT })
  })
})

describe('a broker that stands still', () => {
  test('answers when it goes on', async () => {
    await using kafka = await EmbeddedKafka.start()
    using site = await Site.open(kafka.bootstrap)
    const topic = await site.topic()
    kafka.pause()
    const produced = site.produce(topic, batch())
    expect(await Promise.race([produced, new Promise((resolve) => setTimeout(resolve, 100, 'nothing'))])).toBe(
      'nothing'
    )
    kafka.resume()
    expect(await produced).toMatchObject({ errorCode: NONE })
  })

  test('is replaced as a leader, and follows again when it goes on', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    kafka.pause(1)
    await expect.poll(() => kafka.leaderOf(topic.name, 0)).not.toBe(1)
    using other = await open(kafka, 2)
    expect(await partitionOf(other, topic.name)).toMatchObject({ isrNodes: { length: 2 } })
    kafka.resume(1)
    expect(await partitionOf(other, topic.name)).toMatchObject({ isrNodes: { length: 3 } })
    using first = await open(kafka, 1)
    expect(await first.produce(topic, batch())).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER })
  })

  test('are told for a moment as they were by a broker that stood still, coordinators too', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    using other = await open(kafka, 2)
    using first = await open(kafka, 1)
    expect(await coordinatorNamedBy(first)).toBeGreaterThan(0)
    kafka.moveCoordinator('transaction', 'id', 1)
    const before = await partitionOf(first, topic.name)
    kafka.pause(1)
    await expect.poll(() => kafka.leaderOf(topic.name, 0)).not.toBe(1)
    const now = await partitionOf(other, topic.name)
    expect(now.leaderEpoch).toBeGreaterThan(before.leaderEpoch)
    const { leaderId, leaderEpoch } = before
    await withoutTimers(async () => {
      kafka.resume(1)
      expect(await partitionOf(first, topic.name)).toMatchObject({ leaderId, leaderEpoch })
      expect(await coordinatorNamedBy(first)).toBe(1)
      expect(await coordinatorNamedBy(other)).not.toBe(1)
      vi.advanceTimersByTime(1_000)
      expect(await coordinatorNamedBy(first)).not.toBe(1)
      expect(await partitionOf(first, topic.name)).toMatchObject({ leaderId: now.leaderId })
    })
  })
})

/** What a coordinator says of the position of a group in partition 0. */
async function positionOf(site: Site, groupId: string, topic: string): Promise<bigint> {
  const group = { groupId, memberId: null, memberEpoch: -1, topics: [{ name: topic, partitionIndexes: [0] }] }
  const { groups } = await site.wire.request('OffsetFetch', 8, { groups: [group], requireStable: true })
  return groups[0]!.topics[0]!.partitions[0]!.committedOffset
}

async function commitPosition(site: Site, groupId: string, topic: string, offset: bigint): Promise<number> {
  const partition = { partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' }
  const { topics } = await site.wire.request('OffsetCommit', 8, {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [{ name: topic, partitions: [partition] }]
  })
  return topics[0]!.partitions[0]!.errorCode
}

async function find(site: Site, groupId: string) {
  const request = { keyType: 0, coordinatorKeys: [groupId] }
  return (await site.wire.request('FindCoordinator', 4, request)).coordinators[0]!
}

describe('coordinators', () => {
  test('of groups that were paused answer with old positions for a while, and take no new ones', async () => {
    await using kafka = await start()
    const old = kafka.coordinatorOf('group', 'readers')!
    using before = await open(kafka, old)
    const { name } = await before.topic()
    expect(await commitPosition(before, 'readers', name, 1n)).toBe(NONE)
    kafka.pause(old)
    await expect.poll(() => kafka.coordinatorOf('group', 'readers')).not.toBe(old)
    using after = await open(kafka, kafka.coordinatorOf('group', 'readers')!)
    expect(await commitPosition(after, 'readers', name, 2n)).toBe(NONE)
    await withoutTimers(async () => {
      kafka.resume(old)
      expect(await find(before, 'readers')).toMatchObject({ errorCode: NONE, nodeId: old })
      expect(await positionOf(before, 'readers', name)).toBe(1n)
      const refused = commitPosition(before, 'readers', name, 3n)
      expect(await positionOf(after, 'readers', name)).toBe(2n)
      vi.advanceTimersByTime(1_000)
      expect(await refused).toBe(NOT_COORDINATOR)
      expect(await positionOf(after, 'readers', name)).toBe(2n)
      expect((await find(before, 'readers')).nodeId).not.toBe(old)
    })
  })

  test('that do not know yet that they lead again have what a transaction commits to their groups', async () => {
    await using kafka = await start({ config: { 'broker.session.timeout.ms': '60000' } })
    await using client = new Kafka({ brokers: kafka.addresses })
    await client.admin().createTopics([{ topic: 'read', partitionCount: 1 }])
    const [old, other] = [1, 2]
    kafka.moveLeader('read', 0, other)
    kafka.moveCoordinator('transaction', 'id', other)
    kafka.moveCoordinator('group', 'readers', old)
    const transaction = client.transactionalProducer({ transactionalId: 'id' }).beginTransaction()
    await transaction.sendOffsets({ groupId: 'readers', offsets: [{ topic: 'read', partition: 0, offset: 5n }] })
    using site = await open(kafka, old)
    kafka.pause(old)
    kafka.moveCoordinator('group', 'readers', other)
    kafka.moveCoordinator('group', 'readers', old)
    kafka.resume(old)
    await transaction.commit()
    await expect.poll(() => positionOf(site, 'readers', 'read')).toBe(5n)
    expect(kafka.group('readers')).toMatchObject({ offsets: [{ offset: 5n }], pendingOffsets: [] })
  })

  test('follow the leaders of the internal topics', async () => {
    await using kafka = await start()
    using site = await open(kafka, 1)
    const before = kafka.coordinatorOf('group', 'readers')!
    expect(await find(site, 'readers')).toMatchObject({ errorCode: NONE, nodeId: before })
    const next = kafka.brokerIds.find((id) => id !== before)!
    kafka.moveCoordinator('group', 'readers', next)
    const { host, port } = await find(site, 'readers')
    expect(`${host}:${port}`).toBe(address(kafka, next))
  })
})

describe('a client', () => {
  test('goes on through the death of a leader', async () => {
    await using kafka = await start()
    const topic = await ledBy(kafka, 1)
    await using client = new Kafka({ brokers: kafka.bootstrap.split(',') })
    const producer = client.producer()
    await producer.send({ topic: topic.name, value: 'before' })
    await kafka.kill(1)
    const [after] = await producer.send({ topic: topic.name, value: 'after' })
    expect(after).toMatchObject({ baseOffset: 1n })
  })
})
