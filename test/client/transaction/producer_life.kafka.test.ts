// A transactional producer outlives its transactions: whatever goes wrong in one, the next one works, or another producer
// has taken over and the error says so. What is visible afterwards is what was said to be committed, and nothing else.
import { Kafka, KafkaError, TransactionalProducer } from 'kafka-once'
import type { Transaction, Verdict } from 'kafka-once'
import { errorByCode, errorCode, kafkaErrors } from 'kafka-once/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { readCommitted, scanTopic } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { InjectingCluster } from './injecting_cluster.ts'
import type { Injection } from './injecting_cluster.ts'
import { current, newPlace, newProducer, prepareOne, uniqueName } from './settling.ts'
import type { Place } from './settling.ts'

const timeoutSettings = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' }

async function failure(work: Promise<unknown>): Promise<KafkaError> {
  const error: unknown = await work.catch((reason: unknown) => reason)
  if (error instanceof KafkaError) return error
  throw new Error(`A KafkaError was expected, not ${String(error)}`)
}

async function commitOne(producer: TransactionalProducer, { topic }: Place, value: string): Promise<Verdict> {
  const transaction = producer.beginTransaction()
  await transaction.append(topic, 0, null, Buffer.from(value))
  return transaction.commit()
}

async function visible({ bootstrap, topic }: Place): Promise<string[]> {
  return (await readCommitted(bootstrap, topic)).map(({ value }) => Buffer.from(value ?? []).toString())
}

async function tryCommit(
  producer: TransactionalProducer,
  { topic }: Place,
  value: string
): Promise<{ readonly committed: string[]; readonly error: KafkaError | undefined }> {
  let transaction: Transaction | undefined
  try {
    transaction = producer.beginTransaction()
    await transaction.append(topic, 0, null, Buffer.from(value))
    const verdict = await transaction.commit()
    const isCommitted = verdict.kind === 'committed' || verdict.kind === 'alreadyCommitted'
    return { committed: isCommitted ? [value] : [], error: undefined }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    if (transaction?.state === 'prepared') {
      // The end itself was refused, as for a missing permission: it is tried again.
      const verdict = await transaction.commit()
      const isCommitted = verdict.kind === 'committed' || verdict.kind === 'alreadyCommitted'
      return { committed: isCommitted ? [value] : [], error: undefined }
    }
    return { committed: [], error }
  }
}

async function expectEnded({ bootstrap, topic }: Place, outcome: string): Promise<void> {
  const last = async () => (await scanTopic(bootstrap, topic))[0]?.transactions.at(-1)?.outcome
  await expect.poll(last, { timeout: 20_000 }).toBe(outcome)
}

// One transaction that meets the failure, and one behind it.
async function injectOne(
  it: Place,
  injecting: InjectingCluster,
  injection: Injection,
  committed: string[],
  n: number
): Promise<void> {
  const { api, code } = injection
  const what = `${api} ${injection.when} ${code === undefined ? 'connection lost' : errorByCode(code).name}`
  const transactionalId = `${it.transactionalId}-${injection.when}-${n}`
  const producer = new TransactionalProducer(injecting.cluster, { transactionalId, deliveryTimeoutMs: 20_000 })
  // Below version 2 the second transaction takes an epoch too.
  const isFirst = api === 'InitProducerId' && n % 2 === 0
  if (!isFirst) committed.push(...(await tryCommit(producer, it, `${what} warm`)).committed)
  const before = injecting.injected
  injecting.next = injection
  const met = await tryCommit(producer, it, `${what} met`)
  committed.push(...met.committed)
  const wasMet = injecting.injected > before
  if (api !== 'InitProducerId') expect(wasMet, what).toBe(true)
  injecting.next = undefined
  const next = await tryCommit(producer, it, `${what} next`)
  committed.push(...next.committed)
  if (next.error !== undefined) {
    expect(next.error.code, `${what}: ${next.error.message}`).toBe('PRODUCER_FENCED')
    const fresh = new TransactionalProducer(injecting.cluster, { transactionalId })
    const last = await tryCommit(fresh, it, `${what} fresh`)
    committed.push(...last.committed)
    expect(last.error, what).toBeUndefined()
    await fresh.close()
  }
  await producer.close()
}

describeBrokers('a transactional producer', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker
    let kafka: Kafka

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion, config: timeoutSettings })
      kafka = new Kafka({ brokers: [broker.bootstrap] })
    })
    afterAll(async () => {
      await kafka?.close()
      await broker?.[Symbol.asyncDispose]()
    })

    const place = (what: string): Promise<Place> => newPlace(broker.bootstrap, kafka, what)

    test('commits one transaction behind the other, each with the witness of the one before', async () => {
      const it = await place('chain')
      const producer = newProducer(it)
      let previous: string | null = null
      for (let n = 0; n < 20; n++) {
        const handle = await prepareOne(producer, it, `v${n}`)
        expect(handle.witness).toMatchObject({ previousRandomId: previous, offset: String(n), topic: it.topic })
        previous = handle.witness?.randomId ?? null
        const transaction = current(producer)
        expect(transaction.state).toBe('prepared')
        expect(await transaction.commit()).toEqual({ kind: 'committed' })
        expect(await transaction.commit()).toEqual({ kind: 'alreadyCommitted' })
      }
      await expect.poll(() => visible(it), { timeout: 10_000 }).toHaveLength(40)
      // A later life of the id goes on where the ledger stands.
      const again = await prepareOne(newProducer(it), it)
      expect(again.witness).toMatchObject({ previousRandomId: previous, offset: '20' })
    })

    test('writes large transactions to many partitions in order', async () => {
      const it = await place('large')
      const producer = newProducer(it, { batchBytesMax: 2_000, bufferBytesMax: 50_000 })
      const transaction = producer.beginTransaction()
      for (let n = 0; n < 5_000; n++) {
        const wait = transaction.append(it.topic, n % 3, null, Buffer.from(String(n)))
        if (wait !== undefined) await wait
      }
      expect(await transaction.commit()).toEqual({ kind: 'committed' })
      await expect.poll(() => visible(it), { timeout: 10_000 }).toHaveLength(5_000)
      const values = await visible(it)
      for (const partition of [0, 1, 2]) {
        const own = values.map(Number).filter((n) => n % 3 === partition)
        expect(own).toEqual(Array.from({ length: own.length }, (_, i) => i * 3 + partition))
      }
    })

    test('aborts, also where nothing was written, and goes on', async () => {
      const it = await place('abort')
      const producer = newProducer(it)
      await producer.beginTransaction().abort()
      const transaction = producer.beginTransaction()
      await transaction.send({ topic: it.topic, partition: 0, value: 'aborted' })
      await transaction.abort()
      expect(transaction.state).toBe('aborted')
      await transaction.abort()
      const unsent = producer.beginTransaction()
      await unsent.append(it.topic, 0, null, Buffer.from('never sent'))
      await unsent.abort()
      expect((await failure(unsent.commit())).code).toBe('INVALID_STATE')
      expect((await failure(unsent.send({ topic: it.topic, value: 'v' }))).code).toBe('TRANSACTION_ABORTABLE')
      expect(await commitOne(producer, it, 'committed')).toEqual({ kind: 'committed' })
      await expect.poll(() => visible(it), { timeout: 10_000 }).toEqual(['committed'])
    })

    test('finds its transaction lost after a timeout, and goes on', async () => {
      const it = await place('timeout')
      const producer = newProducer(it, { transactionTimeoutMs: 3_000 })
      const prepared = await prepareOne(producer, it, 'lost')
      await expectEnded(it, 'ABORT')
      const verdict = await current(producer).commit()
      expect(verdict.kind, JSON.stringify(verdict)).toBe('lost')
      expect(current(producer).state).toBe('aborted')
      expect((await kafka.resumeTransaction(prepared).commit()).kind).toBe('lost')
      expect(await commitOne(producer, it, 'next')).toEqual({ kind: 'committed' })
      // The same while it is open and written to.
      const open = producer.beginTransaction()
      await open.send({ topic: it.topic, partition: 0, value: 'lost too' })
      await expectEnded(it, 'ABORT')
      const late = await failure(open.send({ topic: it.topic, partition: 0, value: 'late' }))
      expect(late.abortable || late.kafkaCode !== undefined).toBe(true)
      expect((await failure(open.commit())).code).toBe('TRANSACTION_ABORTABLE')
      await open.abort()
      expect(await commitOne(producer, it, 'last')).toEqual({ kind: 'committed' })
      await expect.poll(() => visible(it), { timeout: 10_000 }).toEqual(['next', 'last'])
    })

    test('is fenced by a successor, says so, and does not disturb it', async () => {
      const it = await place('fenced')
      const [zombie, successor] = [newProducer(it), newProducer(it)]
      const open = zombie.beginTransaction()
      await open.send({ topic: it.topic, partition: 0, value: 'zombie' })
      await successor.init()
      const alive = successor.beginTransaction()
      await alive.send({ topic: it.topic, partition: 0, value: 'alive' })
      await failure(open.send({ topic: it.topic, partition: 0, value: 'zombie again' }))
      expect((await failure(open.abort())).code).toBe('PRODUCER_FENCED')
      expect(() => zombie.beginTransaction()).toThrow(expect.objectContaining({ code: 'PRODUCER_FENCED', fatal: true }))
      expect((await failure(zombie.init())).code).toBe('PRODUCER_FENCED')
      expect(await alive.commit()).toEqual({ kind: 'committed' })
      expect(await commitOne(successor, it, 'after')).toEqual({ kind: 'committed' })
      await expect.poll(() => visible(it), { timeout: 10_000 }).toEqual(['alive', 'after'])
    })

    test('is fenced between transactions, or while it commits', async () => {
      const it = await place('fenced2')
      const zombie = newProducer(it)
      expect(await commitOne(zombie, it, 'first')).toEqual({ kind: 'committed' })
      await newProducer(it).init()
      expect((await failure(commitOne(zombie, it, 'zombie'))).code).toBe('PRODUCER_FENCED')
      const second = newProducer(it)
      await prepareOne(second, it, 'prepared')
      await newProducer(it).init()
      const verdict = await current(second).commit()
      expect(verdict.kind, JSON.stringify(verdict)).toBe('lost')
      expect((await failure(commitOne(second, it, 'zombie'))).code).toBe('PRODUCER_FENCED')
      await expect.poll(() => visible(it), { timeout: 10_000 }).toEqual(['first'])
    })

    test('goes on after its handle was committed or aborted elsewhere', async () => {
      const it = await place('elsewhere')
      const producer = newProducer(it)
      const committed = await prepareOne(producer, it, 'committed elsewhere')
      expect(await kafka.resumeTransaction(committed).commit()).toEqual({ kind: 'committed' })
      expect(['alreadyCommitted', 'committed']).toContain((await current(producer).commit()).kind)
      expect(await commitOne(producer, it, 'next')).toEqual({ kind: 'committed' })

      const aborted = await prepareOne(producer, it, 'aborted elsewhere')
      expect(await kafka.resumeTransaction(aborted).abort()).toEqual({ kind: 'aborted' })
      expect((await current(producer).commit()).kind).toBe('lost')
      expect(await commitOne(producer, it, 'and next')).toEqual({ kind: 'committed' })

      const kept = await prepareOne(producer, it, 'kept')
      expect(await kafka.resumeTransaction(kept).commit()).toEqual({ kind: 'committed' })
      const tooLate = await failure(current(producer).abort())
      expect(tooLate.code, tooLate.message).toBe('INVALID_STATE')
      expect(current(producer).state).toBe('committed')
      expect(await commitOne(producer, it, 'last')).toEqual({ kind: 'committed' })
      const expected = new Set(['committed elsewhere', 'next', 'and next', 'kept', 'last'])
      await expect.poll(async () => new Set(await visible(it)), { timeout: 10_000 }).toEqual(expected)
    })

    test('stores offsets of a group with its records, or not at all', async () => {
      const it = await place('offsets')
      const producer = newProducer(it)
      const groupId = uniqueName('group')
      const offsets = (offset: bigint) => [{ topic: it.topic, partition: 2, offset, metadata: 'm' }]
      const stored = async () => {
        const found = await kafka.admin().fetchOffsets({ groupId, partitions: [{ topic: it.topic, partition: 2 }] })
        return found.get(`${it.topic}:2`)?.offset
      }
      const first = producer.beginTransaction()
      await first.sendOffsets({ groupId, offsets: offsets(7n) })
      expect(first.hasData).toBe(true)
      await first.send({ topic: it.topic, partition: 0, value: 'v' })
      expect(await first.commit()).toEqual({ kind: 'committed' })
      await expect.poll(stored).toBe(7n)

      const second = producer.beginTransaction()
      await second.sendOffsets({ groupId, offsets: offsets(8n) })
      await second.abort()
      const third = producer.beginTransaction()
      const member = { memberId: 'nobody', generationId: 3, groupInstanceId: null }
      const refused = await failure(third.sendOffsets({ groupId, offsets: offsets(9n), member }))
      expect(refused.code).toBe('TRANSACTION_ABORTABLE')
      expect((await failure(third.prepare())).code).toBe('TRANSACTION_ABORTABLE')
      expect(third.state).toBe('aborted')
      expect(await stored()).toBe(7n)

      const onlyOffsets = producer.beginTransaction()
      await onlyOffsets.sendOffsets({ groupId, offsets: offsets(10n) })
      const handle = await onlyOffsets.prepare()
      expect(handle).toMatchObject({ hasData: true, partitions: [] })
      expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'committed' })
      expect(await kafka.resumeTransaction(handle).prove()).toEqual({ kind: 'proven' })
      expect(await stored()).toBe(10n)
      expect((await kafka.resumeTransaction(handle).abort()).kind).toBe('alreadyCommitted')
    })

    test('aborts what failed when the next transaction begins without an abort', async () => {
      const it = await place('unaborted')
      const producer = newProducer(it)
      const failing = producer.beginTransaction()
      await failing.send({ topic: it.topic, partition: 0, value: 'failing' })
      const member = { memberId: 'nobody', generationId: 3 }
      const offsets = [{ topic: it.topic, partition: 0, offset: 1n }]
      await failure(failing.sendOffsets({ groupId: uniqueName('group'), offsets, member }))
      expect(await commitOne(producer, it, 'next')).toEqual({ kind: 'committed' })
      expect(failing.state).toBe('aborted')
      await expect.poll(() => visible(it), { timeout: 10_000 }).toEqual(['next'])
    })

    test('is not used for two transactions at once', async () => {
      const it = await place('one')
      const producer = newProducer(it)
      const open = producer.beginTransaction()
      expect(() => producer.beginTransaction()).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }))
      await expect(producer.init()).rejects.toMatchObject({ code: 'INVALID_STATE' })
      await open.send({ topic: it.topic, partition: 0, value: 'v' })
      await open.prepare()
      expect(() => producer.beginTransaction()).toThrow(/prepared/)
      expect(() => open.append(it.topic, 0, null, null)).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }))
      await open.commit()
      producer.beginTransaction()
    })

    test('aborts an open transaction when it is closed, and leaves a prepared one as it is', async () => {
      const it = await place('close')
      const first = newProducer(it)
      await first.beginTransaction().send({ topic: it.topic, partition: 0, value: 'open' })
      await first.close()
      await expectEnded(it, 'ABORT')
      const second = newProducer(it)
      const handle = await prepareOne(second, it, 'prepared')
      await second.close()
      expect(await kafka.resumeTransaction(handle).commit()).toEqual({ kind: 'committed' })
      expect(() => second.beginTransaction()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    })

    test('refuses a timeout that the broker does not allow with both numbers', async () => {
      const it = await place('badtimeout')
      const producer = newProducer(it, { transactionTimeoutMs: 3_600_000 })
      const error = await failure(producer.init())
      expect(error.kafkaName).toBe('INVALID_TRANSACTION_TIMEOUT')
      expect(error.message).toContain('3600000')
      expect((await failure(commitOne(producer, it, 'v'))).kafkaName).toBe('INVALID_TRANSACTION_TIMEOUT')
    })

    const apis = [
      'InitProducerId',
      'AddPartitionsToTxn',
      'AddOffsetsToTxn',
      'Produce',
      'TxnOffsetCommit',
      'EndTxn'
    ] as const
    const used = apis.filter((api) => transactionVersion < 2 || !api.startsWith('Add'))

    // 120 is what KIP-890 added last; later codes are of other parts of Kafka.
    const codes = [undefined, ...kafkaErrors.map(({ code }) => code).filter((code) => code !== 0 && code <= 120)]

    describe.each(used)('when %s fails', (api) => {
      test.each(['before', 'after'] as const)(
        'with any code, %s the broker has done its work, the next transaction works or another producer took over',
        async (when) => {
          const it = await place('inject')
          const committed: string[] = []
          const queue = [...codes.entries()]
          const worker = async (): Promise<void> => {
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
              const [n, code] = next
              // A broker that has not seen the batch does not say that it has.
              if (api === 'Produce' && when === 'before' && code === errorCode.DUPLICATE_SEQUENCE_NUMBER) continue
              await injectOne(it, new InjectingCluster(kafka.cluster), { api, when, code }, committed, n)
            }
          }
          await Promise.all(Array.from({ length: 8 }, worker))
          const open = async () =>
            (await scanTopic(it.bootstrap, it.topic)).flatMap(({ transactions }) =>
              transactions.filter(({ outcome }) => outcome === 'open')
            )
          await expect.poll(open, { timeout: 10_000 }).toEqual([])
          const values = await visible(it)
          expect(values).toEqual(values.filter((value, at) => values.indexOf(value) === at))
          const missing = committed.filter((value) => !values.includes(value))
          const extra = values.filter((value) => !committed.includes(value))
          expect({ missing, extra }).toEqual({ missing: [], extra: [] })
        },
        300_000
      )
    })
  })
})
