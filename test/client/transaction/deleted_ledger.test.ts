// A ledger that somebody has deleted tells of nothing that is pending; the log that it was in does.
import { Kafka, silentLogger } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import { expect, test } from 'vitest'

test('a marker that is missing where the ledger was is found also after the ledger was deleted', async () => {
  await using embedded = await EmbeddedKafka.start({ brokers: 1 })
  await using kafka = new Kafka({ brokers: [embedded.bootstrap], logger: silentLogger })
  await kafka.admin().createTopics([{ topic: 'out', partitionCount: 1, replicationFactor: 1 }])
  embedded.transactions.markers.add(({ topic }) => (topic === '__consumer_offsets' ? 'skip' : undefined))
  const transaction = kafka.transactionalProducer({ transactionalId: 'id' }).beginTransaction()
  await transaction.send({ topic: 'out', partition: 0, value: 'v' })
  const handle = await transaction.prepare()
  expect(await transaction.commit()).toEqual({ kind: 'committed' })
  await kafka.admin().deleteGroups(['id.ledger'])

  const resumed = kafka.resumeTransaction(handle)
  const proof = await resumed.prove({ proofDeadlineMs: 200 })
  expect(proof).toMatchObject({ kind: 'hanging', partitions: [{ topic: '__consumer_offsets' }] })
  await resumed.repair(proof, 'commit')
  expect(await resumed.prove({ proofDeadlineMs: 200 })).toEqual({ kind: 'proven' })
})
