// What no marker has ended hangs for ever (KAFKA-20734): records hold every reader up, and a witness keeps its ledger from
// being read. Recovery ends it where it must have been aborted, and stops where it may have been committed. The broker of
// this suite takes records and offsets into a transaction without having been told of their place, so that it writes no
// marker there.
import { expect, test } from 'vitest'
import { ledgerGroupOf, readLedger } from 'kafka-once'
import type { Kafka } from 'kafka-once'
import { RecordBatchBuilder } from 'kafka-once/protocol'
import { startBroker } from '../../broker/broker.ts'
import { scanPartition } from '../../broker/log_scan.ts'
import { describeBrokers, describeJars } from '../../broker/real_kafka.ts'
import { Wire } from '../../broker/wire.ts'
import { unpackHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'
import { newTopic, openKafka } from '../kafka_fixture.ts'
import { isNewest, SinkHarness, sinkOf } from '../kit/sink_harness.ts'

const config = { 'transaction.partition.verification.enable': 'false' }

/** Stores a witness in the name of the present producer of the id, which it answers. */
async function leavePending(bootstrap: string, kafka: Kafka, topic: string, transactionalId: string): Promise<Writer> {
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
  return { transactionalId, producerId, producerEpoch, baseSequence: 0, produceVersion: 9 }
}

interface Writer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly produceVersion: number
}

/** Stores a record in the name of this producer. */
async function leaveRecord(bootstrap: string, topic: string, writer: Writer): Promise<void> {
  const { transactionalId, produceVersion, ...producer } = writer
  const builder = new RecordBatchBuilder()
  builder.append(null, Buffer.from('left'), [], Date.now())
  const records = builder.finishPlain({ ...producer, isTransactional: true })
  using wire = await Wire.open(bootstrap)
  const { responses } = await wire.request('Produce', produceVersion, {
    transactionalId,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }]
  })
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
}

async function outcomesOf(bootstrap: string, topic: string): Promise<string[]> {
  return (await scanPartition(bootstrap, topic, 0)).transactions.map(({ outcome }) => outcome)
}

async function ledgerOf(kafka: Kafka, topic: string, transactionalId: string): Promise<string> {
  const place = { groupId: ledgerGroupOf(transactionalId), topic, partition: 0 }
  return (await readLedger(kafka.cluster, { ...place, requireStable: true })).kind
}

/** A checkpoint that was committed, beside a witness that is pending under the id of this number. */
async function committedBeside(bootstrap: string, idNumber: number) {
  const kafka = openKafka(bootstrap)
  const topic = await newTopic(kafka, 'pending')
  const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
  await first.write('a')
  const chosen = await first.preCommit(0)
  await first.participant.commit(0)
  const left = await leavePending(bootstrap, kafka, topic, `${topic}.0.${idNumber}`)
  await first.close()
  return { kafka, topic, chosen, left }
}

describeBrokers('a witness that is pending without a transaction', () => {
  test('is ended by recovery, as are records, before anything is written', async () => {
    await using broker = await startBroker({ transactionVersion: 1, config })
    const { bootstrap } = broker
    const { kafka, topic, chosen, left } = await committedBeside(bootstrap, 1)
    await leaveRecord(bootstrap, topic, left)

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

    expect(await outcomesOf(bootstrap, topic)).toEqual(['COMMIT', 'open'])
    await participant.begin(chosen, 2)
    expect(await outcomesOf(bootstrap, topic)).toEqual(['COMMIT', 'ABORT'])
  })

  test('is ended also where a run that is shut out publishes a checkpoint while its marker is waited for', async () => {
    await using broker = await startBroker({ transactionVersion: 1, config })
    const { kafka, topic, chosen } = await committedBeside(broker.bootstrap, 1)

    const second = new SinkHarness([sinkOf(kafka, topic, topic)])
    await second.participant.fence([chosen])
    const publishedMs = performance.now() + 1_000
    const isNewestYet = () => Promise.resolve(performance.now() < publishedMs)
    const finding = await second.participant.verify(chosen, isNewestYet)
    expect(performance.now()).toBeGreaterThan(publishedMs)
    expect(finding).toEqual({ kind: 'consistent', checkpointIdMax: 0 })
    expect(await ledgerOf(kafka, topic, `${topic}.0.1`)).toBe('empty')
  })

  test('is not ended where the last transaction of its producer was committed', async () => {
    await using broker = await startBroker({ transactionVersion: 1, config })
    const { kafka, topic, chosen } = await committedBeside(broker.bootstrap, 0)

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

describeJars('records without a marker on a broker that cannot tell of producers', () => {
  test('are found in the log, and nothing is written behind them', async () => {
    await using broker = await startBroker({ version: '1.1.1' })
    const { bootstrap } = broker
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'hanging')
    const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await first.write('a')
    const chosen = await first.preCommit(0)
    await first.participant.commit(0)
    const { transactionalId, producerId, producerEpoch } = unpackHandle(chosen.snapshot!.pending[0]!.handle)
    const producer = { transactionalId, producerId: BigInt(producerId), producerEpoch }
    await leaveRecord(bootstrap, topic, { ...producer, baseSequence: 1, produceVersion: 5 })
    await first.close()

    const second = new SinkHarness([sinkOf(kafka, topic, topic)])
    await second.participant.fence([chosen])
    expect(await second.participant.verify(chosen, isNewest)).toMatchObject({ kind: 'consistent' })
    expect(await outcomesOf(bootstrap, topic)).toEqual(['COMMIT', 'open'])
    // Nor has it the version of the request that could end them.
    await expect(second.participant.begin(chosen, 2)).rejects.toMatchObject({
      code: 'HANGING_TRANSACTION',
      fatal: true,
      message: expect.stringMatching(/from offset 2 on lacks its marker.*kafka-transactions\.sh/s)
    })
    expect(await outcomesOf(bootstrap, topic)).toEqual(['COMMIT', 'open'])
  })
})
