// A transaction ends while the only broker that has its output and its ledger is gone: no marker is written, then or later
// (KAFKA-20734). The next InitProducerId makes the coordinator forget how it ended; its log still tells. Whoever goes on
// with the id writes the markers first.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Kafka, ledgerGroupOf } from 'kafka-once'
import type { PreparedTransaction, Transaction, TransactionalProducer } from 'kafka-once'
import { quickRestart, startBroker } from '../../broker/broker.ts'
import type { TestBroker, TestNode } from '../../broker/broker.ts'
import { scanPartition } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { uniqueName } from './settling.ts'

/** Brokers lose their session after 3 s. */
const failoverMsMax = 60_000
const deadlineMs = failoverMsMax

interface Open {
  readonly kafka: Kafka
  readonly topic: string
  readonly partition: number
  readonly transactionalId: string
  readonly producer: TransactionalProducer
  readonly transaction: Transaction
  readonly handle: PreparedTransaction
  /** Has the output and the ledger, and does not coordinate the transaction. */
  readonly node: TestNode
}

describeBrokers('a transaction whose end reached no partition and no ledger', () => {
  let cluster: TestBroker

  beforeAll(async () => {
    cluster = await startBroker({ nodes: 3, config: { ...quickRestart, 'offsets.topic.replication.factor': '1' } })
  })
  afterAll(async () => cluster?.[Symbol.asyncDispose]())

  async function open(kafka: Kafka): Promise<Open> {
    const topic = uniqueName('forgotten')
    // The first to ask makes the topics of the coordinators, which takes long on brokers that have just started.
    for (const type of ['group', 'transaction'] as const) {
      await vi.waitFor(() => kafka.cluster.coordinator(type, topic), { timeout: failoverMsMax, interval: 100 })
    }
    await kafka.admin().createTopics([{ topic, partitionCount: 6, replicationFactor: 1 }], { deadlineMs })
    for (let i = 0; ; i++) {
      const transactionalId = `${topic}-${i}`
      const nodeId = await kafka.cluster.coordinator('group', ledgerGroupOf(transactionalId))
      if ((await kafka.cluster.coordinator('transaction', transactionalId)) === nodeId) continue
      const { partitions } = (await kafka.cluster.topics([topic])).get(topic)!
      const { partition } = partitions.find(({ leaderId }) => leaderId === nodeId)!
      const producer = kafka.transactionalProducer({ transactionalId })
      const transaction = producer.beginTransaction()
      await transaction.send({ topic, partition, value: 'v' })
      const handle = await transaction.prepare()
      const node = cluster.nodes.find(({ id }) => id === nodeId)!
      return { kafka, topic, partition, transactionalId, producer, transaction, handle, node }
    }
  }

  /** Until every broker that is left knows that nobody leads there, so that no marker is kept for later. */
  async function killLeader({ topic, partition, node }: Open): Promise<void> {
    await cluster.kill(node.id)
    for (const { address } of cluster.nodes.filter(({ id }) => id !== node.id)) {
      await using kafka = new Kafka({ brokers: [address], requestTimeoutMs: 1_000 })
      const leader = async () =>
        (await kafka.cluster.topics([topic], { refresh: true })).get(topic)?.partitions[partition]
      await expect.poll(leader, { timeout: failoverMsMax, interval: 100 }).toMatchObject({ leaderId: -1 })
    }
  }

  /** Another producer of the id begins, and the broker comes back. */
  async function forget({ kafka, transactionalId, node, topic, partition }: Open): Promise<void> {
    await kafka.transactionalProducer({ transactionalId }).init({ deadlineMs })
    const { state } = (await kafka.admin().describeTransactions([transactionalId])).get(transactionalId)!
    expect(state).toBe('Empty')
    await cluster.start(node.id)
    const end = await scanPartition(cluster.bootstrap, topic, partition)
    expect(end.transactions.map(({ outcome }) => outcome)).toEqual(['open'])
  }

  async function repaired(it: Open, decided: 'commit' | 'abort'): Promise<string[]> {
    const resumed = it.kafka.resumeTransaction(it.handle)
    const proof = await resumed.prove({ proofDeadlineMs: 500 })
    const topics = proof.kind === 'hanging' ? proof.partitions.map(({ topic }) => topic) : []
    expect(topics.toSorted()).toEqual(['__consumer_offsets', it.topic])
    await resumed.repair(proof, decided)
    expect(await resumed.prove()).toEqual({ kind: 'proven' })
    const { transactions } = await scanPartition(cluster.bootstrap, it.topic, it.partition)
    return transactions.map(({ outcome }) => outcome)
  }

  const newKafka = (): Kafka => new Kafka({ brokers: cluster.bootstrap.split(','), requestTimeoutMs: 2_000 })

  test('is alreadyCommitted where it was committed, also when its id has gone on', { timeout: 180_000 }, async () => {
    await using kafka = newKafka()
    const it = await open(kafka)
    await killLeader(it)
    expect(await it.transaction.commit({ deadlineMs })).toEqual({ kind: 'committed' })
    await forget(it)
    expect(await kafka.resumeTransaction(it.handle).commit()).toEqual({ kind: 'alreadyCommitted' })
    expect(await repaired(it, 'commit')).toEqual(['COMMIT'])
  })

  test('is not taken into the next one of the same producer', { timeout: 180_000 }, async () => {
    await using kafka = newKafka()
    const it = await open(kafka)
    const { topic, partition } = it
    await killLeader(it)
    await it.transaction.abort({ deadlineMs })
    await cluster.start(it.node.id)
    const next = it.producer.beginTransaction()
    await next.send({ topic, partition, value: 'next' })
    expect(await next.commit({ deadlineMs })).toEqual({ kind: 'committed' })
    // EndTxn is answered before its markers are written.
    const outcomes = async () =>
      (await scanPartition(cluster.bootstrap, topic, partition)).transactions.map(({ outcome }) => outcome)
    await expect.poll(outcomes).toEqual(['ABORT', 'COMMIT'])
  })

  test('is lost where the other producer aborted it', { timeout: 180_000 }, async () => {
    await using kafka = newKafka()
    const it = await open(kafka)
    await killLeader(it)
    await forget(it)
    expect(await kafka.resumeTransaction(it.handle).commit()).toEqual({
      kind: 'lost',
      evidence: expect.stringContaining('__transaction_state has the abort of it')
    })
    expect(await repaired(it, 'abort')).toEqual(['ABORT'])
  })
})
