// What becomes of transactions when brokers die (the only one of a cluster, or the one of three that coordinates), and
// when their time is over.
import { errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import { committedRecords, scanPartition } from '../broker/log_scan.ts'
import { patiently } from './raw_cluster.ts'
import { answer, shortTimeoutMs, valuesOf } from './transaction_answers.ts'
import type { AnsweringSite, Situation } from './transaction_answers.ts'

const { NONE } = errorCode

async function restart(here: Situation): Promise<void> {
  await here.raw.cluster.kill()
  await here.raw.cluster.start()
  for (const partition of [0, 1]) await here.raw.untilLed(here.topic, partition)
}

/** The only broker is killed at three moments. */
export function restartAnswers(site: AnsweringSite): void {
  answer(site, 'a transaction that is open when the only broker dies can be continued and committed', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0, [0], ['a', 'b'])
    await restart(here)
    await producer.insist('Produce', async () => (await producer.send({ sequence: 2, values: ['c'] })).errorCode)
    expect((await producer.send({ sequence: 9 })).errorCode).toBe(errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect((await producer.end()).errorCode).toBe(NONE)
    await here.raw.untilState(here.name, 'CompleteCommit')
    expect(await here.committedValues()).toEqual(['a', 'b', 'c'])
  })

  answer(site, 'a commit on its way when the only broker dies can be sent again', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0)
    const { transactionalId, producerId, producerEpoch } = producer
    const coordinator = await here.raw.coordinatorOf('transaction', transactionalId)
    const body = { transactionalId, producerId, producerEpoch, committed: true }
    const inFlight = here.raw.ask(coordinator, 'EndTxn', here.pick(5, 4), body).catch(() => undefined)
    await here.raw.cluster.kill()
    await inFlight
    await here.raw.cluster.start()
    expect((await producer.end()).errorCode).toBe(NONE)
    await here.raw.untilState(here.name, 'CompleteCommit')
  })

  answer(site, 'a commit acknowledged by a broker that dies at once stands, if not its markers', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0, [0, 1], ['value'])
    expect((await producer.endOnce()).errorCode).toBe(NONE)
    await restart(here)
    expect((await producer.end()).errorCode).toBe(NONE)
    await here.raw.untilState(here.name, 'CompleteCommit')
    for (const partition of [0, 1]) {
      const [told] = await here.raw.producersOf(here.topic, partition)
      const isOpen = told?.currentTxnStartOffset !== -1n
      const scan = await scanPartition(here.raw.cluster.bootstrap, here.topic, partition)
      // A coordinator that loads the transaction writes its markers again.
      const outcomes = new Set(scan.transactions.map(({ outcome }) => outcome))
      expect([...outcomes]).toEqual([isOpen ? 'open' : 'COMMIT'])
      if (isOpen) await repair(here, partition, told?.producerEpoch ?? -1)
      const repaired = await scanPartition(here.raw.cluster.bootstrap, here.topic, partition)
      expect(valuesOf(committedRecords(repaired))).toEqual(['value'])
    }
  })
}

/** Writes the marker that a partition lacks. */
async function repair(here: Situation, partition: number, producerEpoch: number): Promise<void> {
  const [told] = await here.raw.producersOf(here.topic, partition)
  const { markers } = await here.raw.askLeader(here.topic, partition, 'WriteTxnMarkers', 1, {
    markers: [
      {
        producerId: told?.producerId ?? -1n,
        producerEpoch,
        transactionResult: true,
        topics: [{ name: here.topic, partitionIndexes: [partition] }],
        coordinatorEpoch: told?.coordinatorEpoch ?? -1
      }
    ]
  })
  expect(markers[0]?.topics[0]?.partitions).toEqual([{ partitionIndex: partition, errorCode: NONE }])
}

/** Three brokers: the coordinator's is killed. */
export function moveAnswers(site: AnsweringSite): void {
  answer(site, 'a transaction survives the broker that coordinates it', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0, [0, 1], ['value'])
    const { cluster } = here.raw
    const coordinator = await here.raw.coordinatorOf('transaction', here.name)
    const node = cluster.nodes.find(({ address }) => address === coordinator)
    await cluster.kill(node?.id)
    expect((await producer.end()).errorCode).toBe(NONE)
    expect(await here.raw.coordinatorOf('transaction', here.name)).not.toBe(coordinator)
    await here.raw.untilState(here.name, 'CompleteCommit')
    await cluster.start(node?.id)
    expect((await producer.end()).errorCode).toBe(NONE)
    for (const partition of [0, 1]) {
      await here.raw.untilLed(here.topic, partition)
      expect(await here.committedValues(partition)).toEqual(['value'])
    }
  })
}

/** Settings under which ids expire while one waits, but not on their way, and transactions may last for ever. */
export const shortLife: Readonly<Record<string, string>> = {
  'transactional.id.expiration.ms': '5000',
  'transaction.remove.expired.transaction.cleanup.interval.ms': '200',
  'transaction.max.timeout.ms': '2147483647'
}

/** Ids and transactions that outlive their time, or do not. For a broker with `shortLife`. */
export function expiryAnswers(site: AnsweringSite): void {
  answer(site, 'an id that nobody used for long is forgotten, but none with an open transaction', async (here) => {
    const forever = await here.producer(`${here.name}-forever`).init({ timeoutMs: 2_147_483_647 })
    await forever.write(0)
    const mortal = await here.producer(`${here.name}-mortal`).init({ timeoutMs: shortTimeoutMs })
    await mortal.write(0, [1])
    const ended = await here.producer().init()
    await ended.write(0)
    expect((await ended.end()).errorCode).toBe(NONE)
    for (const { transactionalId } of [ended, mortal]) {
      await patiently(`${transactionalId} to be forgotten`, async () => {
        const described = await here.raw.describe(transactionalId)
        if (described.errorCode === errorCode.TRANSACTIONAL_ID_NOT_FOUND) return true
        await here.raw.cluster.advanceTime?.(500)
        return undefined
      })
    }
    expect((await ended.endOnce()).errorCode).toBe(errorCode.INVALID_PRODUCER_ID_MAPPING)
    expect((await mortal.endOnce()).errorCode).toBe(errorCode.INVALID_PRODUCER_ID_MAPPING)
    expect(await ended.addPartitions()).toBe(errorCode.INVALID_PRODUCER_ID_MAPPING)
    expect(await here.raw.describe(forever.transactionalId)).toMatchObject({ transactionState: 'Ongoing' })
    expect((await forever.end()).errorCode).toBe(NONE)
    await patiently('both transactions to be seen', async () => {
      return (await here.committedValues()).length === 2 ? true : undefined
    })
  })
}
