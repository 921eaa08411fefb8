// What the assignors of the consumer protocol promise: every partition to one reader of its topic, loads that are even
// where they can be, and no move that is not needed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignors } from '../../../src/testing/group/assignors.ts'
import type { AssignableMember } from '../../../src/testing/group/assignors.ts'
import { noPartitions, topicPartitions } from '../../../src/testing/group/partition_sets.ts'
import type { PartitionSets } from '../../../src/testing/group/partition_sets.ts'

const groups = fc.record({
  counts: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
  readers: fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
})

function membersOf(readers: readonly (readonly number[])[], topics: number): AssignableMember[] {
  return readers.map((wanted, i) => {
    const topicIds = [...new Set(wanted.map((one) => `topic-${one % topics}`))]
    return { id: `m${i}`, instanceId: null, topicIds, target: noPartitions }
  })
}

function pairs(sets: PartitionSets): string[] {
  return topicPartitions(sets).flatMap(({ topicId, partitions }) => partitions.map((one) => `${topicId}/${one}`))
}

describe.each([...assignors])('%s', (_name, assign) => {
  test('gives every partition that is read to one member that reads it', () => {
    fc.assert(
      fc.property(groups, ({ counts, readers }) => {
        const members = membersOf(readers, counts.length)
        const partitionCounts = new Map(counts.map((count, i) => [`topic-${i}`, count]))
        const result = assign(members, partitionCounts)
        const given = [...result.values()].flatMap(pairs)
        const read = new Set(members.flatMap(({ topicIds }) => topicIds))
        const wanted = [...read].flatMap((id) =>
          Array.from({ length: partitionCounts.get(id)! }, (_, i) => `${id}/${i}`)
        )
        expect(given.toSorted()).toEqual(wanted.toSorted())
        for (const { id, topicIds } of members) {
          for (const topicId of result.get(id)?.keys() ?? []) expect(topicIds).toContain(topicId)
        }
      })
    )
  })
})

function member(id: string, target: PartitionSets = noPartitions): AssignableMember {
  return { id, instanceId: null, topicIds: ['a'], target }
}

describe('uniform', () => {
  const assign = assignors.get('uniform')!
  const counts = new Map([['a', 7]])
  test('differs by one partition at most', () => {
    const sizes = [...assign([member('x'), member('y'), member('z')], counts).values()].map(
      (sets) => pairs(sets).length
    )
    expect(sizes.toSorted((a, b) => a - b)).toEqual([2, 2, 3])
  })

  test('takes from members no more than the others need', () => {
    const before = assign([member('x'), member('y')], counts)
    const [x, y] = [before.get('x')!, before.get('y')!]
    const after = assign([member('x', x), member('y', y), member('z')], counts)
    for (const [id, had] of [
      ['x', x],
      ['y', y]
    ] as const) {
      expect(pairs(had)).toEqual(expect.arrayContaining(pairs(after.get(id)!)))
    }
  })
})
