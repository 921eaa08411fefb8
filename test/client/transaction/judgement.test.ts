// What the pieces of evidence mean: the first control record of a producer behind its first record, the ends in several
// partitions together, and the state that a coordinator holds.
import { assignBatchOffset, encodeMarkerBatch, RecordBatchBuilder } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import { PartitionScan } from '../../../src/client/transaction/control_scan.ts'
import { judgeByState, verdictOf } from '../../../src/client/transaction/judge.ts'
import { partitionOfGroup } from '../../../src/client/transaction/proof.ts'

const producer = { producerId: 5n, producerEpoch: 3 }

function data(baseOffset: bigint, count: number, of: Partial<typeof producer> & { isTransactional?: boolean } = {}) {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < count; i++) builder.append(null, Buffer.from('v'), [], 1)
  const bytes = builder.finishPlain({ ...producer, isTransactional: true, baseSequence: 0, ...of })
  assignBatchOffset(bytes, baseOffset, 0)
  return bytes
}

function marker(type: 'COMMIT' | 'ABORT', baseOffset: bigint, of: Partial<typeof producer> = {}): Uint8Array {
  const rest = { coordinatorEpoch: 0, timestamp: 1, partitionLeaderEpoch: 0 }
  return encodeMarkerBatch({ type, baseOffset, ...producer, ...rest, ...of })
}

function scan(firstOffset: bigint, ...batches: readonly Uint8Array[]) {
  return new PartitionScan(producer, firstOffset, 'a:0').take(Buffer.concat(batches))
}

const other = { producerId: 6n, producerEpoch: 0 }

describe('the first control record of the producer behind its first record', () => {
  test('ends the transaction, whatever others do in between and whatever comes later', () => {
    const noise = [data(2n, 2, other), marker('ABORT', 4n, other)]
    expect(scan(0n, data(0n, 2), ...noise, marker('COMMIT', 5n), data(6n, 1), marker('ABORT', 7n))).toEqual({
      kind: 'committed',
      markerOffset: 5n
    })
    expect(scan(0n, data(0n, 2), ...noise, marker('ABORT', 5n, { producerEpoch: 4 }), marker('COMMIT', 6n))).toEqual({
      kind: 'aborted',
      markerOffset: 5n
    })
  })

  test('is looked for in what is read later, too', () => {
    const it = new PartitionScan(producer, 4n, 'a:0')
    expect(it.take(Buffer.concat([data(3n, 4), data(7n, 1)]))).toBeUndefined()
    expect(it.position).toBe(8n)
    expect(it.take(null)).toBeUndefined()
    // A broker answers with whole batches, so the one before may come again.
    expect(it.take(Buffer.concat([data(7n, 1), marker('COMMIT', 8n)]))).toEqual({ kind: 'committed', markerOffset: 8n })
  })

  test('proves nothing where the first record is not one of this transaction', () => {
    const end = marker('COMMIT', 9n)
    const wrongs = [
      data(0n, 2, other),
      data(0n, 2, { producerEpoch: 2 }),
      data(0n, 2, { isTransactional: false }),
      marker('COMMIT', 0n),
      // Compaction has removed it.
      data(1n, 2)
    ]
    for (const wrong of wrongs) expect(scan(0n, wrong, end)).toMatchObject({ kind: 'unknown' })
  })

  test('proves nothing where the log is damaged', () => {
    const bytes = data(0n, 2)
    bytes[bytes.length - 1]! ^= 1
    expect(scan(0n, bytes, marker('COMMIT', 2n))).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('a:0')
    })
  })
})

describe('the ends in several partitions', () => {
  const partition = { topic: 'a', topicId: 'x', firstOffset: '0' }
  const target = { transactionalId: 'id', partitions: [0, 1, 2].map((n) => ({ ...partition, partition: n })) }
  const committed = { kind: 'committed' as const, markerOffset: 1n }
  const aborted = { kind: 'aborted' as const, markerOffset: 1n }
  const open = { kind: 'open' as const }
  const unknown = { kind: 'unknown' as const, reason: 'gone' }

  test('decide by any of them', () => {
    expect(verdictOf(target, [unknown, open, committed], [])).toEqual({ kind: 'alreadyCommitted' })
    expect(verdictOf(target, [open, aborted, unknown], [])).toMatchObject({ kind: 'lost' })
  })

  test('decide nothing where none is known, and say why', () => {
    const evidence: string[] = []
    expect(verdictOf(target, [open, unknown, unknown], evidence)).toBeUndefined()
    expect(evidence.join()).toContain('a:0')
    expect(evidence.join()).toContain('gone')
  })

  test('are torn where they differ', () => {
    expect(() => verdictOf(target, [committed, open, aborted], [])).toThrow(
      expect.objectContaining({ code: 'TRANSACTION_TORN', message: expect.stringContaining('a:2') })
    )
  })
})

const told = (transactionVersion: 0 | 1 | 2, producerEpoch: number, state: string, producerId = 5n) => {
  const description = {
    transactionalId: 'id',
    transactionTimeoutMs: 1,
    startTimeMs: 1,
    partitions: [],
    coordinatorId: 1
  }
  return judgeByState({ ...producer, transactionVersion }, { ...description, producerId, producerEpoch, state })?.kind
}

describe('the state that a coordinator holds', () => {
  test('tells the end of a transaction with an epoch of its own', () => {
    expect(told(2, 4, 'CompleteCommit')).toBe('alreadyCommitted')
    expect(told(2, 4, 'PrepareCommit')).toBe('alreadyCommitted')
    expect(told(2, 4, 'CompleteAbort')).toBe('lost')
    // The transaction before it, and the one after it.
    for (const epoch of [3, 5, 2]) expect(told(2, epoch, 'CompleteCommit')).toBeUndefined()
    expect(told(2, 5, 'CompleteAbort')).toBeUndefined()
  })

  test('tells it below version 2 under the same epoch, or the next one after a timeout', () => {
    for (const version of [0, 1] as const) {
      expect(told(version, 3, 'CompleteCommit')).toBe('alreadyCommitted')
      expect(told(version, 3, 'CompleteAbort')).toBe('lost')
      expect(told(version, 4, 'CompleteAbort')).toBe('lost')
      expect(told(version, 4, 'CompleteCommit')).toBeUndefined()
    }
  })

  test('tells nothing while something else is under way, or of another producer id', () => {
    for (const state of ['Ongoing', 'Empty', 'Dead', 'PrepareEpochFence', 'Unheard'])
      expect(told(2, 4, state)).toBeUndefined()
    expect(told(2, 4, 'CompleteCommit', 6n)).toBeUndefined()
    expect(judgeByState({ ...producer, transactionVersion: 2 }, 'unknownId')).toBeUndefined()
    expect(judgeByState({ ...producer, transactionVersion: 2 }, 'untold')).toBeUndefined()
  })
})

// Numbers of org.apache.kafka.common.utils.Utils.abs(groupId.hashCode()) of Apache Kafka 4.4.0.
test.each([
  ['', 0, 0],
  ['a', 47, 6],
  ['payments.0.1.ledger', 19, 2],
  ['polygenelubricants', 0, 0],
  ['grüße-€-𝄞', 29, 6]
])('the group %s has the partition of __consumer_offsets that Java gives it', (groupId, of50, of7) => {
  expect([partitionOfGroup(groupId, 50), partitionOfGroup(groupId, 7)]).toEqual([of50, of7])
})
