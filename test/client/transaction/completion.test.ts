// The next transaction of a producer does not take in what the one before has left open where its marker was left out: a
// broker was gone, which the producer notices by its connections.
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, silentLogger } from 'kafka-once'
import type { Logger, Transaction, TransactionalProducer } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import { describe, test } from 'vitest'

const topic = 'out'

interface Stage {
  readonly embedded: EmbeddedKafka
  readonly kafka: Kafka
  readonly producer: TransactionalProducer
  readonly warnings: string[]
  [Symbol.asyncDispose](): Promise<void>
}

async function newStage(transactionVersion: 0 | 1 | 2): Promise<Stage> {
  const embedded = await EmbeddedKafka.start({ brokers: 1, transactionVersion })
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) }
  const kafka = new Kafka({ brokers: [embedded.bootstrap], logger, retryBackoffMs: 5, retryBackoffMsMax: 20 })
  await kafka.admin().createTopics([{ topic, partitionCount: 2, replicationFactor: 1 }])
  const producer = kafka.transactionalProducer({ transactionalId: 'id' })
  const end = async (): Promise<void> => {
    await kafka.close()
    await embedded.close()
  }
  return { embedded, kafka, producer, warnings, [Symbol.asyncDispose]: end }
}

async function written(producer: TransactionalProducer, value: string): Promise<Transaction> {
  const transaction = producer.beginTransaction()
  await transaction.send([0, 1].map((partition) => ({ topic, partition, value })))
  return transaction
}

/** Ends it while the marker of partition 1 is on its way for ever, and then kills the broker, which leaves it out. */
async function endWithoutMarker({ embedded }: Stage, end: () => Promise<unknown>): Promise<void> {
  using _held = embedded.transactions.markers.add(({ topic: name, partition }) =>
    name === topic && partition === 1 ? 'hold' : undefined
  )
  await end()
  await embedded.kill(1)
  await embedded.restart(1)
}

async function committedValues({ embedded }: Stage): Promise<string[]> {
  const records = await embedded.records(topic, { isolationLevel: 'read_committed' })
  return records.map(({ value, partition }) => `${String(value)} ${partition}`).toSorted()
}

// A missing marker is waited for, three seconds each time.
describe.concurrent('in the next transaction', () => {
  test.for([0, 1, 2] as const)('what was aborted stays so, on version %i', async (transactionVersion, { expect }) => {
    await using stage = await newStage(transactionVersion)
    const { producer, warnings } = stage
    const aborted = await written(producer, 'aborted')
    await endWithoutMarker(stage, () => aborted.abort())
    expect(await (await written(producer, 'next')).commit()).toEqual({ kind: 'committed' })
    expect(await committedValues(stage)).toEqual(['next 0', 'next 1'])
    expect(warnings).toEqual(['The last transaction of id lacks its abort marker; it is written now'])
  })

  test('what another process left open is aborted', async ({ expect }) => {
    await using stage = await newStage(2)
    const { kafka, producer, warnings } = stage
    await written(producer, 'left open')
    const other = kafka.transactionalProducer({ transactionalId: 'id' })
    const state = async () => (await kafka.admin().describeTransactions(['id'])).get('id')?.state
    let init: Promise<unknown> | undefined
    await endWithoutMarker(stage, async () => {
      init = other.init()
      await expect.poll(state).toBe('PrepareAbort')
    })
    await init
    expect(await (await written(other, 'next')).commit()).toEqual({ kind: 'committed' })
    expect(await committedValues(stage)).toEqual(['next 0', 'next 1'])
    expect(warnings).toEqual(['The last transaction of id lacks its abort marker; it is written now'])
  })

  test('what was committed stays so where the next one is aborted', async ({ expect }) => {
    await using stage = await newStage(2)
    const { producer, warnings } = stage
    const committed = await written(producer, 'committed')
    await endWithoutMarker(stage, () => committed.commit())
    await (await written(producer, 'next')).abort()
    expect(await committedValues(stage)).toEqual(['committed 0', 'committed 1'])
    expect(warnings).toEqual(['The last transaction of id lacks its commit marker; it is written now'])
  })

  test('nothing is written where the marker may not be, and the error says what to do', async ({ expect }) => {
    await using stage = await newStage(2)
    const { embedded, producer } = stage
    const aborted = await written(producer, 'aborted')
    await endWithoutMarker(stage, () => aborted.abort())
    const partitions = [{ partitionIndex: 1, errorCode: errorCode.CLUSTER_AUTHORIZATION_FAILED }]
    const answer = { markers: [{ producerId: 0n, topics: [{ name: topic, partitions }] }] }
    const refusing = embedded.control('WriteTxnMarkers', () => ({ answer }), { keep: true })
    const refused = written(producer, 'refused')
    await expect(refused).rejects.toMatchObject({
      code: 'TRANSACTION_ABORTABLE',
      message: expect.stringMatching(/lacks its abort marker in out-1.*CLUSTER_ACTION/s)
    })
    refusing.cancel()
    expect(await (await written(producer, 'next')).commit()).toEqual({ kind: 'committed' })
    expect(await committedValues(stage)).toEqual(['next 0', 'next 1'])
  })

  test('whoever may not look goes on, and is told', async ({ expect }) => {
    await using stage = await newStage(2)
    const { embedded, producer, warnings } = stage
    const aborted = await written(producer, 'aborted')
    await endWithoutMarker(stage, () => aborted.abort())
    const refused = { errorCode: errorCode.TOPIC_AUTHORIZATION_FAILED, activeProducers: [] }
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, ...refused }))
    const answer = { throttleTimeMs: 0, topics: [{ name: topic, partitions }] }
    embedded.control('DescribeProducers', () => ({ answer }), { keep: true })
    expect(await (await written(producer, 'next')).commit()).toEqual({ kind: 'committed' })
    expect(warnings).toEqual(['Whether the last transaction of id has all its markers cannot be seen'])
  })

  test('nobody is asked where no connection was lost and markers come at once, however long it was idle', async ({
    expect
  }) => {
    await using stage = await newStage(2)
    const { embedded, producer } = stage
    const asked: string[] = []
    const note = ({ api }: { readonly api: string }): undefined => void asked.push(api)
    embedded.control('DescribeProducers', note, { keep: true })
    for (const idleMs of [5, 5, 100]) {
      await (await written(producer, 'v')).commit()
      await sleep(idleMs)
    }
    await (await written(producer, 'v')).commit()
    expect(asked).toEqual([])
  })
})
