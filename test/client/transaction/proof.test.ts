// What counts as proof that a marker is missing: an answer that was asked for after the time for it had passed.
import { expect, test } from 'vitest'
import { silentLogger } from 'kafka-once'
import type { Cluster } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import { prove } from '../../../src/client/transaction/proof.ts'
import type { ResumeTarget } from '../../../src/client/transaction/resume_target.ts'

const producerId = 7n
const target: ResumeTarget = {
  transactionalId: 'id',
  producerId,
  producerEpoch: 3,
  transactionVersion: 2,
  endTxnVersion: 5,
  transactionTimeoutMs: 60_000,
  startedAtMs: 0,
  partitions: [{ topic: 'output', topicId: '', partition: 0, firstOffset: '10' }],
  witness: null,
  isOwn: true
}

const partition = { partition: 0, leaderId: 1, leaderEpoch: 0 }
const topics = new Map([['output', { name: 'output', topicId: '', partitions: [partition] }]])

/** A leader whose answers take `answerMs` of a clock that nothing else moves but sleep. */
function clusterWith(
  isOpenAt: (nowMs: number) => boolean,
  answerMs: (time: number) => number,
  isCompletingAt: (nowMs: number) => boolean = () => false
) {
  let nowMs = 0
  let asked = 0
  const runtime = {
    ...nodeRuntime(),
    monotonicMs: () => nowMs,
    sleep: (delayMs: number) => {
      nowMs += delayMs
      return Promise.resolve()
    }
  }
  const parts: Partial<Cluster> = {
    runtime,
    logger: silentLogger,
    requestTimeoutMs: 60_000,
    retryBackoffMs: 1,
    retryBackoffMsMax: 1,
    topics: async () => topics,
    newestTopics: async () => topics,
    cachedLeader: () => ({ nodeId: 1, leaderEpoch: 0 }),
    coordinator: async () => 1,
    invalidateCoordinator: () => {},
    request: async (_to, api) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one response of that request
      if (api === 'DescribeTransactions') return { transactionStates: [stateOf(isCompletingAt(nowMs))] } as never
      const leading = [{ partitionIndex: 0, errorCode: 0 }]
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of the one response that is read
      if (api === 'ListOffsets') return { topics: [{ name: 'output', partitions: leading }] } as never
      const currentTxnStartOffset = isOpenAt(nowMs) ? 10n : -1n
      nowMs += answerMs(++asked)
      const producer = { producerId, producerEpoch: 3, coordinatorEpoch: 0, currentTxnStartOffset }
      const partitions = [{ partitionIndex: 0, errorCode: 0, errorMessage: null, activeProducers: [producer] }]
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of the one response that is read
      return { topics: [{ name: 'output', partitions }] } as never
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  return { cluster: parts as Cluster, asked: () => asked }
}

function stateOf(isCompleting: boolean) {
  const transactionState = isCompleting ? 'PrepareCommit' : 'CompleteCommit'
  const times = { transactionTimeoutMs: 60_000, transactionStartTimeMs: -1n }
  return { errorCode: 0, transactionalId: 'id', transactionState, producerId, producerEpoch: 4, topics: [], ...times }
}

const limits = { deadlineMs: 60_000, proofDeadlineMs: 5_000 }

test('a process that slept over the answer asks again before it calls a marker missing', async () => {
  const sleepMs = 20_000
  const { cluster, asked } = clusterWith(
    (nowMs) => nowMs < 100,
    (time) => (time === 1 ? sleepMs : 1)
  )
  expect(await prove(cluster, target, limits)).toEqual({ kind: 'proven' })
  expect(asked()).toBe(2)
})

test('a marker that is missing until the end of the time for it is called missing', async () => {
  const { cluster } = clusterWith(
    () => true,
    () => 1
  )
  const proof = await prove(cluster, target, limits)
  const place = { topic: 'output', partition: 0, currentTxnStartOffset: 10n }
  expect(proof).toMatchObject({ kind: 'hanging', partitions: [place] })
  expect(cluster.runtime.monotonicMs()).toBeGreaterThanOrEqual(limits.proofDeadlineMs)
})

test('nothing is proven, nor called missing, while the coordinator still writes markers', async () => {
  const { cluster, asked } = clusterWith(
    () => false,
    () => 1,
    (nowMs) => nowMs < 20_000
  )
  expect(await prove(cluster, target, limits)).toEqual({ kind: 'proven' })
  expect(cluster.runtime.monotonicMs()).toBeGreaterThanOrEqual(20_000)
  // Leaders are asked when it is done, not before.
  expect(asked()).toBe(1)
  const never = clusterWith(
    () => true,
    () => 1,
    () => true
  )
  await expect(prove(never.cluster, target, limits)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
})
