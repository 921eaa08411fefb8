// The assignor `uniform` gives every member what Kafka's own class gives it, in groups that are drawn by a seed: members
// that read different topics, with targets of before that fit and that do not.
import { expect, test } from 'vitest'
import { assignors } from '../../../src/testing/group/assignors.ts'
import { partitionSets } from '../../../src/testing/group/partition_sets.ts'
import type { PartitionSets } from '../../../src/testing/group/partition_sets.ts'
import { runJava } from '../../broker/peers.ts'
import { describeJars } from '../../broker/real_kafka.ts'
import { Dice } from '../../faults/seeded.ts'

/** GROUPS_DRAWN and GROUPS_SEED replace them. */
const groupCount = Number(process.env['GROUPS_DRAWN'] ?? 2000)
const seed = Number(process.env['GROUPS_SEED'] ?? 20_261_128)

interface DrawnMember {
  readonly id: string
  /** By place. */
  readonly topics: readonly number[]
  readonly target: readonly (readonly [topic: number, partition: number])[]
}

interface DrawnGroup {
  readonly topics: readonly { readonly id: string; readonly count: number }[]
  readonly members: readonly DrawnMember[]
}

function drawId(dice: Dice): string {
  return Buffer.from(Array.from({ length: 16 }, () => dice.between(0, 255))).toString('base64url')
}

function drawGroup(dice: Dice): DrawnGroup {
  const topics = Array.from({ length: dice.between(1, 6) }, () => ({ id: drawId(dice), count: dice.between(1, 9) }))
  const places = topics.map((_, i) => i)
  const readers = Array.from({ length: dice.between(1, 8) }, () => {
    return dice.shuffled(places).slice(0, dice.between(1, places.length))
  })
  // With the same topics for all, the order of Kafka's hash sets decides.
  const isSame = readers.every((topicsRead) => topicsRead.length === readers[0]!.length) && topics.length > 1
  if (isSame) return drawGroup(dice)
  const targets = readers.map((): [number, number][] => [])
  const sticks = dice.next()
  for (const [topic, { count }] of topics.entries()) {
    for (let partition = 0; partition < count; partition++) {
      if (dice.next() < sticks) dice.pick(targets).push([topic, partition])
    }
  }
  const members = readers.map((topicsRead, i) => ({ id: `m${i}`, topics: topicsRead, target: targets[i]! }))
  return { topics, members }
}

function lineOf({ topics, members }: DrawnGroup): string {
  const named = topics.map(({ id, count }) => `${id}=${count}`).join(',')
  const told = members.map(({ id, topics: read, target }) => {
    return `${id}:${read.join('+')}:${target.map((slot) => slot.join('/')).join('+')}`
  })
  return [named, ...told].join(' ')
}

function setsOf(group: DrawnGroup, target: DrawnMember['target']): PartitionSets {
  const byTopic = group.topics.map(({ id }, place) => ({
    topicId: id,
    partitions: target.flatMap(([topic, partition]) => (topic === place ? [partition] : []))
  }))
  return partitionSets(byTopic.filter(({ partitions }) => partitions.length > 0))
}

function assignedHere(group: DrawnGroup): string {
  const counts = new Map(group.topics.map(({ id, count }) => [id, count]))
  const members = group.members.map(({ id, topics, target }) => ({
    id,
    instanceId: null,
    topicIds: topics.map((place) => group.topics[place]!.id),
    target: setsOf(group, target)
  }))
  const assigned = assignors.get('uniform')!(members, counts)
  const results = members.map(({ id }) => {
    const sets = assigned.get(id)!
    return group.topics
      .flatMap((topic, place) => (sets.get(topic.id) ?? []).map((partition) => `${place}/${partition}`))
      .join('+')
  })
  return `${results.join(' ')}.`
}

describeJars('the uniform assignor of Kafka 4.4.0', () => {
  test(`assigns ${groupCount} drawn groups as we do, seed ${seed}`, async () => {
    const dice = new Dice(seed)
    const groups = Array.from({ length: groupCount }, () => drawGroup(dice))
    const lines = groups.map(lineOf)
    const printed = await runJava('groups/UniformAssignments.java', [], '4.4.0', `${lines.join('\n')}\n`)
    const assigned = printed.trimEnd().split('\n')
    expect(assigned).toHaveLength(groupCount)
    for (const [i, group] of groups.entries()) expect(assignedHere(group), lines[i]).toBe(assigned[i])
  })
})
