import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { fetchGroupOffsets, Kafka, KafkaError, supportsRequireStable } from '../../src/client/index.ts'
import type { ApiName } from '../../src/protocol/index.ts'
import { quickRestart, startBroker } from '../broker/broker.ts'
import type { BrokerOptions } from '../broker/broker.ts'
import { describeBrokers, describeJars, describeKafka } from '../broker/real_kafka.ts'
import { uncoordinated, untilSettled } from '../testing/raw_cluster.ts'

const recordingLogger = () => {
  const lines: string[] = []
  const add = (message: string) => void lines.push(message)
  return { lines, logger: { debug: () => {}, info: add, warn: add, error: add } }
}

describeKafka('a cluster, as a real Kafka 4.4.0 shows itself', ({ bootstrap }) => {
  it('has an id, brokers, coordinators and the transaction version that is finalized', async () => {
    const { lines, logger } = recordingLogger()
    await using kafka = new Kafka({ brokers: bootstrap.split(','), logger })
    const { cluster } = kafka
    expect(await cluster.clusterId()).toMatch(/^[\w-]{22,23}$/)
    const nodeIds = (await cluster.brokers()).map(({ nodeId }) => nodeId)
    const keys = Array.from({ length: 20 }, () => randomUUID())
    for (const type of ['transaction', 'group'] as const) {
      const found = await Promise.all(keys.map((key) => cluster.coordinator(type, key)))
      for (const nodeId of found) expect(nodeIds).toContain(nodeId)
    }
    expect(await cluster.transactionVersion()).toBe(2)
    expect(lines).toEqual([])
  })

  it('does not offer InitProducerId in its unstable version', async () => {
    await using kafka = new Kafka({ brokers: bootstrap.split(',') })
    expect(await kafka.cluster.negotiatedVersion('any', 'InitProducerId', { versionMax: 6 })).toBe(5)
  })

  it('keeps 200 requests on one connection in order', async () => {
    await using kafka = new Kafka({ brokers: bootstrap.split(',') })
    const topic = `cluster-${randomUUID()}`
    await kafka.admin().createTopics([{ topic, partitionCount: 1 }])
    const [broker] = await kafka.cluster.brokers()
    const commit = (index: number) =>
      kafka.cluster.request(
        { nodeId: broker!.nodeId },
        'OffsetCommit',
        {
          groupId: `${topic}-${index}`,
          memberId: '',
          topics: [
            {
              name: topic,
              partitions: [{ partitionIndex: index % 2, committedOffset: BigInt(index), committedMetadata: null }]
            }
          ]
        },
        { versionMax: 9 }
      )
    const codeOf = ({ topics }: Awaited<ReturnType<typeof commit>>): number => topics[0]!.partitions[0]!.errorCode
    const settled = (index: number) => untilSettled(uncoordinated, () => commit(index), codeOf)
    const codes = (await Promise.all(Array.from({ length: 200 }, (_, index) => settled(index)))).map(codeOf)
    // Partition 1 is not there: each answer belongs to its own question.
    expect(codes).toEqual(Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 0 : 3)))
  })
})

type OtherVersion = BrokerOptions & {
  readonly expectedVersion: 0 | 1 | 2
  readonly hasStableFetch: boolean
  readonly missing: readonly ApiName[]
}

describeBrokers('clusters of other transaction versions', () => {
  answersOn([
    { version: '4.4.0', transactionVersion: 1, expectedVersion: 1, hasStableFetch: true, missing: [] },
    { version: '4.4.0', transactionVersion: 0, expectedVersion: 0, hasStableFetch: true, missing: [] }
  ])
})

describeJars('clusters of other versions', () => {
  answersOn([
    { version: '3.9.1', expectedVersion: 0, hasStableFetch: true, missing: [] },
    {
      version: '1.1.1',
      expectedVersion: 0,
      hasStableFetch: false,
      missing: ['DescribeCluster', 'DescribeProducers', 'DescribeTransactions', 'ListTransactions']
    }
  ])
})

function answersOn(cases: readonly OtherVersion[]): void {
  it.each(cases.map((one) => [`${one.version} with transaction version ${one.expectedVersion}`, one] as const))(
    'Kafka %s',
    async (_name, { expectedVersion, hasStableFetch, missing, ...options }) => {
      await using broker = await startBroker(options)
      await using kafka = new Kafka({ brokers: broker.bootstrap.split(',') })
      const { cluster } = kafka
      const admin = kafka.admin()
      expect(await cluster.transactionVersion()).toBe(expectedVersion)
      const topic = 'a-topic'
      expect(await admin.createTopics([{ topic, partitionCount: 2, replicationFactor: 1 }])).toEqual([
        { topic, isNew: true }
      ])
      await admin.createPartitions([{ topic, partitionCount: 3 }])
      const ends = await admin.listOffsets([{ topic, partition: 2, position: 'latest' }], {
        isolationLevel: 'read_committed'
      })
      expect(ends.get(`${topic}:2`)?.offset).toBe(0n)
      expect(cluster.cachedLeader(topic, 2)?.nodeId).toBe(broker.nodes[0]!.id)
      expect(await admin.describeCluster()).toMatchObject({ clusterId: await cluster.clusterId() })

      const groupId = 'a-group'
      expect(await supportsRequireStable(cluster, groupId)).toBe(hasStableFetch)
      await admin.commitOffsets({ groupId, offsets: [{ topic, partition: 1, offset: 11n }] })
      const stored = await fetchGroupOffsets(cluster, { groupId, partitions: 'all', requireStable: 'whereSupported' })
      expect(stored.offsets.get(`${topic}:1`)).toMatchObject({ offset: 11n, errorCode: 0 })
      if (!hasStableFetch) {
        await expect(admin.fetchOffsets({ groupId })).rejects.toMatchObject({ code: 'BROKER_TOO_OLD' })
      }
      expect(await admin.deleteGroups([groupId])).toEqual([{ groupId, wasThere: true }])

      for (const api of missing) {
        expect(await cluster.negotiatedVersion('any', api)).toBeUndefined()
      }
      if (missing.includes('ListTransactions')) {
        await expect(admin.listTransactions()).rejects.toMatchObject({ code: 'BROKER_TOO_OLD' })
        await expect(admin.describeProducers([{ topic, partition: 0 }])).rejects.toBeInstanceOf(KafkaError)
      } else {
        expect(await admin.listTransactions({ transactionalIdPrefix: 'none' })).toEqual([])
        expect(await admin.describeProducers([{ topic, partition: 0 }])).toEqual(new Map([[`${topic}:0`, []]]))
      }
      expect(await admin.deleteTopics([topic])).toEqual([{ topic, wasThere: true }])
    }
  )
}

describeBrokers('a cluster', () => {
  it('a broker that is killed and comes back is found again, and nobody is told above debug', async () => {
    const { lines, logger } = recordingLogger()
    await using broker = await startBroker({ config: quickRestart })
    await using kafka = new Kafka({ brokers: broker.bootstrap.split(','), logger })
    const admin = kafka.admin()
    await admin.createTopics([{ topic: 'kept', partitionCount: 1 }])
    await kafka.cluster.coordinator('transaction', 'kept')
    await broker.kill()
    const asked = admin.listOffsets([{ topic: 'kept', partition: 0, position: 'latest' }], { deadlineMs: 150_000 })
    await broker.start()
    expect((await asked).get('kept:0')?.offset).toBe(0n)
    expect(await admin.describeTransactions(['kept'], { deadlineMs: 150_000 })).toEqual(new Map())
    expect(lines).toEqual([])
  })
})
