// Transactions on brokers of earlier years: fewer requests exist there, and the same promises hold.
import { Kafka } from 'kafka-once'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { readCommitted } from '../../broker/log_scan.ts'
import { describeJars } from '../../broker/real_kafka.ts'
import { expectVerdict, newPlace, newProducer, outcomesOf, prepareOne } from './settling.ts'
import type { Place } from './settling.ts'

const timeoutSettings = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' }

describeJars('transactions on an older broker', () => {
  describe.each(['1.1.1', '2.8.2', '3.9.1'] as const)('of version %s', (version) => {
    let broker: TestBroker
    let kafka: Kafka

    beforeAll(async () => {
      broker = await startBroker({ version, config: timeoutSettings })
      kafka = new Kafka({ brokers: [broker.bootstrap] })
    })
    afterAll(async () => {
      await kafka?.close()
      await broker?.[Symbol.asyncDispose]()
    })

    const place = (what: string): Promise<Place> => newPlace(broker.bootstrap, kafka, what)

    test('are committed, aborted and told apart', async () => {
      const it = await place('ends')
      const producer = newProducer(it)
      const committed = await prepareOne(producer, it, 'committed')
      expect(committed.transactionVersion).toBe(0)
      await expectVerdict(it, committed, await kafka.resumeTransaction(committed).commit(), 'committed')
      expect(await kafka.resumeTransaction(committed).prove()).toEqual({ kind: 'proven' })
      await expectVerdict(it, committed, await kafka.resumeTransaction(committed).commit(), 'alreadyCommitted')

      const second = newProducer(it)
      const aborted = await prepareOne(second, it, 'aborted')
      await expectVerdict(it, aborted, await kafka.resumeTransaction(aborted).abort(), 'aborted')
      expect(await kafka.resumeTransaction(aborted).prove()).toEqual({ kind: 'proven' })
      await expectVerdict(it, aborted, await kafka.resumeTransaction(aborted).commit(), 'lost')
      await expectVerdict(it, committed, await kafka.resumeTransaction(committed).abort(), 'alreadyCommitted')

      for (let n = 0; n < 10; n++) {
        const transaction = newProducer({ ...it, transactionalId: `${it.transactionalId}-once` }).beginTransaction()
        await transaction.append(it.topic, n % 3, null, Buffer.from(`v${n}`))
        expect(await transaction.commit()).toEqual({ kind: 'committed' })
      }
      await expect.poll(() => readCommitted(it.bootstrap, it.topic), { timeout: 10_000 }).toHaveLength(12)
    })

    test('are lost after a timeout, also where the records are gone', async () => {
      const it = await place('timeout')
      const handle = await prepareOne(newProducer(it, { transactionTimeoutMs: 3_000 }), it)
      await expect.poll(() => outcomesOf(it, handle), { timeout: 20_000 }).toEqual(['ABORT', 'ABORT'])
      await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'lost')
      const all = [0, 1].map((partition) => ({ topic: it.topic, partition, before: 'all' as const }))
      await kafka.admin().deleteRecords(all)
      expect((await kafka.resumeTransaction(handle).commit()).kind).toBe('lost')
    })

    test('follow each other on one producer, after an abort and after a successor was fenced off', async () => {
      const it = await place('follow')
      const producer = newProducer(it)
      for (let n = 0; n < 10; n++) {
        const transaction = producer.beginTransaction()
        await transaction.send({ topic: it.topic, partition: 0, value: `v${n}` })
        if (n % 3 === 0) await transaction.abort()
        else expect(await transaction.commit()).toEqual({ kind: 'committed' })
      }
      await expect.poll(() => readCommitted(it.bootstrap, it.topic), { timeout: 10_000 }).toHaveLength(6)
      const open = producer.beginTransaction()
      await open.send({ topic: it.topic, partition: 0, value: 'zombie' })
      const successor = newProducer(it)
      await successor.init()
      await expect(open.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
      const last = successor.beginTransaction()
      await last.send({ topic: it.topic, partition: 0, value: 'last' })
      expect(await last.commit()).toEqual({ kind: 'committed' })
      await expect.poll(() => readCommitted(it.bootstrap, it.topic), { timeout: 10_000 }).toHaveLength(7)
    })

    test('store offsets of a group', async () => {
      const it = await place('offsets')
      const groupId = `${it.topic}-group`
      const transaction = newProducer(it).beginTransaction()
      await transaction.sendOffsets({ groupId, offsets: [{ topic: it.topic, partition: 1, offset: 42n }] })
      expect(await transaction.commit()).toEqual({ kind: 'committed' })
      const partitions = [{ topic: it.topic, partition: 1 }]
      const given = { groupId, partitions, requireStable: false }
      const stored = async () => (await kafka.admin().fetchOffsets(given)).get(`${it.topic}:1`)?.offset
      await expect.poll(stored).toBe(42n)
    })

    test('need a broker of 2.5 to fence members of a group', async () => {
      const it = await place('member')
      const transaction = newProducer(it).beginTransaction()
      const offsets = [{ topic: it.topic, partition: 1, offset: 42n }]
      const member = { memberId: 'nobody', generationId: 1 }
      const refused = transaction.sendOffsets({ groupId: `${it.topic}-group`, offsets, member })
      const kafkaName = version === '1.1.1' ? undefined : expect.stringMatching(/ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID/)
      await expect(refused).rejects.toMatchObject({ code: 'TRANSACTION_ABORTABLE', kafkaName })
      if (version === '1.1.1') await expect(refused).rejects.toMatchObject({ cause: { code: 'BROKER_TOO_OLD' } })
    })
  })
})
