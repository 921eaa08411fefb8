// Somebody joins the group that a ledger is kept in. A broker then takes offsets from members only: the witness is
// stored all the same, as a part of its transaction, but the mark behind which the ledger is read has to wait.
import { expect, test } from 'vitest'
import { Kafka, ledgerGroupOf, readSettledLedger, silentLogger } from 'kafka-once'
import { GroupMember } from '../../broker/group_member.ts'
import { describeKafka } from '../../broker/real_kafka.ts'
import { newPlace, newProducer, prepareOne } from './settling.ts'

const patienceMs = 30_000

describeKafka('a ledger whose group somebody has joined', ({ bootstrap }) => {
  for (const protocol of ['classic', 'consumer'] as const) {
    test(`takes witnesses, and is read when the member has left (${protocol} protocol)`, async () => {
      const told: string[] = []
      const logger = {
        ...silentLogger,
        debug: (_: string, details?: object) => void told.push(JSON.stringify(details))
      }
      await using kafka = new Kafka({ brokers: bootstrap.split(','), logger })
      const place = await newPlace(bootstrap, kafka, `joined-${protocol}`)
      const groupId = ledgerGroupOf(place.transactionalId)
      const member = await GroupMember.join(kafka.cluster, groupId, protocol, place.topic, { sessionTimeoutMs: 60_000 })
      const producer = newProducer(place)
      const handle = await prepareOne(producer, place)
      const resumed = kafka.resumeTransaction(handle)
      expect(await resumed.commit()).toEqual({ kind: 'committed' })
      expect(await resumed.prove()).toEqual({ kind: 'proven' })

      const { topic, partition } = handle.witness!
      const witness = { groupId, topic, partition }
      await expect(readSettledLedger(kafka.cluster, witness, { deadlineMs: 3_000 })).rejects.toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        retriable: true
      })
      const reading = readSettledLedger(kafka.cluster, witness, { deadlineMs: patienceMs })
      await expect.poll(() => told.join(), { timeout: patienceMs }).toContain('somebody has joined that group')
      await member.leave()
      expect(await reading).toMatchObject({ kind: 'witness', randomId: handle.witness?.randomId })
      await producer.close()
    })
  }
})
