// The proof of a committed transaction on a real Kafka, while its transactional id has gone on.
import { expect, test } from 'vitest'
import { Kafka, ledgerGroupOf, readLedger } from 'kafka-once'
import { scanPartition } from '../../broker/log_scan.ts'
import { createTopic } from '../../broker/probe.ts'
import { describeKafka } from '../../broker/real_kafka.ts'

describeKafka('a committed transaction', ({ bootstrap }) => {
  test('is proven while the next one of its id has a witness pending, which stays undecided', async () => {
    const topic = `proof-next-${process.pid}-${Date.now()}`
    expect(await createTopic(bootstrap.split(',')[0] ?? '', { name: topic, partitions: 1 })).toBe(0)
    await using kafka = new Kafka({ brokers: bootstrap.split(',') })
    const producer = kafka.transactionalProducer({ transactionalId: topic })
    const first = producer.beginTransaction()
    await first.send({ topic, partition: 0, value: 'first' })
    const handle = await first.prepare()
    expect(await first.commit()).toEqual({ kind: 'committed' })

    const next = producer.beginTransaction()
    await next.send({ topic, partition: 0, value: 'next' })
    await next.prepare()
    const resumed = kafka.resumeTransaction(handle)
    expect(await resumed.commit()).toEqual({ kind: 'alreadyCommitted' })
    expect(await resumed.prove()).toEqual({ kind: 'proven' })
    await next.abort()

    const place = { groupId: ledgerGroupOf(topic), topic, partition: 0, requireStable: true }
    // The abort is decided when it is answered; its markers follow.
    await expect
      .poll(() => readLedger(kafka.cluster, place), { timeout: 10_000 })
      .toMatchObject({ kind: 'witness', randomId: handle.witness?.randomId })
    const outcomes = async () => (await scanPartition(bootstrap, topic, 0)).transactions.map(({ outcome }) => outcome)
    await expect.poll(outcomes).toEqual(['COMMIT', 'ABORT'])
  })
})

describeKafka('a transaction that its coordinator holds open', ({ bootstrap }) => {
  test('is given no markers by hand, and can be committed afterwards', async () => {
    const topic = `proof-open-${process.pid}-${Date.now()}`
    expect(await createTopic(bootstrap.split(',')[0] ?? '', { name: topic, partitions: 1 })).toBe(0)
    await using kafka = new Kafka({ brokers: bootstrap.split(',') })
    const transaction = kafka.transactionalProducer({ transactionalId: topic }).beginTransaction()
    await transaction.send({ topic, partition: 0, value: 'open' })
    const resumed = kafka.resumeTransaction(await transaction.prepare())
    const proof = await resumed.prove({ proofDeadlineMs: 100 })
    expect(proof.kind).toBe('hanging')
    await expect(resumed.repair(proof, 'abort')).rejects.toMatchObject({ code: 'INVALID_STATE' })
    expect(await resumed.commit()).toEqual({ kind: 'committed' })
    expect(await resumed.prove()).toEqual({ kind: 'proven' })
    const { transactions } = await scanPartition(bootstrap, topic, 0)
    expect(transactions.map(({ outcome }) => outcome)).toEqual(['COMMIT'])
  })
})
