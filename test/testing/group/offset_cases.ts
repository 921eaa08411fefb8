// Scripts about offsets of groups without members, transactional ones included.
import { fetchOffsets, offsetTopics, type GroupCase, type Stage } from './group_cases.ts'

export async function beginTransaction(stage: Stage, part: string) {
  const transactionalId = stage.name(part)
  await stage.untilCoordinated(transactionalId, 1)
  for (;;) {
    const request = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
    const { errorCode, producerId, producerEpoch } = await stage.ask('InitProducerId', request, 5)
    if (errorCode === 0) return { transactionalId, producerId, producerEpoch }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** EndTxn is decided at once; the marker follows. */
async function untilStable(stage: Stage, groupId: string, topic: string): Promise<void> {
  for (;;) {
    const topics = [{ topicId: stage.topicId(topic), partitionIndexes: [0] }]
    const groups = [{ groupId, topics }]
    const answer = await stage.ask('OffsetFetch', { groupId: '', topics: [], groups, requireStable: true })
    if (answer.groups[0]?.topics[0]?.partitions[0]?.errorCode !== 88) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const offsetCases: readonly GroupCase[] = [
  {
    name: 'offsets of a simple group',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      await fetchOffsets(stage, groupId, topic)
      const topics = offsetTopics(topic, { 0: 5n, 1: 7n, 9: 1n }, stage.topicId(topic))
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics })
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: offsetTopics(topic, { 0: 6n }) }, 9)
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: offsetTopics('missing', { 0: 6n }) }, 9)
      const unknown = offsetTopics('', { 0: 6n }, 'AAAAAAAAAAAAAAAAAAAABg')
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: unknown })
      await fetchOffsets(stage, groupId, topic)
      const byName = [{ name: topic, partitionIndexes: [0, 5] }]
      await stage.tell('OffsetFetch', { groupId, topics: byName, groups: [] }, 1)
      await stage.tell('OffsetFetch', { groupId, topics: byName, groups: [] }, 7)
      await stage.tell('OffsetFetch', { groupId, topics: null, groups: [] }, 7)
      await stage.tell('OffsetFetch', { groupId: '', topics: [], groups: [{ groupId, topics: null }] })
    }
  },
  {
    name: 'offsets in the name of members that are not there',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const topics = offsetTopics(topic, { 0: 5n }, stage.topicId(topic))
      const member = { memberId: 'nobody', generationIdOrMemberEpoch: 3 }
      await stage.tell('OffsetCommit', { groupId, ...member, topics })
      await stage.tell('OffsetCommit', { groupId, ...member, topics: offsetTopics(topic, { 0: 5n }) }, 8)
      await stage.tell('OffsetCommit', { groupId, memberId: 'nobody', topics })
      await stage.tell('OffsetCommit', { groupId, ...member, topics })
      await stage.tell('OffsetCommit', { groupId, memberId: '', groupInstanceId: 'i', topics })
      await fetchOffsets(stage, groupId, topic)
    }
  },
  {
    name: 'metadata that is too long',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const partitions = [0, 1].map((partitionIndex) => ({
        partitionIndex,
        committedOffset: 1n,
        committedMetadata: 'x'.repeat(4096 + partitionIndex)
      }))
      await stage.tell('OffsetCommit', {
        groupId,
        memberId: '',
        topics: [{ topicId: stage.topicId(topic), partitions }]
      })
    }
  },
  {
    name: 'deleting groups and offsets',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      await stage.tell('DeleteGroups', { groupsNames: [groupId] })
      const partitions = [{ partitionIndex: 0 }, { partitionIndex: 7 }]
      await stage.tell('OffsetDelete', { groupId, topics: [{ name: topic, partitions }] })
      const topics = offsetTopics(topic, { 0: 5n, 1: 7n }, stage.topicId(topic))
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics })
      await stage.tell('OffsetDelete', { groupId, topics: [{ name: topic, partitions }] })
      await fetchOffsets(stage, groupId, topic)
      await stage.tell('DescribeGroups', { groups: [groupId, stage.name('missing')] })
      await stage.tell('DescribeGroups', { groups: [stage.name('missing')] }, 5)
      await stage.tell('DeleteGroups', { groupsNames: [groupId, groupId, ''] })
      await fetchOffsets(stage, groupId, topic)
    }
  }
]

export const transactionalOffsetCases: readonly GroupCase[] = [
  {
    name: 'transactional offsets, committed',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const topics = offsetTopics(topic, { 0: 11n }, stage.topicId(topic))
      const producer = await beginTransaction(stage, 'x')
      await stage.tell('TxnOffsetCommit', { ...producer, groupId, topics })
      await fetchOffsets(stage, groupId, topic)
      await fetchOffsets(stage, groupId, topic, true)
      await stage.tell('OffsetFetch', {
        groupId: '',
        topics: [],
        groups: [{ groupId, topics: null }],
        requireStable: true
      })
      const ended = await stage.ask('EndTxn', { ...producer, committed: true })
      stage.note('EndTxn', ended.errorCode)
      await untilStable(stage, groupId, topic)
      await fetchOffsets(stage, groupId, topic, true)
    }
  },
  {
    name: 'transactional offsets, aborted, and a plain commit in between',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const id = stage.topicId(topic)
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: offsetTopics(topic, { 0: 1n }, id) })
      const producer = await beginTransaction(stage, 'x')
      await stage.tell('TxnOffsetCommit', { ...producer, groupId, topics: offsetTopics(topic, { 0: 11n, 1: 12n }, id) })
      await stage.tell('OffsetCommit', { groupId, memberId: '', topics: offsetTopics(topic, { 0: 2n }, id) })
      await fetchOffsets(stage, groupId, topic)
      const { producerId, producerEpoch } = await stage.ask('EndTxn', { ...producer, committed: true })
      await untilStable(stage, groupId, topic)
      await fetchOffsets(stage, groupId, topic, true)
      const next = { transactionalId: producer.transactionalId, producerId, producerEpoch }
      for (;;) {
        const topics = offsetTopics(topic, { 0: 21n, 1: 22n }, id)
        const { topics: answers } = await stage.ask('TxnOffsetCommit', { ...next, groupId, topics })
        if (answers[0]?.partitions[0]?.errorCode !== 51) break
      }
      await stage.ask('EndTxn', { ...next, committed: false })
      await untilStable(stage, groupId, topic)
      await fetchOffsets(stage, groupId, topic, true)
    }
  },
  {
    name: 'transactional offsets that are refused',
    async play(stage) {
      const topic = await stage.makeTopic('t', 2)
      const groupId = stage.name('g')
      await stage.untilCoordinated(groupId)
      const topics = offsetTopics(topic, { 0: 11n }, stage.topicId(topic))
      const producer = await beginTransaction(stage, 'x')
      const wrong = { memberId: 'nobody', generationIdOrMemberEpoch: 3 }
      await stage.tell('TxnOffsetCommit', { ...producer, ...wrong, groupId, topics })
      const byName = offsetTopics(topic, { 0: 11n })
      await stage.tell('TxnOffsetCommit', { ...producer, ...wrong, groupId, topics: byName }, 5)
      const { transactionStates } = await stage.ask('DescribeTransactions', {
        transactionalIds: [producer.transactionalId]
      })
      stage.note('state after a refusal', transactionStates[0]?.transactionState)
      await stage.tell('TxnOffsetCommit', { ...producer, producerEpoch: 9, groupId, topics })
      await stage.tell('TxnOffsetCommit', { ...producer, producerId: 999_999n, groupId, topics })
      await stage.tell('TxnOffsetCommit', { ...producer, groupId, topics: offsetTopics('missing', { 0: 1n }) }, 5)
      await stage.tell('TxnOffsetCommit', { ...producer, groupId: '', topics })
      const other = await beginTransaction(stage, 'y')
      await stage.tell('TxnOffsetCommit', { ...other, groupId, topics: offsetTopics(topic, { 0: 1n }) }, 4)
      await stage.tell('TxnOffsetCommit', { ...other, groupId, topics: offsetTopics(topic, { 0: 1n }) }, 3)
      await stage.ask('EndTxn', { ...producer, committed: false })
    }
  }
]
