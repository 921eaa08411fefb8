// A witness that no marker ended is pending for ever (KAFKA-20734), and its ledger cannot be read. Recovery ends it where
// it must have been aborted, and stops where it may have been committed. The broker of this suite takes offsets into a
// transaction without having been told of their group, so that it writes no marker there.
import { expect, test } from 'vitest'
import { ledgerGroupOf, readLedger } from 'kafka-once'
import type { Kafka } from 'kafka-once'
import { startBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { Wire } from '../../broker/wire.ts'
import { newTopic, openKafka } from '../kafka_fixture.ts'
import { isNewest, SinkHarness, sinkOf } from '../kit/sink_harness.ts'

const config = { 'transaction.partition.verification.enable': 'false' }

/** Stores a witness under the present producer of the id. */
async function leavePending(bootstrap: string, kafka: Kafka, topic: string, transactionalId: string): Promise<void> {
  const described = await kafka.admin().describeTransactions([transactionalId])
  const { producerId, producerEpoch } = described.get(transactionalId)!
  using wire = await Wire.open(bootstrap)
  const { topics } = await wire.request('TxnOffsetCommit', 4, {
    transactionalId,
    groupId: ledgerGroupOf(transactionalId),
    producerId,
    producerEpoch,
    topics: [
      { name: topic, partitions: [{ partitionIndex: 0, committedOffset: 9n, committedMetadata: 'f'.repeat(32) }] }
    ]
  })
  expect(topics[0]?.partitions[0]?.errorCode).toBe(0)
  expect(await ledgerOf(kafka, topic, transactionalId)).toBe('unstable')
}

async function ledgerOf(kafka: Kafka, topic: string, transactionalId: string): Promise<string> {
  const place = { groupId: ledgerGroupOf(transactionalId), topic, partition: 0 }
  return (await readLedger(kafka.cluster, { ...place, requireStable: true })).kind
}

describeBrokers('a witness that is pending without a transaction', () => {
  test('is ended by recovery, which can then read the ledger', async () => {
    await using broker = await startBroker({ transactionVersion: 1, config })
    const { bootstrap } = broker
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'pending')
    const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await first.write('a')
    const chosen = await first.preCommit(0)
    await first.participant.commit(0)
    await leavePending(bootstrap, kafka, topic, `${topic}.0.1`)
    await first.close()

    const second = new SinkHarness([sinkOf(kafka, topic, topic)])
    await second.participant.fence([chosen])
    const { participant } = second
    const [emptied, outdated] = await Promise.all([
      participant.verify(undefined, isNewest),
      participant.verify(chosen, () => Promise.resolve(false))
    ])
    const pending = /pending in __consumer_offsets-\d+ from offset \d+ on, /
    const details = (reason: RegExp) => expect.stringMatching(new RegExp(pending.source + reason.source))
    expect(emptied).toEqual({ kind: 'unexplained', details: details(/but the store is empty/) })
    expect(outdated).toEqual({ kind: 'unexplained', details: details(/and there is a newer checkpoint than 0/) })
    expect(await ledgerOf(kafka, topic, `${topic}.0.1`)).toBe('unstable')
    expect(await participant.verify(chosen, isNewest)).toEqual({ kind: 'consistent', checkpointIdMax: 0 })
    expect(await ledgerOf(kafka, topic, `${topic}.0.1`)).toBe('empty')
  })

  test('is not ended where the last transaction of its producer was committed', async () => {
    await using broker = await startBroker({ transactionVersion: 1, config })
    const { bootstrap } = broker
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'pending')
    const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await first.write('a')
    const chosen = await first.preCommit(0)
    await first.participant.commit(0)
    await leavePending(bootstrap, kafka, topic, `${topic}.0.0`)
    await first.close()

    const second = new SinkHarness([sinkOf(kafka, topic, topic)])
    // A recovery that begins again finds the ids initialized.
    for (const round of [1, 2]) {
      await second.participant.fence([chosen])
      const finding = await second.participant.verify(chosen, isNewest)
      expect(finding, `round ${round}`).toMatchObject({
        kind: 'unexplained',
        details: expect.stringContaining('was committed')
      })
    }
    expect(await ledgerOf(kafka, topic, `${topic}.0.0`)).toBe('unstable')
  })
})
