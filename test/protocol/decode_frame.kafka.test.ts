// Whatever passes between the client and a real Kafka can be told from its bytes alone, as a capture has them.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import { apis, decodeFrame } from 'kafka-once/protocol'
import type { KnownRequest } from 'kafka-once/protocol'
import { describeJars } from '../broker/real_kafka.ts'
import { startProxiedBroker } from '../proxy/tcp_proxy.ts'
import type { Frame, ProxiedBroker } from '../proxy/tcp_proxy.ts'

const topic = 'captured'

describeJars('frames of a real Kafka', () => {
  let proxied: ProxiedBroker
  const captured: Frame[] = []

  beforeAll(async () => {
    proxied = await startProxiedBroker()
    const [proxy] = proxied.proxies
    const all = { count: Number.POSITIVE_INFINITY, fate: 'pass' } as const
    const captures = (['request', 'response'] as const).map((direction) => proxy!.intercept({ ...all, direction }))
    await session(proxied.bootstrap)
    for (const capture of captures) {
      captured.push(...capture.frames)
      capture.cancel()
    }
  })
  afterAll(async () => proxied?.[Symbol.asyncDispose]())

  test('are told, with and without their size, in either direction', () => {
    const requests: KnownRequest[] = []
    const seen = new Set<string>()
    for (const { direction, apiKey, version, correlationId, bytes } of captured) {
      // Every connection counts from the same number, so a response is given the requests of its own API alone.
      const known = requests.filter(({ api }) => apis[api].key === apiKey)
      for (const given of [bytes, bytes.subarray(4)]) {
        const report = decodeFrame(given, direction === 'request' ? {} : { direction, requests: known })
        if (report.kind === 'unreadable') throw new Error(report.text)
        expect(report).toMatchObject({ kind: direction, version, correlationId })
        expect(report.text).toMatch(`${report.api} ${direction} v${version}, correlation id ${correlationId}`)
        if (given === bytes && report.kind === 'request') requests.push(report)
        seen.add(`${direction} ${report.api}`)
      }
    }
    for (const api of ['ApiVersions', 'Metadata', 'InitProducerId', 'Produce', 'EndTxn', 'Fetch', 'CreateTopics']) {
      expect(seen).toContain(`request ${api}`)
      expect(seen).toContain(`response ${api}`)
    }
  })
})

/** Makes a topic, writes a transaction and reads it. */
async function session(bootstrap: string): Promise<void> {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: 'captured' })
  try {
    await kafka.admin().createTopics([{ topic, partitionCount: 1, replicationFactor: 1 }])
    const producer = kafka.transactionalProducer({ transactionalId: 'captured' })
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, key: 'k', value: 'v' })
    await transaction.commit()
    const consumer = kafka.consumer({ isolationLevel: 'read_committed' })
    await consumer.assign([{ topic, partition: 0, position: 'earliest' }])
    for await (const batch of consumer.batches()) {
      expect(batch).toBeDefined()
      break
    }
    await consumer.close()
    await producer.close()
  } finally {
    await kafka.close()
  }
}
