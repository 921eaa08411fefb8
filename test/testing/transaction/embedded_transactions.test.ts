// Transactions of an embedded Kafka under the hands of a test: markers that wait or get lost, coordinators that move,
// brokers that stand still. What a real broker does by chance happens here when the test says so.
import { errorCode } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import type { EmbeddedKafkaOptions } from 'kafka-once/testing'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { timeoutNever } from '../../../src/testing/transaction/entry.ts'
import { transactionLog } from '../../../src/testing/transaction/transaction_log.ts'
import { committedRecords, firstOpenOffset, scanPartition } from '../../broker/log_scan.ts'
import { RawCluster } from '../raw_cluster.ts'
import { RawProducer } from '../raw_producer.ts'
import type { Speech } from '../raw_producer.ts'
import { valuesOf } from '../transaction_answers.ts'

const { NONE, CONCURRENT_TRANSACTIONS, INVALID_PRODUCER_EPOCH, UNSTABLE_OFFSET_COMMIT } = errorCode
const topic = 'topic'

class Scene implements AsyncDisposable {
  readonly kafka: EmbeddedKafka
  readonly raw: RawCluster

  private constructor(kafka: EmbeddedKafka) {
    this.kafka = kafka
    const nodes = kafka.bootstrap.split(',').map((address, i) => ({ id: i + 1, address }))
    const kill = (node?: number): Promise<void> => kafka.kill(node)
    const start = (node?: number): Promise<void> => kafka.start(node)
    this.raw = new RawCluster({ bootstrap: kafka.bootstrap, nodes, kill, start })
  }

  static async open(options: EmbeddedKafkaOptions = {}): Promise<Scene> {
    const scene = new Scene(await EmbeddedKafka.start(options))
    await scene.raw.createTopic(topic, 3)
    return scene
  }

  producer(speech: Speech = 'v5', transactionalId = 'id'): RawProducer {
    return new RawProducer(this.raw, transactionalId, topic, speech)
  }

  async committedValues(partition = 0): Promise<string[]> {
    return valuesOf(committedRecords(await scanPartition(this.kafka.bootstrap, topic, partition)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.raw[Symbol.dispose]()
    await this.kafka.close()
  }
}

describe('markers', () => {
  test.each(['v5', 'v4'] as const)('that are late let in a late batch, which is committed (%s)', async (speech) => {
    await using scene = await Scene.open()
    const producer = await scene.producer(speech).init()
    await producer.write(0, [0], ['first'])
    const hold = scene.kafka.transactions.markers.add(() => 'hold')
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    expect((await producer.send({ sequence: 1, values: ['late'] })).errorCode).toBe(NONE)
    expect(await scene.committedValues()).toEqual([])
    hold[Symbol.dispose]()
    await scene.raw.untilState('id', 'CompleteCommit')
    expect(await scene.committedValues()).toEqual(['first', 'late'])
  })

  test('become visible partition by partition', async () => {
    await using scene = await Scene.open()
    const producer = await scene.producer().init()
    await producer.write(0, [0, 1, 2])
    using hold = scene.kafka.transactions.markers.add(({ partition }) => (partition === 1 ? 'hold' : undefined))
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    await expect.poll(() => scene.committedValues(2)).toEqual(['value'])
    expect(await scene.committedValues(1)).toEqual([])
    expect(await scene.raw.describe('id')).toMatchObject({ topics: [{ topic, partitions: [1] }] })
    hold[Symbol.dispose]()
    await expect.poll(() => scene.committedValues(1)).toEqual(['value'])
  })

  test('that are missing hold up the next transaction of the id, for a while', async () => {
    const config = { 'add.partitions.to.txn.retry.backoff.max.ms': '5000' }
    await using scene = await Scene.open({ config })
    const producer = await scene.producer().init()
    await producer.write(0)
    using hold = scene.kafka.transactions.markers.add(() => ({ afterMs: 30 }))
    producer.adopt(await producer.endOnce())
    // Asked again by the leader itself until the markers are there.
    expect((await producer.send({ sequence: 0 })).errorCode).toBe(NONE)
    hold[Symbol.dispose]()
    using longer = scene.kafka.transactions.markers.add(() => 'hold')
    producer.adopt(await producer.endOnce())
    const givenUp = producer.send({ sequence: 0 })
    expect(await Promise.race([givenUp, sleep(50, 'waits')])).toBe('waits')
    await scene.kafka.advanceTime(5_000)
    expect((await givenUp).errorCode).toBe(CONCURRENT_TRANSACTIONS)
    longer[Symbol.dispose]()
    expect((await producer.send({ sequence: 0 })).errorCode).toBe(NONE)
  })

  test('of a group make an offset stable', async () => {
    await using scene = await Scene.open()
    const producer = await scene.producer().init()
    await producer.writeWitness('ledger', 'random')
    const hold = scene.kafka.transactions.markers.add(() => 'hold')
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    const told = (): Promise<object> => scene.raw.offsetOf('ledger', topic, 0, true)
    expect(await told()).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT })
    hold[Symbol.dispose]()
    await expect.poll(told).toMatchObject({ errorCode: NONE, metadata: 'random' })
  })

  test('are lost where the only broker dies before they are written (KAFKA-20734)', async () => {
    await using scene = await Scene.open()
    const producer = await scene.producer().init()
    await producer.write(0, [0, 1])
    scene.kafka.transactions.markers.add(({ partition }) => (partition === 1 ? 'hold' : undefined))
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    await scene.kafka.restart()
    await scene.raw.untilState('id', 'CompleteCommit')
    expect((await producer.end()).errorCode).toBe(NONE)
    expect(await scene.committedValues(0)).toEqual(['value'])
    expect(firstOpenOffset(await scanPartition(scene.kafka.bootstrap, topic, 1))).toBe(0n)
  })

  test('are written by the coordinator that takes over, where there are other brokers', async () => {
    await using scene = await Scene.open({ brokers: 3, config: { 'broker.session.timeout.ms': '100' } })
    const producer = await scene.producer().init()
    await producer.write(0, [0, 1, 2])
    using _hold = scene.kafka.transactions.markers.add(({ coordinatorEpoch }) =>
      coordinatorEpoch === 0 ? 'hold' : undefined
    )
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    await scene.kafka.kill(scene.kafka.coordinatorOf('transaction', 'id'))
    await scene.raw.untilState('id', 'CompleteCommit')
    for (const partition of [0, 1, 2]) {
      await scene.raw.untilLed(topic, partition)
      const scan = await scanPartition(scene.kafka.bootstrap, topic, partition)
      expect(scan.transactions).toMatchObject([{ outcome: 'COMMIT', marker: { coordinatorEpoch: 1 } }])
    }
  })

  test('that only a leader had when it died are written by the next one', async () => {
    await using scene = await Scene.open({ brokers: 3, config: { 'broker.session.timeout.ms': '100' } })
    const producer = await scene.producer().init()
    const coordinator = scene.kafka.coordinatorOf('transaction', 'id')
    const partition = [0, 1, 2].find((index) => scene.kafka.leaderOf(topic, index) !== coordinator) ?? 0
    await producer.write(0, [partition])
    scene.kafka.cluster.replication.delayMs = 600_000
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    await expect.poll(() => scene.kafka.log(topic, partition).endOffset).toBe(2n)
    expect(await scene.raw.describe('id')).toMatchObject({ transactionState: 'PrepareCommit' })
    scene.kafka.cluster.replication.delayMs = 0
    await scene.kafka.kill(scene.kafka.leaderOf(topic, partition))
    await scene.raw.untilState('id', 'CompleteCommit')
    await expect.poll(() => scene.committedValues(partition)).toEqual(['value'])
  })
})

describe('a coordinator', () => {
  test('that moves says so, loads, and goes on with what it finds', async () => {
    await using scene = await Scene.open({ brokers: 3 })
    const producer = await scene.producer().init()
    await producer.write(0)
    const before = await scene.raw.coordinatorOf('transaction', 'id')
    const from = scene.kafka.coordinatorOf('transaction', 'id') ?? 1
    scene.kafka.transactions.loadMs = 20_000
    scene.kafka.moveCoordinator('transaction', 'id', (from % 3) + 1)
    const body = { transactionalIds: ['id'] }
    const asked = async (address: string): Promise<number> =>
      (await scene.raw.ask(address, 'DescribeTransactions', 0, body)).transactionStates[0]?.errorCode ?? -1
    expect(await asked(before)).toBe(errorCode.NOT_COORDINATOR)
    const after = await scene.raw.coordinatorOf('transaction', 'id')
    expect(await asked(after)).toBe(errorCode.COORDINATOR_LOAD_IN_PROGRESS)
    expect((await producer.endOnce()).errorCode).toBe(errorCode.COORDINATOR_LOAD_IN_PROGRESS)
    expect((await producer.send({ sequence: 1 })).errorCode).toBe(NONE)
    expect((await producer.send({ sequence: 0, partition: 1 })).errorCode).toBe(errorCode.NOT_ENOUGH_REPLICAS)
    await scene.kafka.advanceTime(20_000)
    expect((await producer.end()).errorCode).toBe(NONE)
    await scene.raw.untilState('id', 'CompleteCommit')
    expect(await scene.committedValues()).toEqual(['value', 'value'])
  })

  test('that stands still keeps leaders waiting, and cuts them off when it dies', async () => {
    await using scene = await Scene.open({ brokers: 3, config: { 'broker.session.timeout.ms': '60000' } })
    const producer = await scene.producer().init()
    const coordinator = scene.kafka.coordinatorOf('transaction', 'id') ?? 1
    const partition = [0, 1, 2].find((index) => scene.kafka.leaderOf(topic, index) !== coordinator) ?? 0
    const other = [0, 1, 2].findLast((index) => scene.kafka.leaderOf(topic, index) !== coordinator) ?? 0
    await scene.raw.leaderOf(topic, partition)
    await producer.write(0, [partition])
    scene.kafka.pause(coordinator)
    const waiting = producer.send({ sequence: 0, partition: other })
    expect(await Promise.race([waiting, sleep(50).then(() => 'waits')])).toBe('waits')
    scene.kafka.resume(coordinator)
    expect((await waiting).errorCode).toBe(NONE)

    const another = await scene.producer('v5', 'id').init()
    scene.kafka.pause(coordinator)
    const cutOff = another.send({ sequence: 0, partition: other })
    await sleep(20)
    await scene.kafka.kill(coordinator)
    expect((await cutOff).errorCode).toBe(errorCode.NOT_ENOUGH_REPLICAS)
  })

  test('forgets ids that nobody uses, and times out transactions, at the intervals that are set', async () => {
    const config = {
      'transactional.id.expiration.ms': '60000',
      'transaction.remove.expired.transaction.cleanup.interval.ms': '20',
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': '20',
      'transaction.max.timeout.ms': String(timeoutNever)
    }
    await using scene = await Scene.open({ config })
    const immortal = await scene.producer('v5', 'immortal').init({ timeoutMs: timeoutNever })
    await immortal.write(0)
    const mortal = await scene.producer('v5', 'mortal').init({ timeoutMs: 60_000 })
    await mortal.write(0, [1])
    const codeOf = async (id: string): Promise<number> => (await scene.raw.describe(id)).errorCode
    await scene.kafka.advanceTime(60_100)
    await scene.raw.untilState('mortal', 'CompleteAbort')
    expect(await codeOf('mortal')).toBe(NONE)
    await scene.kafka.advanceTime(60_100)
    expect(await codeOf('mortal')).toBe(errorCode.TRANSACTIONAL_ID_NOT_FOUND)
    expect((await mortal.endOnce()).errorCode).toBe(errorCode.INVALID_PRODUCER_ID_MAPPING)
    expect(await scene.raw.describe('immortal')).toMatchObject({ transactionState: 'Ongoing' })
    expect((await immortal.endOnce()).errorCode).toBe(NONE)
  })

  test('gives another producer id when the epochs are used up, and still knows the last one', async () => {
    await using scene = await Scene.open()
    const producer = await scene.producer().init()
    const state = scene.kafka.cluster.topics.get('__transaction_state')?.partitions ?? []
    const log = state.map((one) => one.durable(transactionLog)).find((one) => one.has('id'))
    const entry = log?.get('id')
    if (log === undefined || entry === undefined) throw new Error('the id is not in the log')
    log.set('id', { ...entry, producerEpoch: 32_766 })
    await scene.kafka.restart()
    for (const partition of [0, 1, 2]) await scene.raw.untilLed(topic, partition)
    producer.producerEpoch = 32_766
    await producer.write(0)
    const next = await producer.end()
    expect(next).toMatchObject({ errorCode: NONE, producerEpoch: 0 })
    expect(next.producerId).not.toBe(producer.producerId)
    expect(await producer.end()).toMatchObject({ producerId: next.producerId, producerEpoch: 0 })
    await scene.raw.untilState('id', 'CompleteCommit')
    producer.adopt(next)
    await producer.write(0)
    await producer.finish()
    expect(await scene.committedValues()).toEqual(['value', 'value'])
  })

  test('follows the version that the cluster finalizes while it runs', async () => {
    await using scene = await Scene.open({ transactionVersion: 1 })
    const old = await scene.producer('v4').init()
    await old.write(0, [0], ['old'])
    scene.kafka.setTransactionVersion(2)
    await old.finish()
    const successor = await scene.producer('v5').init()
    expect(successor.producerEpoch).toBe(1)
    await successor.write(0, [0], ['new'])
    await successor.finish()
    expect(successor.producerEpoch).toBe(2)
    expect((await old.send({ sequence: 1 })).errorCode).toBe(INVALID_PRODUCER_EPOCH)
    expect(await scene.committedValues()).toEqual(['old', 'new'])
  })
})

test('the log of transactions comes back from JSON as it was', async () => {
  await using scene = await Scene.open()
  const producer = await scene.producer().init()
  await producer.write(0, [0, 2])
  const state = scene.kafka.cluster.topics.get('__transaction_state')?.partitions ?? []
  const logs = state.map((one) => one.durable(transactionLog)).filter((one) => one.size > 0)
  expect(logs).toHaveLength(1)
  for (const log of logs) {
    const json: unknown = JSON.parse(JSON.stringify(transactionLog.encode(log)))
    expect(transactionLog.decode(json)).toEqual(log)
  }
})
