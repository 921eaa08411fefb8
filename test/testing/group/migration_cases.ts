// Scripts about groups that go over from one protocol to the other while they have members. KIP-848.
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeVersioned,
  encodeVersioned
} from 'kafka-once/protocol'
import type { EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { beat, joiningConsumer, one, two } from './consumer_cases.ts'
import { offsetTopics, until, type GroupCase, type Stage } from './group_cases.ts'

type JoinGroup = EncodableRequestOf<'JoinGroup'>
type Joined = ResponseOf<'JoinGroup'>

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Classic {
  readonly topic: string
  readonly owned?: readonly number[]
  readonly version?: number
  readonly more?: Partial<JoinGroup>
}

export function joiningClassic(
  groupId: string,
  memberId: string,
  { topic, owned = [], version = 1, more }: Classic
): JoinGroup {
  const ownedPartitions = version === 0 ? [] : [{ topic, partitions: owned }]
  const metadata = encodeVersioned(ConsumerProtocolSubscription, version, { topics: [topic], ownedPartitions })
  const protocols = ['range', 'cooperative-sticky'].map((name) => ({ name, metadata }))
  const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 20_000 }
  return { groupId, memberId, ...times, protocolType: 'consumer', protocols, ...more }
}

export function assignment(
  topic: string,
  partitions: readonly number[],
  userData: Uint8Array | null = null
): Uint8Array {
  const assignedPartitions = [{ topic, partitions }]
  return encodeVersioned(ConsumerProtocolAssignment, 1, { assignedPartitions, userData })
}

export function syncing(groupId: string, { generationId, memberId }: Joined): EncodableRequestOf<'SyncGroup'> {
  return { groupId, generationId, memberId, protocolType: 'consumer', protocolName: 'range', assignments: [] }
}

/** A member alone in a classic group, with what it gives itself. */
export async function stableClassic(
  stage: Stage,
  groupId: string,
  classic: Classic,
  given: Uint8Array
): Promise<Joined> {
  const isStatic = classic.more?.groupInstanceId !== undefined
  const { memberId } = isStatic ? { memberId: '' } : await stage.ask('JoinGroup', joiningClassic(groupId, '', classic))
  const joined = await stage.ask('JoinGroup', joiningClassic(groupId, memberId, classic))
  const assignments = [{ memberId: joined.memberId, assignment: given }]
  const own = { ...syncing(groupId, joined), groupInstanceId: classic.more?.groupInstanceId ?? null, assignments }
  await stage.ask('SyncGroup', own)
  return joined
}

/** What a SyncGroup brought: its bytes have the topic's name in them, which is another one in every run. */
async function tellSync(stage: Stage, groupId: string, joined: Joined, more: object = {}): Promise<readonly number[]> {
  const answer = await stage.ask('SyncGroup', { ...syncing(groupId, joined), ...more })
  const decoded = answer.errorCode === 0 ? decodeVersioned(ConsumerProtocolAssignment, answer.assignment) : undefined
  stage.note('SyncGroup', { ...answer, assignment: decoded })
  return decoded?.value.assignedPartitions.flatMap(({ partitions }) => partitions) ?? []
}

export function beating(groupId: string, { generationId, memberId }: Joined) {
  return { groupId, generationId, memberId }
}

/** How many partitions, where it depends on the order of a hash map with random ids which ones. */
function countOnly(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer, countPartitions))
}

function countPartitions(name: string, value: unknown): unknown {
  return name === 'partitions' && Array.isArray(value) ? value.length : value
}

/** The state of a group as both protocols tell it. */
async function describe(stage: Stage, groupId: string, plainly = (answer: unknown): unknown => answer): Promise<void> {
  const asked = { groupIds: [groupId], includeAuthorizedOperations: false }
  stage.note('ConsumerGroupDescribe', plainly(await stage.ask('ConsumerGroupDescribe', asked)))
  const { groups } = await stage.ask('DescribeGroups', { groups: [groupId] })
  const plain = groups.map((group) => ({
    ...group,
    members: group.members.map((member) => ({ ...member, memberMetadata: null, memberAssignment: null }))
  }))
  stage.note('DescribeGroups', plain)
}

export async function prepare(stage: Stage, partitions: number): Promise<{ groupId: string; topic: string }> {
  const topic = await stage.makeTopic('t', partitions)
  const groupId = stage.name('g')
  await stage.untilCoordinated(groupId)
  return { groupId, topic }
}

export const migrationCases: readonly GroupCase[] = [
  {
    name: 'a classic member goes on beside one of the consumer protocol, and alone when that leaves',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 4)
      const first = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1, 2, 3]))
      stage.note('classic', first.generationId)
      const second = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      await describe(stage, groupId)
      await stage.tell('SyncGroup', syncing(groupId, first))
      await stage.tell('Heartbeat', beating(groupId, first))
      const rejoining = { topic, owned: [0, 1, 2, 3] }
      const again = await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, rejoining))
      await describe(stage, groupId)
      const kept = await tellSync(stage, groupId, again)
      await stage.tell('Heartbeat', beating(groupId, again))
      stage.note('still owned', await stage.ask('JoinGroup', joiningClassic(groupId, first.memberId, rejoining)))
      stage.note('waits', await beat(stage, groupId, second))
      const given = await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, { topic, owned: kept }))
      await tellSync(stage, groupId, given)
      await stage.tell('Heartbeat', beating(groupId, given))
      stage.note('gets it', await beat(stage, groupId, second))
      await describe(stage, groupId)
      stage.note('leaves', await beat(stage, groupId, { memberId: one, memberEpoch: -1 }))
      await describe(stage, groupId)
      await stage.tell('Heartbeat', beating(groupId, given))
      await stage.tell('SyncGroup', syncing(groupId, given))
      const alone = await stage.ask('JoinGroup', joiningClassic(groupId, first.memberId, { topic, owned: kept }))
      stage.note('JoinGroup', { ...alone, members: alone.members.map(({ memberId }) => memberId) })
      await stage.tell('Heartbeat', beating(groupId, alone))
      stage.note('old epoch', await beat(stage, groupId, second))
    }
  },
  {
    name: 'a classic member joins a group of the consumer protocol, and leaves it',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 4)
      const first = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const offer = { topic, version: 3 }
      const { memberId } = await stage.tell('JoinGroup', joiningClassic(groupId, '', offer))
      const joined = await stage.tell('JoinGroup', joiningClassic(groupId, memberId, offer))
      await stage.tell('Heartbeat', beating(groupId, joined))
      stage.note('nothing yet', await tellSync(stage, groupId, joined))
      stage.note('must give up', await beat(stage, groupId, first, [topic, [0, 1, 2, 3]]))
      await stage.tell('Heartbeat', beating(groupId, joined))
      stage.note('has given up', await beat(stage, groupId, first, [topic, []]))
      await stage.tell('Heartbeat', beating(groupId, joined))
      await tellSync(stage, groupId, joined)
      const again = await stage.tell('JoinGroup', joiningClassic(groupId, memberId, offer))
      await tellSync(stage, groupId, again)
      await stage.tell('Heartbeat', beating(groupId, again))
      await describe(stage, groupId)
      await stage.tell('LeaveGroup', { groupId, memberId: '', members: [{ memberId }, { memberId: 'other' }] })
      await describe(stage, groupId)
      await stage.tell('Heartbeat', beating(groupId, again))
      const old = await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic, version: 0 }), 3)
      await tellSync(stage, groupId, old)
      await stage.tell('LeaveGroup', { groupId, memberId: old.memberId, members: [] }, 2)
    }
  },
  {
    name: 'requests of classic members that are refused in a group of the consumer protocol',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const joining = joiningClassic(groupId, 'mine', { topic })
      const wrong: readonly (readonly [string, Partial<JoinGroup>])[] = [
        ['another type', { protocolType: 'connect' }],
        ['no protocols', { protocols: [] }],
        ['a subscription that is none', { protocols: [{ name: 'range', metadata: text('x') }] }],
        ['an unknown static member', { groupInstanceId: 'i-1' }]
      ]
      for (const [what, part] of wrong) stage.note(what, await stage.ask('JoinGroup', { ...joining, ...part }))
      const joined = await stage.tell('JoinGroup', joining)
      const sticky = [{ name: 'sticky', metadata: joining.protocols[0]!.metadata }]
      stage.note('another protocol', await stage.ask('JoinGroup', { ...joining, protocols: sticky }))
      await stage.tell('JoinGroup', { ...joining, memberId: 'other', protocols: sticky })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), protocolName: 'sticky' })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), protocolType: 'connect' })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), generationId: joined.generationId + 1 })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), memberId: one })
      await stage.tell('SyncGroup', { ...syncing(groupId, joined), groupInstanceId: 'i-1' })
      await stage.tell('Heartbeat', { ...beating(groupId, joined), generationId: joined.generationId - 1 })
      await stage.tell('Heartbeat', { ...beating(groupId, joined), memberId: one })
      await stage.tell('Heartbeat', { ...beating(groupId, joined), memberId: 'other' })
      await stage.tell('LeaveGroup', {
        groupId,
        memberId: '',
        members: [{ memberId: '' }, { memberId: 'mine', groupInstanceId: 'i-1' }]
      })
    }
  },
  {
    name: 'offsets in the name of a classic member of a group of the consumer protocol',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const first = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1]))
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const topics = offsetTopics(topic, { 0: 3n }, stage.topicId(topic))
      const member = { groupId, memberId: first.memberId, generationIdOrMemberEpoch: first.generationId, topics }
      await stage.tell('OffsetCommit', member)
      await stage.tell('OffsetCommit', member, 8)
      await stage.tell('OffsetCommit', { ...member, generationIdOrMemberEpoch: first.generationId + 1 })
      await stage.tell('OffsetCommit', { ...member, generationIdOrMemberEpoch: -1 })
      const asMember = { groupId, memberId: first.memberId, memberEpoch: first.generationId }
      const wanted = { topics: [{ topicId: stage.topicId(topic), partitionIndexes: [0] }] }
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [{ ...asMember, ...wanted }] })
      const late = { ...asMember, memberEpoch: 9, ...wanted }
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [late] })
    }
  },
  {
    name: 'a member of the consumer protocol comes while classic members rebalance',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 3)
      const first = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1, 2]))
      const { memberId } = await stage.ask('JoinGroup', joiningClassic(groupId, '', { topic }))
      const joining = stage.ask('JoinGroup', joiningClassic(groupId, memberId, { topic }))
      for (;;) {
        const { errorCode } = await stage.ask('Heartbeat', beating(groupId, first))
        if (errorCode !== 0) break
      }
      stage.note('comes', countOnly(await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))))
      stage.note('was waiting', await joining)
      await describe(stage, groupId, countOnly)
      await stage.tell('JoinGroup', joiningClassic(groupId, memberId, { topic }))
    }
  },
  {
    name: 'a member of the consumer protocol comes before the classic leader has assigned',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const { memberId } = await stage.ask('JoinGroup', joiningClassic(groupId, '', { topic }))
      const joined = await stage.ask('JoinGroup', joiningClassic(groupId, memberId, { topic }))
      stage.note('comes', countOnly(await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))))
      await describe(stage, groupId, countOnly)
      await stage.tell('SyncGroup', syncing(groupId, joined))
      await stage.tell('JoinGroup', joiningClassic(groupId, memberId, { topic }))
    }
  },
  {
    name: 'classic groups that cannot be taken over, and some without members',
    async play(stage) {
      const { groupId: base, topic } = await prepare(stage, 2)
      const plain = [{ name: 'range', metadata: text('x') }]
      const offers: readonly (readonly [string, Classic, Uint8Array])[] = [
        ['is no consumer', { topic, more: { protocolType: 'connect' } }, assignment(topic, [0])],
        ['does not say what it reads', { topic, more: { protocols: plain } }, assignment(topic, [0])],
        ['has an assignment that is none', { topic }, text('x')],
        ['has an assignor of its own', { topic }, assignment(topic, [0], text('mine'))],
        ['has an empty assignment', { topic }, new Uint8Array(0)],
        ['reads what is not there', { topic: 'nothing' }, assignment('nothing', [0])]
      ]
      for (const [i, [what, classic, given]] of offers.entries()) {
        const groupId = `${i}-${base}`
        await stage.untilCoordinated(groupId)
        const joined = await stableClassic(stage, groupId, classic, given)
        const answer = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
        stage.note(what, countOnly(answer))
        stage.note('as a classic member', await stage.ask('Heartbeat', beating(groupId, joined)))
      }
      const pending = `pending-${base}`
      await stage.untilCoordinated(pending)
      const { memberId } = await stage.ask('JoinGroup', joiningClassic(pending, '', { topic }))
      stage.note('pending', await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(pending, one, topic)))
      await stage.tell('JoinGroup', joiningClassic(pending, memberId, { topic }))
      const left = `left-${base}`
      await stage.untilCoordinated(left)
      const gone = await stableClassic(stage, left, { topic }, assignment(topic, [0]))
      await stage.ask('LeaveGroup', { groupId: left, memberId: '', members: [{ memberId: gone.memberId }] })
      stage.note('left', await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(left, one, topic)))
    }
  },
  {
    name: 'static members change between the protocols',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const more = { groupInstanceId: 'i-1' }
      const first = await stableClassic(stage, groupId, { topic, more }, assignment(topic, [0, 1]))
      const asStatic = { instanceId: 'i-1' }
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic, asStatic))
      await describe(stage, groupId)
      await stage.tell('Heartbeat', { ...beating(groupId, first), ...more })
      await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, { topic, more }))
      const back = await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic, owned: [0, 1], more }))
      await describe(stage, groupId)
      await stage.tell('Heartbeat', { ...beating(groupId, back), ...more })
      await tellSync(stage, groupId, back, more)
      stage.note('the old one', await beat(stage, groupId, { memberId: one, memberEpoch: 2 }))
    }
  },
  {
    name: 'a static member comes back by the classic protocol and reads something else',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const other = await stage.makeTopic('other', 1)
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic, { instanceId: 'i-1' }))
      const { memberId } = await stage.ask('JoinGroup', joiningClassic(groupId, '', { topic }))
      await stage.tell('JoinGroup', joiningClassic(groupId, memberId, { topic }))
      const more = { groupInstanceId: 'i-1' }
      const back = await stage.tell('JoinGroup', joiningClassic(groupId, '', { topic: other, more }))
      await describe(stage, groupId)
      await stage.tell('Heartbeat', { ...beating(groupId, back), ...more })
    }
  },
  {
    name: 'a member of the consumer protocol is put out by LeaveGroup',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic, { instanceId: 'i-1' }))
      await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic))
      const joined = await stage.tell('JoinGroup', joiningClassic(groupId, 'mine', { topic }))
      const leaving = (members: EncodableRequestOf<'LeaveGroup'>['members']) => ({ groupId, memberId: '', members })
      await stage.tell('LeaveGroup', leaving([{ memberId: two, groupInstanceId: 'i-1' }, { memberId: two }]))
      await stage.tell('LeaveGroup', leaving([{ memberId: '', groupInstanceId: 'i-1' }]))
      await describe(stage, groupId)
      await stage.tell('Heartbeat', beating(groupId, joined))
    }
  },
  {
    name: 'a member changes between the protocols under its id',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const first = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1]))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, first.memberId, topic))
      await describe(stage, groupId)
      await stage.tell('JoinGroup', joiningClassic(groupId, first.memberId, { topic, owned: [0, 1] }))
      await describe(stage, groupId)
    }
  },
  {
    name: 'classic members of a group of the consumer protocol that are silent are put out',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const joined = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const offers: readonly (readonly [string, Partial<JoinGroup>])[] = [
        ['session', { sessionTimeoutMs: 5000 }],
        ['sync', { rebalanceTimeoutMs: 5000 }]
      ]
      for (const [memberId, more] of offers) {
        await stage.ask('JoinGroup', joiningClassic(groupId, memberId, { topic, more }))
      }
      const third = await stage.ask(
        'JoinGroup',
        joiningClassic(groupId, 'join', { topic, more: { rebalanceTimeoutMs: 5000 } })
      )
      await stage.ask('SyncGroup', syncing(groupId, third))
      const other = await stage.ask('ConsumerGroupHeartbeat', joiningConsumer(groupId, two, topic))
      stage.note('told to join', await stage.ask('Heartbeat', beating(groupId, third)))
      const silent = ['session', 'sync', 'join']
      await until('the silent members to be put out', async () => {
        const asked = { groupIds: [groupId], includeAuthorizedOperations: false }
        const { groups } = await stage.ask('ConsumerGroupDescribe', asked)
        const [group] = groups
        return group?.errorCode === 0 && group.members.every(({ memberId }) => !silent.includes(memberId))
      })
      for (const memberId of silent) {
        stage.note(memberId, await stage.ask('Heartbeat', { groupId, memberId, generationId: third.generationId }))
      }
      stage.note('epochs', [joined.memberEpoch, other.memberEpoch])
    }
  },
  {
    name: 'a member joins again with epoch 0, and asks for another assignor',
    async play(stage) {
      const { groupId, topic } = await prepare(stage, 2)
      const first = await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
      const range = { groupId, memberId: one, memberEpoch: first.memberEpoch, serverAssignor: 'range' }
      await stage.tell('ConsumerGroupHeartbeat', range)
      await describe(stage, groupId)
      const other = await stage.makeTopic('other', 1)
      await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, other))
      await describe(stage, groupId)
    }
  }
]

/** Under each of the policies, on a broker of its own. */
export const policyCase: GroupCase = {
  name: 'what a policy allows',
  async play(stage) {
    const { groupId, topic } = await prepare(stage, 2)
    const first = await stableClassic(stage, groupId, { topic }, assignment(topic, [0, 1]))
    await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(groupId, one, topic))
    await stage.tell('Heartbeat', beating(groupId, first))
    await describe(stage, groupId)
    const mixed = `mixed-${groupId}`
    await stage.untilCoordinated(mixed)
    await stage.tell('ConsumerGroupHeartbeat', joiningConsumer(mixed, two, topic))
    await stage.tell('JoinGroup', joiningClassic(mixed, 'mine', { topic }))
    stage.note('leaves', await beat(stage, mixed, { memberId: two, memberEpoch: -1 }))
    await describe(stage, mixed)
  }
}
