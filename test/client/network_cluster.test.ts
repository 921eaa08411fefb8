import { afterEach, describe, expect, it } from 'vitest'
import { KafkaError } from '../../src/client/errors.ts'
import { silentLogger } from '../../src/client/logger.ts'
import { NetworkCluster } from '../../src/client/network_cluster.ts'
import type { ClusterSettings } from '../../src/client/network_cluster.ts'
import type { EncodableResponseOf } from '../../src/protocol/index.ts'
import { nodeRuntime } from '../../src/runtime/index.ts'
import { FakeBroker } from './fake_broker.ts'
import type { FakeBrokerOptions, FakeRequest, Handlers } from './fake_broker.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** Brokers that all give the same answers; node ids count from 1. */
async function brokers(count: number, handlers: Handlers = {}, own: Omit<FakeBrokerOptions, 'handlers'> = {}) {
  const list: FakeBroker[] = []
  const metadata = new Metadata(list)
  for (let index = 0; index < count; index++) {
    const answer = { Metadata: (request: FakeRequest<'Metadata'>) => metadata.answer(request) }
    const broker = await FakeBroker.start({ ...own, handlers: { ...answer, ...handlers } })
    closers.push(() => broker.close())
    list.push(broker)
  }
  return { list, metadata }
}

interface FakePartition {
  leaderId: number
  leaderEpoch: number
  errorCode?: number
}

/** What the brokers tell of their cluster. */
class Metadata {
  clusterId = 'fake'
  controllerId = 1
  topics: Record<string, { topicId?: string; errorCode?: number; partitions: FakePartition[] }> = {}
  errorCode = 0
  /** Node ids that are told; all where absent. */
  alive: number[] | undefined
  readonly #brokers: FakeBroker[]

  constructor(list: FakeBroker[]) {
    this.#brokers = list
  }

  answer({ body }: FakeRequest<'Metadata'>): EncodableResponseOf<'Metadata'> {
    const names = body.topics?.map(({ name }) => name ?? '') ?? Object.keys(this.topics)
    return {
      brokers: this.#brokers
        .map(({ port }, index) => ({ nodeId: index + 1, host: '127.0.0.1', port }))
        .filter(({ nodeId }) => this.alive?.includes(nodeId) ?? true),
      clusterId: this.clusterId,
      controllerId: this.controllerId,
      errorCode: this.errorCode,
      topics: names.map((name) => {
        const topic = this.topics[name]
        const partitions = (topic?.partitions ?? []).map(
          ({ leaderId, leaderEpoch, errorCode = 0 }, partitionIndex) => ({
            partitionIndex,
            leaderId,
            leaderEpoch,
            errorCode,
            replicaNodes: [leaderId],
            isrNodes: [leaderId]
          })
        )
        const errorCode = topic === undefined ? 3 : (topic.errorCode ?? 0)
        return { name, errorCode, partitions, ...(topic?.topicId === undefined ? {} : { topicId: topic.topicId }) }
      })
    }
  }
}

function clusterOf(addresses: readonly FakeBroker[] | readonly number[], own: Partial<ClusterSettings> = {}) {
  const cluster = new NetworkCluster({
    runtime: nodeRuntime(),
    logger: silentLogger,
    clientId: 'test',
    tls: undefined,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 2_000,
    inFlightRequestsMax: 5,
    queuedRequestsMax: 100,
    frameBytesMax: 1_000_000,
    decodedBytesMax: 20_000_000,
    retryBackoffMs: 5,
    retryBackoffMsMax: 20,
    metadataMaxAgeMs: 300_000,
    bootstrap: addresses.map((one) => ({ host: '127.0.0.1', port: typeof one === 'number' ? one : one.port })),
    ...own
  })
  closers.push(() => cluster.close())
  return cluster
}

async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (error instanceof KafkaError) return error
  throw new Error(`Expected a KafkaError, got ${String(error)}`)
}

async function closedPort(): Promise<number> {
  const broker = await FakeBroker.start()
  const { port } = broker
  await broker.close()
  return port
}

const count = (list: readonly FakeBroker[], api: 'Metadata' | 'ApiVersions' | 'FindCoordinator' | 'EndTxn') =>
  list.reduce((sum, broker) => sum + broker.received(api).length, 0)

describe('the cluster is found from any address', () => {
  it('goes on to the next bootstrap address where one is down', async () => {
    const { list } = await brokers(2)
    const cluster = clusterOf([await closedPort(), list[1]!.port])
    expect(await cluster.clusterId()).toBe('fake')
    expect((await cluster.brokers()).map(({ nodeId, port }) => [nodeId, port])).toEqual([
      [1, list[0]!.port],
      [2, list[1]!.port]
    ])
  })

  it('keeps trying until a broker comes up', async () => {
    const port = await closedPort()
    const cluster = clusterOf([port])
    const asked = cluster.clusterId()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const broker = await FakeBroker.start({ port, handlers: { Metadata: (request) => metadata.answer(request) } })
    const metadata = new Metadata([broker])
    closers.push(() => broker.close())
    expect(await asked).toBe('fake')
  })

  it('gives up with DEADLINE_EXCEEDED, and says why each address failed', async () => {
    const ports = [await closedPort(), await closedPort()]
    const error = await failure(clusterOf(ports).clusterId())
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcomeUnknown: false })
    expect(error.cause).toMatchObject({ code: 'CONNECTION_REFUSED' })
    for (const port of ports) expect(error.message).toContain(`127.0.0.1:${port}: nothing listens there`)
  })

  it('does not retry what cannot get better', async () => {
    const { list } = await brokers(1, {}, { versions: { Metadata: [0, 1] } })
    const error = await failure(clusterOf(list).clusterId())
    expect(error).toMatchObject({ code: 'BROKER_TOO_OLD', api: 'Metadata' })
    expect(error.message).toContain('versions 0 to 1')
  })

  it('begins at the bootstrap addresses again when no known broker is left', async () => {
    const first = await brokers(1)
    const second = await brokers(1)
    const cluster = clusterOf([first.list[0]!, second.list[0]!])
    // Only the first is told of, whoever is asked.
    second.metadata.answer = (request) => first.metadata.answer(request)
    expect(await cluster.brokers()).toHaveLength(1)
    await first.list[0]!.close()
    delete (second.metadata as { answer?: unknown }).answer
    expect((await cluster.brokers()).map(({ port }) => port)).toEqual([second.list[0]!.port])
  })

  it('refuses to go on with another cluster', async () => {
    const { list, metadata } = await brokers(1)
    const cluster = clusterOf(list)
    await cluster.clusterId()
    metadata.clusterId = 'another'
    expect(await failure(cluster.brokers())).toMatchObject({ code: 'CLUSTER_CHANGED', retriable: false, fatal: true })
  })

  it('asks a broker by the cluster and node that it should be, and begins anew where it is not (KIP-1242)', async () => {
    const { list, metadata } = await brokers(2)
    const cluster = clusterOf([list[0]!])
    await cluster.request({ nodeId: 2 }, 'Metadata', { topics: [] })
    expect(list[0]!.received('ApiVersions')).toMatchObject([{ clusterId: null, nodeId: -1 }])
    expect(list[1]!.received('ApiVersions')).toMatchObject([{ clusterId: 'fake', nodeId: 2 }])
    metadata.errorCode = 129
    setTimeout(() => (metadata.errorCode = 0), 50)
    expect(await cluster.brokers()).toHaveLength(2)
  })
})

describe('requests go where they belong', () => {
  const whoAmI: Handlers = { EndTxn: () => ({ errorCode: 0, throttleTimeMs: 0 }) }
  const endTxn = { transactionalId: 't', producerId: 1n, producerEpoch: 0, committed: true }

  it('to a node, to the controller, to any', async () => {
    const { list, metadata } = await brokers(3, whoAmI)
    metadata.controllerId = 3
    const cluster = clusterOf([list[0]!])
    await cluster.request({ nodeId: 2 }, 'EndTxn', endTxn)
    expect(list.map((broker) => broker.received('EndTxn').length)).toEqual([0, 1, 0])
    await cluster.request('controller', 'EndTxn', endTxn)
    expect(list.map((broker) => broker.received('EndTxn').length)).toEqual([0, 1, 1])
    await cluster.request('any', 'EndTxn', endTxn)
    expect(count(list, 'EndTxn')).toBe(3)
  })

  it('on a connection of their channel, and only one for each', async () => {
    const { list } = await brokers(1, whoAmI)
    const cluster = clusterOf(list)
    await cluster.clusterId()
    await Promise.all(
      ['default', 'fetch', 'produce', 'default', 'fetch', 'produce'].map((channel) =>
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the three names above
        cluster.request({ nodeId: 1 }, 'EndTxn', endTxn, { channel: channel as 'default' | 'fetch' | 'produce' })
      )
    )
    expect(list[0]!.sockets.size).toBe(3)
    expect(count(list, 'ApiVersions')).toBe(3)
  })

  it('in the highest version that both sides have, within the limits, and a body may depend on it', async () => {
    const { list } = await brokers(1, whoAmI, { versions: { EndTxn: [1, 4] } })
    const cluster = clusterOf(list)
    const versions: number[] = []
    const body = (version: number) => {
      versions.push(version)
      return endTxn
    }
    await cluster.request('any', 'EndTxn', body)
    await cluster.request('any', 'EndTxn', body, { versionMax: 3 })
    expect(versions).toEqual([4, 3])
    const tooHigh = await failure(cluster.request('any', 'EndTxn', body, { versionMin: 5 }))
    expect(tooHigh).toMatchObject({ code: 'BROKER_TOO_OLD', api: 'EndTxn', broker: list[0]!.address })
    expect(await failure(cluster.request('any', 'EndTxn', body, { versionMax: 0 }))).toMatchObject({
      code: 'BROKER_TOO_OLD'
    })
    expect(await cluster.negotiatedVersion('any', 'EndTxn', { versionMax: 2 })).toBe(2)
    expect(await cluster.negotiatedVersion('any', 'EndTxn', { versionMin: 5 })).toBeUndefined()
    expect(versions).toEqual([4, 3])
  })

  it('never in an unstable version unless the caller names it', async () => {
    const { list } = await brokers(1)
    const cluster = clusterOf(list)
    expect(await cluster.negotiatedVersion('any', 'InitProducerId')).toBe(5)
    expect(await cluster.negotiatedVersion('any', 'InitProducerId', { versionMax: 6 })).toBe(6)
  })

  it('a node that nobody knows: CONNECTION_REFUSED, retriable, nothing sent', async () => {
    const { list } = await brokers(1)
    expect(await failure(clusterOf(list).request({ nodeId: 9 }, 'EndTxn', endTxn))).toMatchObject({
      code: 'CONNECTION_REFUSED',
      retriable: true,
      outcomeUnknown: false
    })
  })

  it('a broker that answers nothing any more does not hold up what others can answer', async () => {
    const { list } = await brokers(2, whoAmI)
    const cluster = clusterOf([list[0]!])
    await cluster.request({ nodeId: 1 }, 'EndTxn', endTxn)
    list[0]!.handlers.EndTxn = () => 'silence'
    const stuck = Array.from({ length: 5 }, () => failure(cluster.request({ nodeId: 1 }, 'EndTxn', endTxn)))
    await expect.poll(() => list[0]!.received('EndTxn').length).toBe(6)
    await cluster.request('any', 'EndTxn', endTxn)
    expect(list[1]!.received('EndTxn')).toHaveLength(1)
    list[0]!.hangUp()
    for (const error of await Promise.all(stuck)) expect(error.code).toBe('CONNECTION_LOST')
  })

  it('a bootstrap address that no broker advertises is left again', async () => {
    const { list } = await brokers(1, whoAmI)
    const front = await FakeBroker.start({ handlers: { ...list[0]!.handlers } })
    closers.push(() => front.close())
    const cluster = clusterOf([front])
    await cluster.clusterId()
    await expect.poll(() => front.sockets.size).toBe(0)
    await cluster.request('any', 'EndTxn', endTxn)
    expect([front, list[0]!].map((broker) => broker.received('EndTxn').length)).toEqual([0, 1])
  })

  it('a broker that moved is found at its new address', async () => {
    const { list } = await brokers(2, whoAmI)
    const cluster = clusterOf([list[0]!])
    await cluster.request({ nodeId: 2 }, 'EndTxn', endTxn)
    await list[1]!.close()
    const moved = await FakeBroker.start({ handlers: { ...list[0]!.handlers } })
    closers.push(() => moved.close())
    list[1] = moved
    await expect
      .poll(() =>
        cluster.request({ nodeId: 2 }, 'EndTxn', endTxn).then(
          () => 'answered',
          () => 'failed'
        )
      )
      .toBe('answered')
    expect(moved.received('EndTxn')).toHaveLength(1)
  })

  it('a signal gives up a request that has no connection yet', async () => {
    const { list } = await brokers(1, { ApiVersions: () => 'silence' })
    const cluster = clusterOf(list)
    const reason = new Error('enough')
    const abort = new AbortController()
    const asked = cluster.request('any', 'EndTxn', endTxn, { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 20)
    await expect(asked).rejects.toBe(reason)
    await expect(cluster.topics(['a'], { signal: abort.signal })).rejects.toBe(reason)
  })

  it('a request has its time, the connecting included', async () => {
    const { list } = await brokers(1, { ApiVersions: () => 'silence' })
    const start = performance.now()
    const error = await failure(clusterOf(list).request('any', 'EndTxn', endTxn, { timeoutMs: 50 }))
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', outcomeUnknown: false })
    expect(error.nextStep).toContain('nothing answered')
    expect(error.message).toContain('within 50 ms')
    expect(performance.now() - start).toBeLessThan(1_500)
  })
})

// A topic id of its own for each letter.
function id(letter: string): string {
  return `${letter.repeat(21)}A`
}

describe('leaders', () => {
  it('are cached, and asked for again when somebody found them to be wrong', async () => {
    const { list, metadata } = await brokers(1)
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 1, leaderEpoch: 4 }] }
    const cluster = clusterOf(list)
    expect(cluster.cachedLeader('t', 0)).toBeUndefined()
    expect((await cluster.topics(['t', 't'])).get('t')).toMatchObject({ name: 't', topicId: id('C') })
    expect(cluster.cachedLeader('t', 0)).toEqual({ nodeId: 1, leaderEpoch: 4 })
    expect(cluster.cachedLeader('t', 1)).toBeUndefined()
    await cluster.topics(['t'])
    expect(count(list, 'Metadata')).toBe(1)
    cluster.invalidateTopic('t')
    expect(cluster.cachedLeader('t', 0)).toBeUndefined()
    await cluster.topics(['t'])
    expect(count(list, 'Metadata')).toBe(2)
    await cluster.topics(['t'], { refresh: true })
    expect(count(list, 'Metadata')).toBe(3)
  })

  it('never go back to an older epoch, whoever says so', async () => {
    const { list, metadata } = await brokers(1)
    const cluster = clusterOf(list)
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 2, leaderEpoch: 7 }] }
    await cluster.topics(['t'])
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 1, leaderEpoch: 6 }] }
    cluster.invalidateTopic('t')
    expect((await cluster.topics(['t'])).get('t')?.partitions).toEqual([{ partition: 0, leaderId: 2, leaderEpoch: 7 }])
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: -1, leaderEpoch: 8, errorCode: 5 }] }
    await cluster.topics(['t'], { refresh: true })
    expect(cluster.cachedLeader('t', 0)).toBeUndefined()
  })

  it('a broker that has not heard of the topic does not make the client forget its epochs', async () => {
    const { list, metadata } = await brokers(1)
    const cluster = clusterOf(list)
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 2, leaderEpoch: 7 }] }
    await cluster.topics(['t'])
    delete metadata.topics['t']
    expect((await cluster.topics(['t'], { refresh: true })).has('t')).toBe(false)
    expect(cluster.cachedLeader('t', 0)).toBeUndefined()
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 1, leaderEpoch: 6 }] }
    await cluster.topics(['t'])
    expect(cluster.cachedLeader('t', 0)).toEqual({ nodeId: 2, leaderEpoch: 7 })
  })

  it('of a topic that was made anew count from the beginning', async () => {
    const { list, metadata } = await brokers(1)
    const cluster = clusterOf(list)
    metadata.topics['t'] = { topicId: id('C'), partitions: [{ leaderId: 2, leaderEpoch: 7 }] }
    await cluster.topics(['t'])
    metadata.topics['t'] = { topicId: id('B'), partitions: [{ leaderId: 1, leaderEpoch: 0 }] }
    await cluster.topics(['t'], { refresh: true })
    expect(cluster.cachedLeader('t', 0)).toEqual({ nodeId: 1, leaderEpoch: 0 })
  })

  it('are asked for once by many who ask at once, and a later question gets a later answer', async () => {
    const { list, metadata } = await brokers(1)
    metadata.topics['a'] = { partitions: [{ leaderId: 1, leaderEpoch: 0 }] }
    metadata.topics['b'] = { partitions: [{ leaderId: 1, leaderEpoch: 0 }] }
    const cluster = clusterOf(list)
    await cluster.clusterId()
    const before = count(list, 'Metadata')
    await Promise.all(Array.from({ length: 20 }, (_, index) => cluster.topics([index % 2 === 0 ? 'a' : 'b'])))
    expect(count(list, 'Metadata')).toBe(before + 1)
    const first = cluster.topics(['a'], { refresh: true })
    await expect.poll(() => count(list, 'Metadata')).toBe(before + 2)
    await Promise.all([first, ...Array.from({ length: 5 }, () => cluster.topics(['a'], { refresh: true }))])
    expect(count(list, 'Metadata')).toBeLessThanOrEqual(before + 4)
  })

  it('of a topic that is not there are undefined; of one that is forbidden an error, for those who asked', async () => {
    const { list, metadata } = await brokers(1)
    metadata.topics['a'] = { partitions: [{ leaderId: 1, leaderEpoch: 0 }] }
    metadata.topics['secret'] = { errorCode: 29, partitions: [] }
    const cluster = clusterOf(list)
    const [good, none, bad] = await Promise.all([
      cluster.topics(['a']),
      cluster.topics(['nope']),
      failure(cluster.topics(['a', 'secret']))
    ])
    expect([...good.keys()]).toEqual(['a'])
    expect(none.size).toBe(0)
    expect(bad).toMatchObject({ kafkaCode: 29, kafkaName: 'TOPIC_AUTHORIZATION_FAILED' })
    expect(bad.message).toContain('secret')
    expect((await cluster.allTopics()).map(({ name }) => name)).toEqual(['a'])
  })

  it('grow old', async () => {
    const { list, metadata } = await brokers(1)
    metadata.topics['a'] = { partitions: [{ leaderId: 1, leaderEpoch: 0 }] }
    const cluster = clusterOf(list, { metadataMaxAgeMs: 30 })
    await cluster.topics(['a'])
    await new Promise((resolve) => setTimeout(resolve, 50))
    await cluster.topics(['a'])
    expect(count(list, 'Metadata')).toBe(2)
  })
})

describe('coordinators', () => {
  const batch: Handlers = {
    FindCoordinator: ({ body }) => ({
      coordinators: body.coordinatorKeys.map((key) => ({
        key,
        nodeId: 1,
        host: '127.0.0.1',
        port: 1,
        errorCode: 0,
        errorMessage: null
      }))
    })
  }

  it('are cached, found together, and found again when forgotten', async () => {
    const { list } = await brokers(1, batch)
    const cluster = clusterOf(list)
    const keys = ['a', 'b', 'c', 'a']
    expect(await Promise.all(keys.map((key) => cluster.coordinator('transaction', key)))).toEqual([1, 1, 1, 1])
    expect(list[0]!.received('FindCoordinator')).toMatchObject([{ keyType: 1, coordinatorKeys: ['a', 'b', 'c'] }])
    await cluster.coordinator('transaction', 'b')
    expect(count(list, 'FindCoordinator')).toBe(1)
    cluster.invalidateCoordinator('transaction', 'b')
    await cluster.coordinator('transaction', 'b')
    await cluster.coordinator('group', 'b')
    expect(list[0]!.received('FindCoordinator').slice(1)).toMatchObject([
      { keyType: 1, coordinatorKeys: ['b'] },
      { keyType: 0, coordinatorKeys: ['b'] }
    ])
  })

  it('are found one by one where the broker takes one key only', async () => {
    const { list } = await brokers(
      1,
      { FindCoordinator: ({ body }) => ({ errorCode: 0, nodeId: Number(body.key), host: '127.0.0.1', port: 1 }) },
      { versions: { FindCoordinator: [0, 2] } }
    )
    const cluster = clusterOf(list)
    const found = await Promise.all(['3', '1', '2'].map((key) => cluster.coordinator('group', key)))
    expect(found).toEqual([3, 1, 2])
  })

  it('that are not available yet are asked for again; other codes are errors', async () => {
    let left = 3
    const { list } = await brokers(1, {
      FindCoordinator: ({ body }) => ({
        coordinators: body.coordinatorKeys.map((key) => {
          const errorCode = key === 'forbidden' ? 30 : left-- > 0 ? 15 : 0
          return { key, nodeId: errorCode === 0 ? 1 : -1, host: '', port: -1, errorCode, errorMessage: null }
        })
      })
    })
    const cluster = clusterOf(list)
    expect(await cluster.coordinator('group', 'a')).toBe(1)
    expect(count(list, 'FindCoordinator')).toBe(4)
    expect(await failure(cluster.coordinator('group', 'forbidden'))).toMatchObject({ kafkaCode: 30, retriable: false })
  })
})

describe('the transaction version follows the finalized features', () => {
  it.each([
    ['none', -1n, {}, 0],
    ['0', 5n, { 'transaction.version': 0 }, 0],
    ['1', 5n, { 'transaction.version': 1 }, 1],
    ['2', 5n, { 'transaction.version': 2 }, 2],
    ['3', 5n, { 'transaction.version': 3 }, 2],
    ['only others', 5n, { 'metadata.version': 30 }, 0],
    ['2 that is not final', -1n, { 'transaction.version': 2 }, 0]
  ] as const)('%s', async (_name, epoch, levels, expected) => {
    const { list } = await brokers(1, {}, { features: { epoch, levels } })
    expect(await clusterOf(list).transactionVersion()).toBe(expected)
  })

  it('are those of the newest epoch that any broker told', async () => {
    const { list } = await brokers(2)
    list[0]!.features = { epoch: 8n, levels: { 'transaction.version': 2 } }
    list[1]!.features = { epoch: 5n, levels: { 'transaction.version': 1 } }
    const cluster = clusterOf([list[0]!])
    expect(await cluster.transactionVersion()).toBe(2)
    await cluster.request({ nodeId: 2 }, 'Metadata', { topics: [] })
    expect(await cluster.transactionVersion()).toBe(2)
    list[1]!.features = { epoch: 9n, levels: { 'transaction.version': 1 } }
    await cluster.request({ nodeId: 2 }, 'Metadata', { topics: [] }, { channel: 'fetch' })
    expect(await cluster.transactionVersion()).toBe(1)
  })
})

describe('close', () => {
  it('ends what is under way with CLOSED and leaves no connection', async () => {
    const { list } = await brokers(2, { EndTxn: () => 'silence' })
    const cluster = clusterOf(list)
    const endTxn = { transactionalId: 't', producerId: 1n, producerEpoch: 0, committed: true }
    await cluster.clusterId()
    const sent = failure(cluster.request({ nodeId: 1 }, 'EndTxn', endTxn))
    await expect.poll(() => count(list, 'EndTxn')).toBe(1)
    await cluster.close()
    await cluster.close()
    expect(await sent).toMatchObject({ code: 'CLOSED', outcomeUnknown: true })
    for (const asked of [
      cluster.request('any', 'EndTxn', endTxn),
      cluster.brokers(),
      cluster.coordinator('group', 'a'),
      cluster.negotiatedVersion({ nodeId: 2 }, 'EndTxn')
    ]) {
      expect(await failure(asked)).toMatchObject({ code: 'CLOSED', outcomeUnknown: false, retriable: false })
    }
    await expect.poll(() => list.map(({ sockets }) => sockets.size)).toEqual([0, 0])
  })

  it('ends waiting for a cluster that is not there, and a handshake, at once', async () => {
    const { list } = await brokers(1, { ApiVersions: () => 'silence' })
    for (const addresses of [[await closedPort()], list]) {
      const cluster = clusterOf(addresses, { retryBackoffMs: 10_000, retryBackoffMsMax: 10_000 })
      const asked = failure(cluster.clusterId())
      await new Promise((resolve) => setTimeout(resolve, 50))
      const start = performance.now()
      await cluster.close()
      expect(await asked).toMatchObject({ code: 'CLOSED' })
      expect(performance.now() - start).toBeLessThan(5_000)
    }
  })
})
