// A test's broker is worth what it promises: it is really there, survives what the test does to it, and leaves nothing.
import { connect } from 'node:net'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quickRestart, startBroker } from './broker.ts'
import { askBroker, createTopic } from './probe.ts'
import { processStartTime } from './processes.ts'
import { describeBrokers, describeJars, describeKafka } from './real_kafka.ts'

const produceKey = 0
const kept = { name: 'kept', partitions: 1 }
const alreadyExists = 36

describeKafka('the broker shared by the run', ({ bootstrap }) => {
  test('answers with its versions and nodes', async () => {
    const { apis, nodes } = await askBroker(bootstrap.split(',')[0] ?? '')
    expect(apis.get(produceKey)).toBeGreaterThan(0)
    expect(nodes.length).toBeGreaterThan(0)
  })
})

describeBrokers('a broker of a test', () => {
  test('comes back on its port with its data after it was killed', async () => {
    await using broker = await startBroker({ config: quickRestart })
    expect(await createTopic(broker.bootstrap, kept)).toBe(0)
    await broker.kill()
    await expect(askBroker(broker.bootstrap)).rejects.toThrow('ECONNREFUSED')
    await broker.start()
    expect(await createTopic(broker.bootstrap, kept)).toBe(alreadyExists)
  })

  test('leaves its data in a folder to the next one', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'kafka-once-kept-'))
    try {
      {
        await using broker = await startBroker({ dataFolder })
        expect(await createTopic(broker.bootstrap, kept)).toBe(0)
        await broker.stop()
      }
      await using next = await startBroker({ dataFolder })
      expect(await createTopic(next.bootstrap, kept)).toBe(alreadyExists)
    } finally {
      rmSync(dataFolder, { recursive: true, force: true })
    }
  })

  test('answers nothing while it is paused', async () => {
    await using broker = await startBroker()
    broker.pause()
    await expect(askBroker(broker.bootstrap, { timeoutMs: 300 })).rejects.toThrow('no answer within 300 ms')
    broker.resume()
    await expect(askBroker(broker.bootstrap)).resolves.toBeDefined()
  })

  test('of three nodes lives on without one', async () => {
    await using broker = await startBroker({ nodes: 3, config: quickRestart })
    expect(broker.nodes.map(({ id }) => id)).toEqual([1, 2, 3])
    const topic = { name: 'replicated', partitions: 3, replicationFactor: 3 }
    expect(await createTopic(broker.bootstrap.split(',')[0] ?? '', topic)).toBe(0)
    await broker.kill(1)
    const left = broker.nodes[1]?.address ?? ''
    await expect.poll(async () => (await askBroker(left)).nodes.length, { timeout: 30_000 }).toBe(2)
    await broker.start(1)
    await expect.poll(async () => (await askBroker(left)).nodes.length, { timeout: 30_000 }).toBe(3)
  })
})

describeJars('a broker of a test, as a process', () => {
  test('is another process after it was killed', async () => {
    await using broker = await startBroker({ config: quickRestart })
    const pid = broker.pid()
    await broker.kill()
    expect(processStartTime(pid)).toBeUndefined()
    await broker.start()
    expect(broker.pid()).not.toBe(pid)
  })

  test.for(['3.9.1', '2.8.2', '1.1.1'] as const)('of version %s starts', async (version) => {
    await using broker = await startBroker({ version })
    const { apis } = await askBroker(broker.bootstrap)
    const newest = { '3.9.1': 11, '2.8.2': 9, '1.1.1': 5 }
    expect(apis.get(produceKey)).toBe(newest[version])
  })

  test('is gone from its port when it is disposed of', async () => {
    const broker = await startBroker()
    const { pid, port } = { pid: broker.pid(), port: Number(broker.bootstrap.split(':')[1]) }
    await broker[Symbol.asyncDispose]()
    expect(processStartTime(pid)).toBeUndefined()
    const socket = connect({ host: '127.0.0.1', port })
    const [error] = await once(socket, 'error').catch((reason: unknown) => [reason])
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})
