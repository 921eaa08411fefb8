// What a broker answers to administrators: the same cases for the embedded one and for a real Kafka 4.4.0.
import { errorCode, zeroUuid } from 'kafka-once/protocol'
import { expect } from 'vitest'
import type { AnswerCase } from './produce_answers.ts'
import { batch } from './site.ts'
import type { Site } from './site.ts'

const {
  ELECTION_NOT_NEEDED,
  INVALID_CONFIG,
  INVALID_PARTITIONS,
  INVALID_REPLICA_ASSIGNMENT,
  INVALID_REPLICATION_FACTOR,
  INVALID_REQUEST,
  INVALID_TOPIC_EXCEPTION,
  INVALID_UPDATE_VERSION,
  MISMATCHED_ENDPOINT_TYPE,
  NONE,
  SECURITY_DISABLED,
  TOPIC_ALREADY_EXISTS,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION,
  UNSUPPORTED_ENDPOINT_TYPE
} = errorCode

interface NewTopicShape {
  readonly name: string
  readonly numPartitions?: number
  readonly replicationFactor?: number
  readonly assignments?: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs?: readonly { readonly name: string; readonly value: string | null }[]
}

let names = 0

function newName(): string {
  return `admin-${process.pid}-${++names}`
}

async function create(site: Site, topics: readonly NewTopicShape[], validateOnly = false) {
  const filled = topics.map((topic) => ({
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
    ...topic
  }))
  return (await site.wire.request('CreateTopics', 7, { topics: filled, validateOnly })).topics
}

async function metadata(site: Site, name: string) {
  const request = { topics: [{ name }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  return (await site.wire.request('Metadata', 12, request)).topics[0]!
}

async function brokerId(site: Site): Promise<number> {
  const request = { topics: [], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
  return (await site.wire.request('Metadata', 12, request)).brokers[0]!.nodeId
}

async function describeSettings(site: Site, resourceType: number, resourceName: string, keys: string[] | null = null) {
  const resources = [{ resourceType, resourceName, configurationKeys: keys }]
  return (await site.wire.request('DescribeConfigs', 4, { resources, includeSynonyms: true })).results[0]!
}

interface Change {
  readonly name: string
  readonly value: string | null
  readonly configOperation: number
}

async function alter(site: Site, resourceType: number, resourceName: string, configs: readonly Change[]) {
  const request = { resources: [{ resourceType, resourceName, configs }], validateOnly: false }
  return (await site.wire.request('IncrementalAlterConfigs', 1, request)).responses[0]!
}

const topics: AnswerCase[] = [
  {
    name: 'creates a topic, and shows its settings',
    async run(site) {
      const name = newName()
      const configs = [{ name: 'retention.ms', value: '5000' }]
      const [created] = await create(site, [{ name, numPartitions: 3, configs }])
      expect(created).toMatchObject({ name, errorCode: NONE, numPartitions: 3, replicationFactor: 1 })
      expect(created!.topicId).not.toBe(zeroUuid)
      const shown = new Map(created!.configs!.map((one) => [one.name, one]))
      expect(shown.get('retention.ms')).toMatchObject({ value: '5000', configSource: 1 })
      expect(shown.get('segment.bytes')).toMatchObject({ value: '1073741824', configSource: 5, readOnly: false })
      await expect.poll(async () => (await metadata(site, name)).partitions.length).toBe(3)
      expect(await metadata(site, name)).toMatchObject({
        errorCode: NONE,
        topicId: created!.topicId,
        isInternal: false,
        partitions: [0, 1, 2].map(() => ({ errorCode: NONE, leaderEpoch: 0, offlineReplicas: [] }))
      })
    }
  },
  {
    name: 'refuses topics that cannot be, each with its own code',
    async run(site) {
      const name = newName()
      const [first] = await create(site, [{ name: `${name}.x` }])
      expect(first).toMatchObject({ errorCode: NONE })
      const brokers = [await brokerId(site)]
      const bad: readonly (readonly [NewTopicShape, number])[] = [
        [{ name: `${name}.x` }, TOPIC_ALREADY_EXISTS],
        [{ name: `${name}_x` }, INVALID_TOPIC_EXCEPTION],
        [{ name: 'not legal' }, INVALID_TOPIC_EXCEPTION],
        [{ name: '' }, INVALID_TOPIC_EXCEPTION],
        [{ name: '..' }, INVALID_TOPIC_EXCEPTION],
        [{ name: 'x'.repeat(250) }, INVALID_TOPIC_EXCEPTION],
        [{ name: `${name}-a`, numPartitions: 0 }, INVALID_PARTITIONS],
        [{ name: `${name}-b`, numPartitions: -2 }, INVALID_PARTITIONS],
        [{ name: `${name}-c`, replicationFactor: 0 }, INVALID_REPLICATION_FACTOR],
        [{ name: `${name}-d`, replicationFactor: 9 }, INVALID_REPLICATION_FACTOR],
        [{ name: `${name}-e`, configs: [{ name: 'no.such', value: '1' }] }, INVALID_CONFIG],
        [{ name: `${name}-f`, configs: [{ name: 'retention.ms', value: 'long' }] }, INVALID_CONFIG],
        [{ name: `${name}-g`, configs: [{ name: 'retention.ms', value: '-2' }] }, INVALID_CONFIG],
        [{ name: `${name}-h`, configs: [{ name: 'cleanup.policy', value: 'keep' }] }, INVALID_CONFIG],
        [{ name: `${name}-i`, configs: [{ name: 'min.insync.replicas', value: '0' }] }, INVALID_CONFIG],
        [{ name: `${name}-j`, configs: [{ name: 'segment.bytes', value: '1048575' }] }, INVALID_CONFIG],
        [{ name: `${name}-k`, configs: [{ name: 'preallocate', value: 'maybe' }] }, INVALID_CONFIG],
        [{ name: `${name}-l`, configs: [{ name: 'retention.ms', value: null }] }, INVALID_CONFIG],
        [
          { name: `${name}-m`, numPartitions: 1, assignments: [{ partitionIndex: 0, brokerIds: brokers }] },
          INVALID_REQUEST
        ],
        [{ name: `${name}-n`, assignments: [{ partitionIndex: 0, brokerIds: [77] }] }, INVALID_REPLICA_ASSIGNMENT],
        [{ name: `${name}-o`, assignments: [{ partitionIndex: 1, brokerIds: brokers }] }, INVALID_REPLICA_ASSIGNMENT],
        [{ name: `${name}-p`, assignments: [{ partitionIndex: 0, brokerIds: [] }] }, INVALID_REPLICA_ASSIGNMENT]
      ]
      for (const [topic, code] of bad) {
        const [refused] = await create(site, [topic])
        expect([topic, refused!.errorCode]).toEqual([topic, code])
      }
    }
  },
  {
    name: 'creates with an assignment, and only tries where it is told so',
    async run(site) {
      const name = newName()
      const assignments = [1, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [] as number[] }))
      const id = await brokerId(site)
      const filled = assignments.map((one) => ({ ...one, brokerIds: [id] }))
      const [tried] = await create(site, [{ name, assignments: filled }], true)
      expect(tried).toMatchObject({ errorCode: NONE, numPartitions: 2 })
      expect((await metadata(site, name)).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION)
      const [created] = await create(site, [{ name, assignments: filled }])
      expect(created).toMatchObject({ errorCode: NONE, numPartitions: 2, replicationFactor: 1 })
    }
  },
  {
    name: 'refuses a name that comes twice, and does the rest',
    async run(site) {
      const [twice, once] = [newName(), newName()]
      const answers = await create(site, [{ name: twice }, { name: once }, { name: twice }])
      const codes = new Map(answers.map((one) => [one.name, one.errorCode]))
      expect([codes.get(twice), codes.get(once)]).toEqual([INVALID_REQUEST, NONE])
    }
  },
  {
    name: 'names what is wrong with a topic that it is asked for',
    async run(site) {
      expect(await metadata(site, newName())).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION, partitions: [] })
      expect(await metadata(site, 'not legal')).toMatchObject({ errorCode: INVALID_TOPIC_EXCEPTION })
      const byId = { topics: [{ topicId: 'xxxxxxxxxxxxxxxxxxxxxw', name: null }], allowAutoTopicCreation: false }
      const request = { ...byId, includeTopicAuthorizedOperations: false }
      const { topics: found } = await site.wire.request('Metadata', 12, request)
      expect(found).toMatchObject([{ errorCode: UNKNOWN_TOPIC_ID, topicId: 'xxxxxxxxxxxxxxxxxxxxxw', name: null }])
    }
  },
  {
    name: 'deletes topics by name and by id',
    async run(site) {
      const topic = await site.topic()
      const other = await site.topic()
      await site.produce(topic, batch())
      const remove = async (...named: { name: string | null; topicId: string }[]) => {
        const { responses } = await site.wire.request('DeleteTopics', 6, { topics: named, timeoutMs: 10_000 })
        return responses.map((one) => one.errorCode)
      }
      expect(await remove({ name: newName(), topicId: zeroUuid })).toEqual([UNKNOWN_TOPIC_OR_PARTITION])
      expect(await remove({ name: null, topicId: 'xxxxxxxxxxxxxxxxxxxxxw' })).toEqual([UNKNOWN_TOPIC_ID])
      expect(await remove({ name: topic.name, topicId: topic.id })).toEqual([INVALID_REQUEST])
      expect(await remove({ name: topic.name, topicId: zeroUuid }, { name: null, topicId: other.id })).toEqual([
        NONE,
        NONE
      ])
      await expect.poll(async () => (await metadata(site, topic.name)).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION)
      const [again] = await create(site, [{ name: topic.name }])
      expect(again!.errorCode).toBe(NONE)
      expect(again!.topicId).not.toBe(topic.id)
      await site.untilKnown(topic.name)
      expect(await site.produce({ name: topic.name, id: again!.topicId }, batch())).toMatchObject({ baseOffset: 0n })
    }
  },
  {
    name: 'gives a topic more partitions, never fewer',
    async run(site) {
      const { name } = await site.topic()
      const grow = async (count: number, assignments: { brokerIds: number[] }[] | null = null, topic = name) => {
        const request = { topics: [{ name: topic, count, assignments }], timeoutMs: 10_000, validateOnly: false }
        return (await site.wire.request('CreatePartitions', 3, request)).results[0]!.errorCode
      }
      expect(await grow(3)).toBe(NONE)
      expect(await grow(3)).toBe(INVALID_PARTITIONS)
      expect(await grow(2)).toBe(INVALID_PARTITIONS)
      expect(await grow(5, [{ brokerIds: [await brokerId(site)] }])).toBe(INVALID_REPLICA_ASSIGNMENT)
      expect(await grow(4, [{ brokerIds: [77] }])).toBe(INVALID_REPLICA_ASSIGNMENT)
      expect(await grow(4, [{ brokerIds: [await brokerId(site)] }])).toBe(NONE)
      expect(await grow(2, null, newName())).toBe(UNKNOWN_TOPIC_OR_PARTITION)
      await expect.poll(async () => (await metadata(site, name)).partitions.length).toBe(4)
    }
  }
]

const settings: AnswerCase[] = [
  {
    name: 'shows the settings of a topic with where they come from',
    async run(site) {
      const { name } = await site.topic({ config: { 'max.message.bytes': '5000' } })
      const all = await describeSettings(site, 2, name)
      expect(all).toMatchObject({ errorCode: NONE, resourceType: 2, resourceName: name })
      const shown = new Map(all.configs.map((one) => [one.name, one]))
      expect(shown.get('max.message.bytes')).toMatchObject({
        value: '5000',
        configSource: 1,
        configType: 3,
        synonyms: [
          { name: 'max.message.bytes', value: '5000', source: 1 },
          { name: 'message.max.bytes', value: '1048588', source: 5 }
        ]
      })
      expect(shown.get('retention.ms')).toMatchObject({ value: '604800000', configSource: 5, synonyms: [] })
      expect(shown.get('cleanup.policy')).toMatchObject({ value: 'delete', configType: 7 })
      const some = await describeSettings(site, 2, name, ['retention.ms', 'no.such'])
      expect(some.configs.map((one) => one.name)).toEqual(['retention.ms'])
    }
  },
  {
    name: 'shows the settings of a broker, its own only',
    async run(site) {
      const id = await brokerId(site)
      const { configs } = await describeSettings(site, 4, String(id))
      const shown = new Map(configs.map((one) => [one.name, one]))
      expect(shown.get('transaction.max.timeout.ms')).toMatchObject({
        value: '900000',
        configSource: 5,
        readOnly: true
      })
      expect(shown.get('auto.create.topics.enable')).toMatchObject({ value: 'false', configSource: 4, readOnly: true })
      expect(shown.get('message.max.bytes')).toMatchObject({ readOnly: false })
      expect(await describeSettings(site, 4, '77')).toMatchObject({ errorCode: INVALID_REQUEST, configs: [] })
      expect(await describeSettings(site, 4, 'one')).toMatchObject({ errorCode: INVALID_REQUEST, configs: [] })
      expect(await describeSettings(site, 2, newName())).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION })
      expect(await describeSettings(site, 2, 'not legal')).toMatchObject({ errorCode: INVALID_TOPIC_EXCEPTION })
    }
  },
  {
    name: 'changes the settings of a topic, all or none',
    async run(site) {
      const topic = await site.topic()
      const value = async (key: string) => (await describeSettings(site, 2, topic.name, [key])).configs[0]!.value
      const set = { configOperation: 0 }
      expect(
        await alter(site, 2, topic.name, [
          { ...set, name: 'retention.ms', value: '1000' },
          { ...set, name: 'max.message.bytes', value: '80' }
        ])
      ).toMatchObject({ errorCode: NONE })
      await expect.poll(() => value('retention.ms')).toBe('1000')
      await expect
        .poll(async () => (await site.produce(topic, batch({ values: ['x'.repeat(90)] }))).errorCode)
        .toBe(errorCode.MESSAGE_TOO_LARGE)
      expect(
        await alter(site, 2, topic.name, [
          { ...set, name: 'retention.ms', value: '2000' },
          { ...set, name: 'no.such', value: '1' }
        ])
      ).toMatchObject({ errorCode: INVALID_CONFIG })
      expect(await value('retention.ms')).toBe('1000')
      const removal = { name: 'retention.ms', value: null, configOperation: 1 }
      expect(await alter(site, 2, topic.name, [removal])).toMatchObject({ errorCode: NONE })
      await expect.poll(() => value('retention.ms')).toBe('604800000')
      const appended = { name: 'cleanup.policy', value: 'compact', configOperation: 2 }
      expect(await alter(site, 2, topic.name, [appended])).toMatchObject({ errorCode: NONE })
      await expect
        .poll(async () => (await value('cleanup.policy'))?.split(',').toSorted())
        .toEqual(['compact', 'delete'])
      const toNumber = { name: 'retention.ms', value: '1', configOperation: 2 }
      expect(await alter(site, 2, topic.name, [toNumber])).toMatchObject({ errorCode: INVALID_CONFIG })
      const set1 = { ...set, name: 'retention.ms', value: '1' }
      expect(await alter(site, 2, newName(), [set1])).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION })
      expect(await alter(site, 2, topic.name, [set1, set1])).toMatchObject({ errorCode: INVALID_REQUEST })
    }
  },
  {
    name: 'refuses to change what a broker fixes at its start',
    async run(site) {
      const id = String(await brokerId(site))
      const fixed = { name: 'transaction.max.timeout.ms', value: '5', configOperation: 0 }
      expect(await alter(site, 4, id, [fixed])).toMatchObject({ errorCode: INVALID_REQUEST })
    }
  },
  {
    name: 'replaces all settings of a topic',
    async run(site) {
      const { name } = await site.topic({ config: { 'retention.ms': '5000', 'max.message.bytes': '5000' } })
      const configs = [{ name: 'retention.ms', value: '7000' }]
      const resources = [{ resourceType: 2, resourceName: name, configs }]
      const { responses } = await site.wire.request('AlterConfigs', 2, { resources, validateOnly: false })
      expect(responses).toMatchObject([{ errorCode: NONE, resourceName: name }])
      const values = async () => {
        const found = await describeSettings(site, 2, name, ['max.message.bytes', 'retention.ms'])
        return Object.fromEntries(found.configs.map((one) => [one.name, one.value]))
      }
      await expect.poll(values).toEqual({ 'max.message.bytes': '1048588', 'retention.ms': '7000' })
    }
  }
]

const cluster: AnswerCase[] = [
  {
    name: 'tells its brokers',
    async run(site) {
      const request = { includeClusterAuthorizedOperations: false }
      const answer = await site.wire.request('DescribeCluster', 2, request)
      expect(answer).toMatchObject({ errorCode: NONE, endpointType: 1, brokers: [{ isFenced: false, rack: null }] })
      expect(`${answer.brokers[0]!.host}:${answer.brokers[0]!.port}`).toBe(site.address)
      expect(answer.clusterId).toHaveLength(22)
    }
  },
  {
    name: 'tells what everyone may do, to those who ask',
    async run(site) {
      const { name } = await site.topic()
      const asked = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }
      const topics = [{ name }, { name: newName() }]
      const told = await site.wire.request('Metadata', 9, { topics, allowAutoTopicCreation: false, ...asked })
      expect(told.clusterAuthorizedOperations).toBe(8096)
      expect(told.topics.map((topic) => topic.topicAuthorizedOperations)).toEqual([3576, 3576])
      expect((await metadata(site, name)).topicAuthorizedOperations).toBe(-2147483648)
      const described = { includeClusterAuthorizedOperations: true }
      const { clusterAuthorizedOperations } = await site.wire.request('DescribeCluster', 1, described)
      expect(clusterAuthorizedOperations).toBe(8096)
    }
  },
  {
    name: 'has brokers here, and no controllers',
    async run(site) {
      const ask = async (endpointType: number): Promise<number> => {
        const request = { includeClusterAuthorizedOperations: false, endpointType }
        return (await site.wire.request('DescribeCluster', 1, request)).errorCode
      }
      expect([await ask(1), await ask(2), await ask(3)]).toEqual([
        NONE,
        MISMATCHED_ENDPOINT_TYPE,
        UNSUPPORTED_ENDPOINT_TYPE
      ])
    }
  },
  {
    name: 'names what has settings',
    async run(site) {
      const { name } = await site.topic()
      const { configResources } = await site.wire.request('ListConfigResources', 1, { resourceTypes: [2] })
      expect(configResources.map((one) => one.resourceType)).not.toContain(4)
      expect(configResources).toContainEqual({ resourceName: name, resourceType: 2 })
    }
  },
  {
    name: 'finds coordinators, one or several at once',
    async run(site) {
      const many = { keyType: 0, coordinatorKeys: ['one', 'two'] }
      const ask = async () => (await site.wire.request('FindCoordinator', 4, many)).coordinators
      await expect
        .poll(async () => (await ask()).map((one) => one.errorCode), { timeout: 20_000 })
        .toEqual([NONE, NONE])
      const [first] = await ask()
      expect(first).toMatchObject({ key: 'one', errorMessage: '' })
      expect(`${first!.host}:${first!.port}`).toBe(site.address)
      const one = await site.wire.request('FindCoordinator', 3, { key: 'one', keyType: 0 })
      expect(one).toMatchObject({ errorCode: NONE, errorMessage: 'NONE', nodeId: first!.nodeId })
      const wrong = await site.wire.request('FindCoordinator', 4, { keyType: 3, coordinatorKeys: ['one'] })
      expect(wrong.coordinators).toMatchObject([{ key: 'one', errorCode: INVALID_REQUEST, nodeId: -1, port: -1 }])
    }
  },
  {
    name: 'tells partitions page by page',
    async run(site) {
      const [one, two] = [await site.topic({ partitions: 3 }), await site.topic({ partitions: 2 })]
      const named = [two, one].map(({ name }) => ({ name }))
      const limited = { topics: named, responsePartitionLimit: 4, cursor: null }
      const first = await site.wire.request('DescribeTopicPartitions', 0, limited)
      const [low, high] = [one, two].toSorted((left, right) => (left.name < right.name ? -1 : 1))
      const counts = first.topics.map((topic) => [topic.name, topic.partitions.length])
      const highCount = 4 - (low === one ? 3 : 2)
      expect(counts).toEqual([
        [low!.name, low === one ? 3 : 2],
        [high!.name, highCount]
      ])
      expect(first.nextCursor).toEqual({ topicName: high!.name, partitionIndex: highCount })
      const next = { ...limited, cursor: first.nextCursor }
      const second = await site.wire.request('DescribeTopicPartitions', 0, next)
      expect(second.topics.map((topic) => [topic.name, topic.partitions.length])).toEqual([[high!.name, 1]])
      expect(second.nextCursor).toBeNull()
      expect(second.topics[0]!.partitions[0]).toMatchObject({ errorCode: NONE, leaderEpoch: 0 })
      const nowhere = { topics: [{ name: newName() }], responsePartitionLimit: 4, cursor: null }
      const unknown = await site.wire.request('DescribeTopicPartitions', 0, nowhere)
      expect(unknown.topics).toMatchObject([{ errorCode: UNKNOWN_TOPIC_OR_PARTITION }])
    }
  },
  {
    name: 'shows how large partitions are',
    async run(site) {
      const topic = await site.topic()
      const bytes = batch()
      await site.produce(topic, bytes)
      const request = { topics: [{ topic: topic.name, partitions: [0, 5] }] }
      const partition = { partitionIndex: 0, partitionSize: BigInt(bytes.length), offsetLag: 0n, isFutureKey: false }
      const topics = [{ name: topic.name, partitions: [partition] }]
      // A real Kafka that had much else to do was seen to show a log only a moment after it had been written to.
      const told = expect.poll(() => site.wire.request('DescribeLogDirs', 4, request), { timeout: 5_000 })
      await told.toMatchObject({ errorCode: NONE, results: [{ errorCode: NONE, topics }] })
    }
  },
  {
    name: 'elects only where it is needed',
    async run(site) {
      const { name } = await site.topic()
      const topicPartitions = [{ topic: name, partitions: [0, 4] }]
      const request = { electionType: 0, topicPartitions, timeoutMs: 10_000 }
      const answer = await site.wire.request('ElectLeaders', 2, request)
      expect(answer.errorCode).toBe(NONE)
      expect(answer.replicaElectionResults[0]!.partitionResult).toMatchObject([
        { partitionId: 0, errorCode: ELECTION_NOT_NEEDED },
        { partitionId: 4, errorCode: UNKNOWN_TOPIC_OR_PARTITION }
      ])
    }
  },
  {
    name: 'has no access rules, and takes none',
    async run(site) {
      const rule = { resourceType: 2, principal: 'User:alice', host: '*', operation: 3, permissionType: 3 }
      const refused = { errorCode: SECURITY_DISABLED, errorMessage: 'No Authorizer is configured.' }
      const { principal, host, ...kinds } = rule
      const filter = { resourceTypeFilter: 2, resourceNameFilter: 't', principalFilter: principal, hostFilter: host }
      const { wire } = site
      const described = await wire.request('DescribeAcls', 3, { ...kinds, ...filter, patternTypeFilter: 3 })
      const onBroker = { ...refused, errorMessage: 'No Authorizer is configured on the broker' }
      expect(described).toMatchObject({ ...onBroker, resources: [] })
      const creations = ['t', 'u'].map((resourceName) => ({ ...rule, resourceName, resourcePatternType: 3 }))
      expect((await wire.request('CreateAcls', 3, { creations })).results).toEqual([refused, refused])
      const filters = [{ ...kinds, ...filter, patternTypeFilter: 3 }]
      const { filterResults } = await wire.request('DeleteAcls', 3, { filters })
      expect(filterResults).toEqual([{ ...refused, matchingAcls: [] }])
    }
  },
  {
    name: 'refuses levels of features that are not there',
    async run(site) {
      const update = async (feature: string, maxVersionLevel: number, upgradeType = 1) => {
        const featureUpdates = [{ feature, maxVersionLevel, upgradeType }]
        const answer = await site.wire.request('UpdateFeatures', 2, { featureUpdates, validateOnly: true })
        return answer.errorCode
      }
      expect(await update('transaction.version', 99)).toBe(INVALID_UPDATE_VERSION)
      expect(await update('no.such', 1)).toBe(INVALID_UPDATE_VERSION)
      expect(await update('transaction.version', 1)).toBe(INVALID_UPDATE_VERSION)
      expect(await update('transaction.version', 2)).toBe(NONE)
    }
  }
]

export const adminAnswers: readonly AnswerCase[] = [...topics, ...settings, ...cluster]
