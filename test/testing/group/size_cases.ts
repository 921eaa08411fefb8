// Scripts about groups that have as many members as a broker's settings allow. Each needs a broker of its own.
import type { ResponseOf } from 'kafka-once/protocol'
import { beat, joiningConsumer, one, two } from './consumer_cases.ts'
import type { GroupCase, Stage } from './group_cases.ts'
import { assignment, beating, joiningClassic, prepare, stableClassic, syncing } from './migration_cases.ts'

export interface SizeCase extends GroupCase {
  readonly settings: Readonly<Record<string, string>>
}

const three = 'BQAAAAAAAAAAAAAAAAAAAQ-member-3'

/** A generation as it is told, but for who leads: Kafka takes whom a hash map has first. */
function noteJoined(stage: Stage, what: string, { errorCode, generationId, memberId }: ResponseOf<'JoinGroup'>): void {
  stage.note(what, { errorCode, generationId, memberId })
}

async function describeSizes(stage: Stage, groupId: string): Promise<void> {
  const { groups } = await stage.ask('DescribeGroups', { groups: [groupId] })
  for (const { groupState, members, errorCode } of groups) {
    stage.note('DescribeGroups', { errorCode, groupState, members: members.length })
  }
}

async function untilRebalance(stage: Stage, groupId: string, member: ResponseOf<'JoinGroup'>): Promise<void> {
  for (;;) {
    const { errorCode } = await stage.ask('Heartbeat', beating(groupId, member))
    if (errorCode !== 0) return
  }
}

export const sizeCases: readonly SizeCase[] = [
  {
    name: 'a classic group that is full while its members join',
    settings: { 'group.max.size': '2' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 4)
      const offer = { topic, more: { rebalanceTimeoutMs: 4000 } }
      const first = await stableClassic(stage, groupId, offer, assignment(topic, [0, 1, 2, 3]))
      const ids: string[] = []
      for (let i = 0; i < 3; i++) {
        ids.push((await stage.tell('JoinGroup', joiningClassic(groupId, '', offer))).memberId)
      }
      const joining = ids.slice(0, 2).map((id) => stage.ask('JoinGroup', joiningClassic(groupId, id, offer)))
      await untilRebalance(stage, groupId, first)
      await describeSizes(stage, groupId)
      await stage.tell('JoinGroup', joiningClassic(groupId, ids[2]!, offer))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', offer))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic, more: { groupInstanceId: 'i-1' } }))
      await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, offer))
      await describeSizes(stage, groupId)
      await stage.tell('Heartbeat', beating(groupId, first))
      for (const joined of await Promise.all(joining)) noteJoined(stage, 'joined', joined)
      await describeSizes(stage, groupId)
      await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, offer))
    }
  },
  {
    name: 'a classic group that is full, and stable',
    settings: { 'group.max.size': '1' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const [here, late] = [await stage.ask('JoinGroup', joiningClassic(groupId, '', { topic })), '']
      const waiting = await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic }))
      const joined = await stage.ask('JoinGroup', joiningClassic(groupId, here.memberId, { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, late, { topic }))
      const assignments = [{ memberId: joined.memberId, assignment: assignment(topic, [0, 1]) }]
      await stage.ask('SyncGroup', { ...syncing(groupId, joined), assignments })
      await stage.tell('JoinGroup', joiningClassic(groupId, late, { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, late, { topic }), 3)
      await stage.tell('JoinGroup', joiningClassic(groupId, waiting.memberId, { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, 'nobody', { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, late, { topic, more: { protocolType: 'connect' } }))
      await stage.tell('Heartbeat', beating(groupId, joined))
      noteJoined(stage, 'again', await stage.ask('JoinGroup', joiningClassic(groupId, joined.memberId, { topic })))
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId: joined.memberId }] })
      await stage.tell('JoinGroup', joiningClassic(groupId, late, { topic }))
      await describeSizes(stage, groupId)
    }
  },
  {
    name: 'a static member of a classic group that is full comes back',
    settings: { 'group.max.size': '1' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const offer = { topic, more: { groupInstanceId: 'i-1' } }
      const joined = await stableClassic(stage, groupId, offer, assignment(topic, [0, 1]))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', offer))
      await stage.tell('Heartbeat', { ...beating(groupId, joined), groupInstanceId: 'i-1' })
      noteJoined(stage, 'again', await stage.ask('JoinGroup', joiningClassic(groupId, joined.memberId, offer)))
    }
  },
  {
    name: 'a group of the consumer protocol that is full',
    settings: { 'group.consumer.max.size': '2' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const first = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic, { instanceId: 'i-2' }))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, three, topic))
      stage.note('somebody', await beat(stage, groupId, { memberId: three, memberEpoch: 5 }))
      stage.note('a member', await beat(stage, groupId, first))
      stage.note('nobody leaves', await beat(stage, groupId, { memberId: three, memberEpoch: -1 }))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, three, { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic, more: { protocolType: 'connect' } }))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic, more: { groupInstanceId: 'i-2' } }))
      const leaving = { groupId, memberId: two, memberEpoch: -2, instanceId: 'i-2' }
      await stage.tell('ConsumerGroupHeartbeat', leaving)
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, three, topic, { instanceId: 'i-2' }))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic, { instanceId: 'i-2' }))
      stage.note('leaves', await beat(stage, groupId, { memberId: one, memberEpoch: -1 }))
      await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic }))
      stage.note('joins', (await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, three, topic))).errorCode)
      await describeSizes(stage, groupId)
    }
  },
  {
    name: 'a classic group as large as a group of the consumer protocol may be',
    settings: { 'group.consumer.max.size': '1' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const joined = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1]))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      await stage.tell('Heartbeat', beating(groupId, joined))
      const { memberId } = await stage.ask('JoinGroup', joiningClassic(groupId, '', { topic }))
      const second = stage.ask('JoinGroup', joiningClassic(groupId, memberId, { topic }))
      await untilRebalance(stage, groupId, joined)
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      noteJoined(stage, 'first', await stage.ask('JoinGroup', joiningClassic(groupId, joined.memberId, { topic })))
      noteJoined(stage, 'second', await second)
      await describeSizes(stage, groupId)
      const taken = `taken-${groupId}`
      await stage.untilCoordinated(taken)
      const alone = await stableClassic(stage, taken, { topic }, assignment(topic, [0, 1]))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(taken, alone.memberId, topic))
    }
  },
  {
    name: 'a group of the consumer protocol that is too large for a classic one',
    settings: { 'group.max.size': '1' },
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 3)
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      await stage.ask('JoinGroup', joiningClassic(groupId, 'first', { topic }))
      await stage.ask('JoinGroup', joiningClassic(groupId, 'second', { topic }))
      stage.note('leaves', await beat(stage, groupId, { memberId: one, memberEpoch: -1 }))
      await describeSizes(stage, groupId)
      const asked = { groupIds: [groupId], includeAuthorizedOperations: false }
      const { groups } = await stage.ask('ConsumerGroupDescribe', asked)
      stage.note('still of the consumer protocol', groups[0]?.members.length)
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId: 'first' }] })
      await describeSizes(stage, groupId)
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      stage.note('leaves', await beat(stage, groupId, { memberId: one, memberEpoch: -1 }))
      await describeSizes(stage, groupId)
    }
  }
]
