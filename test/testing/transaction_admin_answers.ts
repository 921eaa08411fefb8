// The rest of what a transaction coordinator answers: InitProducerId in all its forms, adding and verifying partitions,
// markers written by hand, and what can be seen from outside. The cases of transaction_answers.ts go before these.
import { errorCode } from 'kafka-once/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { committedRecords, firstOpenOffset } from '../broker/log_scan.ts'
import { uncoordinated, untilSettled } from './raw_cluster.ts'
import { answer, shortTimeoutMs, valuesOf } from './transaction_answers.ts'
import type { AnsweringSite, Situation } from './transaction_answers.ts'
import type { RawProducer } from './raw_producer.ts'

const {
  NONE,
  CONCURRENT_TRANSACTIONS,
  INVALID_PRODUCER_EPOCH,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_REQUEST,
  INVALID_TRANSACTION_TIMEOUT,
  OPERATION_NOT_ATTEMPTED,
  PRODUCER_FENCED,
  TRANSACTION_ABORTABLE,
  UNKNOWN_TOPIC_OR_PARTITION
} = errorCode

export function initProducerIdAnswers(site: AnsweringSite): void {
  answer(site, 'InitProducerId takes a timeout from 1 ms to the maximum', async (here) => {
    const producer = here.producer()
    await producer.init()
    for (const timeoutMs of [900_001, 0, -1]) {
      expect((await producer.initOnce({ timeoutMs })).errorCode).toBe(INVALID_TRANSACTION_TIMEOUT)
    }
    for (const timeoutMs of [900_000, 1]) expect((await producer.initOnce({ timeoutMs })).errorCode).toBe(NONE)
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionTimeoutMs: 1, producerEpoch: 2 })
  })

  answer(site, 'InitProducerId with an id and epoch raises it once, and fences older ones', async (here) => {
    const { producerId, ...producer } = await here.producer().init()
    const again = here.producer()
    const expected = { producerId, producerEpoch: producer.producerEpoch }
    const raised = { errorCode: NONE, producerId, producerEpoch: expected.producerEpoch + 1 }
    expect(await again.initOnce(expected)).toMatchObject(raised)
    expect(await again.initOnce(expected)).toMatchObject(raised)
    expect(await again.initOnce(raised)).toMatchObject({ errorCode: NONE, producerEpoch: raised.producerEpoch + 1 })
    expect((await again.initOnce(expected)).errorCode).toBe(PRODUCER_FENCED)
    expect((await again.initOnce({ ...raised, producerId: producerId + 777n })).errorCode).toBe(PRODUCER_FENCED)
    expect((await again.initOnce({ producerId })).errorCode).toBe(INVALID_REQUEST)
    expect((await again.initOnce({ producerEpoch: 0 })).errorCode).toBe(INVALID_REQUEST)
    const fencedBefore = { transactionalId: here.name, transactionTimeoutMs: 60_000, ...expected }
    const old = await here.raw.askCoordinator('transaction', here.name, 'InitProducerId', 3, fencedBefore)
    expect(old.errorCode).toBe(INVALID_PRODUCER_EPOCH)
  })

  answer(site, 'InitProducerId over an open transaction aborts it first', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0)
    expect((await here.producer().initOnce()).errorCode).toBe(CONCURRENT_TRANSACTIONS)
    await here.raw.untilState(here.name, 'CompleteAbort')
    expect(await here.raw.describe(here.name)).toMatchObject({ producerEpoch: 1 })
    expect(await here.producer().initOnce()).toMatchObject({ errorCode: NONE, producerEpoch: 2 })
  })

  answer(site, 'InitProducerId with the id and epoch of a transaction that timed out', async (here) => {
    const producer = await here.producer().init({ timeoutMs: shortTimeoutMs })
    await producer.write(0)
    await here.raw.untilState(here.name, 'CompleteAbort')
    const { producerId, producerEpoch } = producer
    const answered = await here.producer().initOnce({ producerId, producerEpoch })
    if (site.transactionVersion === 2) expect(answered).toMatchObject({ errorCode: NONE, producerId, producerEpoch: 1 })
    else expect(answered.errorCode).toBe(PRODUCER_FENCED)
  })

  answer(
    site,
    'InitProducerId without a transactional id gives a fresh one, with an empty one nothing',
    async (here) => {
      const ask = (transactionalId: string | null) =>
        here.raw.askAny('InitProducerId', 4, { transactionalId, transactionTimeoutMs: 1 })
      const [first, second] = [await ask(null), await ask(null)]
      expect([first, second]).toMatchObject([
        { errorCode: NONE, producerEpoch: 0 },
        { errorCode: NONE, producerEpoch: 0 }
      ])
      expect(second.producerId).not.toBe(first.producerId)
      expect((await ask('')).errorCode).toBe(INVALID_REQUEST)
    }
  )

  answer(site, 'InitProducerId 6 is not served by a stock broker, which closes the connection', async (here) => {
    const { apiKeys } = await here.raw.askAny('ApiVersions', 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    expect(apiKeys.find(({ apiKey }) => apiKey === 22)?.maxVersion).toBe(5)
    await expect(initWith(here, {})).rejects.toThrow('closed the connection')
  })
}

function initWith(here: Situation, flags: { enable2Pc?: boolean; keepPreparedTxn?: boolean; timeoutMs?: number }) {
  const body = {
    transactionalId: here.name,
    transactionTimeoutMs: flags.timeoutMs ?? 60_000,
    enable2Pc: flags.enable2Pc ?? false,
    keepPreparedTxn: flags.keepPreparedTxn ?? false
  }
  return untilSettled(
    uncoordinated,
    () => here.raw.askCoordinator('transaction', here.name, 'InitProducerId', 6, body),
    (answer) => answer.errorCode
  )
}

/** For a broker with `unstable.api.versions.enable`, and with two-phase commit switched on or off. */
export function twoPhaseCommitAnswers(site: AnsweringSite, isEnabled: boolean): void {
  answer(site, `two-phase commit, switched ${isEnabled ? 'on' : 'off'}`, async (here) => {
    await here.raw.coordinatorOf('transaction', here.name)
    await here.producer(`${here.name}-first`).init()
    const codeOf = async (flags: Parameters<typeof initWith>[1]): Promise<number> =>
      (await initWith(here, flags)).errorCode
    expect(await codeOf({ keepPreparedTxn: true })).toBe(errorCode.UNSUPPORTED_VERSION)
    const refused = errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    expect(await codeOf({ enable2Pc: true, timeoutMs: 0 })).toBe(isEnabled ? NONE : refused)
    expect(await codeOf({ enable2Pc: true, keepPreparedTxn: true })).toBe(
      isEnabled ? errorCode.UNSUPPORTED_VERSION : refused
    )
    expect(await initWith(here, {})).toMatchObject({
      errorCode: NONE,
      ongoingTxnProducerId: -1n,
      ongoingTxnProducerEpoch: -1
    })
    if (!isEnabled) return
    const forever = await initWith(here, { enable2Pc: true, timeoutMs: 100 })
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionTimeoutMs: 2_147_483_647 })
    const producer = here.producer()
    producer.adopt(forever)
    await producer.write(0)
    const mortal = await here.producer(`${here.name}-mortal`).init({ timeoutMs: shortTimeoutMs })
    await mortal.write(0, [1])
    await here.raw.untilState(mortal.transactionalId, 'CompleteAbort')
    expect((await producer.end()).errorCode).toBe(NONE)
    expect(await here.committedValues()).toEqual(['value'])
  })
}

export function partitionAnswers(site: AnsweringSite): void {
  answer(site, 'AddPartitionsToTxn refuses strangers, and all partitions where one is unknown', async (here) => {
    const producer = await here.producer().init()
    const stranger = here.producer()
    stranger.adopt({ errorCode: NONE, producerId: producer.producerId + 555n, producerEpoch: 0 })
    expect(await stranger.addPartitions()).toBe(INVALID_PRODUCER_ID_MAPPING)
    stranger.adopt({ errorCode: NONE, producerId: producer.producerId, producerEpoch: 3 })
    expect(await stranger.addPartitions()).toBe(PRODUCER_FENCED)
    const unseen = here.producer(`${here.name}-unseen`)
    unseen.adopt({ errorCode: NONE, producerId: producer.producerId, producerEpoch: 0 })
    expect(await unseen.addPartitions()).toBe(INVALID_PRODUCER_ID_MAPPING)
    const codes = await addedTo(producer, 3, [0, 99])
    expect(codes).toEqual([OPERATION_NOT_ATTEMPTED, UNKNOWN_TOPIC_OR_PARTITION])
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Empty' })
    stranger.adopt({ errorCode: NONE, producerId: producer.producerId, producerEpoch: 3 })
    expect(await addedTo(stranger, 1, [0])).toEqual([INVALID_PRODUCER_EPOCH])
  })

  answer(site, 'AddPartitionsToTxn 4 and later add and verify in batches, for brokers', async (here) => {
    const producer = await here.producer().init()
    const ask = (verifyOnly: boolean, partitions: readonly number[], over: object = {}) =>
      batched(producer, verifyOnly, partitions, over)
    expect(await ask(true, [0, 1])).toEqual([TRANSACTION_ABORTABLE, TRANSACTION_ABORTABLE])
    expect(await ask(true, [0], { producerEpoch: 9 })).toEqual([PRODUCER_FENCED])
    expect(await ask(true, [0], { producerId: 99_999n })).toEqual([INVALID_PRODUCER_ID_MAPPING])
    if (site.transactionVersion === 0) return
    expect(await ask(false, [0])).toEqual([NONE])
    expect(await ask(true, [0, 1])).toEqual([NONE, TRANSACTION_ABORTABLE])
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Ongoing' })
  })
}

async function addedTo(producer: RawProducer, version: number, partitions: readonly number[]): Promise<number[]> {
  const { transactionalId, producerId, producerEpoch, topic, raw } = producer
  const { resultsByTopicV3AndBelow } = await raw.askCoordinator(
    'transaction',
    transactionalId,
    'AddPartitionsToTxn',
    version,
    {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }]
    }
  )
  return codesOf(resultsByTopicV3AndBelow)
}

async function batched(
  producer: RawProducer,
  verifyOnly: boolean,
  partitions: readonly number[],
  over: object
): Promise<number[]> {
  const { transactionalId, producerId, producerEpoch, topic, raw } = producer
  const transaction = { transactionalId, producerId, producerEpoch, verifyOnly }
  const { errorCode: code, resultsByTransaction } = await raw.askCoordinator(
    'transaction',
    transactionalId,
    'AddPartitionsToTxn',
    5,
    { transactions: [{ ...transaction, ...over, topics: [{ name: topic, partitions: [...partitions] }] }] }
  )
  expect(code).toBe(NONE)
  return codesOf(resultsByTransaction[0]?.topicResults ?? [])
}

interface TopicResult {
  readonly resultsByPartition: readonly { readonly partitionIndex: number; readonly partitionErrorCode: number }[]
}

function codesOf(results: readonly TopicResult[]): number[] {
  return results
    .flatMap(({ resultsByPartition }) => resultsByPartition)
    .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ partitionErrorCode }) => partitionErrorCode)
}

interface HandMarker {
  readonly producerEpoch: number
  readonly committed?: boolean
  readonly coordinatorEpoch?: number
  readonly transactionVersion?: number
  readonly partitions?: readonly number[]
}

async function writeMarker(here: Situation, producerId: bigint, marker: HandMarker): Promise<number[]> {
  const { producerEpoch, committed = false, coordinatorEpoch = 0, transactionVersion, partitions = [0] } = marker
  const { markers } = await here.raw.askLeader(
    here.topic,
    0,
    'WriteTxnMarkers',
    transactionVersion === undefined ? 1 : 2,
    {
      markers: [
        {
          producerId,
          producerEpoch,
          transactionResult: committed,
          topics: [{ name: here.topic, partitionIndexes: [...partitions] }],
          coordinatorEpoch,
          ...(transactionVersion === undefined ? {} : { transactionVersion })
        }
      ]
    }
  )
  const answered = markers.flatMap(({ topics }) => topics.flatMap((topic) => topic.partitions))
  return answered.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map(({ errorCode: code }) => code)
}

export function markerAnswers(site: AnsweringSite): void {
  answer(site, 'a marker by hand on one partition tears the transaction', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0, [0, 1], ['a'])
    const { producerId, producerEpoch } = producer
    expect(await writeMarker(here, producerId, { producerEpoch })).toEqual([NONE])
    expect((await producer.end()).errorCode).toBe(NONE)
    await here.raw.untilState(here.name, 'CompleteCommit')
    expect(await here.committedValues(0)).toEqual([])
    expect(await here.committedValues(1)).toEqual(['a'])
  })

  answer(site, 'a marker is refused for an older epoch, an older coordinator, an unknown partition', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0)
    await producer.finish()
    if (!here.isV5) await producer.init({ producerId: producer.producerId, producerEpoch: producer.producerEpoch })
    await producer.write(0)
    const { producerId, producerEpoch } = producer
    const [told] = await here.raw.producersOf(here.topic, 0)
    const coordinatorEpoch = told?.coordinatorEpoch ?? -1
    const write = (marker: HandMarker): Promise<number[]> =>
      writeMarker(here, producerId, { coordinatorEpoch, ...marker })
    expect(await write({ producerEpoch: producerEpoch - 1 })).toEqual([INVALID_PRODUCER_EPOCH])
    expect(await write({ producerEpoch, coordinatorEpoch: coordinatorEpoch - 1 })).toEqual([
      errorCode.TRANSACTION_COORDINATOR_FENCED
    ])
    expect(await write({ producerEpoch, partitions: [99] })).toEqual([UNKNOWN_TOPIC_OR_PARTITION])
    expect(await write({ producerEpoch, transactionVersion: 2 })).toEqual([INVALID_PRODUCER_EPOCH])
    expect(firstOpenOffset(await here.scan())).toBe(2n)
    const bumped = { producerEpoch: producerEpoch + 1, transactionVersion: 2 }
    expect(await write({ ...bumped, committed: true })).toEqual([NONE])
    expect(await write({ ...bumped, committed: true })).toEqual([NONE])
    expect(valuesOf(committedRecords(await here.scan()))).toEqual(['value', 'value'])
  })

  answer(site, 'a partition tells its producers, with the transaction that is open', async (here) => {
    const producer = await here.producer().init()
    await producer.write(0, [0], ['a', 'b', 'c'])
    const { producerId } = producer
    const told = { producerId, producerEpoch: 0, lastSequence: 2, coordinatorEpoch: -1, currentTxnStartOffset: 0n }
    expect(await here.raw.producersOf(here.topic, 0)).toMatchObject([told])
    await producer.finish()
    // Each start of the coordinator has given it a new epoch.
    const coordinatorEpoch: unknown = expect.toSatisfy((epoch: number) => epoch >= 0)
    const ended = { lastSequence: here.pick(-1, 2), coordinatorEpoch, currentTxnStartOffset: -1n }
    expect(await here.raw.producersOf(here.topic, 0)).toMatchObject([
      { producerId, producerEpoch: here.pick(1, 0), ...ended }
    ])
    const { topics } = await here.raw.askAny('DescribeProducers', 0, {
      topics: [{ name: `${here.topic}-not`, partitionIndexes: [0] }]
    })
    expect(topics[0]?.partitions[0]?.errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION)
  })
}

export function listAnswers(site: AnsweringSite): void {
  answer(site, 'ListTransactions filters by state, producer id, duration and pattern', async (here) => {
    const open = await here.producer(`${here.name}.open`).init()
    await open.write(0)
    await here.producer(`${here.name}.empty`).init()
    await sleep(5)
    const list = async (filters: object) => {
      const address = await here.raw.coordinatorOf('transaction', open.transactionalId)
      const all = { stateFilters: [], producerIdFilters: [], transactionalIdPattern: `${here.name}\\..*` }
      return here.raw.ask(address, 'ListTransactions', 2, { ...all, ...filters })
    }
    const namesOf = async (filters: object): Promise<string[]> =>
      (await list(filters)).transactionStates.map(({ transactionalId }) => transactionalId).toSorted()
    expect(await namesOf({})).toEqual([`${here.name}.empty`, `${here.name}.open`])
    expect(await namesOf({ stateFilters: ['Ongoing'] })).toEqual([`${here.name}.open`])
    expect(await namesOf({ producerIdFilters: [open.producerId] })).toEqual([`${here.name}.open`])
    expect(await namesOf({ stateFilters: ['Ongoing'], durationFilter: 3_600_000n })).toEqual([])
    expect(await namesOf({ stateFilters: ['Ongoing'], durationFilter: 0n })).toEqual([`${here.name}.open`])
    expect(await namesOf({ transactionalIdPattern: here.name })).toEqual([])
    const odd = await list({ stateFilters: ['Ongoing', 'Odd'] })
    expect(odd).toMatchObject({ errorCode: NONE, unknownStateFilters: ['Odd'] })
    expect(odd.transactionStates).toMatchObject([{ producerId: open.producerId, transactionState: 'Ongoing' }])
    expect((await list({ transactionalIdPattern: '(' })).errorCode).toBe(errorCode.INVALID_REGULAR_EXPRESSION)
  })

  answer(site, 'DescribeTransactions tells when a transaction began, and of what it consists', async (here) => {
    const producer = await here.producer().init()
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionStartTimeMs: -1n, topics: [] })
    const beforeMs = Date.now()
    await producer.write(0, [1])
    const described = await here.raw.describe(here.name)
    expect(described).toMatchObject({
      errorCode: NONE,
      transactionState: 'Ongoing',
      transactionTimeoutMs: 60_000,
      producerId: producer.producerId,
      producerEpoch: 0,
      topics: [{ topic: here.topic, partitions: [1] }]
    })
    expect(Number(described.transactionStartTimeMs)).toBeGreaterThanOrEqual(beforeMs)
    await producer.finish()
    expect(await here.raw.describe(here.name)).toMatchObject({
      producerEpoch: here.pick(1, 0),
      topics: [],
      transactionStartTimeMs: described.transactionStartTimeMs
    })
    expect((await here.raw.describe('')).errorCode).toBe(INVALID_REQUEST)
  })
}
