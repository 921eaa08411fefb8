// The small decisions of a producer, one by one: what each error code means for a batch, which batch may leave, how
// sequences count, and where a record goes.
import { errorByCode, errorCode, kafkaErrors, murmur2 } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import { ProducerBatch } from '../../../src/client/producer/batch.ts'
import { nextSequence, PartitionQueue } from '../../../src/client/producer/partition_queue.ts'
import { keyPartitioner, StickyPartition } from '../../../src/client/producer/partitioner.ts'
import { decideProduce, mayBeStored } from '../../../src/client/producer/produce_outcome.ts'

const codes = kafkaErrors.map(({ code }) => code)

describe('an error code of Produce', () => {
  const alone = { isTransactional: false, recordCount: 1, hasEarlier: false }

  test('that is retriable is retried, and one that is not fails the batch, but for those that mean more', () => {
    const special = new Set<number>([
      errorCode.NONE,
      errorCode.DUPLICATE_SEQUENCE_NUMBER,
      errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      errorCode.UNKNOWN_PRODUCER_ID,
      errorCode.INVALID_PRODUCER_EPOCH,
      errorCode.INVALID_PRODUCER_ID_MAPPING,
      errorCode.PRODUCER_FENCED
    ])
    for (const code of codes.filter((one) => !special.has(one))) {
      for (const isTransactional of [false, true]) {
        const outcome = decideProduce(code, { ...alone, isTransactional })
        const { name, retriable } = errorByCode(code)
        expect(retriable ? ['retry', 'refresh'] : ['fail'], name).toContain(outcome)
      }
    }
  })

  test('of a sequence begins a new one, and in a transaction ends that', () => {
    const sequences = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'] as const
    for (const name of sequences) {
      expect(decideProduce(errorCode[name], alone), name).toBe('reset')
      expect(decideProduce(errorCode[name], { ...alone, isTransactional: true }), name).toBe('fail')
    }
    expect(decideProduce(errorCode.PRODUCER_FENCED, { ...alone, isTransactional: true })).toBe('fenced')
  })

  test('of a sequence is no failure while an earlier batch is not acknowledged', () => {
    for (const isTransactional of [false, true]) {
      const facts = { ...alone, isTransactional, hasEarlier: true }
      expect(decideProduce(errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, facts)).toBe('retry')
    }
  })

  test('that a batch is too large splits it, down to one record', () => {
    expect(decideProduce(errorCode.MESSAGE_TOO_LARGE, { ...alone, recordCount: 2 })).toBe('split')
    expect(decideProduce(errorCode.MESSAGE_TOO_LARGE, alone)).toBe('fail')
  })

  test('leaves open whether the batch is stored where the leader stored it first', () => {
    const maybe = codes.filter((code) => mayBeStored(code, false)).map((code) => errorByCode(code).name)
    expect(maybe).toEqual([
      'UNKNOWN_SERVER_ERROR',
      'REQUEST_TIMED_OUT',
      'NETWORK_EXCEPTION',
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND'
    ])
    expect(mayBeStored(errorCode.NOT_LEADER_OR_FOLLOWER, true)).toBe(true)
    expect(mayBeStored(errorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, true)).toBe(false)
  })
})

describe('sequences', () => {
  // DefaultRecordBatch.incrementSequence of Apache Kafka 4.4.0.
  test('count from 0 to 2147483647 and then from 0 again', () => {
    expect(nextSequence(0, 1)).toBe(1)
    expect(nextSequence(2147483646, 1)).toBe(2147483647)
    expect(nextSequence(2147483647, 1)).toBe(0)
    expect(nextSequence(2147483600, 100)).toBe(52)
  })

  test('begin anew under another identity, for batches that wait as well', () => {
    const queue = newQueue()
    queue.adopt({ producerId: 1n, producerEpoch: 0 })
    const [first, second] = [newBatch(queue, 3), newBatch(queue, 4)]
    for (const batch of [first, second]) {
      queue.assignSequence(batch)
      queue.returnToQueue(batch)
    }
    const third = newBatch(queue, 5)
    queue.closed.push(third)
    expect([first, second, third].map(({ baseSequence }) => baseSequence)).toEqual([0, 3, -1])
    queue.closed.shift()
    queue.restartSequences({ producerId: 1n, producerEpoch: 1 })
    expect([second, third].map(({ baseSequence }) => baseSequence)).toEqual([0, -1])
    queue.assignSequence(third)
    expect(third.baseSequence).toBe(4)
  })
})

describe('a batch', () => {
  test('waits until the first one of its epoch is acknowledged, and follows on the same broker only', () => {
    const queue = newQueue()
    expect(queue.maySend(1, 5)).toBe(true)
    put(queue, newBatch(queue, 1), 1)
    expect(queue.maySend(1, 5)).toBe(false)
    queue.isEstablished = true
    expect(queue.maySend(1, 5)).toBe(true)
    expect(queue.maySend(2, 5)).toBe(false)
    expect(queue.maySend(1, 1)).toBe(false)
  })

  test('that is repeated goes alone, and nothing follows it', () => {
    const queue = newQueue()
    queue.isEstablished = true
    const [first, second] = [newBatch(queue, 1), newBatch(queue, 1)]
    put(queue, first, 1)
    put(queue, second, 1)
    queue.wire.delete(first)
    queue.returnToQueue(first)
    expect(queue.maySend(1, 5)).toBe(false)
    queue.wire.delete(second)
    queue.returnToQueue(second)
    expect(queue.closed).toEqual([first, second])
    queue.closed.splice(0)
    put(queue, first, 1)
    expect(queue.maySend(1, 5)).toBe(false)
  })

  test('is in order only behind those before it, also while one of them is in work', () => {
    const queue = newQueue()
    const [first, second] = [newBatch(queue, 1), newBatch(queue, 1)]
    expect(queue.hasEarlier(second)).toBe(false)
    queue.inWork.add(first)
    expect(queue.hasEarlier(second)).toBe(true)
    expect(queue.hasEarlier(first)).toBe(false)
  })

  test('of which the outcome is unknown keeps its sequence', () => {
    const queue = newQueue()
    queue.adopt({ producerId: 1n, producerEpoch: 0 })
    const batch = newBatch(queue, 1)
    queue.assignSequence(batch)
    batch.outcomeUnknown = true
    queue.returnToQueue(batch)
    queue.needsReset = true
    expect([queue.mayReset, queue.maySend(1, 5)]).toEqual([false, true])
    queue.noteGap()
    expect([queue.mayReset, queue.maySend(1, 5)]).toEqual([true, false])
  })
})

function put(queue: PartitionQueue, batch: ProducerBatch, nodeId: number): void {
  batch.attempts++
  queue.wire.add(batch)
  queue.wireNodeId = nodeId
}

function newQueue(): PartitionQueue {
  return new PartitionQueue('a', 0, { usualBytes: 0, batchBytesMax: 1_000 })
}

function newBatch(queue: PartitionQueue, recordCount: number): ProducerBatch {
  const batch = new ProducerBatch(queue, queue.nextNumber(), 0, undefined)
  batch.recordCount = recordCount
  return batch
}

describe('a record', () => {
  test('with a key goes where Java sends it', () => {
    for (const key of ['', 'a', 'kafka', '21', 'a longer key than those']) {
      const bytes = Buffer.from(key)
      expect(keyPartitioner('t', bytes, 7)).toBe((murmur2(bytes) & 0x7fffffff) % 7)
    }
    expect(keyPartitioner('t', null, 7)).toBeUndefined()
  })

  test('without a key stays with a partition until told to move on, and then goes to another one', () => {
    const sticky = new StickyPartition()
    let chance = 0
    const random = (): number => (chance = (chance + 0.37) % 1)
    for (let i = 0; i < 100; i++) {
      const partition = sticky.choose(5, random)
      expect(sticky.choose(5, random)).toBe(partition)
      sticky.moveOn((partition + 1) % 5, 5, random)
      expect(sticky.choose(5, random)).toBe(partition)
      sticky.moveOn(partition, 5, random)
      expect(sticky.choose(5, random)).not.toBe(partition)
      expect(sticky.choose(5, random)).toBeLessThan(5)
    }
    expect(sticky.choose(1, random)).toBe(0)
    sticky.moveOn(0, 1, random)
    expect(sticky.choose(1, random)).toBe(0)
  })
})
