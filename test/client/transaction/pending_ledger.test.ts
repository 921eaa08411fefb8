// A verdict where no partition has a marker and the ledger waits for one for ever (KAFKA-20734): what the coordinator
// held before InitProducerId decides, or nobody can tell.
import { assignBatchOffset, errorCode, RecordBatchBuilder } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf } from 'kafka-once/protocol'
import { silentLogger } from 'kafka-once'
import type { Cluster } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import { expect, test } from 'vitest'
import { judge } from '../../../src/client/transaction/judge.ts'
import type { ResumeTarget } from '../../../src/client/transaction/resume_target.ts'

const place = { groupId: 'id.ledger', topic: 'output', partition: 0 }
const target: ResumeTarget = {
  transactionalId: 'id',
  producerId: 7n,
  producerEpoch: 3,
  transactionVersion: 2,
  endTxnVersion: 5,
  transactionTimeoutMs: 60_000,
  startedAtMs: 0,
  partitions: [{ topic: 'output', topicId: '', partition: 0, firstOffset: '0' }],
  witness: { ...place, offset: '1', randomId: 'a'.repeat(32), previousRandomId: null },
  isOwn: true
}

function records(): Uint8Array {
  const builder = new RecordBatchBuilder()
  builder.append(null, Buffer.from('v'), [], 1)
  const bytes = builder.finishPlain({ producerId: 7n, producerEpoch: 3, isTransactional: true, baseSequence: 0 })
  assignBatchOffset(bytes, 0n, 0)
  return bytes
}

/** A cluster whose coordinator knows the end of the transaction, and whose logs and group do not. */
function clusterThatHolds(transactionState: string, producerEpoch: number): { cluster: Cluster; asked: ApiName[] } {
  let nowMs = 0
  let mark = ''
  const asked: ApiName[] = []
  const runtime = {
    ...nodeRuntime(),
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (delayMs: number) => {
      nowMs += delayMs
      return Promise.resolve()
    }
  }
  const described = { transactionalId: 'id', transactionState, producerId: 7n, producerEpoch, errorCode: 0, topics: [] }
  const answers: Partial<Record<ApiName, (body: never) => unknown>> = {
    DescribeTransactions: () => ({
      transactionStates: [{ ...described, transactionTimeoutMs: 1, transactionStartTimeMs: -1n }]
    }),
    Fetch: ({ topics: [topic] }: EncodableRequestOf<'Fetch'>) => {
      const isFirst = topic?.partitions[0]?.fetchOffset === 0n
      const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 1n, records: isFirst ? records() : null }
      return { responses: [{ partitions: [partition] }] }
    },
    InitProducerId: () => ({ errorCode: 0, producerId: 7n, producerEpoch: producerEpoch + 1 }),
    OffsetCommit: ({ topics }: EncodableRequestOf<'OffsetCommit'>) => {
      mark = topics[0]?.partitions[0]?.committedMetadata ?? ''
      return { topics: [{ name: topics[0]?.name, partitions: [{ partitionIndex: 0, errorCode: 0 }] }] }
    },
    OffsetFetch: ({ requireStable = false }: EncodableRequestOf<'OffsetFetch'>) => {
      const none = { partitionIndex: 0, committedOffset: -1n, committedLeaderEpoch: -1, metadata: '' }
      const code = requireStable ? errorCode.UNSTABLE_OFFSET_COMMIT : 0
      const topics = [
        { name: 'output', partitions: [{ ...none, errorCode: code }] },
        { name: '__consumer_offsets', partitions: [{ ...none, committedOffset: 0n, metadata: mark, errorCode: 0 }] }
      ]
      return { groups: [], topics, errorCode: 0 }
    }
  }
  const topic = { name: 'output', topicId: '', partitions: [{ partition: 0, leaderId: 1, leaderEpoch: 0 }] }
  const parts: Partial<Cluster> = {
    runtime,
    logger: silentLogger,
    requestTimeoutMs: 60_000,
    retryBackoffMs: 100,
    retryBackoffMsMax: 1_000,
    topics: async () => new Map([['output', topic]]),
    coordinator: async () => 1,
    negotiatedVersion: async () => 7,
    invalidateCoordinator: () => {},
    request: async (_to, api, body) => {
      asked.push(api)
      nowMs += 1
      const given: unknown = typeof body === 'function' ? body(7) : body
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parts of bodies and answers that are read
      return answers[api]?.(given as never) as never
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  return { cluster: parts as Cluster, asked }
}

const limits = { deadlineMs: 60_000, mayInitProducerId: true }

test('a transaction that its coordinator has aborted is lost', async () => {
  const { cluster, asked } = clusterThatHolds('CompleteAbort', 4)
  const verdict = await judge(cluster, target, errorCode.INVALID_TXN_STATE, limits)
  expect(verdict).toMatchObject({ kind: 'lost', evidence: expect.stringContaining('CompleteAbort') })
  expect(asked).toContain('InitProducerId')
  // A marker that is on its way has been waited for, and the verdict has not.
  expect(cluster.runtime.monotonicMs()).toBeGreaterThan(5_000)
  expect(cluster.runtime.monotonicMs()).toBeLessThan(20_000)
})

test('nobody can tell once something else has happened to the id', async () => {
  for (const [state, epoch] of [
    ['Empty', 5],
    ['CompleteAbort', 6]
  ] as const) {
    const { cluster } = clusterThatHolds(state, epoch)
    expect(await judge(cluster, target, errorCode.PRODUCER_FENCED, limits)).toMatchObject({
      kind: 'fenced',
      evidence: expect.stringContaining('has no marker of its end')
    })
  }
})
