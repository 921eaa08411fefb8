// Scripts about groups of the classic protocol.
import { ConsumerProtocolSubscription, encodeVersioned } from 'kafka-once/protocol'
import type { EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { fetchOffsets, offsetTopics, type GroupCase, type Stage } from './group_cases.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function joining(groupId: string, memberId: string, more: Partial<EncodableRequestOf<'JoinGroup'>> = {}) {
  const protocols = [
    { name: 'range', metadata: text(`${memberId === '' ? 'new' : 'known'} range`) },
    { name: 'sticky', metadata: text('sticky') }
  ]
  const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 20_000 }
  return { groupId, ...times, memberId, protocolType: 'consumer', protocols, ...more }
}

/** Joins with the id that the coordinator gives. */
async function join(
  stage: Stage,
  groupId: string,
  more: Partial<EncodableRequestOf<'JoinGroup'>> = {}
): Promise<{ readonly memberId: string; readonly joined: Promise<ResponseOf<'JoinGroup'>> }> {
  const { memberId } = await stage.ask('JoinGroup', joining(groupId, '', more))
  return { memberId, joined: stage.ask('JoinGroup', joining(groupId, memberId, more)) }
}

function syncing(groupId: string, { generationId, memberId }: ResponseOf<'JoinGroup'>, to: readonly string[] = []) {
  const assignments = to.map((one, i) => ({ memberId: one, assignment: text(`part ${i}`) }))
  return { groupId, generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments }
}

async function stableGroup(stage: Stage, groupId: string) {
  const first = await join(stage, groupId)
  const joined = await first.joined
  await stage.ask('SyncGroup', syncing(groupId, joined, [first.memberId]))
  return joined
}

function subscribed(topics: readonly string[], version: number) {
  const metadata = encodeVersioned(ConsumerProtocolSubscription, version, { topics, ownedPartitions: [] })
  return { protocols: [{ name: 'range', metadata }] }
}

export const classicCases: readonly GroupCase[] = [
  {
    name: 'one member joins, syncs, commits and leaves',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const { memberId } = await stage.tell('JoinGroup', joining(groupId, ''))
      const joined = await stage.tell('JoinGroup', joining(groupId, memberId))
      const { generationId } = joined
      const topics = offsetTopics(topic, { 0: 3n }, stage.topicId(topic))
      const member = { groupId, memberId, generationIdOrMemberEpoch: generationId }
      await stage.tell('OffsetCommit', { ...member, topics })
      await stage.tell('Heartbeat', { groupId, generationId, memberId })
      await stage.tell('SyncGroup', syncing(groupId, joined, [memberId]))
      await stage.tell('SyncGroup', syncing(groupId, joined))
      await stage.tell('OffsetCommit', { ...member, topics })
      await stage.tell('OffsetCommit', { ...member, generationIdOrMemberEpoch: generationId + 1, topics })
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics })
      await stage.tell('OffsetCommit', { ...member, memberId: 'other', topics })
      await stage.tell('Heartbeat', { groupId, generationId: generationId + 1, memberId })
      await stage.tell('Heartbeat', { groupId, generationId, memberId: 'other' })
      await stage.tell('DescribeGroups', { groups: [groupId] })
      await stage.tell('DeleteGroups', { groupsNames: [groupId] })
      await stage.tell('JoinGroup', joining(groupId, memberId))
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId }, { memberId: 'other' }] })
      await stage.tell('DescribeGroups', { groups: [groupId] })
      await fetchOffsets(stage, groupId, topic)
      await stage.tell('DeleteGroups', { groupsNames: [groupId] })
      await stage.tell('Heartbeat', { groupId, generationId, memberId })
    }
  },
  {
    name: 'joins that are refused',
    async play(stage) {
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      await stage.tell('JoinGroup', joining('', ''))
      await stage.tell('JoinGroup', joining(groupId, 'nobody'))
      await stage.tell('JoinGroup', joining(groupId, '', { sessionTimeoutMs: 1 }))
      await stage.tell('JoinGroup', joining(groupId, '', { sessionTimeoutMs: 10_000_000 }))
      await stage.tell('JoinGroup', joining(groupId, '', { protocols: [] }))
      await stage.tell('JoinGroup', joining(groupId, '', { protocolType: '' }))
      await stableGroup(stage, groupId)
      await stage.tell('JoinGroup', joining(groupId, '', { protocolType: 'connect' }))
      await stage.tell('JoinGroup', joining(groupId, '', { protocols: [{ name: 'other', metadata: text('') }] }))
      await stage.tell('SyncGroup', { groupId, generationId: 1, memberId: 'nobody', assignments: [] })
      await stage.tell('LeaveGroup', { groupId, memberId: 'nobody', members: [] }, 2)
      await stage.tell('LeaveGroup', {
        groupId: stage.name('missing'),
        memberId: '',
        members: [{ memberId: 'nobody' }]
      })
      await stage.tell('LeaveGroup', { groupId: stage.name('missing'), memberId: 'x', members: [] }, 1)
    }
  },
  {
    name: 'a second member makes the first one rejoin',
    async play(stage) {
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const first = await stableGroup(stage, groupId)
      stage.note('first', first)
      const second = await join(stage, groupId)
      const beat = { groupId, generationId: first.generationId, memberId: first.memberId }
      for (;;) {
        const { errorCode } = await stage.ask('Heartbeat', beat)
        if (errorCode !== 0) break
      }
      await stage.tell('Heartbeat', beat)
      await stage.tell('SyncGroup', syncing(groupId, first))
      const [again, joined] = await Promise.all([
        stage.ask('JoinGroup', joining(groupId, first.memberId)),
        second.joined
      ])
      stage.note('again', again)
      stage.note('joined', joined)
      const waiting = stage.ask('SyncGroup', syncing(groupId, joined))
      await stage.tell('SyncGroup', syncing(groupId, again, [again.memberId, joined.memberId]))
      stage.note('sync of the second', await waiting)
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), protocolName: 'sticky' })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), generationId: 1 })
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId: again.memberId }] })
      const rest = { groupId, generationId: joined.generationId, memberId: joined.memberId }
      await stage.tell('Heartbeat', rest)
      await stage.tell('JoinGroup', joining(groupId, joined.memberId))
    }
  },
  {
    name: 'a static member comes back',
    async play(stage) {
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const asStatic = { groupInstanceId: 'i-1' }
      const joined = await stage.tell('JoinGroup', joining(groupId, '', asStatic))
      const own = { ...syncing(groupId, joined, [joined.memberId]), ...asStatic }
      await stage.tell('SyncGroup', own)
      const back = await stage.tell('JoinGroup', joining(groupId, '', asStatic))
      await stage.tell('SyncGroup', { ...syncing(groupId, back), ...asStatic })
      const beat = { groupId, generationId: back.generationId, ...asStatic }
      await stage.tell('Heartbeat', { ...beat, memberId: joined.memberId })
      await stage.tell('Heartbeat', { ...beat, memberId: back.memberId })
      await stage.tell('Heartbeat', { ...beat, memberId: back.memberId, groupInstanceId: 'i-2' })
      await stage.tell('JoinGroup', joining(groupId, '', asStatic), 8)
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId: '', groupInstanceId: 'i-2' }] })
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId: '', ...asStatic }] })
    }
  },
  {
    name: 'offsets are deleted of topics that nobody reads',
    async play(stage) {
      const [read, other] = [await stage.makeTopic('t', 2), await stage.makeTopic('u', 1)]
      const deletion = (groupId: string) => ({
        groupId,
        topics: [read, other, 'missing'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }))
      })
      const offers: readonly (readonly [string, Partial<EncodableRequestOf<'JoinGroup'>>])[] = [
        ['reads one', subscribed([read], 0)],
        ['reads one, and says more', subscribed([read], 3)],
        ['reads both', subscribed([read, other], 1)],
        ['does not say', {}],
        ['says nothing', { protocols: [{ name: 'range', metadata: text('') }] }],
        ['is no consumer', { protocolType: 'connect', ...subscribed([read], 0) }]
      ]
      for (const [part, offer] of offers) {
        const groupId = stage.name(part.replaceAll(/\W/g, '-'))
        await stage.untilCoordinated(groupId)
        for (const topic of [read, other]) {
          const topics = offsetTopics(topic, { 0: 1n }, stage.topicId(topic))
          await stage.ask('OffsetCommit', { groupId, memberId: '', topics })
        }
        const first = await join(stage, groupId, offer)
        const joined = await first.joined
        stage.note(`${part}, before the leader has decided`, await stage.ask('OffsetDelete', deletion(groupId)))
        const { protocolType = 'consumer' } = offer
        await stage.ask('SyncGroup', { ...syncing(groupId, joined, [joined.memberId]), protocolType })
        stage.note(part, await stage.ask('OffsetDelete', deletion(groupId)))
        const members = [{ memberId: joined.memberId }]
        await stage.ask('LeaveGroup', { groupId, memberId: '', members })
        stage.note(`${part}, and has left`, await stage.ask('OffsetDelete', deletion(groupId)))
      }
    }
  },
  {
    name: 'a member joins under an old version without asking for an id',
    async play(stage) {
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const joined = await stage.tell('JoinGroup', joining(groupId, ''), 3)
      await stage.tell(
        'SyncGroup',
        { ...syncing(groupId, joined, [joined.memberId]), protocolType: null, protocolName: null },
        2
      )
      await stage.tell('LeaveGroup', { groupId, memberId: joined.memberId, members: [] }, 2)
      await stage.tell('LeaveGroup', { groupId, memberId: joined.memberId, members: [] }, 2)
    }
  }
]
