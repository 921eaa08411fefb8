// The promises of a transaction coordinator, alone and with a clock that the test moves.
import { errorCode } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import { timeoutNever } from '../../../src/testing/transaction/entry.ts'
import { listTransactions } from '../../../src/testing/transaction/views.ts'
import { Surroundings } from './lone_coordinator.ts'
import type { Lone } from './lone_coordinator.ts'

const { NONE, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED } = errorCode

interface Scene {
  readonly around: Surroundings
  readonly lone: Lone
}

function scene(version: 0 | 1 | 2 = 2): Scene {
  const around = new Surroundings()
  around.version = version
  const lone = around.coordinator()
  around.time.advance(0)
  return { around, lone }
}

describe('InitProducerId', () => {
  test('gives idempotent producers ids of their own, without a state', () => {
    const { lone } = scene()
    expect(lone.init(null)).toEqual({ errorCode: NONE, producerId: 0n, producerEpoch: 0 })
    expect(lone.init(null)).toEqual({ errorCode: NONE, producerId: 1n, producerEpoch: 0 })
  })

  test('raises the epoch of an id each time', () => {
    const { lone } = scene()
    expect(lone.init('a')).toEqual({ errorCode: NONE, producerId: 0n, producerEpoch: 0 })
    expect(lone.init('a')).toEqual({ errorCode: NONE, producerId: 0n, producerEpoch: 1 })
    expect(lone.init('b')).toEqual({ errorCode: NONE, producerId: 1n, producerEpoch: 0 })
  })

  test('refuses in the order in which Kafka looks', () => {
    const { around, lone } = scene()
    const codeOf = (id: string, more = {}): number => lone.init(id, more).errorCode
    expect(codeOf('', { timeoutMs: 0 })).toBe(errorCode.INVALID_REQUEST)
    expect(codeOf('a', { enable2Pc: true, keepPreparedTxn: true })).toBe(
      errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    )
    expect(codeOf('a', { keepPreparedTxn: true, timeoutMs: 0 })).toBe(errorCode.UNSUPPORTED_VERSION)
    for (const timeoutMs of [0, -1, 900_001]) expect(codeOf('a', { timeoutMs })).toBe(50)
    expect(codeOf('a', { timeoutMs: 900_000 })).toBe(NONE)
    Object.assign(around.settings, { twoPhaseCommitEnable: true })
    expect(codeOf('two', { enable2Pc: true, timeoutMs: 0 })).toBe(NONE)
    expect(lone.describe('two').transactionTimeoutMs).toBe(timeoutNever)
    expect(codeOf('two', { enable2Pc: true, keepPreparedTxn: true })).toBe(errorCode.UNSUPPORTED_VERSION)
  })

  test('answers the same again for the epoch before, and fences older ones', () => {
    const { lone } = scene()
    const first = lone.init('a')
    const second = lone.init('a', { expected: first })
    expect(second).toMatchObject({ errorCode: NONE, producerEpoch: 1 })
    expect(lone.init('a', { expected: first })).toEqual(second)
    expect(lone.init('a', { expected: second })).toMatchObject({ producerEpoch: 2 })
    expect(lone.init('a', { expected: first }).errorCode).toBe(PRODUCER_FENCED)
    expect(lone.init('a', { expected: { producerId: 77n, producerEpoch: 0 } }).errorCode).toBe(PRODUCER_FENCED)
  })

  test.each([0, 1, 2] as const)('aborts an open transaction under version %i, and is to be repeated', (version) => {
    const { around, lone } = scene(version)
    const producer = lone.init('a')
    lone.add('a', producer)
    expect(lone.init('a').errorCode).toBe(CONCURRENT_TRANSACTIONS)
    expect(lone.stateOf('a')).toBe('PrepareAbort')
    expect(lone.init('a').errorCode).toBe(CONCURRENT_TRANSACTIONS)
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('CompleteAbort')
    expect(around.sent).toMatchObject([
      { request: { committed: false, producerEpoch: 1, transactionVersion: version & 2 } }
    ])
    expect(lone.init('a')).toMatchObject({ errorCode: NONE, producerEpoch: 2 })
    expect(lone.end('a', producer).errorCode).toBe(PRODUCER_FENCED)
  })
})

describe('EndTxn of version 2', () => {
  test('answers the next epoch before any marker is written', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    expect(lone.add('a', producer, [0, 1])).toBe(NONE)
    const next = { errorCode: NONE, producerId: 0n, producerEpoch: 1 }
    expect(lone.end('a', producer)).toEqual(next)
    expect(lone.stateOf('a')).toBe('PrepareCommit')
    expect(around.sent).toEqual([])
    expect(lone.end('a', producer).errorCode).toBe(CONCURRENT_TRANSACTIONS)
    expect(lone.add('a', next)).toBe(CONCURRENT_TRANSACTIONS)
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('CompleteCommit')
    expect(around.sent).toEqual([
      {
        brokerId: 1,
        request: {
          producerId: 0n,
          producerEpoch: 1,
          coordinatorEpoch: 0,
          committed: true,
          transactionVersion: 2,
          partitions: [
            { topic: 'out', partition: 0 },
            { topic: 'out', partition: 1 }
          ]
        }
      }
    ])
    expect(lone.end('a', producer)).toEqual(next)
    expect(lone.end('a', producer, false).errorCode).toBe(INVALID_TXN_STATE)
    expect(lone.end('a', next).errorCode).toBe(INVALID_TXN_STATE)
  })

  test('aborts what never began by moving the epoch only', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    expect(lone.end('a', producer).errorCode).toBe(INVALID_TXN_STATE)
    expect(lone.end('a', producer, false)).toMatchObject({ errorCode: NONE, producerEpoch: 1 })
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('CompleteAbort')
    expect(around.sent).toEqual([])
  })

  test('refuses strangers by their id first, then by their epoch', () => {
    const { lone } = scene()
    const producer = lone.init('a')
    lone.add('a', producer)
    expect(lone.end('a', { producerId: 9n, producerEpoch: 7 }).errorCode).toBe(INVALID_PRODUCER_ID_MAPPING)
    expect(lone.end('a', { producerId: 0n, producerEpoch: 1 }).errorCode).toBe(PRODUCER_FENCED)
    expect(lone.end('unknown', producer).errorCode).toBe(INVALID_PRODUCER_ID_MAPPING)
    expect(lone.end('', producer).errorCode).toBe(errorCode.INVALID_REQUEST)
  })

  test('gives another producer id once the epochs are used up, also when asked again', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    const entry = around.log.get('a')!
    around.log.set('a', { ...entry, producerEpoch: 32_766 })
    const successor = around.coordinator(1)
    around.time.advance(0)
    const last = { ...producer, producerEpoch: 32_766 }
    successor.add('a', last)
    const next = { errorCode: NONE, producerId: 1n, producerEpoch: 0 }
    expect(successor.end('a', last)).toEqual(next)
    around.time.advance(0)
    expect(around.sent.at(-1)?.request.producerEpoch).toBe(32_767)
    expect(successor.end('a', last)).toEqual(next)
    expect(successor.add('a', next)).toBe(NONE)
  })
})

describe.each([0, 1] as const)('EndTxn under version %i', (version) => {
  test('keeps the epoch, so that a late one ends the next transaction (KAFKA-17754)', () => {
    const { around, lone } = scene(version)
    const producer = lone.init('a')
    lone.add('a', producer)
    expect(lone.end('a', producer)).toEqual({ errorCode: NONE, producerId: -1n, producerEpoch: -1 })
    expect(lone.end('a', producer).errorCode).toBe(CONCURRENT_TRANSACTIONS)
    around.time.advance(0)
    expect(lone.end('a', producer).errorCode).toBe(NONE)
    expect(lone.end('a', producer, false).errorCode).toBe(INVALID_TXN_STATE)
    lone.add('a', producer)
    expect(lone.end('a', producer).errorCode).toBe(NONE)
    around.time.advance(0)
    expect(around.sent.map(({ request }) => request.producerEpoch)).toEqual([0, 0])
  })

  test('fences the producer of a transaction that timed out', () => {
    const { around, lone } = scene(version)
    const producer = lone.init('a', { timeoutMs: 1_000 })
    lone.add('a', producer)
    around.time.advance(9_999)
    expect(lone.stateOf('a')).toBe('Ongoing')
    around.time.advance(1)
    expect(lone.stateOf('a')).toBe('CompleteAbort')
    expect(lone.end('a', producer).errorCode).toBe(PRODUCER_FENCED)
    expect(lone.init('a', { expected: producer }).errorCode).toBe(PRODUCER_FENCED)
  })
})

describe('time', () => {
  test('aborts at the first look after the timeout, counted from the first partition', () => {
    const { around, lone } = scene()
    const producer = lone.init('a', { timeoutMs: 5_000 })
    around.time.advance(6_000)
    lone.add('a', producer)
    around.time.advance(3_900)
    lone.add('a', producer, [1])
    around.time.advance(10_000)
    expect(lone.stateOf('a')).toBe('Ongoing')
    around.time.advance(100)
    expect(lone.stateOf('a')).toBe('CompleteAbort')
    expect(lone.end('a', producer).errorCode).toBe(INVALID_TXN_STATE)
    expect(lone.init('a', { expected: producer })).toMatchObject({ errorCode: NONE, producerEpoch: 1 })
  })

  test('never aborts a transaction with the largest timeout', () => {
    const { around, lone } = scene()
    Object.assign(around.settings, { transactionMaxTimeoutMs: timeoutNever })
    const producer = lone.init('a', { timeoutMs: timeoutNever })
    const mortal = lone.init('b', { timeoutMs: timeoutNever - 1 })
    lone.add('a', producer)
    lone.add('b', mortal)
    around.time.advance(timeoutNever + 20_000)
    expect(lone.stateOf('b')).toBe('CompleteAbort')
    expect(lone.stateOf('a')).toBe('Ongoing')
    expect(lone.end('a', producer).errorCode).toBe(NONE)
  })

  test('forgets an id that was not used for long, but none with an open transaction', () => {
    const { around, lone } = scene()
    Object.assign(around.settings, { transactionalIdExpirationMs: 86_400_000, transactionMaxTimeoutMs: timeoutNever })
    const producer = lone.init('used')
    const open = lone.init('open', { timeoutMs: timeoutNever })
    lone.add('open', open)
    lone.add('used', producer)
    lone.end('used', producer)
    around.time.advance(86_399_000)
    expect(lone.stateOf('used')).toBe('CompleteCommit')
    around.time.advance(3_601_000)
    expect(lone.describe('used').errorCode).toBe(errorCode.TRANSACTIONAL_ID_NOT_FOUND)
    expect(lone.end('used', producer).errorCode).toBe(INVALID_PRODUCER_ID_MAPPING)
    expect([...around.log.keys()]).toEqual(['open'])
    expect(lone.stateOf('open')).toBe('Ongoing')
  })

  test('forgets an id also where its transaction outlived the first look', () => {
    const { around, lone } = scene()
    Object.assign(around.settings, { transactionalIdExpirationMs: 1_000, removeExpiredIntervalMs: 1_000 })
    const producer = lone.init('a')
    lone.add('a', producer)
    around.time.advance(5_000)
    expect(lone.stateOf('a')).toBe('Ongoing')
    lone.end('a', producer)
    around.time.advance(2_000)
    expect(lone.describe('a').errorCode).toBe(errorCode.TRANSACTIONAL_ID_NOT_FOUND)
  })

  test('sets no timer for a broker without transactions', () => {
    const { around, lone } = scene()
    expect(around.time.timers).toBe(0)
    lone.init(null)
    expect(around.time.timers).toBe(0)
    lone.init('a')
    lone.coordinator.close()
    expect(around.time.timers).toBe(0)
  })
})

describe('markers', () => {
  test('are sent again where no answer came, or a temporary error', () => {
    const { around, lone } = scene()
    around.markerCodes = ['noAnswer', errorCode.NOT_LEADER_OR_FOLLOWER, NONE]
    const producer = lone.init('a')
    lone.add('a', producer, [0, 1])
    lone.end('a', producer)
    around.time.advance(0)
    around.leaders.set('out-1', 2)
    around.time.advance(1_000)
    expect(around.sent.map(({ brokerId, request }) => [brokerId, request.partitions.length])).toEqual([
      [1, 2],
      [1, 1],
      [2, 1],
      [1, 1]
    ])
    expect(lone.stateOf('a')).toBe('CompleteCommit')
  })

  test('are given up where a leader knows of a later epoch, and the transaction stays prepared', () => {
    const { around, lone } = scene()
    around.markerCodes = [errorCode.TRANSACTION_COORDINATOR_FENCED]
    const producer = lone.init('a')
    lone.add('a', producer)
    lone.end('a', producer)
    around.time.advance(10_000)
    expect(lone.stateOf('a')).toBe('PrepareCommit')
    expect(around.sent).toHaveLength(1)
  })

  test('are skipped for a partition without a leader (KAFKA-20734)', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    lone.add('a', producer, [0, 1])
    around.leaders.set('out-1', undefined)
    lone.end('a', producer)
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('CompleteCommit')
    expect(around.sent.flatMap(({ request }) => request.partitions)).toEqual([{ topic: 'out', partition: 0 }])
  })

  test('can be held back, delayed and left out by partition', () => {
    const { around, lone } = scene()
    const rule = around.control.add(({ partition }) =>
      partition === 0 ? 'hold' : partition === 1 ? { afterMs: 500 } : partition === 2 ? 'skip' : undefined
    )
    const producer = lone.init('a')
    lone.add('a', producer, [0, 1, 2, 3])
    lone.end('a', producer)
    around.time.advance(0)
    const open = (): readonly number[] => lone.describe('a').topics[0]?.partitions ?? []
    expect(open()).toEqual([0, 1])
    around.time.advance(500)
    expect(open()).toEqual([0])
    around.time.advance(60_000)
    expect(lone.stateOf('a')).toBe('PrepareCommit')
    rule[Symbol.dispose]()
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('CompleteCommit')
    expect(around.sent.flatMap(({ request }) => request.partitions.map((one) => one.partition))).toEqual([3, 1, 0])
  })

  test('of a coordinator that moved are sent by the new one, at its epoch', () => {
    const { around, lone } = scene()
    const rule = around.control.add(() => 'hold')
    const producer = lone.init('a')
    lone.add('a', producer)
    lone.end('a', producer, false)
    around.time.advance(0)
    for (let i = 0; i < 4; i++) lone.coordinator.onResignation(i)
    expect(lone.end('a', producer).errorCode).toBe(errorCode.NOT_COORDINATOR)
    const successor = around.coordinator(1)
    expect(successor.end('a', producer).errorCode).toBe(errorCode.COORDINATOR_LOAD_IN_PROGRESS)
    rule[Symbol.dispose]()
    around.time.advance(0)
    expect(around.sent.map(({ request }) => request)).toMatchObject([{ coordinatorEpoch: 1, committed: false }])
    expect(successor.stateOf('a')).toBe('CompleteAbort')
    expect(successor.end('a', producer, false)).toMatchObject({ errorCode: NONE, producerEpoch: 1 })
  })
})

describe('the log', () => {
  test('that cannot be written leaves everything as it was', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    around.appendCodes = [errorCode.COORDINATOR_NOT_AVAILABLE]
    expect(lone.add('a', producer)).toBe(errorCode.COORDINATOR_NOT_AVAILABLE)
    expect(lone.stateOf('a')).toBe('Empty')
    expect(lone.add('a', producer)).toBe(NONE)
    around.appendCodes = [errorCode.COORDINATOR_NOT_AVAILABLE]
    expect(lone.end('a', producer).errorCode).toBe(errorCode.COORDINATOR_NOT_AVAILABLE)
    expect(lone.end('a', producer)).toMatchObject({ errorCode: NONE, producerEpoch: 1 })
  })

  test('gets the completion of a transaction when it can be written again', () => {
    const { around, lone } = scene()
    const producer = lone.init('a')
    lone.add('a', producer)
    around.appendCodes = [NONE, errorCode.COORDINATOR_NOT_AVAILABLE, errorCode.COORDINATOR_NOT_AVAILABLE]
    lone.end('a', producer)
    around.time.advance(0)
    expect(lone.stateOf('a')).toBe('PrepareCommit')
    around.time.advance(100)
    expect(lone.stateOf('a')).toBe('CompleteCommit')
    expect(around.sent).toHaveLength(1)
  })

  test('raises a fencing epoch once only, where it could not be written (version 1)', () => {
    const { around, lone } = scene(1)
    const producer = lone.init('a')
    lone.add('a', producer)
    around.appendCodes = [errorCode.COORDINATOR_NOT_AVAILABLE]
    expect(lone.init('a').errorCode).toBe(errorCode.COORDINATOR_NOT_AVAILABLE)
    expect(lone.init('a').errorCode).toBe(CONCURRENT_TRANSACTIONS)
    around.time.advance(0)
    expect(lone.init('a')).toMatchObject({ producerEpoch: 2 })
  })

  test('does not hold the epoch before the last one (KIP-360)', () => {
    const { around, lone } = scene()
    const first = lone.init('a')
    lone.init('a', { expected: first })
    const successor = around.coordinator(1)
    around.time.advance(0)
    expect(successor.init('a', { expected: first }).errorCode).toBe(PRODUCER_FENCED)
  })
})

describe('verification', () => {
  test('tells a partition that was added from one that was not', () => {
    const { lone } = scene(1)
    const producer = lone.init('a')
    lone.add('a', producer, [0])
    const codes = (over: object = {}): readonly number[] =>
      lone.coordinator.verifyPartitions({
        ...producer,
        transactionalId: 'a',
        partitions: [0, 1].map((partition) => ({ topic: 'out', partition })),
        ...over
      })
    expect(codes()).toEqual([NONE, errorCode.TRANSACTION_ABORTABLE])
    expect(codes({ producerEpoch: 5 })).toEqual([PRODUCER_FENCED, PRODUCER_FENCED])
    expect(codes({ producerId: 5n })).toEqual([INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_ID_MAPPING])
    expect(codes({ transactionalId: 'b' })).toEqual([INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_ID_MAPPING])
    lone.end('a', producer)
    expect(codes()).toEqual([CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS])
  })
})

describe('ListTransactions', () => {
  test('filters by state, producer id, duration and pattern', () => {
    const { around, lone } = scene()
    const { runtime } = around.time
    lone.add('job.0', lone.init('job.0'))
    around.time.advance(1_000)
    lone.add('job.1', lone.init('job.1'))
    lone.init('other')
    around.time.advance(500)
    const all = { states: [], producerIds: [], durationMs: -1, pattern: undefined }
    const list = (filters: object): readonly string[] =>
      listTransactions(lone.coordinator.state, { ...all, ...filters }, runtime.nowMs())
        .transactions.map((entry) => entry.transactionalId)
        .toSorted()
    expect(list({})).toEqual(['job.0', 'job.1', 'other'])
    expect(list({ states: ['Ongoing'] })).toEqual(['job.0', 'job.1'])
    expect(list({ states: ['Ongoing', 'Nonsense'], durationMs: 600 })).toEqual(['job.0'])
    expect(list({ producerIds: [2n] })).toEqual(['other'])
    expect(list({ pattern: /^(?:job\..*)$/ })).toEqual(['job.0', 'job.1'])
    expect(
      listTransactions(lone.coordinator.state, { ...all, states: ['Empty', 'Nonsense'] }, runtime.nowMs())
    ).toMatchObject({
      unknownStateFilters: ['Nonsense'],
      errorCode: NONE
    })
  })

  test('is refused while a partition is being loaded', () => {
    const { around } = scene()
    const loading = around.coordinator(1)
    const filters = { states: [], producerIds: [], durationMs: -1, pattern: undefined }
    expect(listTransactions(loading.coordinator.state, filters, 0).errorCode).toBe(
      errorCode.COORDINATOR_LOAD_IN_PROGRESS
    )
  })
})
