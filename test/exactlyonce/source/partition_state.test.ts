// Positions survive a checkpoint unchanged, at whatever parallelism the job comes back, and damage is noticed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JobError } from '../../../src/exactlyonce/errors.ts'
import type { StateValue } from '../../../src/exactlyonce/functions.ts'
import { decodePartitions, encodePartitions, subtaskOf } from '../../../src/exactlyonce/source/partition_state.ts'
import type { RestoredPartition } from '../../../src/exactlyonce/source/partition_state.ts'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'

function state(topic: string, partition: number, offset: bigint, stopOffset?: bigint): RestoredPartition {
  return { topic, topicId, partition, leaderEpoch: 3, offset, stopOffset }
}

describe('positions in a checkpoint', () => {
  it('come back as they were', () => {
    const states = [state('a', 0, -1n), state('b', 0, 7n, 9n), state('a', 11, 9_223_372_036_854_775_806n)]
    const back = decodePartitions(encodePartitions(states))
    expect(new Set(back)).toEqual(new Set(states))
  })

  it('come back through JSON, as one list made of the lists of all subtasks', () => {
    const first = encodePartitions([state('a', 0, 5n), state('a', 2, 6n)])
    const second = encodePartitions([state('a', 1, 7n)])
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was written is read back
    const union = JSON.parse(JSON.stringify([...second, ...first])) as StateValue[]
    expect(decodePartitions(union).map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 7n],
      [0, 5n],
      [2, 6n]
    ])
  })

  it('need at most 32 bytes for each partition beside the names of its topic', () => {
    const count = 1000
    const states = Array.from({ length: count }, (_, i) => ({ ...state('t', i, 123_456_789_012n), leaderEpoch: 12 }))
    const names = JSON.stringify(encodePartitions([])).length + 100
    expect(JSON.stringify(encodePartitions(states)).length).toBeLessThanOrEqual(names + 32 * count)
  })

  it.each([
    [[null]],
    [['a']],
    [[{ topic: 'a', topicId, partitions: 'x' }]],
    [[{ topic: 1, topicId, partitions: [] }]],
    [[{ topic: 'a', topicId, partitions: [[0, 0]] }]],
    [[{ topic: 'a', topicId, partitions: [[0, 0, 5]] }]],
    [[{ topic: 'a', topicId, partitions: [[0, 0, '5.5']] }]],
    [[{ topic: 'a', topicId, partitions: [[-1, 0, '5']] }]],
    [[{ topic: 'a', topicId, partitions: [[0, 0, '5', '6', '7']] }]],
    [
      [
        {
          topic: 'a',
          topicId,
          partitions: [
            [0, 0, '5'],
            [0, 0, '6']
          ]
        }
      ]
    ]
  ])('are refused where they are not positions: %j', (elements) => {
    const decode = (): unknown => decodePartitions(elements)
    expect(decode).toThrow(JobError)
    expect(decode).toThrow(/State of a Kafka source/)
  })
})

describe('the subtask of a partition', () => {
  it('is one and the same subtask wherever it is asked, and there are no others', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.nat(10_000),
        fc.integer({ min: 1, max: 64 }),
        (topic, partition, n) => {
          const subtask = subtaskOf(topic, partition, n)
          expect(Number.isInteger(subtask) && subtask >= 0 && subtask < n).toBe(true)
        }
      )
    )
  })

  it('spreads the partitions of a topic evenly', () => {
    for (const parallelism of [1, 2, 3, 4, 7]) {
      const counts = Array.from({ length: parallelism }, () => 0)
      for (let partition = 0; partition < 5 * parallelism; partition++)
        counts[subtaskOf('some-topic', partition, parallelism)]!++
      expect(counts).toEqual(Array.from({ length: parallelism }, () => 5))
    }
  })

  it('never changes, since checkpoints of earlier versions depend on it', () => {
    // Worked out by hand: 'ab' = 97 * 31 + 98 = 3105.
    expect(subtaskOf('ab', 0, 4)).toBe(3105 % 4)
    expect(subtaskOf('ab', 5, 4)).toBe((3105 + 5) % 4)
    expect(subtaskOf('', 3, 2)).toBe(1)
  })
})
