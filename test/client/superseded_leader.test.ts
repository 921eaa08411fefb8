// A broker that stood still while others took its place goes on: it names itself the leader, and answers out of its old
// log. Nothing that a client takes for a fact for good may come from there. What it answers, a real one does too
// (superseded_leader.kafka.test.ts).
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, silentLogger } from 'kafka-once'
import type { PreparedTransaction } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import { expect, test } from 'vitest'
import { scanPartition } from '../../src/client/transaction/control_scan.ts'
import { findOpenTransactions } from '../../src/exactlyonce/sink/open_transactions.ts'
import { partitionKey } from '../../src/exactlyonce/source/partition_state.ts'
import { offsetOutside, resolveEndOffsets } from '../../src/exactlyonce/source/start_offsets.ts'

const old = 1
const topic = 'out'
const config = { 'broker.session.timeout.ms': '100' }
const limits = { deadlineMs: 10_000, signal: new AbortController().signal }
const calm = { logger: silentLogger, requestTimeoutMs: 10_000 }

interface Standstill {
  /** The client of somebody who went on with the others. */
  readonly kafka: Kafka
  readonly embedded: EmbeddedKafka
  /** The old leader goes on; answers a client that believes it. */
  readonly goOn: () => Promise<Kafka>
}

/** The leader of the only partition stands still after one record; all coordinators are elsewhere. */
async function withStandstill(act: (standstill: Standstill) => Promise<void>): Promise<void> {
  await using embedded = await EmbeddedKafka.start({ brokers: 3, config })
  const [oldAddress = '', ...others] = embedded.addresses
  {
    await using before = new Kafka({ brokers: others, ...calm })
    await before.admin().createTopics([{ topic, partitionCount: 1, replicationFactor: 3 }])
    embedded.moveCoordinator('group', 'id.ledger', 2)
    embedded.moveCoordinator('transaction', 'id', 2)
    if (embedded.leaderOf(topic, 0) !== old) embedded.moveLeader(topic, 0, old)
    await before.producer().send({ topic, partition: 0, value: 'before' })
  }
  embedded.pause(old)
  await expect.poll(() => embedded.leaderOf(topic, 0)).not.toBe(old)
  await using kafka = new Kafka({ brokers: others, ...calm })
  const clients: Kafka[] = []
  try {
    const goOn = async (): Promise<Kafka> => {
      const client = new Kafka({ brokers: [oldAddress], ...calm })
      clients.push(client)
      const told = await answeredFirst(embedded, () => client.cluster.topics([topic]))
      expect(told.get(topic)?.partitions).toMatchObject([{ leaderId: old }])
      return client
    }
    await act({ kafka, embedded, goOn })
  } finally {
    for (const client of clients) await client.close()
  }
}

/** What the old leader answers as it goes on: it is asked while it stands still, and is outdated for a moment only. */
async function answeredFirst<T>(embedded: EmbeddedKafka, ask: () => Promise<T>): Promise<T> {
  const answer = ask()
  await sleep(50)
  embedded.resume(old)
  return answer
}

async function prepareOne(kafka: Kafka): Promise<PreparedTransaction> {
  const transaction = kafka.transactionalProducer({ transactionalId: 'id' }).beginTransaction()
  await transaction.send({ topic, partition: 0, value: 'v' })
  return transaction.prepare()
}

test('a marker is missing, also where the old leader has never seen the transaction', () =>
  withStandstill(async ({ kafka, embedded, goOn }) => {
    embedded.transactions.markers.add((marker) => (marker.topic === topic ? 'skip' : undefined))
    const handle = await prepareOne(kafka)
    expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'committed' })
    const proof = await (await goOn()).resumeTransaction(handle).prove({ proofDeadlineMs: 100 })
    expect(proof).toMatchObject({ kind: 'hanging', partitions: [{ topic, partition: 0 }] })
  }))

test('a transaction that a dead run has left open is found, also where the old leader has never seen it', () =>
  withStandstill(async ({ kafka, goOn }) => {
    const { producerId, producerEpoch } = await prepareOne(kafka)
    const { cluster } = await goOn()
    const producers = new Map([[BigInt(producerId), producerEpoch + 1]])
    const open = await findOpenTransactions(cluster, [{ topic, partition: 0 }], producers, limits)
    expect(open).toMatchObject([{ topic, partition: 0, producerId: BigInt(producerId) }])
  }))

test('a transaction is found in the log, also where the old leader has never seen it', () =>
  withStandstill(async ({ kafka, goOn }) => {
    const handle = await prepareOne(kafka)
    await kafka.resumeTransaction(handle).commit()
    const { cluster } = await goOn()
    const producer = { producerId: BigInt(handle.producerId), producerEpoch: handle.producerEpoch }
    const end = await scanPartition(cluster, producer, handle.partitions[0]!, limits)
    expect(end).toMatchObject({ kind: 'committed' })
  }))

test('a position in a later epoch than the old leader knows is not taken for truncated', () =>
  withStandstill(async ({ kafka, goOn }) => {
    await kafka.producer().send({ topic, partition: 0, value: 'read' })
    await kafka.producer().send({ topic, partition: 0, value: 'next' })
    const leaderEpoch = kafka.cluster.cachedLeader(topic, 0)!.leaderEpoch
    const consumer = (await goOn()).consumer()
    await consumer.assign([{ topic, partition: 0, position: 2n, leaderEpoch }])
    expect(await firstOf(consumer)).toBe('next')
  }))

test('an epoch that no broker knows is taken for truncated once nobody can be outdated any more', () =>
  withStandstill(async ({ kafka, goOn }) => {
    await kafka.producer().send({ topic, partition: 0, value: 'read' })
    const leaderEpoch = kafka.cluster.cachedLeader(topic, 0)!.leaderEpoch + 1
    const consumer = (await goOn()).consumer()
    const assigned = consumer.assign([{ topic, partition: 0, position: 1n, leaderEpoch }])
    await expect(assigned).rejects.toMatchObject({ code: 'LOG_TRUNCATED' })
  }))

test('a position behind the end of the old leader is not taken for one outside of the log', () =>
  withStandstill(async ({ kafka, goOn }) => {
    await kafka.producer().send({ topic, partition: 0, value: 'read' })
    await kafka.producer().send({ topic, partition: 0, value: 'next' })
    const consumer = (await goOn()).consumer()
    await consumer.assign([{ topic, partition: 0, position: 2n }])
    expect(await firstOf(consumer)).toBe('next')
  }))

test('the end of a bounded source, and what lies outside of the log, is told by the new leader', () =>
  withStandstill(async ({ kafka, goOn }) => {
    for (const value of ['more', 'and more']) await kafka.producer().send({ topic, partition: 0, value })
    const { cluster } = await goOn()
    const partitions = [{ topic, partition: 0, topicId: '' }]
    const options = { isolationLevel: 'read_committed', groupId: undefined, ...limits } as const
    const starts = new Map([[partitionKey(topic, 0), 3n]])
    expect(await offsetOutside(cluster, { specificOffsets: {} }, partitions, starts, options)).toBeUndefined()
    expect([...(await resolveEndOffsets(cluster, partitions, options)).values()]).toEqual([3n])
  }))

async function firstOf(consumer: ReturnType<Kafka['consumer']>): Promise<string | undefined> {
  for await (const batch of consumer.batches()) {
    for (const { value } of batch.records()) return Buffer.from(value ?? []).toString()
  }
  return undefined
}

test('a witness is pending, also where the old coordinator of its ledger shows the transaction before', async () => {
  await using embedded = await EmbeddedKafka.start({ brokers: 3, config })
  const [oldAddress = '', ...others] = embedded.addresses
  await using kafka = new Kafka({ brokers: others, ...calm, requestTimeoutMs: 1_000 })
  await kafka.admin().createTopics([{ topic, partitionCount: 1, replicationFactor: 3 }])
  if (embedded.leaderOf(topic, 0) === old) embedded.moveLeader(topic, 0, 2)
  kafka.cluster.invalidateTopic(topic)
  embedded.moveCoordinator('group', 'id.ledger', old)
  embedded.moveCoordinator('transaction', 'id', 2)
  const producer = kafka.transactionalProducer({ transactionalId: 'id' })
  const write = async (): Promise<PreparedTransaction> => {
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, partition: 0, value: 'v' })
    const handle = await transaction.prepare()
    expect(await transaction.commit()).toEqual({ kind: 'committed' })
    return handle
  }
  await write()
  embedded.pause(old)
  await expect.poll(() => embedded.coordinatorOf('group', 'id.ledger')).not.toBe(old)
  kafka.cluster.invalidateCoordinator('group', 'id.ledger')
  embedded.transactions.markers.add((marker) => (marker.topic === '__consumer_offsets' ? 'skip' : undefined))
  const handle = await write()
  await using late = new Kafka({ brokers: [oldAddress], ...calm })
  expect(await answeredFirst(embedded, () => late.cluster.coordinator('group', 'id.ledger'))).toBe(old)
  const proof = await late.resumeTransaction(handle).prove({ proofDeadlineMs: 100 })
  expect(proof).toMatchObject({ kind: 'hanging', partitions: [{ topic: '__consumer_offsets' }] })
})
