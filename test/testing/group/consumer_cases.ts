// Scripts about groups of the consumer protocol. KIP-848.
import type { EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { beginTransaction } from './offset_cases.ts'
import { offsetTopics, type GroupCase, type Stage } from './group_cases.ts'

type Heartbeat = EncodableRequestOf<'ConsumerGroupHeartbeat'>

export const one = 'BQAAAAAAAAAAAAAAAAAAAQ-member-1'
export const two = 'BQAAAAAAAAAAAAAAAAAAAQ-member-2'

export function joiningConsumer(
  groupId: string,
  memberId: string,
  topic: string,
  more: Partial<Heartbeat> = {}
): Heartbeat {
  const first = { rebalanceTimeoutMs: 20_000, subscribedTopicNames: [topic], topicPartitions: [] }
  return { groupId, memberId, memberEpoch: 0, ...first, ...more }
}

export async function beat(
  stage: Stage,
  groupId: string,
  { memberId, memberEpoch }: { memberId: string | null; memberEpoch: number },
  owned?: readonly [topic: string, partitions: readonly number[]]
): Promise<ResponseOf<'ConsumerGroupHeartbeat'>> {
  const topicPartitions = owned === undefined ? null : [{ topicId: stage.topicId(owned[0]), partitions: owned[1] }]
  return stage.ask('ConsumerGroupHeartbeat', { groupId, memberId: memberId ?? '', memberEpoch, topicPartitions })
}

export const consumerCases: readonly GroupCase[] = [
  {
    name: 'heartbeats that are refused',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const right = joiningConsumer(groupId, one, topic)
      const wrong: readonly Partial<Heartbeat>[] = [
        { groupId: '' },
        { memberId: '' },
        { instanceId: '' },
        { rackId: '' },
        { rebalanceTimeoutMs: -1 },
        { topicPartitions: null },
        { subscribedTopicNames: null },
        { memberEpoch: -3 },
        { memberEpoch: -2 },
        { serverAssignor: 'mine' },
        { memberEpoch: 5 },
        { memberEpoch: -1 }
      ]
      for (const part of wrong) {
        const { errorCode } = await stage.ask('ConsumerGroupHeartbeat', { ...right, ...part })
        stage.note(JSON.stringify(part), errorCode)
      }
      await stage.ask('ConsumerGroupHeartbeat', right)
      for (const memberEpoch of [7, -1, -1]) {
        const { errorCode } = await stage.ask('ConsumerGroupHeartbeat', { ...right, memberEpoch })
        stage.note(`epoch ${memberEpoch}`, errorCode)
      }
    }
  },
  {
    name: 'one member, offsets in its name, and its leave',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const joined = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      stage.note('quiet', await beat(stage, groupId, joined))
      stage.note('full', await beat(stage, groupId, joined, [topic, [0, 1]]))
      const id = stage.topicId(topic)
      const member = { groupId, memberId: one, generationIdOrMemberEpoch: joined.memberEpoch }
      await stage.tell('OffsetCommit', { ...member, topics: offsetTopics(topic, { 0: 4n }, id) })
      await stage.tell('OffsetCommit', { ...member, topics: offsetTopics(topic, { 0: 4n }) }, 8)
      const late = { ...member, generationIdOrMemberEpoch: joined.memberEpoch + 1 }
      await stage.tell('OffsetCommit', { ...late, topics: offsetTopics(topic, { 0: 4n }, id) })
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: offsetTopics(topic, { 0: 4n }, id) })
      const topics = [{ topicId: id, partitionIndexes: [0] }]
      const asMember = { groupId, memberId: one, memberEpoch: joined.memberEpoch, topics }
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [asMember] })
      const groups = [{ ...asMember, memberEpoch: 99 }]
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups })
      await stage.tell('ConsumerGroupDescribe', {
        groupIds: [groupId, stage.name('missing')],
        includeAuthorizedOperations: false
      })
      await stage.tell('DescribeGroups', { groups: [groupId] })
      await stage.tell('DeleteGroups', { groupsNames: [groupId] })
      stage.note('leave', await beat(stage, groupId, { memberId: one, memberEpoch: -1 }))
      await stage.tell('ConsumerGroupDescribe', { groupIds: [groupId], includeAuthorizedOperations: false })
      await stage.tell('DeleteGroups', { groupsNames: [groupId] })
    }
  },
  {
    name: 'a second member gets what the first one gives up',
    async play(stage) {
      const topic = await stage.makeTopic('t', 4)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const first = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      stage.note('owns all', await beat(stage, groupId, first, [topic, [0, 1, 2, 3]]))
      const second = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic))
      const asked = await beat(stage, groupId, first, [topic, [0, 1, 2, 3]])
      stage.note('must give up', asked)
      stage.note('waits', await beat(stage, groupId, second))
      const kept = asked.assignment?.topicPartitions[0]?.partitions ?? []
      const given = await beat(stage, groupId, first, [topic, kept])
      stage.note('has given up', given)
      stage.note('gets it', await beat(stage, groupId, second))
      stage.note('old epoch again', await beat(stage, groupId, first, [topic, kept]))
      stage.note('old epoch, owns more', await beat(stage, groupId, first, [topic, [0, 1, 2, 3]]))
      stage.note('leaves', await beat(stage, groupId, { memberId: two, memberEpoch: -1 }))
      stage.note('alone again', await beat(stage, groupId, given, [topic, kept]))
    }
  },
  {
    name: 'offsets under an earlier epoch of a member',
    async play(stage) {
      const topic = await stage.makeTopic('t', 4)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const first = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const second = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic))
      const asked = await beat(stage, groupId, first, [topic, [0, 1, 2, 3]])
      const kept = asked.assignment?.topicPartitions[0]?.partitions ?? []
      const producer = await beginTransaction(stage, 'x')
      const commit = async (what: string, memberId: string, epoch: number, partitions: readonly number[]) => {
        const offsets = Object.fromEntries(partitions.map((partition) => [partition, 1n]))
        const member = { groupId, memberId, generationIdOrMemberEpoch: epoch }
        const topics = offsetTopics(topic, offsets, stage.topicId(topic))
        stage.note(what, await stage.ask('OffsetCommit', { ...member, topics }))
        for (const version of [5, 6]) {
          const answer = await stage.ask('TxnOffsetCommit', { ...producer, ...member, topics }, version)
          stage.note(`${what}, in a transaction, version ${version}`, answer)
        }
      }
      await commit('must give up', one, first.memberEpoch, [0, 1, 2, 3])
      await commit('before it was given them', one, first.memberEpoch - 1, [0])
      const given = await beat(stage, groupId, first, [topic, kept])
      stage.note('epochs', [first.memberEpoch, second.memberEpoch, given.memberEpoch])
      await beat(stage, groupId, second)
      await commit('has kept it', one, first.memberEpoch, kept)
      await commit('has given one up', one, first.memberEpoch, [0, 1, 2, 3])
      await commit('an earlier epoch than that', one, first.memberEpoch - 1, kept)
      await commit('a later epoch', one, given.memberEpoch + 1, kept)
      await commit('was given it later', two, first.memberEpoch, [3])
      await commit('no epoch', two, -1, [3])
      const fetched = { groupId, memberId: one, memberEpoch: first.memberEpoch, topics: null }
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [fetched] })
    }
  },
  {
    name: 'range, by two static members',
    async play(stage) {
      const topic = await stage.makeTopic('t', 3)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const range = { serverAssignor: 'range' }
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic, { ...range, instanceId: 'i-1' }))
      const other = joiningConsumer(groupId, two, topic, { ...range, instanceId: 'i-1' })
      await stage.tell('ConsumerGroupHeartbeat', other)
      const away = { groupId, memberId: one, instanceId: 'i-1', memberEpoch: -2 }
      await stage.tell('ConsumerGroupHeartbeat', away)
      await stage.tell('ConsumerGroupHeartbeat', other)
      await stage.tell('ConsumerGroupHeartbeat', { groupId, memberId: one, instanceId: 'i-1', memberEpoch: 1 })
    }
  }
]
