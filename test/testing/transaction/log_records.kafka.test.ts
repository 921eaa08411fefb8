// What a coordinator writes into `__transaction_state`: the embedded one writes the values that a real Kafka 4.4.0 does, in
// the same order and form.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Kafka, partitionOfGroup } from 'kafka-once'
import {
  decodeVersioned,
  splitRecordBatches,
  TransactionLogKey,
  TransactionLogValue,
  transactionStatuses
} from 'kafka-once/protocol'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { Wire } from '../../broker/wire.ts'
import { uniqueName } from '../../client/transaction/settling.ts'

const topic = '__transaction_state'

/** The values of an id in the order of the log, in a line each; times are left out, and the producer id is told apart. */
async function valuesOf(kafka: Kafka, bootstrap: string, transactionalId: string): Promise<string[]> {
  const { topicId, partitions } = (await kafka.cluster.topics([topic])).get(topic)!
  const partition = partitionOfGroup(transactionalId, partitions.length)
  using wire = await Wire.open(bootstrap)
  const fetched = { partition, fetchOffset: 0n, currentLeaderEpoch: -1, partitionMaxBytes: 10_000_000 }
  const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 10_000_000 }
  const { responses } = await wire.request('Fetch', 16, { ...limits, topics: [{ topicId, partitions: [fetched] }] })
  const lines: string[] = []
  const producerIds: bigint[] = []
  const numberOf = (producerId: bigint): string => {
    if (producerId < 0n) return '-'
    if (!producerIds.includes(producerId)) producerIds.push(producerId)
    return String(producerIds.indexOf(producerId))
  }
  for (const batch of splitRecordBatches(responses[0]!.partitions[0]!.records)) {
    for (let i = 0; i < batch.recordCount; i++) {
      const { key, value } = batch.recordAt(i)
      if (decodeVersioned(TransactionLogKey, key!).value.transactionalId !== transactionalId) continue
      if (value === null) lines.push('removed')
      else lines.push(lineOf(decodeVersioned(TransactionLogValue, value), numberOf))
    }
  }
  return lines
}

function lineOf(
  { version, value }: { readonly version: number; readonly value: TransactionLogValue },
  numberOf: (producerId: bigint) => string
): string {
  const ids = [value.producerId, value.previousProducerId, value.nextProducerId].map(numberOf).join('/')
  const epochs = `${value.producerEpoch}/${value.nextProducerEpoch}`
  const where =
    value.transactionPartitions?.flatMap(({ partitionIds }) => partitionIds.toSorted((left, right) => left - right)) ??
    'none'
  const started = value.transactionStartTimestampMs < 0n ? 'not begun' : 'begun'
  const status = transactionStatuses[value.transactionStatus]
  const form = `v${version}, client ${value.clientTransactionVersion}, ${ids}`
  return `${form}: ${status} epoch ${epochs} in [${String(where)}] ${started}`
}

describeBrokers('the log of a coordinator', () => {
  describe.each([0, 1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion })
    })
    afterAll(async () => broker?.[Symbol.asyncDispose]())

    test('has a record of each step of a commit, an abort and a fence', async () => {
      await using kafka = new Kafka({ brokers: [broker.bootstrap] })
      const name = uniqueName('records')
      await kafka.admin().createTopics([{ topic: name, partitionCount: 2, replicationFactor: 1 }])
      const stateOf = async () => (await kafka.admin().describeTransactions([name])).get(name)?.state
      const producer = kafka.transactionalProducer({ transactionalId: name, ledger: 'none' })
      const committed = producer.beginTransaction()
      for (const partition of [1, 0]) await committed.send({ topic: name, partition, value: 'v' })
      await committed.commit()
      await expect.poll(stateOf).toBe('CompleteCommit')
      const aborted = producer.beginTransaction()
      await aborted.send({ topic: name, partition: 0, value: 'v' })
      await aborted.abort()
      await expect.poll(stateOf).toBe('CompleteAbort')
      const fenced = producer.beginTransaction()
      await fenced.send({ topic: name, partition: 0, value: 'v' })
      await kafka.transactionalProducer({ transactionalId: name, ledger: 'none' }).init()
      expect(await valuesOf(kafka, broker.bootstrap, name)).toEqual(expected[transactionVersion])
    })
  })
})

/** Steps below version 2, where an aborted producer asks for a new epoch. */
const sharedEpoch = [
  'Empty epoch 0/-1 in [none] not begun',
  'Ongoing epoch 0/-1 in [1] begun',
  'Ongoing epoch 0/-1 in [0,1] begun',
  'PrepareCommit epoch 0/-1 in [0,1] begun',
  'CompleteCommit epoch 0/-1 in [] begun',
  'Empty epoch 1/-1 in [none] not begun',
  'Ongoing epoch 1/-1 in [0] begun',
  'PrepareAbort epoch 1/-1 in [0] begun',
  'CompleteAbort epoch 1/-1 in [] begun',
  'Empty epoch 2/-1 in [none] not begun',
  'Ongoing epoch 2/-1 in [0] begun',
  'PrepareAbort epoch 3/-1 in [0] begun',
  'CompleteAbort epoch 3/-1 in [] begun',
  'Empty epoch 4/-1 in [none] not begun'
]

const ownEpoch = [
  'Empty epoch 0/-1 in [none] not begun',
  'Ongoing epoch 0/-1 in [1] begun',
  'Ongoing epoch 0/-1 in [0,1] begun',
  'PrepareCommit epoch 1/-1 in [0,1] begun',
  'CompleteCommit epoch 1/-1 in [] begun',
  'Ongoing epoch 1/-1 in [0] begun',
  'PrepareAbort epoch 2/-1 in [0] begun',
  'CompleteAbort epoch 2/-1 in [] begun',
  'Ongoing epoch 2/-1 in [0] begun',
  'PrepareAbort epoch 3/-1 in [0] begun',
  'CompleteAbort epoch 3/-1 in [] begun',
  'Empty epoch 4/-1 in [none] not begun'
]

const expected: Readonly<Record<0 | 1 | 2, readonly string[]>> = {
  0: sharedEpoch.map((step) => `v0, client 0, 0/-/-: ${step}`),
  1: sharedEpoch.map((step) => `v1, client 0, 0/0/-: ${step}`),
  2: ownEpoch.map((step, i) => `v1, client ${i === 0 ? 0 : 2}, 0/0/-: ${step}`)
}
