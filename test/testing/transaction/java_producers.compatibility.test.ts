// Kafka's own transactional producers work against the embedded broker: what they commit is read by Kafka's own consumer,
// what they abort is not, and a transaction that one of them leaves open can be resumed.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'
import { committedRecords, scanPartition } from '../../broker/log_scan.ts'
import { leaveTransaction, readWithJava, runJava } from '../../broker/peers.ts'
import { describeJars } from '../../broker/real_kafka.ts'
import { valuesOf } from '../transaction_answers.ts'

const topic = 'topic'

async function start(transactionVersion: 0 | 1 | 2): Promise<EmbeddedKafka> {
  const kafka = await EmbeddedKafka.start({ transactionVersion, config: { 'num.partitions': '1' } })
  await using client = new Kafka({ brokers: [kafka.bootstrap] })
  await client.admin().createTopics([{ topic, partitionCount: 1 }])
  return kafka
}

describeJars("Kafka's own producers", () => {
  describe.each([2, 1, 0] as const)('on an embedded Kafka with transaction.version %i', (transactionVersion) => {
    test('interleave transactions', async () => {
      await using kafka = await start(transactionVersion)
      await runJava('peer/InterleaveTransactions.java', [kafka.bootstrap, topic, 'java', '60', '11'])
      const values = valuesOf(await readWithJava(kafka.bootstrap, topic))
      expect(values.length).toBeGreaterThan(20)
      expect(values.filter((value) => value.startsWith('aborted'))).toEqual([])
      const scan = await scanPartition(kafka.bootstrap, topic, 0)
      expect(values).toEqual(valuesOf(committedRecords(scan)))
      expect(valuesOf(scan.records).filter((value) => !value.startsWith('aborted'))).toEqual(values)
    })

    test('leave a transaction open, which is resumed and committed', async () => {
      await using kafka = await start(transactionVersion)
      const options = { topic, transactionalId: 'left', recordCount: 10 }
      const { transactionVersion: spoken, ...left } = await leaveTransaction(kafka.bootstrap, options)
      expect(spoken).toBe(transactionVersion === 2 ? 2 : 1)
      await using client = new Kafka({ brokers: [kafka.bootstrap] })
      expect(await client.resumeTransaction(left).commit()).toMatchObject({ kind: 'committed' })
      await expect.poll(async () => (await readWithJava(kafka.bootstrap, topic)).length, { timeout: 60_000 }).toBe(10)
    })
  })
})
