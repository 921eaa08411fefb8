import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fetchGroupOffsets, Kafka, KafkaError, supportsRequireStable } from '../../../src/client/index.ts'
import type { Admin, OffsetPosition } from '../../../src/client/index.ts'
import { describeKafka } from '../../broker/real_kafka.ts'

async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (error instanceof KafkaError) return error
  throw new Error(`Expected a KafkaError, got ${String(error)}`)
}

function wrong(given: unknown): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
  return given as never
}

describeKafka('administrative calls on a real Kafka', ({ bootstrap }) => {
  let kafka: Kafka
  let admin: Admin
  const own = `admin-${randomUUID()}`
  const topic = `${own}-topic`

  beforeAll(async () => {
    kafka = new Kafka({ brokers: bootstrap.split(',') })
    admin = kafka.admin()
    // Some of its records claim to be old, and are to stay.
    const configs = { 'retention.ms': '-1' }
    expect(await admin.createTopics([{ topic, partitionCount: 3, configs }])).toEqual([{ topic, isNew: true }])
  })
  afterAll(() => kafka.close())

  async function produce(partition: number, values: readonly string[], timestamp?: number): Promise<void> {
    await using producer = kafka.producer({ lingerMs: 0 })
    await producer.send(values.map((text) => ({ topic, partition, value: text, ...(timestamp && { timestamp }) })))
  }

  async function offsetAt(position: OffsetPosition) {
    const offsets = await admin.listOffsets([{ topic, partition: 0, position }])
    return offsets.get(`${topic}:0`)
  }

  /** A transaction with one record and one offset, left open. */
  async function openTransaction(transactionalId: string, partition: number) {
    const producer = kafka.transactionalProducer({ transactionalId, ledger: 'none' })
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, partition, value: 'in a transaction' })
    await transaction.sendOffsets({ groupId: transactionalId, offsets: [{ topic, partition, offset: 5n }] })
    await transaction.flush()
    return { producer, transaction }
  }

  it('a topic that is there, or not there, is a value; everything else is an error that says why', async () => {
    expect(await admin.createTopics([{ topic }])).toEqual([{ topic, isNew: false }])
    expect(await admin.deleteTopics([`${own}-none`])).toEqual([{ topic: `${own}-none`, wasThere: false }])
    const bad = await failure(admin.createTopics([{ topic: `${own} with spaces` }]))
    expect(bad).toMatchObject({ kafkaName: 'INVALID_TOPIC_EXCEPTION', retriable: false, api: 'CreateTopics' })
    const tooMany = await failure(admin.createTopics([{ topic: `${own}-rf`, replicationFactor: 99 }]))
    expect(tooMany.kafkaName).toBe('INVALID_REPLICATION_FACTOR')
    const config = await failure(admin.createTopics([{ topic: `${own}-config`, configs: { 'retention.ms': 'soon' } }]))
    expect(config.kafkaName).toBe('INVALID_CONFIG')
    expect(config.message).toContain('retention.ms')
  })

  it('a new topic can be written to and read at once, and a deleted one goes away', async () => {
    const shortLived = `${own}-short`
    for (let round = 0; round < 3; round++) {
      expect(await admin.createTopics([{ topic: shortLived, partitionCount: 2 }])).toMatchObject([{ isNew: true }])
      const ends = await admin.listOffsets([{ topic: shortLived, partition: 1, position: 'latest' }])
      expect(ends.get(`${shortLived}:1`)).toMatchObject({ offset: 0n })
      expect(await admin.listTopics()).toContain(shortLived)
      expect(await admin.deleteTopics([shortLived])).toEqual([{ topic: shortLived, wasThere: true }])
      await expect.poll(() => admin.listTopics()).not.toContain(shortLived)
    }
  })

  it('a topic grows, and only grows', async () => {
    const growing = `${own}-growing`
    await admin.createTopics([{ topic: growing, partitionCount: 1 }])
    await admin.createPartitions([{ topic: growing, partitionCount: 4 }])
    const found = (await kafka.cluster.topics([growing])).get(growing)
    expect(found?.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3])
    const error = await failure(admin.createPartitions([{ topic: growing, partitionCount: 4 }]))
    expect(error.kafkaName).toBe('INVALID_PARTITIONS')
  })

  it('the cluster describes itself as its metadata does', async () => {
    const description = await admin.describeCluster()
    expect(description.clusterId).toBe(await kafka.cluster.clusterId())
    const brokers = await kafka.cluster.brokers()
    expect(description.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port }))).toEqual(brokers)
  })

  it('settings of topics and brokers', async () => {
    const compacted = `${own}-compacted`
    await admin.createTopics([{ topic: compacted, configs: { 'cleanup.policy': 'compact' } }])
    const names = ['cleanup.policy', 'segment.bytes']
    const entries = await admin.describeConfigs({ topic: compacted, names })
    expect([...entries.keys()].toSorted()).toEqual(names)
    expect(entries.get('cleanup.policy')).toMatchObject({ value: 'compact', isDefault: false, isSensitive: false })
    expect(entries.get('segment.bytes')?.isDefault).toBe(true)
    const [broker] = await kafka.cluster.brokers()
    const maximum = await admin.describeConfigs({ nodeId: broker!.nodeId, names: ['transaction.max.timeout.ms'] })
    expect(Number(maximum.get('transaction.max.timeout.ms')?.value)).toBeGreaterThan(0)
  })

  it('offsets by name and by time', async () => {
    const now = 1_700_000_000_000
    await produce(0, ['a', 'b'], now)
    await produce(0, ['c'], now + 1_000)
    expect(await offsetAt('earliest')).toMatchObject({ offset: 0n })
    expect(await offsetAt('latest')).toMatchObject({ offset: 3n })
    expect(await offsetAt({ timestampMs: now })).toMatchObject({ offset: 0n, timestampMs: now })
    expect(await offsetAt({ timestampMs: now + 1 })).toMatchObject({ offset: 2n, timestampMs: now + 1_000 })
    expect(await offsetAt({ timestampMs: now + 1_001 })).toMatchObject({ offset: -1n })
    expect(await offsetAt('maxTimestamp')).toMatchObject({ offset: 2n, timestampMs: now + 1_000 })
  })

  it('records are deleted up to an offset', async () => {
    const trimmed = `${own}-trimmed`
    await admin.createTopics([{ topic: trimmed, partitionCount: 1 }])
    await using producer = kafka.producer()
    await producer.send(['a', 'b', 'c'].map((text) => ({ topic: trimmed, value: text })))
    const key = `${trimmed}:0`
    expect((await admin.deleteRecords([{ topic: trimmed, partition: 0, before: 2n }])).get(key)).toBe(2n)
    const start = await admin.listOffsets([{ topic: trimmed, partition: 0, position: 'earliest' }])
    expect(start.get(key)?.offset).toBe(2n)
    expect((await admin.deleteRecords([{ topic: trimmed, partition: 0, before: 'all' }])).get(key)).toBe(3n)
    const error = await failure(admin.deleteRecords([{ topic: trimmed, partition: 0, before: 9n }]))
    expect(error.kafkaName).toBe('OFFSET_OUT_OF_RANGE')
  })

  it('a group stores positions, is read, and is deleted', async () => {
    const groupId = `${own}-group`
    await admin.commitOffsets({
      groupId,
      offsets: [
        { topic, partition: 0, offset: 42n, metadata: 'why', leaderEpoch: 3 },
        { topic, partition: 1, offset: 7n }
      ]
    })
    expect(await admin.fetchOffsets({ groupId })).toEqual(
      new Map([
        [`${topic}:0`, { offset: 42n, metadata: 'why', leaderEpoch: 3 }],
        [`${topic}:1`, { offset: 7n, metadata: '', leaderEpoch: -1 }]
      ])
    )
    const some = await admin.fetchOffsets({
      groupId,
      partitions: [
        { topic, partition: 1 },
        { topic, partition: 2 }
      ]
    })
    expect([...some.keys()]).toEqual([`${topic}:1`])
    expect(await admin.deleteGroups([groupId])).toEqual([{ groupId, wasThere: true }])
    expect(await admin.deleteGroups([groupId])).toEqual([{ groupId, wasThere: false }])
    expect((await admin.fetchOffsets({ groupId })).size).toBe(0)
    const unknown = await failure(
      admin.commitOffsets({ groupId, offsets: [{ topic: `${own}-none`, partition: 0, offset: 1n }] })
    )
    expect(unknown.kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })

  it('a position that an open transaction decides about is told as unstable, or waited for', async () => {
    const groupId = `${own}-pending`
    expect(await supportsRequireStable(kafka.cluster, groupId)).toBe(true)
    const { producer, transaction } = await openTransaction(groupId, 1)
    await using _closing = producer
    const options = { groupId, partitions: [{ topic, partition: 1 }] }
    const stable = await fetchGroupOffsets(kafka.cluster, { ...options, requireStable: true })
    expect(stable).toMatchObject({ errorCode: 0 })
    expect(stable.offsets.get(`${topic}:1`)?.errorCode).toBe(88)
    const old = await fetchGroupOffsets(kafka.cluster, { ...options, requireStable: false })
    expect(old.offsets.get(`${topic}:1`)).toMatchObject({ errorCode: 0, offset: -1n })
    // Brokers list only what is stored when they are asked for everything.
    expect((await admin.fetchOffsets({ groupId })).size).toBe(0)
    const waited = admin.fetchOffsets(options)
    await transaction.commit()
    expect((await waited).get(`${topic}:1`)?.offset).toBe(5n)
  })

  it('an open transaction is listed, described and seen in its partition', async () => {
    const transactionalId = `${own}-open.\\E[x]`
    const { producer, transaction } = await openTransaction(transactionalId, 2)
    await using _closing = producer
    const expected = { transactionalId, state: 'Ongoing' }
    expect(await admin.listTransactions({ transactionalIdPrefix: `${own}-open.\\E[` })).toMatchObject([expected])
    expect(await admin.listTransactions({ transactionalIdPrefix: `${own}-open.\\E]` })).toEqual([])
    expect(await admin.listTransactions({ transactionalIdPattern: `${own}-open.*` })).toMatchObject([expected])
    const states = { transactionalIdPrefix: own, states: ['Ongoing'] }
    expect(await admin.listTransactions(states)).toMatchObject([expected])
    expect(await admin.listTransactions({ ...states, durationMsMin: 0 })).toMatchObject([expected])
    expect(await admin.listTransactions({ ...states, durationMsMin: 3_600_000 })).toEqual([])
    expect(await failure(admin.listTransactions({ states: ['Sleeping'] }))).toMatchObject({ code: 'INVALID_OPTION' })

    const described = await admin.describeTransactions([transactionalId, `${own}-unknown`])
    expect([...described.keys()]).toEqual([transactionalId])
    const { producerId, producerEpoch, partitions, startTimeMs } = described.get(transactionalId)!
    expect(partitions).toContainEqual({ topic, partition: 2 })
    expect(startTimeMs).toBeGreaterThan(Date.now() - 60_000)

    const producers = async () => {
      const states = await admin.describeProducers([
        { topic, partition: 2 },
        { topic, partition: 0 }
      ])
      return states.get(`${topic}:2`)?.find((one) => one.producerId === producerId)
    }
    expect(await producers()).toMatchObject({ producerEpoch, lastSequence: 0, currentTxnStartOffset: 0n })
    await transaction.commit()
    await expect.poll(async () => (await producers())?.currentTxnStartOffset).toBe(-1n)
    expect((await producers())?.coordinatorEpoch).toBeGreaterThanOrEqual(0)
  })

  it('the last stable offset stays at an open transaction until its markers are written by hand', async () => {
    const transactionalId = `${own}-markers`
    const { producer } = await openTransaction(transactionalId, 1)
    const latest = async (isolationLevel: 'read_committed' | 'read_uncommitted') => {
      const offsets = await admin.listOffsets([{ topic, partition: 1, position: 'latest' }], { isolationLevel })
      return offsets.get(`${topic}:1`)!.offset
    }
    const end = await latest('read_uncommitted')
    expect(await latest('read_committed')).toBe(end - 1n)
    const { producerId, producerEpoch } = (await admin.describeTransactions([transactionalId])).get(transactionalId)!
    await admin.writeTxnMarkers({
      producerId,
      // Since KIP-890 a marker has an epoch of its own, above that of the records.
      producerEpoch: producerEpoch + 1,
      result: 'abort',
      coordinatorEpoch: 0,
      transactionVersion: 2,
      partitions: [{ topic, partition: 1 }]
    })
    expect(await latest('read_committed')).toBe(end + 1n)
    await producer.close()
  })

  it('a partition that is not there is an error in a few seconds, not in the whole deadline', async () => {
    const error = await failure(admin.describeProducers([{ topic, partition: 99 }], { deadlineMs: 60_000 }))
    expect(error).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false })
    expect(error.message).toContain(`${topic}:99`)
  })

  it('what is passed in is checked', async () => {
    for (const [call, named] of [
      [admin.createTopics([wrong({ topic: 'a', partitions: 3 })]), 'partitionCount'],
      [admin.createTopics([{ topic: '' }]), 'topic is ""'],
      [admin.deleteTopics(['a'], wrong({ timeoutMs: 5 })), 'timeoutMs'],
      [admin.listOffsets([{ topic: 'a', partition: -1, position: 'latest' }]), 'partition is -1'],
      [admin.listOffsets([{ topic: 'a', partition: 0, position: wrong('newest') }]), 'position is "newest"'],
      [admin.listTransactions({ transactionalIdPrefix: 'a', transactionalIdPattern: 'a' }), 'not both'],
      [admin.writeTxnMarkers(wrong({ producerId: 1n, producerEpoch: 0, result: 'commit' })), 'coordinatorEpoch'],
      [admin.commitOffsets({ groupId: 'g', offsets: [{ topic, partition: 0, offset: -1n }] }), 'offset is -1n'],
      [admin.describeConfigs(wrong({ nodeId: 1, topic: 'a' })), 'nodeId']
    ] as const) {
      const error = await failure(call)
      expect(error.code).toBe('INVALID_OPTION')
      expect(error.message).toContain(named)
    }
  })
})
