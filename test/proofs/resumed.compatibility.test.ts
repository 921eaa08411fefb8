// A prepared transaction belongs to nobody: not to the process that made it, not to the broker process that took it, not
// even to this client. Whoever has its handle, or the two numbers of another client's transaction, can end it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quickRestart, startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { committedRecords, readCommitted, scanTopic } from '../broker/log_scan.ts'
import { leaveTransaction, readWithJava, readWithKcat } from '../broker/peers.ts'
import { describeJars } from '../broker/real_kafka.ts'
import { linesOf, newTopic, textsOf } from './contents.ts'
import { prepareAndDie, settleElsewhere } from './steps.ts'

const partitions = 3
const transactionTimeoutMs = 600_000

describeJars('a transaction that one process has prepared', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion, config: quickRestart })
    })
    afterAll(async () => broker?.[Symbol.asyncDispose]())

    test('is committed by another one after the broker was killed, and others are aborted', async () => {
      const [kept, dropped] = [
        await newTopic(broker.bootstrap, 'kept', partitions),
        await newTopic(broker.bootstrap, 'dropped', partitions)
      ]
      const values = Array.from({ length: 30 }, (_, i) => `record ${i}`)
      const prepare = (topic: string) =>
        prepareAndDie({
          brokers: broker.bootstrap,
          topic,
          partitions,
          values,
          transactionalId: `${topic}-id`,
          transactionTimeoutMs
        })
      const handles = await Promise.all([prepare(kept), prepare(dropped)])
      expect(handles[0].transactionVersion).toBe(transactionVersion)
      await broker.restart()
      expect(await outcomesIn(broker, kept)).toEqual(['open', 'open', 'open'])

      const committed = { verdict: { kind: 'committed' }, proof: 'proven' }
      expect(await settleElsewhere('commit', broker.bootstrap, handles[0])).toEqual(committed)
      const aborted = { verdict: { kind: 'aborted' }, proof: 'proven' }
      expect(await settleElsewhere('abort', broker.bootstrap, handles[1])).toEqual(aborted)

      expect(await outcomesIn(broker, kept)).toEqual(['COMMIT', 'COMMIT', 'COMMIT'])
      expect(await outcomesIn(broker, dropped)).toEqual(['ABORT', 'ABORT', 'ABORT'])
      expect(textsOf(await readCommitted(broker.bootstrap, kept)).toSorted()).toEqual(values.toSorted())
      const again = await settleElsewhere('commit', broker.bootstrap, handles[0])
      expect(again.verdict.kind).toBe('alreadyCommitted')
      const tooLate = await settleElsewhere('commit', broker.bootstrap, handles[1])
      expect(tooLate.verdict.kind).toBe('lost')
    })

    test('is committed or aborted by its two numbers where it is a Java producer’s', { timeout: 240_000 }, async () => {
      const topic = await newTopic(broker.bootstrap, 'java', partitions)
      const recordCount = 9
      const leave = (name: string) => {
        const transactionalId = `${topic}-${name}`
        return leaveTransaction(broker.bootstrap, { topic, transactionalId, recordCount, transactionTimeoutMs })
      }
      const kept = await leave('kept')
      const dropped = await leave('dropped')
      const settle = async (step: 'commit' | 'abort', { transactionalId, producerId, producerEpoch }: typeof kept) => {
        const handle = { transactionalId, producerId: String(producerId), producerEpoch }
        return settleElsewhere(step, broker.bootstrap, handle)
      }
      expect(await settle('commit', kept)).toEqual({ verdict: { kind: 'committed' }, proof: 'proven' })
      expect(await settle('abort', dropped)).toEqual({ verdict: { kind: 'aborted' }, proof: 'proven' })

      for (const { transactions } of await scanTopic(broker.bootstrap, topic)) {
        const ends = transactions.map(({ producerId, outcome }) => [producerId, outcome])
        expect(ends).toEqual([
          [kept.producerId, 'COMMIT'],
          [dropped.producerId, 'ABORT']
        ])
      }
      const seen = await readCommitted(broker.bootstrap, topic)
      const expected = Array.from({ length: recordCount }, (_, i) => `v${i}`)
      expect(textsOf(seen).toSorted()).toEqual(expected)
      expect(linesOf(await readWithJava(broker.bootstrap, topic))).toEqual(linesOf(seen))
      expect(linesOf(await readWithKcat(broker.bootstrap, topic))).toEqual(linesOf(seen))
      expect((await settle('commit', kept)).verdict.kind).toBe('alreadyCommitted')
      expect((await settle('commit', dropped)).verdict.kind).toBe('lost')
      const stranger = { ...kept, producerId: kept.producerId + 1_000_000n }
      expect((await settle('commit', stranger)).verdict.kind).toBe('foreignHandle')
    })
  })
})

/** How the one transaction in each partition ended. */
async function outcomesIn(broker: TestBroker, topic: string): Promise<string[]> {
  const scans = await scanTopic(broker.bootstrap, topic)
  for (const scan of scans) expect(scan.transactions).toHaveLength(1)
  for (const scan of scans) expect(committedRecords(scan).length > 0).toBe(scan.transactions[0]?.outcome === 'COMMIT')
  return scans.flatMap(({ transactions }) => transactions.map(({ outcome }) => outcome))
}
