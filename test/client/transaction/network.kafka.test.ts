// Transactions over a network that loses replies, cuts connections and delivers requests again when nobody expects them
// any more (KAFKA-17754): each is committed once and as a whole, and a late request never ends or marks another one.
import { Kafka } from 'kafka-once'
import type { TransactionalProducer } from 'kafka-once'
import { apis, decodeResponse } from 'kafka-once/protocol'
import type { ApiName } from 'kafka-once/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCommitted, scanTopic } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { startProxiedBroker } from '../../proxy/tcp_proxy.ts'
import type { Frame, Interception, ProxiedBroker, TcpProxy } from '../../proxy/tcp_proxy.ts'
import { newPlace, newProducer } from './settling.ts'
import type { Place } from './settling.ts'

const fates = {
  'lost request': { fate: 'cut' },
  'lost reply': { direction: 'response', fate: 'cut' },
  'request cut inside': { fate: 'cutInside' },
  silence: { direction: 'response', fate: 'hold' }
} as const satisfies Readonly<Record<string, Omit<Interception, 'apiKey'>>>

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table
const fateNames = Object.keys(fates) as (keyof typeof fates)[]

async function commitOne(producer: TransactionalProducer, { topic }: Place, value: string): Promise<string> {
  const transaction = producer.beginTransaction()
  for (const partition of [0, 1]) await transaction.append(topic, partition, null, Buffer.from(value))
  return (await transaction.commit()).kind
}

async function expectVisible({ bootstrap, topic }: Place, values: readonly string[]): Promise<void> {
  const visible = async () =>
    (await readCommitted(bootstrap, topic)).map(({ value }) => Buffer.from(value ?? []).toString())
  await expect.poll(visible, { timeout: 10_000 }).toEqual([...values, ...values])
}

describeBrokers('a transaction over a bad network', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let proxied: ProxiedBroker
    let proxy: TcpProxy
    let kafka: Kafka

    beforeAll(async () => {
      proxied = await startProxiedBroker({ transactionVersion })
      proxy = proxied.proxies[0]!
      kafka = new Kafka({ brokers: [proxied.bootstrap], requestTimeoutMs: 1_000 })
    })
    afterAll(async () => {
      await kafka?.close()
      await proxied?.[Symbol.asyncDispose]()
    })

    const place = (what: string): Promise<Place> => newPlace(proxied.bootstrap, kafka, what)

    const all = [
      'InitProducerId',
      'AddPartitionsToTxn',
      'AddOffsetsToTxn',
      'Produce',
      'TxnOffsetCommit',
      'EndTxn'
    ] as const
    const used = all.filter((api) => transactionVersion < 2 || !api.startsWith('Add'))

    describe.each(used)('where %s meets', (api) => {
      test.each(fateNames)('a %s is committed once and as a whole', async (fate) => {
        const it = await place('fate')
        const producer = newProducer(it, { requestTimeoutMs: 1_000 })
        const values = ['first', 'second', 'third']
        for (const value of values) {
          const met = value === 'second' || api === 'InitProducerId' ? interceptBy(api, fate) : undefined
          expect(['committed', 'alreadyCommitted']).toContain(await commitOne(producer, it, value))
          met?.cancel()
        }
        await expectVisible(it, values)
        for (const { transactions } of (await scanTopic(it.bootstrap, it.topic)).slice(0, 2)) {
          expect(transactions.map(({ outcome }) => outcome)).toEqual(['COMMIT', 'COMMIT', 'COMMIT'])
        }
      })
    })

    test('is not ended by an EndTxn of the one before that arrives late', async () => {
      const it = await place('late')
      const producer = newProducer(it)
      const endTxn = proxy.intercept({ apiKey: apis.EndTxn.key, fate: 'pass', count: 100 })
      const offsets = proxy.intercept({ apiKey: apis.TxnOffsetCommit.key, fate: 'pass', count: 100 })
      for (let n = 0; n < 10; n++) {
        expect(await commitOne(producer, it, `committed ${n}`)).toBe('committed')
        const next = producer.beginTransaction()
        await next.send([0, 1].map((partition) => ({ topic: it.topic, partition, value: `aborted ${n}` })))
        const late = endTxn.frames.at(-1)!
        expect(await replayedCode(late, 'EndTxn')).not.toBe(0)
        const scans = (await scanTopic(it.bootstrap, it.topic)).slice(0, 2)
        expect(scans.map(({ transactions }) => transactions.at(-1)?.outcome)).toEqual(['open', 'open'])
        // Nor does the witness of the one before come back.
        expect(await replayedCode(offsets.frames.at(-1)!, 'TxnOffsetCommit')).not.toBe(0)
        await next.abort()
      }
      endTxn.cancel()
      offsets.cancel()
      await expectVisible(
        it,
        Array.from({ length: 10 }, (_, n) => `committed ${n}`)
      )
    })

    test('is committed when the process comes back to it after EndTxn was lost for good', async () => {
      const it = await place('deadline')
      const producer = newProducer(it)
      const transaction = producer.beginTransaction()
      await transaction.send([0, 1].map((partition) => ({ topic: it.topic, partition, value: 'v' })))
      const handle = await transaction.prepare()
      const lost = proxy.intercept({ apiKey: apis.EndTxn.key, direction: 'response', fate: 'cut', count: 1_000 })
      await expect(transaction.commit({ deadlineMs: 1_000 })).rejects.toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        outcomeUnknown: true
      })
      expect(transaction.state).toBe('committing')
      await expect(transaction.abort()).rejects.toMatchObject({ code: 'INVALID_STATE' })
      expect((await kafka.resumeTransaction(handle).abort()).kind).toBe('alreadyCommitted')
      lost.cancel()
      expect(['committed', 'alreadyCommitted']).toContain((await transaction.commit()).kind)
      expect(await commitOne(producer, it, 'next')).toBe('committed')
      await expectVisible(it, ['v', 'next'])
    })

    function interceptBy(api: ApiName, fate: keyof typeof fates) {
      return proxy.intercept({ apiKey: apis[api].key, ...fates[fate] })
    }

    async function replayedCode(frame: Frame, api: 'EndTxn' | 'TxnOffsetCommit'): Promise<number> {
      const reply = await proxy.replay(frame)
      if (api === 'EndTxn') return decodeResponse(api, frame.version, reply).body.errorCode
      return decodeResponse(api, frame.version, reply).body.topics[0]?.partitions[0]?.errorCode ?? -1
    }
  })
})
