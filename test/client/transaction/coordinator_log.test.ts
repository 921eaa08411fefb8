// What the records of a coordinator tell of one transaction, and what is said where they cannot be read.
import { Kafka, silentLogger } from 'kafka-once'
import type { PreparedTransaction } from 'kafka-once'
import {
  assignBatchOffset,
  encodeVersioned,
  errorCode,
  RecordBatchBuilder,
  TransactionLogKey,
  TransactionLogValue,
  transactionStatuses
} from 'kafka-once/protocol'
import type { EncodableRequestOf } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'
import { DecisionScan } from '../../../src/client/transaction/coordinator_log.ts'
import type { SoughtTransaction } from '../../../src/client/transaction/coordinator_log.ts'

type Status = (typeof transactionStatuses)[number]

interface Entry {
  readonly status: Status
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly partitionIds?: readonly number[]
  readonly transactionalId?: string
}

function value({ status, producerId = 5n, producerEpoch = 3, partitionIds = [0, 1] }: Entry, version = 1): Uint8Array {
  return encodeVersioned(TransactionLogValue, version, {
    producerId,
    producerEpoch,
    transactionTimeoutMs: 60_000,
    transactionStatus: transactionStatuses.indexOf(status),
    transactionPartitions: status === 'Empty' ? null : [{ topic: 'a', partitionIds: [...partitionIds] }],
    transactionLastUpdateTimestampMs: 1n,
    transactionStartTimestampMs: 1n
  })
}

/** A batch of a coordinator; null stands for the removal of the id. */
function batchOf(baseOffset: bigint, ...entries: readonly (Entry | Uint8Array | null)[]): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (const entry of entries) {
    const transactionalId = entry === null || entry instanceof Uint8Array ? 'id' : (entry.transactionalId ?? 'id')
    const key = encodeVersioned(TransactionLogKey, 0, { transactionalId })
    builder.append(key, entry === null || entry instanceof Uint8Array ? entry : value(entry), [], 1)
  }
  const bytes = builder.finishPlain()
  assignBatchOffset(bytes, baseOffset, 0)
  return bytes
}

const sought: SoughtTransaction = {
  transactionalId: 'id',
  producerId: 5n,
  producerEpoch: 3,
  startedAtMs: 0,
  partitions: [{ topic: 'a', partition: 1 }],
  isAloneInEpoch: true
}
const ongoing: Entry = { status: 'Ongoing' }
const prepared = (status: Status, producerEpoch = 4): Entry => ({ status, producerEpoch })

function decisionIn(entries: readonly (Entry | Uint8Array | null)[], of: Partial<SoughtTransaction> = {}) {
  const scan = new DecisionScan({ ...sought, ...of }, 0n)
  scan.take(batchOf(0n, ...entries))
  return scan.decision
}

describe('the record behind an open transaction', () => {
  test('tells its end, also under the next epoch, and whatever other ids do in between', () => {
    const other: Entry = { status: 'PrepareAbort', transactionalId: 'other' }
    expect(decisionIn([ongoing, other, ongoing, prepared('PrepareCommit'), prepared('CompleteCommit')])).toBe('commit')
    expect(decisionIn([ongoing, prepared('PrepareAbort')])).toBe('abort')
    expect(decisionIn([ongoing, prepared('PrepareAbort', 3)])).toBe('abort')
  })

  test('tells nothing while it is open, nor where compaction has taken the one before', () => {
    expect(decisionIn([ongoing])).toBeUndefined()
    expect(decisionIn([prepared('PrepareCommit'), prepared('CompleteCommit')])).toBeUndefined()
    expect(decisionIn([ongoing, prepared('CompleteCommit'), prepared('PrepareAbort')])).toBeUndefined()
    expect(decisionIn([ongoing, null, prepared('PrepareCommit')])).toBeUndefined()
  })

  test('tells nothing of another producer, epoch or set of partitions', () => {
    const end = prepared('PrepareCommit')
    expect(decisionIn([{ ...ongoing, producerId: 6n }, end])).toBeUndefined()
    expect(decisionIn([{ ...ongoing, producerEpoch: 2 }, end])).toBeUndefined()
    expect(decisionIn([{ ...ongoing, partitionIds: [0] }, end])).toBeUndefined()
    expect(decisionIn([ongoing, { ...end, producerId: 6n }])).toBeUndefined()
  })

  test('is that of the last transaction where several have the epoch, else of the first', () => {
    const both = [ongoing, prepared('PrepareCommit', 3), ongoing, prepared('PrepareAbort')]
    expect(decisionIn(both, { isAloneInEpoch: false })).toBe('abort')
    expect(decisionIn(both)).toBe('commit')
  })

  test('is found in what is read later, and a batch may come again', () => {
    const scan = new DecisionScan(sought, 1n)
    scan.take(batchOf(0n, { status: 'Empty' }, ongoing))
    expect([scan.position, scan.isFinal]).toEqual([2n, false])
    scan.take(null)
    scan.take(Buffer.concat([batchOf(0n, { status: 'Empty' }, ongoing), batchOf(2n, prepared('PrepareCommit'))]))
    expect([scan.position, scan.isFinal, scan.decision]).toEqual([3n, true, 'commit'])
  })

  test('is refused in a form that is not known', () => {
    const newer = value(ongoing)
    newer[1] = 2
    expect(() => decisionIn([newer])).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_VERSION' }))
    for (const garbage of [Uint8Array.of(), Uint8Array.of(0), value(ongoing).subarray(0, 20), Buffer.from('garbage')]) {
      expect(() => decisionIn([ongoing, garbage])).toThrow(expect.objectContaining({ name: 'ProtocolError' }))
    }
    expect(decisionIn([value(ongoing, 0), value(prepared('PrepareAbort', 3), 0)])).toBe('abort')
  })
})

async function forgotten(embedded: EmbeddedKafka, kafka: Kafka): Promise<PreparedTransaction> {
  await kafka.admin().createTopics([{ topic: 'out', partitionCount: 1, replicationFactor: 1 }])
  embedded.transactions.markers.add(() => 'skip')
  const transaction = kafka.transactionalProducer({ transactionalId: 'id' }).beginTransaction()
  await transaction.send({ topic: 'out', partition: 0, value: 'v' })
  const handle = await transaction.prepare()
  expect(await transaction.commit()).toEqual({ kind: 'committed' })
  await kafka.transactionalProducer({ transactionalId: 'id' }).init()
  return handle
}

// Markers are waited for, five seconds each time.
describe.concurrent('a transaction whose end left no marker, and whose id has gone on', () => {
  test('is fenced where the log may not be read, and the evidence says so', async ({ expect }) => {
    await using embedded = await EmbeddedKafka.start({ brokers: 1 })
    await using kafka = new Kafka({ brokers: [embedded.bootstrap], logger: silentLogger })
    const handle = await forgotten(embedded, kafka)
    refuse(embedded, 'TOPIC_AUTHORIZATION_FAILED')
    expect(await kafka.resumeTransaction(handle).commit()).toEqual({
      kind: 'fenced',
      evidence: expect.stringContaining('__transaction_state cannot be read (TOPIC_AUTHORIZATION_FAILED)')
    })
  })

  test('is not called fenced for what may pass', { timeout: 90_000 }, async ({ expect }) => {
    await using embedded = await EmbeddedKafka.start({ brokers: 1 })
    await using kafka = new Kafka({ brokers: [embedded.bootstrap], logger: silentLogger })
    const handle = await forgotten(embedded, kafka)
    refuse(embedded, 'NOT_LEADER_OR_FOLLOWER')
    const failure = { code: 'DEADLINE_EXCEEDED', retriable: true, message: expect.stringContaining('ListOffsets') }
    await expect(kafka.resumeTransaction(handle).commit()).rejects.toMatchObject(failure)
  })

  test.each([1, 2] as const)(
    'is alreadyCommitted by the log, on transaction version %i',
    async (transactionVersion) => {
      await using embedded = await EmbeddedKafka.start({ brokers: 1, transactionVersion })
      await using kafka = new Kafka({ brokers: [embedded.bootstrap], logger: silentLogger })
      const handle = await forgotten(embedded, kafka)
      expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'alreadyCommitted' })
    }
  )
})

/** The leader of the log answers so, whenever it is asked where to begin. */
function refuse(embedded: EmbeddedKafka, name: 'TOPIC_AUTHORIZATION_FAILED' | 'NOT_LEADER_OR_FOLLOWER'): void {
  const rest = { errorCode: errorCode[name], timestamp: -1n, offset: -1n, leaderEpoch: -1 }
  const refused = ({ body }: { readonly body: EncodableRequestOf<'ListOffsets'> }) => {
    const [asked] = body.topics
    if (asked?.name !== '__transaction_state') return undefined
    const partitions = asked.partitions.map(({ partitionIndex }) => ({ partitionIndex, ...rest }))
    return { answer: { throttleTimeMs: 0, topics: [{ name: asked.name, partitions }] } }
  }
  embedded.control('ListOffsets', refused, { keep: true })
}
