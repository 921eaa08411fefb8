// Wrong options of a transaction's calls are refused by name before anything is sent: no broker is there.
import { expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import type { KafkaError, OffsetsToCommit, SettleOptions } from 'kafka-once'

const offset = { topic: 'orders', partition: 0, offset: 5n }

async function refusal(call: () => Promise<unknown>): Promise<string> {
  const error = await call().then(
    () => undefined,
    (thrown: KafkaError) => thrown
  )
  expect(error).toMatchObject({ name: 'KafkaError', code: 'INVALID_OPTION' })
  return error!.message
}

test.each([
  [{ groupId: 'shop', offset: [offset] }, 'Did you mean offsets?'],
  [{ consumerGroupId: 'shop', offsets: [offset] }, 'Did you mean groupId?'],
  [{ groupId: 'shop', offsets: [{ ...offset, offset: 5 }] }, 'offset is 5, but must be a bigint of at least 0'],
  [{ groupId: 'shop', offsets: [{ ...offset, partition: -1 }] }, 'partition is -1'],
  [{ groupId: 'shop', offsets: [offset], member: { memberId: 'a' } }, 'generationId is missing'],
  [undefined, 'groupId is missing']
])('sendOffsets refuses %o', async (given, told) => {
  await using kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const transaction = kafka.transactionalProducer({ transactionalId: 'wrong' }).beginTransaction()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
  expect(await refusal(() => transaction.sendOffsets(given as unknown as OffsetsToCommit))).toContain(told)
})

test.each([
  [{ deadline: 5 }, 'Did you mean deadlineMs?'],
  [{ deadlineMs: '5' }, 'deadlineMs is "5"'],
  [{ signal: new AbortController() }, 'signal is an object, but must be an AbortSignal']
])('every call that ends a transaction refuses %o', async (given, told) => {
  await using kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const producer = kafka.transactionalProducer({ transactionalId: 'wrong' })
  const transaction = producer.beginTransaction()
  const resumed = kafka.resumeTransaction({ transactionalId: 'wrong', producerId: 1n, producerEpoch: 0 })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
  const wrong = given as unknown as SettleOptions
  const calls = [
    () => transaction.commit(wrong),
    () => transaction.abort(wrong),
    () => resumed.commit(wrong),
    () => resumed.abort(wrong),
    () => resumed.prove(wrong),
    () => resumed.repair({ kind: 'hanging', partitions: [] }, 'commit', wrong)
  ]
  for (const call of calls) expect(await refusal(call)).toContain(told)
  expect(transaction.state).toBe('open')
})

test.each([
  [{ signal: 5 }, 'signal is 5'],
  [{ timeout: 5 }, 'timeout (given as 5) is not an option']
])('init and close of the producer refuse %o', async (given, told) => {
  await using kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const producer = kafka.transactionalProducer({ transactionalId: 'wrong' })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a program without types may pass
  const wrong = given as unknown as object
  expect(await refusal(() => producer.init(wrong))).toContain(told)
  expect(await refusal(() => producer.close(wrong))).toContain(told)
})

test('transactions are described within the deadlineMs that was given, also where no broker answers', async () => {
  await using kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const described = kafka.admin().describeTransactions(['early'], { deadlineMs: 300 })
  await expect(described).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: expect.stringContaining('300 ms')
  })
})

test('init gives up after the deadlineMs that it was given', async () => {
  await using kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  const producer = kafka.transactionalProducer({ transactionalId: 'early' })
  const init = producer.init({ deadlineMs: 300 })
  await expect(init).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('300 ms') })
})
