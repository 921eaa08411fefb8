// Tests look into the groups of an embedded Kafka: state, members, assignments, offsets and what open transactions hold.
import { Kafka } from 'kafka-once'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription, encodeVersioned } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RawCluster } from '../raw_cluster.ts'

let kafka: EmbeddedKafka
let raw: RawCluster

beforeEach(async () => {
  kafka = await EmbeddedKafka.start()
  const nodes = [{ id: 1, address: kafka.bootstrap }]
  raw = new RawCluster({ bootstrap: kafka.bootstrap, nodes, kill: () => kafka.kill(), start: () => kafka.start() })
  await raw.createTopic('orders', 2)
})

afterEach(async () => {
  raw[Symbol.dispose]()
  await kafka.close()
})

const groupId = 'readers'
const assigned = [{ topic: 'orders', partitions: [0, 1] }]

async function joinClassic(protocolType = 'consumer') {
  const metadata = encodeVersioned(ConsumerProtocolSubscription, 1, { topics: ['orders'], ownedPartitions: [] })
  const protocols = [{ name: 'range', metadata }]
  const request = { groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, protocolType, protocols }
  const { memberId } = await raw.askCoordinator('group', groupId, 'JoinGroup', 5, { ...request, memberId: '' })
  return raw.askCoordinator('group', groupId, 'JoinGroup', 5, { ...request, memberId })
}

test('there is no group before somebody has made one', () => {
  expect(kafka.groupIds()).toEqual([])
  expect(kafka.group(groupId)).toBeUndefined()
})

test('a classic group shows who is in it, and what they have when they agree', async () => {
  const { memberId, generationId } = await joinClassic()
  const member = { memberId, groupInstanceId: null, clientId: 'judge', topics: ['orders'], assignment: [] }
  const empty = { groupId, protocol: 'classic', generation: 1, offsets: [], pendingOffsets: [] }
  expect(kafka.group(groupId)).toEqual({ ...empty, state: 'CompletingRebalance', members: [member] })
  const assignedPartitions = [{ topic: 'orders', partitions: [1, 0] }]
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 0, { assignedPartitions })
  const sync = { groupId, generationId, memberId, assignments: [{ memberId, assignment }] }
  await raw.askCoordinator('group', groupId, 'SyncGroup', 3, sync)
  const stable = { ...empty, state: 'Stable', members: [{ ...member, assignment: assigned }] }
  expect(kafka.group(groupId)).toEqual(stable)
  expect(kafka.groupIds()).toEqual([groupId])
  // Also from the log alone, where no broker keeps it.
  await kafka.kill()
  expect(kafka.group(groupId)).toEqual(stable)
  await kafka.start()
  await raw.coordinatorOf('group', groupId)
  expect(kafka.group(groupId)).toEqual(stable)
})

test('a group of the consumer protocol shows its epoch and assignments', async () => {
  const memberId = 'BQAAAAAAAAAAAAAAAAAAAQ-member-1'
  const first = { rebalanceTimeoutMs: 20_000, subscribedTopicNames: ['orders'], topicPartitions: [] }
  const joining = { groupId, memberId, memberEpoch: 0, ...first }
  const { memberEpoch } = await raw.askCoordinator('group', groupId, 'ConsumerGroupHeartbeat', 0, joining)
  const member = { memberId, groupInstanceId: null, clientId: 'judge', topics: ['orders'], assignment: assigned }
  expect(kafka.group(groupId)).toEqual({
    groupId,
    protocol: 'consumer',
    state: 'Stable',
    generation: memberEpoch,
    members: [member],
    offsets: [],
    pendingOffsets: []
  })
})

test('offsets of open transactions are shown apart, until their transaction ends', async () => {
  await using client = new Kafka({ brokers: [kafka.bootstrap] })
  const [committed] = [{ topic: 'orders', partition: 0, offset: 3n, leaderEpoch: -1, metadata: 'three' }]
  await raw.askCoordinator('group', groupId, 'OffsetCommit', 8, {
    groupId,
    memberId: '',
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: 'three' }] }]
  })
  await using producer = client.transactionalProducer({ transactionalId: 'movers.0' })
  for (const isCommit of [false, true]) {
    const transaction = producer.beginTransaction()
    await transaction.send({ topic: 'orders', value: 'moved' })
    const offsets = [{ topic: 'orders', partition: 1, offset: 7n }]
    await transaction.sendOffsets({ groupId, offsets })
    const moved = { topic: 'orders', partition: 1, offset: 7n, leaderEpoch: -1, metadata: '' }
    const view = kafka.group(groupId)
    expect(view).toMatchObject({ protocol: 'classic', state: 'Empty', members: [], offsets: [committed] })
    expect(view?.pendingOffsets).toEqual([{ ...moved, producerId: expect.any(BigInt) }])
    await (isCommit ? transaction.commit() : transaction.abort())
    await expect.poll(() => kafka.group(groupId)?.pendingOffsets).toEqual([])
    expect(kafka.group(groupId)?.offsets).toEqual(isCommit ? [committed, moved] : [committed])
    // What was told before has not changed.
    expect(view?.pendingOffsets).toHaveLength(1)
  }
})
