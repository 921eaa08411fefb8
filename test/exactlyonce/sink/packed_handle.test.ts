// A prepared transaction comes out of a checkpoint as it went in, takes little room there, and nothing else passes for one.
import { describe, expect, it } from 'vitest'
import { parsePrepared, sealPrepared } from '../../../src/client/index.ts'
import type { PreparedTransaction } from '../../../src/client/index.ts'
import { JobError } from '../../../src/exactlyonce/errors.ts'
import type { StateValue } from '../../../src/exactlyonce/functions.ts'
import { packHandle, unpackHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'

const topicId = 'b8tRS7h4TJ2Vt43Dp85v2A'

function handle(partitionCount: number, topics = ['flink_kafka_poc_output']): PreparedTransaction {
  return sealPrepared({
    format: 1,
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qg',
    transactionalId: 'flink-kafka-poc.0.2',
    producerId: '1234567',
    producerEpoch: 12_345,
    transactionVersion: 2,
    endTxnVersion: 5,
    transactionTimeoutMs: 600_000,
    startedAtMs: 1_795_000_000_000,
    hasData: true,
    partitions: topics.flatMap((topic) =>
      Array.from({ length: partitionCount }, (_, partition) => ({
        topic,
        topicId,
        partition,
        firstOffset: String(12_345_678_901 + partition)
      }))
    ),
    witness: {
      groupId: 'flink-kafka-poc.0.2.ledger',
      topic: 'flink_kafka_poc_output',
      partition: 0,
      offset: '123456',
      randomId: '0123456789abcdef0123456789abcdef',
      previousRandomId: 'fedcba9876543210fedcba9876543210'
    }
  })
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was written is read back
const throughJson = (value: StateValue): StateValue => JSON.parse(JSON.stringify(value)) as StateValue

describe('a pending transaction in a checkpoint', () => {
  it('comes back as it was', () => {
    const cases = [
      handle(3),
      handle(2, ['a', 'b']),
      sealPrepared({ ...handle(1), witness: null }),
      sealPrepared({ ...handle(1), witness: { ...handle(1).witness!, groupId: 'another', previousRandomId: null } })
    ]
    for (const one of cases) {
      const back = unpackHandle(throughJson(packHandle(one)))
      expect(back).toEqual(one)
      expect(() => parsePrepared(back)).not.toThrow()
    }
  })

  it('takes at most 512 bytes, and 32 more for each partition', () => {
    for (const partitionCount of [1, 6, 100, 1000]) {
      const bytes = JSON.stringify(packHandle(handle(partitionCount))).length
      expect(bytes).toBeLessThanOrEqual(512 + 32 * partitionCount)
    }
  })

  it('is refused when anything in it was changed', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is an array
    const packed = packHandle(handle(2)) as StateValue[]
    for (const [i, field] of packed.entries()) {
      const changed = [...packed]
      if (typeof field === 'string') changed[i] = `${field}0`
      else if (typeof field === 'number') changed[i] = field + 1
      else if (typeof field === 'boolean') changed[i] = !field
      else changed[i] = []
      expect(() => unpackHandle(changed), `field ${i}`).toThrow(JobError)
    }
  })

  it.each([
    [null],
    [{}],
    ['x'],
    [[]],
    [[1, 2, 3]],
    [Array.from({ length: 13 }, () => null)],
    [Array.from({ length: 13 }, () => 1)]
  ])('is not %j', (value) => {
    expect(() => unpackHandle(value)).toThrow(/A pending transaction in the checkpoint cannot be read/)
  })
})
