// Tests tell the embedded Kafka what to do with requests: wait, answer otherwise, lose the reply, cut the connection.
import { errorCode } from 'kafka-once/protocol'
import { EmbeddedKafka } from 'kafka-once/testing'
import { Kafka } from 'kafka-once'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { batch, Site } from './site.ts'

let kafka: EmbeddedKafka
let site: Site

beforeEach(async () => {
  kafka = await EmbeddedKafka.start()
  site = await Site.open(kafka.bootstrap)
})

afterEach(async () => {
  site[Symbol.dispose]()
  await kafka.close()
})

const refusal = (errorName: 'CORRUPT_MESSAGE' | 'NOT_COORDINATOR') => ({
  throttleTimeMs: 0,
  errorCode: errorCode[errorName],
  producerId: -1n,
  producerEpoch: -1
})

async function askForId(): Promise<number> {
  const request = { transactionalId: null, transactionTimeoutMs: 1_000 }
  return (await site.wire.request('InitProducerId', 5, request)).errorCode
}

/** What comes, or that nothing came so far. */
function orWaits(answer: Promise<unknown>): Promise<unknown> {
  return Promise.race([answer, sleep(20, 'waits')])
}

describe('a control', () => {
  test('answers the next request, and only that', async () => {
    kafka.control('InitProducerId', () => ({ answer: refusal('NOT_COORDINATOR') }))
    expect([await askForId(), await askForId()]).toEqual([errorCode.NOT_COORDINATOR, 0])
  })

  test('answers until it is cancelled, where it is kept', async () => {
    const control = kafka.control('InitProducerId', () => ({ answer: refusal('NOT_COORDINATOR') }), { keep: true })
    const codes = [await askForId(), await askForId()]
    control.cancel()
    expect([...codes, await askForId()]).toEqual([errorCode.NOT_COORDINATOR, errorCode.NOT_COORDINATOR, 0])
  })

  test('sees the request, and may leave it alone', async () => {
    const seen: unknown[] = []
    const look = ({ api, version, clientId, brokerId, body }: Parameters<Parameters<typeof kafka.control>[1]>[0]) => {
      seen.push([api, version, clientId, brokerId, Object.keys(body).includes('transactionalId')])
      return undefined
    }
    kafka.control('InitProducerId', look)
    expect(await askForId()).toBe(0)
    expect(seen).toEqual([['InitProducerId', 5, 'judge', 1, true]])
  })

  test('delays a request, or its reply', async () => {
    const topic = await site.topic()
    kafka.control('Produce', () => ({ delayMs: 5_000 }))
    kafka.control('Produce', () => ({ replyDelayMs: 5_000 }))
    const first = site.produce(topic, batch())
    expect(await orWaits(first)).toBe('waits')
    expect(kafka.log(topic.name, 0).endOffset).toBe(0n)
    await kafka.advanceTime(5_000)
    expect(await first).toMatchObject({ baseOffset: 0n })
    const second = site.produce(topic, batch())
    await expect.poll(() => kafka.log(topic.name, 0).endOffset).toBe(2n)
    expect(await orWaits(second)).toBe('waits')
    await kafka.advanceTime(5_000)
    expect(await second).toMatchObject({ baseOffset: 1n })
  })

  test('waits for a promise', async () => {
    kafka.control('InitProducerId', async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return { answer: refusal('NOT_COORDINATOR') }
    })
    expect(await askForId()).toBe(errorCode.NOT_COORDINATOR)
  })

  test('loses the reply to a request that was served', async () => {
    const topic = await site.topic()
    kafka.control('Produce', () => ({ reply: 'drop' }))
    void site.produce(topic, batch()).catch(() => {})
    expect(await site.produce(topic, batch())).toMatchObject({ baseOffset: 1n })
  })

  test('cuts the connection after the request was served, or before', async () => {
    const topic = await site.topic()
    kafka.control('Produce', () => ({ reply: 'cut' }))
    await expect(site.produce(topic, batch())).rejects.toThrow()
    expect(kafka.log(topic.name, 0).endOffset).toBe(1n)
    using other = await Site.open(kafka.bootstrap)
    kafka.control('Produce', () => ({ serve: false, reply: 'cut' }))
    await expect(other.produce(topic, batch())).rejects.toThrow()
    expect(kafka.log(topic.name, 0).endOffset).toBe(1n)
  })

  test('concerns one broker, where it says so', async () => {
    await using two = await EmbeddedKafka.start({ brokers: 2 })
    using first = await Site.open(two.addresses[0]!)
    using second = await Site.open(two.addresses[1]!)
    two.control('InitProducerId', () => ({ answer: refusal('NOT_COORDINATOR') }), { brokerId: 2 })
    const request = { transactionalId: null, transactionTimeoutMs: 1_000 }
    expect((await first.wire.request('InitProducerId', 5, request)).errorCode).toBe(0)
    expect((await second.wire.request('InitProducerId', 5, request)).errorCode).toBe(errorCode.NOT_COORDINATOR)
  })

  test('is refused where it could never do anything', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what programs without types may give
    expect(() => kafka.control('produce' as 'Produce', () => ({}))).toThrow('control knows no API produce')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what programs without types may give
    expect(() => kafka.control('Produce', undefined as never)).toThrow('control of Produce needs a function')
    expect(() => kafka.control('Produce', () => ({}), { brokerId: 2 })).toThrow('There is no broker 2: the ids are 1')
  })

  test.each<[string, () => object]>([
    ['throws', () => Promise.reject(new Error('the test is wrong'))],
    ['says what means nothing', () => ({ delay: 5 })],
    ['answers what cannot be sent', () => ({ answer: { errorCode: 'x' } })]
  ])('that %s cuts the connection, and is told', async (_, handler) => {
    const told = new Promise<Error>((resolve) => {
      const listeners = process.listeners('unhandledRejection')
      process.removeAllListeners('unhandledRejection')
      process.once('unhandledRejection', (error) => {
        for (const listener of listeners) process.on('unhandledRejection', listener)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all of them are
        resolve(error as Error)
      })
    })
    kafka.control('InitProducerId', handler)
    await expect(askForId()).rejects.toThrow()
    expect((await told).message).toMatch(/the test is wrong|means nothing; known are delayMs|A number is needed/)
  })

  test('lets a client show that it repeats what may be lost', async () => {
    await using client = new Kafka({ brokers: [kafka.bootstrap] })
    await client.admin().createTopics([{ topic: 'repeated', partitionCount: 1 }])
    kafka.control('Produce', () => ({ reply: 'cut' }))
    const [sent] = await client.producer().send({ topic: 'repeated', value: 'once' })
    expect(sent).toMatchObject({ baseOffset: 0n })
    expect(kafka.log('repeated', 0).endOffset).toBe(1n)
  })
})

describe('closing', () => {
  test('ends everything that waits', async () => {
    const topic = await site.topic()
    const waiting = site.fetch(topic, { maxWaitMs: 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const ended = expect(waiting).rejects.toThrow()
    await kafka.close()
    await ended
    await kafka.close()
  })

  test('refuses a port that is taken, and leaves nothing behind', async () => {
    const port = Number(kafka.bootstrap.split(':')[1])
    await expect(EmbeddedKafka.start({ brokers: 2, ports: [0, port] })).rejects.toThrow('EADDRINUSE')
  })
})
