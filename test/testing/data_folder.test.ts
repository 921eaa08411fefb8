// An embedded Kafka goes on where it was closed, when it is given a data folder.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { batch, idempotent, Site } from './site.ts'

let dataFolder = ''

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), 'kafka-once-data-'))
})

afterEach(() => rmSync(dataFolder, { recursive: true, force: true }))

describe('a data folder', () => {
  test('keeps topics, records, producers and settings', async () => {
    const first = await EmbeddedKafka.start({ dataFolder })
    const { clusterId } = first.cluster
    const topic = await (async () => {
      using site = await Site.open(first.bootstrap)
      const created = await site.topic({ config: { 'retention.ms': '1234' } })
      for (let i = 0; i < 3; i++) await site.produce(created, idempotent(900n, 2, i))
      const partitions = [{ partitionIndex: 0, offset: 2n }]
      await site.wire.request('DeleteRecords', 2, { topics: [{ name: created.name, partitions }], timeoutMs: 1_000 })
      return created
    })()
    first.setTransactionVersion(1)
    await first.close()

    await using second = await EmbeddedKafka.start({ dataFolder })
    expect(second.cluster.clusterId).toBe(clusterId)
    expect(second.cluster.features.transactionVersion).toBe(1)
    using site = await Site.open(second.bootstrap)
    expect(await site.fetch(topic, { offset: 2n })).toMatchObject({
      errorCode: 0,
      highWatermark: 3n,
      logStartOffset: 2n
    })
    expect(await site.produce(topic, idempotent(900n, 2, 1))).toMatchObject({ errorCode: 0, baseOffset: 1n })
    expect(await site.produce(topic, idempotent(900n, 2, 3))).toMatchObject({ errorCode: 0, baseOffset: 3n })
    expect(second.log(topic.name, 0).leaderEpochs.all()).toEqual([
      { epoch: 0, startOffset: 2n },
      { epoch: 2, startOffset: 3n }
    ])
    const resources = [{ resourceType: 2, resourceName: topic.name, configurationKeys: ['retention.ms'] }]
    const { results } = await site.wire.request('DescribeConfigs', 4, { resources })
    expect(results[0]!.configs).toMatchObject([{ value: '1234', configSource: 1 }])
  })

  test('keeps a prepared transaction, to be committed in another run', async () => {
    const first = await EmbeddedKafka.start({ dataFolder })
    const handle = await (async () => {
      await using kafka = new Kafka({ brokers: [first.bootstrap] })
      await kafka.admin().createTopics([{ topic: 'payments', partitionCount: 1 }])
      const producer = kafka.transactionalProducer({ transactionalId: 'payments.0.0' })
      const transaction = producer.beginTransaction()
      await transaction.send({ topic: 'payments', value: 'twelve' })
      return transaction.prepare()
    })()
    expect(first.log('payments', 0)).toMatchObject({ highWatermark: 1n, lastStableOffset: 0n })
    await first.close()

    await using second = await EmbeddedKafka.start({ dataFolder })
    expect(second.log('payments', 0)).toMatchObject({ highWatermark: 1n, lastStableOffset: 0n })
    await using kafka = new Kafka({ brokers: [second.bootstrap] })
    expect(await kafka.resumeTransaction(handle).commit()).toMatchObject({ kind: 'committed' })
    await expect.poll(() => second.log('payments', 0).lastStableOffset).toBe(2n)
  })

  test('keeps a classic group, which rebalances where groups may not be as large any more', async () => {
    const config = { 'group.initial.rebalance.delay.ms': '50' }
    const first = await EmbeddedKafka.start({ dataFolder, config })
    const member = { groupId: 'g', memberId: '', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 }
    const offer = { ...member, protocolType: 'consumer', protocols: [{ name: 'range', metadata: new Uint8Array(0) }] }
    using one = await Site.open(first.bootstrap)
    using two = await Site.open(first.bootstrap)
    await one.wire.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] })
    const joining = [one, two].map((site, i) => {
      return site.wire.request('JoinGroup', 5, { ...offer, groupInstanceId: `i-${i}` })
    })
    for (const [i, { generationId, memberId }] of (await Promise.all(joining)).entries()) {
      const sync = { groupId: 'g', generationId, memberId, assignments: [] }
      void [one, two][i]!.wire.request('SyncGroup', 3, sync).catch(() => {})
    }
    await expect.poll(() => first.group('g')?.state).toBe('Stable')
    await first.close()
    const again = await EmbeddedKafka.start({ dataFolder, config })
    expect(again.group('g')).toMatchObject({ state: 'Stable', members: { length: 2 } })
    await again.close()
    await using smaller = await EmbeddedKafka.start({ dataFolder, config: { ...config, 'group.max.size': '1' } })
    expect(smaller.group('g')).toMatchObject({ state: 'PreparingRebalance', members: { length: 2 } })
  })

  test('spreads leaders again over several brokers', async () => {
    const first = await EmbeddedKafka.start({ dataFolder, brokers: 3 })
    using site = await Site.open(first.bootstrap.split(',')[0]!)
    const topic = await site.topic({ partitions: 3 })
    const before = [0, 1, 2].map((index) => first.leaderOf(topic.name, index))
    await first.close()
    await using second = await EmbeddedKafka.start({ dataFolder, brokers: 3 })
    expect([0, 1, 2].map((index) => second.leaderOf(topic.name, index))).toEqual(before)
  })

  test('is written as a whole, also while the cluster runs', async () => {
    await using kafka = await EmbeddedKafka.start({ dataFolder })
    using site = await Site.open(kafka.bootstrap)
    const topic = await site.topic()
    await site.produce(topic, batch())
    await kafka.save()
    await kafka.save()
    expect(readdirSync(dataFolder)).toEqual(['cluster.snapshot', 'lock'])
    await kafka.close()
    expect(readdirSync(dataFolder)).toEqual(['cluster.snapshot'])
  })

  test('has one cluster at a time, and is free again when that is closed or its process gone', async () => {
    const first = await EmbeddedKafka.start({ dataFolder })
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow(`is in use: process ${process.pid} on`)
    await first.close()
    await using second = await EmbeddedKafka.start({ dataFolder })
    const path = join(dataFolder, 'lock')
    const lock = readFileSync(path, 'utf8')
    await second.close()
    writeFileSync(path, lock.replace(`"pid":${process.pid}`, '"pid":999999999'))
    {
      await using next = await EmbeddedKafka.start({ dataFolder })
      expect(next.brokerIds).toEqual([1])
    }
    const { token, owner } = JSON.parse(lock)
    writeFileSync(path, JSON.stringify({ token, owner: { ...owner, host: 'elsewhere' } }))
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow('on elsewhere holds it, and whether')
    writeFileSync(path, lock.slice(0, 5))
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow('cannot be understood')
  })

  test('on a file system without hard links is refused, with what to do', async () => {
    const real = nodeRuntime()
    const refusal = Object.assign(new Error('not permitted'), { code: 'EPERM' })
    const runtime = { ...real, files: { ...real.files, link: () => Promise.reject(refusal) } }
    await expect(EmbeddedKafka.start({ dataFolder, runtime })).rejects.toThrow(
      'refuses hard links (EPERM). The lock of a data folder is taken by a link: choose a dataFolder'
    )
    expect(readdirSync(dataFolder)).toEqual([])
  })

  test('needs as many brokers as its cluster had', async () => {
    const first = await EmbeddedKafka.start({ dataFolder, brokers: 3 })
    using site = await Site.open(first.addresses[0]!)
    await site.topic()
    await first.close()
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow('start it with brokers: 3')
    await using again = await EmbeddedKafka.start({ dataFolder, brokers: 3 })
    expect(again.brokerIds).toHaveLength(3)
  })

  test('is refused where it is damaged', async () => {
    await (await EmbeddedKafka.start({ dataFolder })).close()
    const file = join(dataFolder, 'cluster.snapshot')
    const bytes = readFileSync(file)
    bytes[bytes.length - 3]! ^= 1
    writeFileSync(file, bytes)
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow('is damaged')
    writeFileSync(file, 'something else')
    await expect(EmbeddedKafka.start({ dataFolder })).rejects.toThrow('no data of an embedded Kafka')
  })

  test('is needed for saving', async () => {
    await using kafka = await EmbeddedKafka.start()
    await expect(kafka.save()).rejects.toThrow('dataFolder')
  })
})
