// Scripts of requests that make no sense: empty and unknown names, numbers out of range, the same thing twice, fields that
// contradict each other. What is compared is the answer, field by field, or that the connection was cut.
import { zeroUuid } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf } from 'kafka-once/protocol'
import { offsetTopics, type GroupCase, type Stage } from './group_cases.ts'

type AnyRequest = {
  [N in ApiName]: readonly [api: N, body: EncodableRequestOf<N>, version?: number]
}[ApiName]

/** Plays requests one after the other, each on a connection of its own. */
async function playAll(stage: Stage, requests: readonly AnyRequest[]): Promise<void> {
  for (const [i, [api, body, version]] of requests.entries()) {
    let answer: unknown
    try {
      answer = await stage.ask(api, body, version)
    } catch (error) {
      if (!String(error).includes('closed the connection')) throw error
      answer = 'cut'
    }
    stage.note(`${i} ${api} ${version ?? 'newest'}`, answer)
  }
}

const noUuid = 'BQAAAAAAAAAAAAAAAAAAEQ'
const bytes = new Uint8Array(0)

const groups: GroupCase = {
  name: 'senseless requests about groups',
  async play(stage) {
    const topic = await stage.makeTopic('t', 2)
    const id = stage.topicId(topic)
    const groupId = stage.name('g')
    const missing = stage.name('missing')
    await stage.untilCoordinated(groupId)
    await stage.untilCoordinated(missing)
    const protocols = [{ name: 'range', metadata: bytes }]
    // Static members that do not join again are waited for.
    const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 2000 }
    const join = { groupId, ...times, memberId: '', protocolType: 'consumer', protocols }
    const commit = { groupId, memberId: '', topics: offsetTopics(topic, { 0: 1n }, id) }
    const oneOffset = (partitionIndex: number, committedOffset: bigint) => {
      return [{ name: topic, topicId: id, partitions: [{ partitionIndex, committedOffset, committedMetadata: null }] }]
    }
    await playAll(stage, [
      ['OffsetCommit', { ...commit, groupId: '' }],
      ['OffsetCommit', { ...commit, groupId: '', topics: offsetTopics(topic, { 0: 1n }) }, 8],
      ['OffsetCommit', { ...commit, topics: [] }],
      ['OffsetCommit', { ...commit, topics: offsetTopics('', { 0: 1n }, zeroUuid) }],
      ['OffsetCommit', { ...commit, topics: offsetTopics('', { 0: 1n }) }, 8],
      ['OffsetCommit', { ...commit, topics: oneOffset(-1, 1n) }],
      ['OffsetCommit', { ...commit, topics: oneOffset(0, -5n) }],
      ['OffsetCommit', { ...commit, topics: [...oneOffset(0, 1n), ...oneOffset(0, 2n)] }],
      ['OffsetCommit', { ...commit, generationIdOrMemberEpoch: 4 }],
      ['OffsetFetch', { groupId: '', topics: [], groups: [] }],
      ['OffsetFetch', { groupId: '', topics: [], groups: [{ groupId: '', topics: null }] }],
      ['OffsetFetch', { groupId: '', topics: [{ name: topic, partitionIndexes: [0] }], groups: [] }, 7],
      [
        'OffsetFetch',
        { groupId: '', topics: [], groups: [{ groupId, topics: [{ topicId: zeroUuid, partitionIndexes: [0] }] }] }
      ],
      [
        'OffsetFetch',
        { groupId: '', topics: [], groups: [{ groupId, topics: [{ topicId: id, partitionIndexes: [0, 0, -1] }] }] }
      ],
      [
        'OffsetFetch',
        { groupId: '', topics: [], groups: [{ groupId, memberId: 'nobody', memberEpoch: 3, topics: null }] }
      ],
      ['JoinGroup', { ...join, groupId: '' }],
      ['JoinGroup', { ...join, groupId: '' }, 2],
      ['JoinGroup', { ...join, sessionTimeoutMs: -1 }],
      ['JoinGroup', { ...join, sessionTimeoutMs: 0 }],
      ['JoinGroup', { ...join, memberId: 'nobody', groupInstanceId: 'nothing' }],
      ['JoinGroup', { ...join, groupInstanceId: '' }],
      ['JoinGroup', { ...join, groupInstanceId: 'a b' }],
      ['JoinGroup', { ...join, groupInstanceId: '..' }],
      ['JoinGroup', { ...join, groupInstanceId: 'x'.repeat(250) }],
      ['SyncGroup', { groupId: '', generationId: 1, memberId: 'nobody', assignments: [] }, 3],
      ['SyncGroup', { groupId: missing, generationId: 1, memberId: '', assignments: [] }, 3],
      ['SyncGroup', { groupId: missing, generationId: -1, memberId: 'nobody', assignments: [] }],
      ['Heartbeat', { groupId: '', generationId: 1, memberId: 'nobody' }],
      ['Heartbeat', { groupId: missing, generationId: 1, memberId: '' }],
      ['LeaveGroup', { groupId: '', memberId: '', members: [{ memberId: 'nobody' }] }],
      ['LeaveGroup', { groupId: missing, memberId: '', members: [] }],
      ['LeaveGroup', { groupId, memberId: '', members: [] }],
      ['DescribeGroups', { groups: [] }],
      ['DescribeGroups', { groups: [''] }],
      ['DescribeGroups', { groups: [missing, missing] }],
      ['DeleteGroups', { groupsNames: [] }],
      ['DeleteGroups', { groupsNames: [missing, missing] }],
      ['OffsetDelete', { groupId: '', topics: [] }],
      ['OffsetDelete', { groupId: missing, topics: [] }],
      ['OffsetDelete', { groupId, topics: [] }],
      ['OffsetDelete', { groupId, topics: [{ name: '', partitions: [{ partitionIndex: 0 }] }] }],
      ['OffsetDelete', { groupId, topics: [{ name: topic, partitions: [{ partitionIndex: -1 }] }] }],
      ['ConsumerGroupDescribe', { groupIds: [], includeAuthorizedOperations: false }],
      ['ConsumerGroupDescribe', { groupIds: [''], includeAuthorizedOperations: false }],
      ['ConsumerGroupDescribe', { groupIds: [missing, missing], includeAuthorizedOperations: false }],
      ['FindCoordinator', { key: '', keyType: 0, coordinatorKeys: [] }],
      ['FindCoordinator', { key: '', keyType: 9, coordinatorKeys: [groupId] }],
      ['FindCoordinator', { key: groupId, keyType: 9 }, 3],
      ['FindCoordinator', { key: '', keyType: 2, coordinatorKeys: ['nonsense'] }],
      ['ListGroups', { statesFilter: ['Nonsense'], typesFilter: [] }],
      ['ListGroups', { statesFilter: [], typesFilter: ['nonsense'] }]
    ])
  }
}

const heartbeats: GroupCase = {
  name: 'senseless heartbeats of the consumer protocol',
  async play(stage) {
    const topic = await stage.makeTopic('t', 2)
    const groupId = stage.name('g')
    await stage.untilCoordinated(groupId)
    const memberId = 'BQAAAAAAAAAAAAAAAAAAAQ-member-1'
    const first = { rebalanceTimeoutMs: 20_000, subscribedTopicNames: [topic], topicPartitions: [] }
    const join = { groupId, memberId, memberEpoch: 0, ...first }
    await playAll(stage, [
      ['ConsumerGroupHeartbeat', { ...join, subscribedTopicNames: [], subscribedTopicRegex: '' }],
      ['ConsumerGroupHeartbeat', { ...join, subscribedTopicNames: null, subscribedTopicRegex: '[' }],
      ['ConsumerGroupHeartbeat', { ...join, subscribedTopicNames: null, subscribedTopicRegex: '(?=a)' }],
      ['ConsumerGroupHeartbeat', { ...join, rebalanceTimeoutMs: 0 }],
      ['ConsumerGroupHeartbeat', { ...join, topicPartitions: [{ topicId: noUuid, partitions: [0] }] }],
      ['ConsumerGroupHeartbeat', { ...join, memberId: 'x'.repeat(300), memberEpoch: -1 }],
      ['ConsumerGroupHeartbeat', { groupId, memberId, memberEpoch: -2, instanceId: null }],
      ['ConsumerGroupHeartbeat', { groupId, memberId, memberEpoch: -2, instanceId: 'nobody' }],
      ['ConsumerGroupHeartbeat', { groupId, memberId: 'nobody', memberEpoch: 3 }],
      ['ConsumerGroupHeartbeat', { ...join, serverAssignor: '' }],
      ['ConsumerGroupHeartbeat', { ...join, memberEpoch: -1, memberId: 'nobody' }]
    ])
  }
}

const transactions: GroupCase = {
  name: 'senseless requests about transactions',
  async play(stage) {
    const topic = await stage.makeTopic('t', 1)
    const transactionalId = stage.name('x')
    await stage.untilCoordinated(transactionalId, 1)
    await stage.untilCoordinated(stage.name('g'))
    const init = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
    const nobody = { transactionalId, producerId: 999_999n, producerEpoch: 0 }
    await playAll(stage, [
      ['InitProducerId', { ...init, transactionalId: '' }, 5],
      ['InitProducerId', { ...init, transactionTimeoutMs: 0 }, 5],
      ['InitProducerId', { ...init, transactionTimeoutMs: -1 }, 5],
      ['InitProducerId', { ...init, transactionTimeoutMs: 2_147_483_647 }, 5],
      ['InitProducerId', { ...init, producerId: 5n }, 5],
      ['InitProducerId', { ...init, producerEpoch: 5 }, 5],
      ['InitProducerId', { ...init, transactionalId: null, producerId: 999_999n, producerEpoch: -1 }, 5],
      ['AddOffsetsToTxn', { ...nobody, groupId: stage.name('g') }],
      ['AddOffsetsToTxn', { ...nobody, groupId: '' }],
      ['AddOffsetsToTxn', { ...nobody, transactionalId: '', groupId: 'g' }],
      [
        'AddPartitionsToTxn',
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: 999_999n,
          v3AndBelowProducerEpoch: 0,
          v3AndBelowTopics: [{ name: topic, partitions: [0] }]
        },
        3
      ],
      [
        'AddPartitionsToTxn',
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: 999_999n,
          v3AndBelowProducerEpoch: 0,
          v3AndBelowTopics: [{ name: 'nothing', partitions: [0] }]
        },
        3
      ],
      ['EndTxn', { ...nobody, committed: true }],
      ['EndTxn', { ...nobody, transactionalId: '', committed: true }],
      ['TxnOffsetCommit', { ...nobody, groupId: '', topics: [] }, 5],
      ['DescribeTransactions', { transactionalIds: [] }],
      ['DescribeTransactions', { transactionalIds: [''] }],
      ['DescribeTransactions', { transactionalIds: [transactionalId, transactionalId] }],
      [
        'ListTransactions',
        { stateFilters: ['Nonsense'], producerIdFilters: [-5n], transactionalIdPattern: stage.name('y') }
      ],
      ['ListTransactions', { stateFilters: [], producerIdFilters: [], transactionalIdPattern: '[' }],
      ['DescribeProducers', { topics: [{ name: topic, partitionIndexes: [0, 9, -1] }] }],
      [
        'DescribeProducers',
        {
          topics: [
            { name: 'nothing', partitionIndexes: [0] },
            { name: '', partitionIndexes: [0] }
          ]
        }
      ],
      ['DescribeProducers', { topics: [] }],
      ['WriteTxnMarkers', { markers: [] }],
      [
        'WriteTxnMarkers',
        {
          markers: [
            {
              producerId: 999_999n,
              producerEpoch: 0,
              transactionResult: true,
              topics: [{ name: 'nothing', partitionIndexes: [0] }],
              coordinatorEpoch: 0
            }
          ]
        }
      ]
    ])
  }
}

const config = (value: string | null) => ({ configs: [{ name: 'retention.ms', value }] })
const change = (resourceType: number, resourceName: string, name: string, configOperation: number): AnyRequest => {
  const resources = [{ resourceType, resourceName, configs: [{ name, configOperation, value: '1' }] }]
  return ['IncrementalAlterConfigs', { resources, validateOnly: false }]
}
const records = (name: string, partitionIndex: number, offset: bigint): AnyRequest => {
  return ['DeleteRecords', { topics: [{ name, partitions: [{ partitionIndex, offset }] }], timeoutMs: 5_000 }]
}
const offsets = (name: string, partitionIndex: number, timestamp: bigint): AnyRequest => {
  const topics = [{ name, partitions: [{ partitionIndex, currentLeaderEpoch: -1, timestamp }] }]
  return ['ListOffsets', { replicaId: -1, isolationLevel: 0, topics, timeoutMs: 5_000 }, 8]
}

const administrators: GroupCase = {
  name: 'senseless requests of administrators',
  async play(stage) {
    const topic = await stage.makeTopic('t', 1)
    const none = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const create = (name: string, more: object = {}): AnyRequest => {
      return ['CreateTopics', { topics: [{ name, ...none, ...more }], timeoutMs: 10_000 }]
    }
    const two = { name: stage.name('twice'), ...none }
    await playAll(stage, [
      create(''),
      create('.'),
      create('..'),
      create('a/b'),
      create('x'.repeat(250)),
      create(stage.name('c'), { numPartitions: 0 }),
      create(stage.name('c'), { numPartitions: -2 }),
      create(stage.name('c'), { replicationFactor: 0 }),
      create(stage.name('c'), { replicationFactor: -2 }),
      create(stage.name('c'), { replicationFactor: 5 }),
      create(stage.name('c'), config('nonsense')),
      create(stage.name('c'), config(null)),
      create(stage.name('c'), { configs: [{ name: 'non.sense', value: '1' }] }),
      create(stage.name('c'), { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
      create(stage.name('c'), {
        ...none,
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 1, brokerIds: [1] }]
      }),
      create(stage.name('c'), {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [] }]
      }),
      ['CreateTopics', { topics: [two, two], timeoutMs: 10_000 }],
      ['CreateTopics', { topics: [], timeoutMs: 10_000 }],
      [
        'DeleteTopics',
        {
          topics: [
            { name: 'nothing', topicId: zeroUuid },
            { name: '', topicId: zeroUuid }
          ],
          timeoutMs: 5_000
        }
      ],
      [
        'DeleteTopics',
        {
          topics: [
            { name: null, topicId: noUuid },
            { name: null, topicId: zeroUuid }
          ],
          timeoutMs: 5_000
        }
      ],
      ['DeleteTopics', { topics: [{ name: topic, topicId: stage.topicId(topic) }], timeoutMs: 5_000 }],
      [
        'DeleteTopics',
        {
          topics: [
            { name: 'nothing', topicId: zeroUuid },
            { name: 'nothing', topicId: zeroUuid }
          ],
          timeoutMs: 5_000
        }
      ],
      [
        'CreatePartitions',
        { topics: [{ name: 'nothing', count: 2, assignments: null }], timeoutMs: 5_000, validateOnly: false }
      ],
      [
        'CreatePartitions',
        { topics: [{ name: topic, count: 0, assignments: null }], timeoutMs: 5_000, validateOnly: false }
      ],
      [
        'CreatePartitions',
        { topics: [{ name: topic, count: -1, assignments: null }], timeoutMs: 5_000, validateOnly: false }
      ],
      [
        'CreatePartitions',
        {
          topics: [
            { name: topic, count: 2, assignments: null },
            { name: topic, count: 3, assignments: null }
          ],
          timeoutMs: 5_000,
          validateOnly: false
        }
      ],
      change(0, topic, 'retention.ms', 0),
      change(99, topic, 'retention.ms', 0),
      change(2, 'nothing', 'retention.ms', 0),
      change(2, '', 'retention.ms', 0),
      change(2, topic, 'non.sense', 0),
      change(2, topic, 'retention.ms', 9),
      change(2, topic, 'retention.ms', 2),
      change(4, 'nonsense', 'log.retention.ms', 0),
      change(4, '77', 'log.retention.ms', 0),
      ['DescribeConfigs', { resources: [{ resourceType: 0, resourceName: topic, configurationKeys: [] }] }],
      ['DescribeConfigs', { resources: [{ resourceType: 2, resourceName: 'nothing', configurationKeys: null }] }],
      ['DescribeConfigs', { resources: [{ resourceType: 2, resourceName: '', configurationKeys: null }] }],
      ['DescribeConfigs', { resources: [{ resourceType: 4, resourceName: 'nonsense', configurationKeys: [] }] }],
      ['DescribeConfigs', { resources: [{ resourceType: 4, resourceName: '77', configurationKeys: [] }] }],
      records('nothing', 0, 0n),
      records(topic, 9, 0n),
      records(topic, 0, -5n),
      records(topic, 0, 9n),
      offsets('nothing', 0, -1n),
      offsets(topic, 9, -1n),
      offsets(topic, -1, -1n),
      offsets(topic, 0, -9n),
      [
        'OffsetForLeaderEpoch',
        {
          replicaId: -1,
          topics: [{ topic: 'nothing', partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] }]
        }
      ],
      [
        'OffsetForLeaderEpoch',
        { replicaId: -1, topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch: 99, leaderEpoch: 0 }] }] }
      ],
      [
        'OffsetForLeaderEpoch',
        { replicaId: -1, topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: -1 }] }] }
      ],
      ['ElectLeaders', { electionType: 0, topicPartitions: [{ topic: 'nothing', partitions: [0] }], timeoutMs: 5_000 }],
      ['ElectLeaders', { electionType: 9, topicPartitions: [], timeoutMs: 5_000 }],
      ['UpdateFeatures', { timeoutMs: 5_000, featureUpdates: [] }],
      ['UpdateFeatures', { timeoutMs: 5_000, featureUpdates: [{ feature: 'nonsense', maxVersionLevel: 1 }] }],
      [
        'DescribeTopicPartitions',
        { topics: [{ name: 'nothing' }, { name: '' }], responsePartitionLimit: 10, cursor: null }
      ],
      ['DescribeTopicPartitions', { topics: [{ name: topic }], responsePartitionLimit: 0, cursor: null }],
      [
        'DescribeTopicPartitions',
        { topics: [{ name: topic }], responsePartitionLimit: 5, cursor: { topicName: topic, partitionIndex: -1 } }
      ],
      [
        'DescribeTopicPartitions',
        { topics: [{ name: topic }], responsePartitionLimit: 5, cursor: { topicName: 'zzz', partitionIndex: 0 } }
      ],
      ['SaslAuthenticate', { authBytes: bytes }, 2]
    ])
  }
}

export const senselessCases: readonly GroupCase[] = [groups, heartbeats, transactions, administrators]
