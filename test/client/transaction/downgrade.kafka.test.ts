// A cluster that goes back from transaction version 2 to 1 while a producer lives. Version 2 gives the next epoch with
// the end of a transaction, and takes a repeated end of the epoch before for the same one: a transaction of version 1
// under that epoch must not stand there for it.
import { Kafka } from 'kafka-once'
import { expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import { readCommitted } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { Wire } from '../../broker/wire.ts'
import { current, expectVerdict, newPlace, newProducer, prepareOne } from './settling.ts'

const safeDowngrade = 2

async function finalize(bootstrap: string, maxVersionLevel: number): Promise<void> {
  using wire = await Wire.open(bootstrap)
  const featureUpdates = [{ feature: 'transaction.version', maxVersionLevel, upgradeType: safeDowngrade }]
  const { errorCode } = await wire.request('UpdateFeatures', 2, { featureUpdates, validateOnly: false })
  expect(errorCode).toBe(0)
}

describeBrokers('a producer whose cluster goes back to transaction version 1', () => {
  test('commits there, and an older transaction that was aborted stays aborted when it is resumed', async () => {
    await using broker = await startBroker({ transactionVersion: 2 })
    await using kafka = new Kafka({ brokers: [broker.bootstrap] })
    const place = await newPlace(broker.bootstrap, kafka, 'downgrade')
    await using producer = newProducer(place, { ledger: 'none' })
    const aborted = await prepareOne(producer, place, 'aborted')
    await current(producer).abort()
    // A marker that is on its way when the brokers end may be left out (KAFKA-20734): the next transaction would adopt what
    // was aborted, and both would be committed.
    const { transactionalId } = place
    const described = async () => (await kafka.admin().describeTransactions([transactionalId])).get(transactionalId)
    await expect.poll(async () => (await described())?.state).toBe('CompleteAbort')

    await finalize(broker.bootstrap, 1)
    await broker.restart()
    await kafka.admin().describeCluster() // a client is told of the version on each new connection
    const later = await prepareOne(producer, place, 'committed')
    expect(later.transactionVersion).toBe(1)
    await current(producer).commit()

    await expectVerdict(place, aborted, await kafka.resumeTransaction(aborted).commit(), 'lost')
    await expectVerdict(place, later, await kafka.resumeTransaction(later).commit(), 'committed')
    expect(await readCommitted(broker.bootstrap, place.topic)).toHaveLength(2)
  })
})
