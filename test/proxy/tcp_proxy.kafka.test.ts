// The proxy breaks what it was told to break and nothing else, seen from a plain connection through it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeResponse } from 'kafka-once/protocol'
import { quickRestart } from '../broker/broker.ts'
import { askBroker } from '../broker/probe.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { Wire } from '../broker/wire.ts'
import { startProxiedBroker } from './tcp_proxy.ts'
import type { ProxiedBroker, TcpProxy } from './tcp_proxy.ts'

const metadataKey = 3
const initProducerIdKey = 22
const shortMs = 300

async function brokers(wire: Wire, timeoutMs?: number) {
  return (await wire.request('Metadata', 1, { topics: [] }, timeoutMs)).brokers
}

describeBrokers('a proxy before a broker', () => {
  let proxied: ProxiedBroker
  let proxy: TcpProxy

  beforeAll(async () => {
    proxied = await startProxiedBroker({ config: quickRestart })
    proxy = proxied.proxies[0]!
  })
  afterAll(async () => proxied?.[Symbol.asyncDispose]())

  test('is what the broker sends clients to', async () => {
    const { nodes } = await askBroker(proxied.bootstrap)
    expect(nodes.map(({ host, port }) => `${host}:${port}`)).toEqual([proxy.address])
    expect(proxied.broker.nodes[0]?.address).not.toBe(proxy.address)
  })

  test('cuts all connections and takes new ones', async () => {
    using wire = await Wire.open(proxy.address)
    await brokers(wire)
    proxy.cut()
    await expect(brokers(wire)).rejects.toThrow(/ECONNRESET|closed/)
    using next = await Wire.open(proxy.address)
    expect(await brokers(next)).toHaveLength(1)
  })

  test('refuses new connections', async () => {
    proxy.refuse(true)
    await expect(Wire.open(proxy.address).then((wire) => brokers(wire))).rejects.toThrow(/ECONNRESET|closed/)
    proxy.refuse(false)
    using next = await Wire.open(proxy.address)
    expect(await brokers(next)).toHaveLength(1)
  })

  test('leaves a connection half open and heals', async () => {
    using wire = await Wire.open(proxy.address)
    proxy.setTraffic('response', { swallow: true })
    await expect(brokers(wire, shortMs)).rejects.toThrow('did not answer')
    proxy.setTraffic('response', {})
    expect(await brokers(wire)).toHaveLength(1)
  })

  test('delays and slices bytes', async () => {
    using wire = await Wire.open(proxy.address)
    proxy.setTraffic('both', { delayMs: 100, sliceBytes: 3 })
    const start = performance.now()
    expect(await brokers(wire)).toHaveLength(1)
    expect(performance.now() - start).toBeGreaterThan(190)
    proxy.setTraffic('both', {})
  })

  test('drops the reply of one API and passes the others', async () => {
    using wire = await Wire.open(proxy.address)
    const dropped = proxy.intercept({ direction: 'response', apiKey: metadataKey, fate: 'drop' })
    await expect(brokers(wire, shortMs)).rejects.toThrow('did not answer')
    expect(await dropped.first).toMatchObject({ apiKey: metadataKey, version: 1 })
    expect(await brokers(wire)).toHaveLength(1)
    expect(dropped.frames).toHaveLength(1)
  })

  test('holds a reply until it is released', async () => {
    using wire = await Wire.open(proxy.address)
    const held = proxy.intercept({ direction: 'response', apiKey: metadataKey, fate: 'hold' })
    let answered = false
    const reply = brokers(wire).then((nodes) => {
      answered = true
      return nodes
    })
    await held.first
    await new Promise((resolve) => setTimeout(resolve, shortMs))
    expect(answered).toBe(false)
    held.release()
    expect(await reply).toHaveLength(1)
  })

  test.for(['cut', 'cutInside'] as const)('ends a connection: %s', async (fate) => {
    using wire = await Wire.open(proxy.address)
    proxy.intercept({ direction: 'response', apiKey: metadataKey, fate })
    await expect(brokers(wire)).rejects.toThrow(/ECONNRESET|closed/)
  })

  test('passes a request on and loses its reply with the connection', async () => {
    const transactionalId = 'reply-lost'
    const init = { transactionalId, transactionTimeoutMs: 10_000 }
    using first = await Wire.open(proxy.address)
    await expect
      .poll(async () => (await first.request('FindCoordinator', 1, { key: transactionalId, keyType: 1 })).errorCode)
      .toBe(0)
    await expect.poll(async () => (await first.request('InitProducerId', 1, init)).errorCode).toBe(0)
    const before = await first.request('InitProducerId', 1, init)
    proxy.intercept({ direction: 'response', apiKey: initProducerIdKey, fate: 'cut' })
    await expect(first.request('InitProducerId', 1, init)).rejects.toThrow(/ECONNRESET|closed/)
    using second = await Wire.open(proxy.address)
    const after = await second.request('InitProducerId', 1, init)
    expect(after.producerEpoch).toBe(before.producerEpoch + 2)
  })

  test('repeats a request later on another connection', async () => {
    using wire = await Wire.open(proxy.address)
    const seen = proxy.intercept({ apiKey: initProducerIdKey, fate: 'pass' })
    const init = { transactionalId: 'reply-lost', transactionTimeoutMs: 10_000 }
    const first = await wire.request('InitProducerId', 1, init)
    const repeated = decodeResponse('InitProducerId', 1, await proxy.replay(await seen.first)).body
    expect(repeated.producerEpoch).toBe(first.producerEpoch + 1)
  })

  test('flips a bit of a reply', async () => {
    using wire = await Wire.open(proxy.address)
    const told = JSON.stringify(await wire.request('Metadata', 1, { topics: [] }))
    proxy.intercept({ direction: 'response', apiKey: metadataKey, fate: 'flipBit' })
    const flipped = await wire.request('Metadata', 1, { topics: [] }).then((body) => JSON.stringify(body), String)
    expect(flipped).not.toBe(told)
  })

  test('leads to the broker again after it was killed', async () => {
    using wire = await Wire.open(proxy.address)
    await brokers(wire)
    await proxied.broker.kill()
    await expect(brokers(wire)).rejects.toThrow(/ECONNRESET|closed/)
    await proxied.broker.start()
    using next = await Wire.open(proxy.address)
    expect(await brokers(next)).toHaveLength(1)
  })
})
