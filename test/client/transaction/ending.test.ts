// Whose refusal of EndTxn counts: that of a coordinator whose state can be the present one. Brokers are played here, each
// with what it holds of the id; one that was superseded may name itself when it is asked for the coordinator.
import { describe, expect, test } from 'vitest'
import { silentLogger } from 'kafka-once'
import type { Cluster } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import { trustSinceBegun, trustSinceGiven } from '../../../src/client/transaction/coordinator_view.ts'
import type { Described } from '../../../src/client/transaction/coordinator_view.ts'
import { endBegun } from '../../../src/client/transaction/ending.ts'
import type { ResumeTarget } from '../../../src/client/transaction/resume_target.ts'

const target: ResumeTarget = {
  transactionalId: 'id',
  producerId: 7n,
  producerEpoch: 3,
  transactionVersion: 2,
  endTxnVersion: 5,
  transactionTimeoutMs: 60_000,
  startedAtMs: 0,
  partitions: [],
  witness: null,
  isOwn: true
}

interface Held {
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly state: string
}

/** What a broker holds of the id; 'other' where it knows that another one coordinates it, 'none' where it knows no such id. */
type View = Held | 'other' | 'none'

interface Played {
  readonly nodeId: number
  readonly view: (nowMs: number) => View
  readonly end: (nowMs: number) => number
}

/** Brokers with a clock that nothing moves but sleep; `coordinators` are named in turn, the last one from then on. */
function play(brokers: readonly Played[], coordinators: readonly number[]) {
  let nowMs = 0
  let lookups = 0
  let known: number | undefined
  const asked: string[] = []
  const runtime = {
    ...nodeRuntime(),
    monotonicMs: () => nowMs,
    sleep: (delayMs: number) => {
      nowMs += delayMs
      return Promise.resolve()
    },
    faultPoint: () => undefined
  }
  const parts: Partial<Cluster> = {
    runtime,
    logger: silentLogger,
    requestTimeoutMs: 60_000,
    retryBackoffMs: 1,
    retryBackoffMsMax: 1,
    brokers: async () => brokers.map(({ nodeId }) => ({ nodeId, host: 'host', port: nodeId })),
    coordinator: async () => (known ??= coordinators[Math.min(lookups++, coordinators.length - 1)]!),
    invalidateCoordinator: () => {
      known = undefined
    },
    request: async (to, api) => {
      const nodeId = typeof to === 'object' ? to.nodeId : -1
      const broker = brokers.find((one) => one.nodeId === nodeId)!
      if (api === 'EndTxn') {
        asked.push(`EndTxn at ${nodeId}`)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one response of that request
        return { errorCode: broker.end(nowMs), producerId: 7n, producerEpoch: 4 } as never
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one response of that request
      return { transactionStates: [stateOf(broker.view(nowMs))] } as never
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  return { cluster: parts as Cluster, asked, nowMs: () => nowMs }
}

function stateOf(view: View) {
  const code = view === 'other' ? errorCode.NOT_COORDINATOR : errorCode.TRANSACTIONAL_ID_NOT_FOUND
  const held = typeof view === 'object' ? view : { state: '' }
  const { producerId = 7n, producerEpoch = 3, state } = held
  const rest = { transactionTimeoutMs: 60_000, transactionStartTimeMs: -1n, topics: [] }
  const errorOf = typeof view === 'object' ? errorCode.NONE : code
  return { errorCode: errorOf, transactionalId: 'id', transactionState: state, producerId, producerEpoch, ...rest }
}

const { INVALID_PRODUCER_ID_MAPPING, INVALID_TXN_STATE, NONE, PRODUCER_FENCED } = errorCode

const broker = (nodeId: number, view: View, end: number): Played => ({ nodeId, view: () => view, end: () => end })
const present = broker(2, { state: 'Ongoing' }, NONE)

const limits = { deadlineMs: 60_000, patienceMs: 5_000 }

describe('a refusal of EndTxn', () => {
  test.each<[string, View, number]>([
    ['the transaction before', { state: 'CompleteCommit' }, INVALID_TXN_STATE],
    ['an id that was just initialized', { state: 'Empty' }, INVALID_TXN_STATE],
    ['an older epoch', { producerEpoch: 2, state: 'CompleteCommit' }, PRODUCER_FENCED],
    ['an older producer id', { producerId: 6n, producerEpoch: 32_767, state: 'Empty' }, INVALID_PRODUCER_ID_MAPPING],
    ['nothing of the id', 'none', INVALID_PRODUCER_ID_MAPPING]
  ])('out of the memory of %s does not count, and the present coordinator commits', async (_, view, code) => {
    const { cluster, asked } = play([broker(1, view, code), present], [1, 2])
    const ended = await endBegun(cluster, target, true, limits)
    expect(ended).toMatchObject({ kind: 'answered', answer: { errorCode: NONE } })
    expect(asked).toEqual(['EndTxn at 1', 'EndTxn at 2'])
  })

  test('does not count while the one that was superseded still names itself the coordinator', async () => {
    const old: Played = {
      nodeId: 1,
      view: (nowMs) => (nowMs < 100 ? { state: 'CompleteCommit' } : 'other'),
      end: (nowMs) => (nowMs < 100 ? INVALID_TXN_STATE : errorCode.NOT_COORDINATOR)
    }
    const named = Array.from({ length: 40 }, () => 1)
    const { cluster, asked } = play([old, present], [...named, 2])
    const ended = await endBegun(cluster, target, true, limits)
    expect(ended).toMatchObject({ kind: 'answered', answer: { errorCode: NONE } })
    expect(asked.at(-1)).toBe('EndTxn at 2')
  })

  test.each<[string, View, number]>([
    ['has ended', { producerEpoch: 4, state: 'CompleteAbort' }, INVALID_TXN_STATE],
    ['has a successor', { producerEpoch: 6, state: 'Ongoing' }, PRODUCER_FENCED]
  ])('counts at once where the transaction %s', async (_, view, code) => {
    const { cluster, asked, nowMs } = play([broker(1, view, code), broker(2, 'other', 0)], [1])
    const ended = await endBegun(cluster, target, true, limits)
    expect(ended).toMatchObject({ kind: 'refused', refusal: { code, described: view } })
    expect(asked).toEqual(['EndTxn at 1'])
    expect(nowMs()).toBe(0)
  })

  test('counts at once where the id is forgotten, and only one broker takes itself for its coordinator', async () => {
    const { cluster, nowMs } = play([broker(1, 'none', INVALID_PRODUCER_ID_MAPPING), broker(2, 'other', 0)], [1])
    expect(await endBegun(cluster, target, true, limits)).toMatchObject({ kind: 'refused' })
    expect(nowMs()).toBe(0)
  })

  test('counts in the end where no broker tells anything better', async () => {
    const { cluster, nowMs } = play([broker(1, { state: 'Empty' }, INVALID_TXN_STATE), broker(2, 'other', 0)], [1])
    expect(await endBegun(cluster, target, true, limits)).toMatchObject({ kind: 'refused' })
    expect(nowMs()).toBeGreaterThanOrEqual(limits.patienceMs)
  })

  test('never becomes a verdict while the coordinator holds the transaction open', async () => {
    const { cluster, nowMs } = play([broker(1, { state: 'Ongoing' }, PRODUCER_FENCED)], [1])
    await expect(endBegun(cluster, target, true, limits)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retriable: true
    })
    expect(nowMs()).toBeGreaterThanOrEqual(limits.deadlineMs)
  })

  test('counts at once for another client, of which nobody knows what it has begun', async () => {
    const { cluster, asked } = play([broker(1, { state: 'Empty' }, INVALID_TXN_STATE), present], [1, 2])
    expect(await endBegun(cluster, { ...target, isOwn: false }, true, limits)).toMatchObject({ kind: 'refused' })
    expect(asked).toEqual(['EndTxn at 1'])
  })
})

const told = (producerEpoch: number, state: string, producerId = 7n): Described => ({
  transactionalId: 'id',
  transactionTimeoutMs: 1,
  startTimeMs: 1,
  partitions: [],
  coordinatorId: 1,
  producerId,
  producerEpoch,
  state
})

describe('what a coordinator tells', () => {
  test('is outdated where the epoch that it gave out is ahead of it, and doubtful for another producer id', () => {
    expect(trustSinceGiven(target, told(2, 'Ongoing'))).toBe('outdated')
    for (const state of ['Empty', 'Ongoing', 'CompleteCommit']) {
      expect(trustSinceGiven(target, told(3, state))).toBe('present')
      expect(trustSinceGiven(target, told(9, state))).toBe('present')
      expect(trustSinceGiven(target, told(3, state, 8n))).toBe('doubtful')
    }
    expect(trustSinceGiven(target, 'unknownId')).toBe('doubtful')
    expect(trustSinceGiven(target, 'untold')).toBe('present')
  })

  test('is outdated where the transaction has begun since, in version 2 also the end of the one before it', () => {
    for (const state of ['Empty', 'CompleteCommit', 'CompleteAbort', 'PrepareCommit', 'PrepareAbort']) {
      expect(trustSinceBegun(target, told(3, state))).toBe('outdated')
      expect(trustSinceBegun(target, told(4, state))).toBe('present')
    }
    expect(trustSinceBegun(target, told(3, 'Ongoing'))).toBe('present')
  })

  test('may be the end of the transaction itself below version 2, where the epoch stays', () => {
    for (const transactionVersion of [0, 1] as const) {
      const begun = { ...target, transactionVersion }
      for (const state of ['CompleteCommit', 'CompleteAbort', 'PrepareAbort', 'Ongoing']) {
        expect(trustSinceBegun(begun, told(3, state))).toBe('present')
      }
      expect(trustSinceBegun(begun, told(3, 'Empty'))).toBe('outdated')
      expect(trustSinceBegun(begun, told(2, 'CompleteCommit'))).toBe('outdated')
    }
  })
})
