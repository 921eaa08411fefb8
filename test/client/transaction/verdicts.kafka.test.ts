// The verdict on a resumed transaction is what the control records in the log say, whatever its coordinator remembers:
// on every transaction version, and whatever happened to the transactional id in the meantime.
import { Kafka } from 'kafka-once'
import type { ForeignTransaction, PreparedTransaction } from 'kafka-once'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sealPrepared } from '../../../src/client/transaction/prepared_codec.ts'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { readCommitted, scanTopic } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { expectVerdict, newPlace, newProducer, outcomesOf, prepareOne } from './settling.ts'
import type { Place } from './settling.ts'

const retentionMinutes = 300
const settings = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  'offsets.retention.minutes': String(retentionMinutes)
}

// A handle as it would be, had it been made otherwise.
function changed(handle: PreparedTransaction, changes: Partial<PreparedTransaction>): PreparedTransaction {
  return sealPrepared({ ...handle, ...changes })
}

function foreign({ transactionalId, producerId, producerEpoch }: PreparedTransaction): ForeignTransaction {
  return { transactionalId, producerId, producerEpoch }
}

async function expectKind(verdict: Promise<{ readonly kind: string }>, kind: string): Promise<void> {
  const settled = await verdict
  expect(settled.kind, JSON.stringify(settled)).toBe(kind)
}

describeBrokers('the verdict on a resumed transaction', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker
    let kafka: Kafka

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion, config: settings })
      kafka = new Kafka({ brokers: [broker.bootstrap] })
    })
    afterAll(async () => {
      await kafka?.close()
      await broker?.[Symbol.asyncDispose]()
    })

    const place = (what: string): Promise<Place> => newPlace(broker.bootstrap, kafka, what)

    /** What the log of the coordinator tells where each transaction has an epoch of its own, and nothing else does. */
    const byLog = (kind: 'alreadyCommitted' | 'lost'): string => (transactionVersion === 2 ? kind : 'fenced')

    // Everything is tried with the witness and without one.
    const handles = [
      ['with a witness', (handle: PreparedTransaction) => handle],
      ['without a witness', (handle: PreparedTransaction) => changed(handle, { witness: null })]
    ] as const

    describe.each(handles)('%s', (_, adapt) => {
      test('is committed, and at the second time alreadyCommitted or committed', async () => {
        const it = await place('commit')
        const handle = adapt(await prepareOne(newProducer(it), it))
        expect(handle).toMatchObject({ transactionVersion, endTxnVersion: transactionVersion === 2 ? 5 : 4 })
        const resumed = kafka.resumeTransaction(handle)
        expect(await resumed.commit()).toEqual({ kind: 'committed' })
        expect(await resumed.prove()).toEqual({ kind: 'proven' })
        await expectVerdict(it, handle, await resumed.commit(), 'alreadyCommitted', 'committed')
        await expect.poll(() => readCommitted(it.bootstrap, it.topic), { timeout: 10_000 }).toHaveLength(2)
        await expectVerdict(it, handle, await resumed.abort(), 'alreadyCommitted')
      })

      test('is aborted, and lost when committed later', async () => {
        const it = await place('abort')
        const handle = adapt(await prepareOne(newProducer(it), it))
        const resumed = kafka.resumeTransaction(handle)
        expect(await resumed.abort()).toEqual({ kind: 'aborted' })
        expect(await resumed.prove()).toEqual({ kind: 'proven' })
        await expectVerdict(it, handle, await resumed.commit(), 'lost')
        await expectVerdict(it, handle, await resumed.abort(), 'aborted')
      })

      test('is alreadyCommitted while a later transaction of the id is open, which it leaves alone', async () => {
        const it = await place('later')
        const producer = newProducer(it)
        const handle = adapt(await prepareOne(producer, it))
        expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'committed' })
        expect(await kafka.resumeTransaction(handle).prove()).toEqual({ kind: 'proven' })
        // Its own producer finds that out when it is asked to commit, and goes on.
        await newProducer(it).init()
        const next = newProducer(it)
        const later = next.beginTransaction()
        await later.send([{ topic: it.topic, partition: 0, value: 'later' }])
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'alreadyCommitted')
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).abort(), 'alreadyCommitted')
        expect((await scanTopic(it.bootstrap, it.topic))[0]?.transactions.at(-1)?.outcome).toBe('open')
        expect(await later.commit()).toEqual({ kind: 'committed' })
      })

      test('is lost when the broker timed it out', async () => {
        const it = await place('timeout')
        const handle = adapt(await prepareOne(newProducer(it, { transactionTimeoutMs: 3_000 }), it))
        await expect.poll(() => outcomesOf(it, handle), { timeout: 20_000 }).toEqual(['ABORT', 'ABORT'])
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'lost')
        expect(await kafka.resumeTransaction(handle).prove()).toEqual({ kind: 'proven' })
      })

      test('is lost when a successor took the id while it was open', async () => {
        const it = await place('fenced')
        const handle = adapt(await prepareOne(newProducer(it), it))
        await newProducer(it).init()
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'lost')
      })

      test('is alreadyCommitted when a successor took the id after its commit, also if that wrote', async () => {
        const it = await place('succeeded')
        const handle = adapt(await prepareOne(newProducer(it), it))
        await kafka.resumeTransaction(handle).commit()
        const successor = newProducer(it)
        await successor.init()
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'alreadyCommitted')
        const aborted = successor.beginTransaction()
        await aborted.send([{ topic: it.topic, partition: 0, value: 'aborted' }])
        await aborted.abort()
        await expectVerdict(it, handle, await kafka.resumeTransaction(handle).commit(), 'alreadyCommitted')
      })

      test('is torn where an admin gave one partition another end', async () => {
        const it = await place('torn')
        const handle = adapt(await prepareOne(newProducer(it), it))
        await kafka.admin().writeTxnMarkers({
          producerId: BigInt(handle.producerId),
          producerEpoch: handle.producerEpoch,
          result: 'commit',
          coordinatorEpoch: 0,
          partitions: [{ topic: it.topic, partition: 0 }]
        })
        await newProducer(it).init()
        await expect(kafka.resumeTransaction(handle).commit()).rejects.toMatchObject({ code: 'TRANSACTION_TORN' })
        expect(await outcomesOf(it, handle)).toEqual(['COMMIT', 'ABORT'])
      })
    })

    test('is committed without a request where nothing was written', async () => {
      const it = await place('empty')
      const transaction = newProducer(it).beginTransaction()
      const handle = await transaction.prepare()
      expect(handle).toMatchObject({ hasData: false, partitions: [], witness: null })
      expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'committed' })
      expect(await kafka.resumeTransaction(handle).prove()).toEqual({ kind: 'proven' })
      expect(await transaction.commit()).toEqual({ kind: 'committed' })
    })

    test('is found by the ledger where the records are gone', async () => {
      const it = await place('gone')
      const producer = newProducer(it)
      const [lost, committed] = [await prepareOne(producer, it, 'lost'), await lostThenCommitted(it)]
      await deleteAll(it)
      await expectKind(kafka.resumeTransaction(committed).commit(), 'alreadyCommitted')
      // The transaction behind it moved the ledger on.
      await expectKind(kafka.resumeTransaction(lost).commit(), byLog('lost'))
    })

    test('is lost by the ledger where the records are gone and nothing came after', async () => {
      const it = await place('gonelost')
      const before = await prepareOne(newProducer(it), it)
      await kafka.resumeTransaction(before).commit()
      await kafka.resumeTransaction(before).prove()
      const handle = await prepareOne(newProducer(it), it)
      expect(handle.witness?.previousRandomId).toBe(before.witness?.randomId)
      await kafka.resumeTransaction(handle).abort()
      await kafka.resumeTransaction(handle).prove()
      await deleteAll(it)
      await expectKind(kafka.resumeTransaction(handle).commit(), 'lost')
      const again = newProducer(it)
      await again.init()
      await expectKind(kafka.resumeTransaction(handle).commit({ mayInitProducerId: false }), byLog('lost'))
      // That did not fence it; the proof does.
      const alive = again.beginTransaction()
      await alive.send([{ topic: it.topic, partition: 0, value: 'alive' }])
      await expectKind(kafka.resumeTransaction(handle).commit({ mayInitProducerId: false }), byLog('lost'))
      expect(await alive.commit()).toEqual({ kind: 'committed' })
    })

    test('is not lost where a committed witness may have expired, as soon as this broker may drop it', async () => {
      const it = await place('expired')
      const handle = await prepareOne(newProducer(it), it)
      expect(handle.witness?.previousRandomId).toBeNull()
      await kafka.resumeTransaction(handle).commit()
      await kafka.resumeTransaction(handle).prove()
      await newProducer(it).init()
      await deleteAll(it)
      await kafka.admin().deleteGroups([handle.witness?.groupId ?? ''])
      const ageMs = (retentionMinutes + 1) * 60_000
      const old = changed(handle, { startedAtMs: handle.startedAtMs - ageMs })
      await expectKind(kafka.resumeTransaction(old).commit(), byLog('alreadyCommitted'))
    })

    test('is foreignHandle where the handle belongs to another cluster', async () => {
      const it = await place('cluster')
      const handle = changed(await prepareOne(newProducer(it), it), { clusterId: 'another' })
      await expectKind(kafka.resumeTransaction(handle).commit(), 'foreignHandle')
      await expectKind(kafka.resumeTransaction(handle).abort(), 'foreignHandle')
    })

    test('is foreignHandle where the epoch was never given out', async () => {
      const it = await place('epoch')
      const handle = await prepareOne(newProducer(it), it)
      const wrong = changed(handle, { producerEpoch: handle.producerEpoch + 100 })
      await expectKind(kafka.resumeTransaction(wrong).commit(), 'foreignHandle')
      await expectKind(kafka.resumeTransaction(handle).commit(), 'committed')
    })

    describe('of another client', () => {
      test('is committed by id and epoch alone, and alreadyCommitted later', async () => {
        const it = await place('foreign')
        const handle = await prepareOne(newProducer(it), it)
        const resumed = kafka.resumeTransaction(foreign(handle))
        await expectVerdict(it, handle, await resumed.commit(), 'committed')
        expect(await resumed.prove()).toEqual({ kind: 'proven' })
        await expectVerdict(it, handle, await resumed.commit(), 'alreadyCommitted')
        await expectVerdict(it, handle, await resumed.abort(), 'alreadyCommitted')
      })

      test('is aborted, and lost later', async () => {
        const it = await place('foreignabort')
        const handle = await prepareOne(newProducer(it), it)
        const numbers = { ...foreign(handle), producerId: BigInt(handle.producerId) }
        const resumed = kafka.resumeTransaction(numbers)
        await expectVerdict(it, handle, await resumed.abort(), 'aborted')
        await expectVerdict(it, handle, await resumed.commit(), 'lost')
      })

      test('is lost after a timeout', async () => {
        const it = await place('foreigntimeout')
        const handle = await prepareOne(newProducer(it, { transactionTimeoutMs: 3_000 }), it)
        await expect.poll(() => outcomesOf(it, handle), { timeout: 20_000 }).toEqual(['ABORT', 'ABORT'])
        await expectVerdict(it, handle, await kafka.resumeTransaction(foreign(handle)).commit(), 'lost')
      })

      test('is fenced where a successor has the id, since nothing tells how it ended', async () => {
        const it = await place('foreignfenced')
        const handle = await prepareOne(newProducer(it), it)
        await newProducer(it).init()
        await expectKind(kafka.resumeTransaction(foreign(handle)).commit(), 'fenced')
      })

      test('is foreignHandle where id, producer id or epoch are unknown here', async () => {
        const it = await place('foreignunknown')
        const handle = foreign(await prepareOne(newProducer(it), it))
        const strangers = [
          { ...handle, transactionalId: 'never-seen' },
          { ...handle, producerId: 999_999_999 },
          { ...handle, producerEpoch: handle.producerEpoch + 7 }
        ]
        for (const one of strangers) await expectKind(kafka.resumeTransaction(one).commit(), 'foreignHandle')
        await expectKind(kafka.resumeTransaction(handle).commit(), 'committed')
      })
    })

    // Another transaction of the same id, which aborts the one that is open and is committed.
    async function lostThenCommitted(it: Place): Promise<PreparedTransaction> {
      const successor = newProducer(it)
      await successor.init()
      const handle = await prepareOne(successor, it, 'committed')
      await kafka.resumeTransaction(handle).commit()
      await kafka.resumeTransaction(handle).prove()
      return handle
    }

    async function deleteAll(it: Place): Promise<void> {
      const all = [0, 1].map((partition) => ({ topic: it.topic, partition, before: 'all' as const }))
      await kafka.admin().deleteRecords(all)
    }
  })
})
