// What a broker answers to batches, good and bad: the same cases for the embedded one and for a real Kafka 4.4.0.
import { batchLayout, crc32c, errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import { Wire } from '../broker/wire.ts'
import { batch, idempotent, keptForEver } from './site.ts'
import type { Site } from './site.ts'

export interface AnswerCase {
  readonly name: string
  run(site: Site): Promise<void>
}

const {
  CORRUPT_MESSAGE,
  INVALID_PRODUCER_EPOCH,
  INVALID_RECORD,
  INVALID_REQUIRED_ACKS,
  INVALID_TIMESTAMP,
  INVALID_TOPIC_EXCEPTION,
  MESSAGE_TOO_LARGE,
  NONE,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_ID,
  UNKNOWN_TOPIC_OR_PARTITION
} = errorCode

/** Producer ids that no broker of a test gives away. */
let producerIds = 5_000_000n

function edited(bytes: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  const copy = new Uint8Array(bytes)
  edit(new DataView(copy.buffer, copy.byteOffset))
  return copy
}

function sealed(bytes: Uint8Array): Uint8Array {
  return edited(bytes, (view) => view.setUint32(batchLayout.crc, crc32c(bytes.subarray(batchLayout.attributes))))
}

const batches: AnswerCase[] = [
  {
    name: 'gives offsets in order, and says where the log starts',
    async run(site) {
      const topic = await site.topic()
      const first = await site.produce(topic, batch({ values: ['a', 'b'] }))
      expect(first).toMatchObject({ errorCode: NONE, baseOffset: 0n, logAppendTimeMs: -1n, logStartOffset: 0n })
      expect(await site.produce(topic, batch())).toMatchObject({ errorCode: NONE, baseOffset: 2n })
    }
  },
  {
    name: 'takes a topic by its id from version 13 on',
    async run(site) {
      const topic = await site.topic()
      expect(await site.produce(topic, batch(), { version: 13 })).toMatchObject({ errorCode: NONE, baseOffset: 0n })
      const unknown = { name: topic.name, id: 'xxxxxxxxxxxxxxxxxxxxxw' }
      expect(await site.produce(unknown, batch(), { version: 13 })).toMatchObject({ errorCode: UNKNOWN_TOPIC_ID })
    }
  },
  {
    name: 'refuses a topic or partition that is not there',
    async run(site) {
      const topic = await site.topic()
      const nowhere = { name: `${topic.name}-not`, id: topic.id }
      expect(await site.produce(nowhere, batch())).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION })
      const beyond = await site.produce(topic, batch(), { partition: 1 })
      expect(beyond).toMatchObject({ errorCode: UNKNOWN_TOPIC_OR_PARTITION, baseOffset: -1n, logStartOffset: -1n })
    }
  },
  {
    name: 'refuses a damaged batch',
    async run(site) {
      const topic = await site.topic()
      const damaged = edited(batch(), (view) => view.setUint8(view.byteLength - 2, 0x7f))
      expect(await site.produce(topic, damaged)).toMatchObject({ errorCode: CORRUPT_MESSAGE, baseOffset: -1n })
    }
  },
  {
    name: 'refuses a batch that is larger than the topic allows',
    async run(site) {
      const topic = await site.topic({ config: { 'max.message.bytes': '200' } })
      expect(await site.produce(topic, batch({ values: ['x'.repeat(200)] }))).toMatchObject({
        errorCode: MESSAGE_TOO_LARGE
      })
      expect(await site.produce(topic, batch())).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'wants exactly one batch, of format 2, with base offset 0',
    async run(site) {
      const topic = await site.topic()
      const good = batch()
      const two = Buffer.concat([good, good])
      const formatThree = edited(good, (view) => view.setUint8(batchLayout.magic, 3))
      const tooShort = edited(good, (view) => view.setInt32(batchLayout.batchLength, 20))
      const formatOne = edited(good, (view) => view.setUint8(batchLayout.magic, 1))
      const offsetSeven = edited(good, (view) => view.setBigInt64(batchLayout.baseOffset, 7n))
      for (const records of [two, formatOne, good.subarray(0, 30), new Uint8Array(0)]) {
        expect(await site.produce(topic, records)).toMatchObject({ errorCode: INVALID_RECORD, logStartOffset: -1n })
      }
      expect(await site.produce(topic, offsetSeven)).toMatchObject({ errorCode: INVALID_RECORD, logStartOffset: 0n })
      for (const records of [formatThree, tooShort]) {
        expect(await site.produce(topic, records)).toMatchObject({ errorCode: CORRUPT_MESSAGE, logStartOffset: -1n })
      }
    }
  },
  {
    name: 'ignores what is cut off behind the batch',
    async run(site) {
      const topic = await site.topic()
      const tail = Buffer.concat([batch(), batch().subarray(0, 30)])
      expect(await site.produce(topic, tail)).toMatchObject({ errorCode: NONE, baseOffset: 0n })
      expect((await site.fetch(topic)).records).toHaveLength(batch().length)
    }
  },
  {
    name: 'refuses counts that contradict each other',
    async run(site) {
      const topic = await site.topic()
      const tooFew = sealed(edited(batch({ values: ['a', 'b'] }), (view) => view.setInt32(batchLayout.recordCount, 1)))
      const none = sealed(edited(batch(), (view) => view.setInt32(batchLayout.recordCount, 0)))
      for (const records of [tooFew, none]) {
        expect(await site.produce(topic, records)).toMatchObject({ errorCode: INVALID_RECORD })
      }
    }
  },
  {
    name: 'refuses control records from clients',
    async run(site) {
      const topic = await site.topic()
      expect(await site.produce(topic, batch({ isControl: true }))).toMatchObject({ errorCode: INVALID_RECORD })
    }
  },
  {
    name: 'refuses a record without a key where the topic is compacted, and names it',
    async run(site) {
      const topic = await site.topic({ config: { 'cleanup.policy': 'compact' } })
      const answer = await site.produce(topic, batch({ key: null, values: ['a', 'b'] }))
      expect(answer.errorCode).toBe(INVALID_RECORD)
      expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([0, 1])
      expect(await site.produce(topic, batch())).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'refuses a timestamp from the future',
    async run(site) {
      const topic = await site.topic()
      const answer = await site.produce(topic, batch({ timestamp: Date.now() + 2 * 3_600_000 }))
      expect(answer).toMatchObject({ errorCode: INVALID_TIMESTAMP, recordErrors: [{ batchIndex: 0 }] })
      expect(await site.produce(topic, batch({ timestamp: 0 }))).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'stamps its own time where the topic wants it',
    async run(site) {
      const topic = await site.topic({ config: { 'message.timestamp.type': 'LogAppendTime' } })
      let { logAppendTimeMs, baseOffset: offset } = await site.produce(topic, batch({ timestamp: 5 }))
      // A real broker may learn of the topic a moment before it learns of its settings.
      while (logAppendTimeMs === -1n && offset < 100n) {
        ;({ logAppendTimeMs, baseOffset: offset } = await site.produce(topic, batch({ timestamp: 5 })))
      }
      expect(Math.abs(Number(logAppendTimeMs) - Date.now())).toBeLessThan(60_000)
      const { records } = await site.fetch(topic, { offset })
      const view = new DataView(records!.buffer, records!.byteOffset, records!.byteLength)
      expect(view.getInt16(batchLayout.attributes) & 8).toBe(8)
      expect(view.getBigInt64(batchLayout.maxTimestamp)).toBe(logAppendTimeMs)
      expect(view.getUint32(batchLayout.crc)).toBe(crc32c(records!.subarray(batchLayout.attributes)))
    }
  },
  {
    name: 'corrects the highest timestamp of a batch',
    async run(site) {
      const topic = await site.topic({ config: keptForEver })
      const wrong = sealed(edited(batch({ timestamp: 1_000 }), (v) => v.setBigInt64(batchLayout.maxTimestamp, 9n)))
      expect(await site.produce(topic, wrong)).toMatchObject({ errorCode: NONE })
      const { records } = await site.fetch(topic)
      const view = new DataView(records!.buffer, records!.byteOffset, records!.byteLength)
      expect(view.getBigInt64(batchLayout.maxTimestamp)).toBe(1_000n)
    }
  },
  {
    name: 'refuses acks other than 0, 1 and -1',
    async run(site) {
      const topic = await site.topic()
      const answer = await site.produce(topic, batch(), { acks: 2 })
      expect(answer).toMatchObject({ errorCode: INVALID_REQUIRED_ACKS, baseOffset: -1n })
      expect(await site.produce(topic, batch(), { acks: 1 })).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'does not answer acks 0, and cuts the connection where it fails',
    async run(site) {
      const topic = await site.topic()
      using wire = await Wire.open(site.address)
      const produce = (name: string) =>
        wire.request(
          'Produce',
          12,
          {
            transactionalId: null,
            acks: 0,
            timeoutMs: 1_000,
            topicData: [{ name, partitionData: [{ index: 0, records: batch() }] }]
          },
          2_000
        )
      const silent = produce(topic.name).catch((error: unknown) => String(error))
      await wire.request('ApiVersions', 0, {})
      expect((await site.fetch(topic, { maxWaitMs: 5_000 })).highWatermark).toBe(1n)
      expect(await silent).toMatch('did not answer')
      await expect(produce(`${topic.name}-not`)).rejects.toThrow('closed the connection')
    }
  },
  {
    name: 'lets nobody write to internal topics',
    async run(site) {
      await site.wire.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['any'] })
      const topic = { name: '__consumer_offsets', id: '' }
      await expect
        .poll(async () => (await site.produce(topic, batch())).errorCode, { timeout: 10_000 })
        .toBe(INVALID_TOPIC_EXCEPTION)
    }
  },
  {
    name: 'wants a transactional id beside transactional batches',
    async run(site) {
      const topic = await site.topic()
      const records = batch({ isTransactional: true, producerId: producerIds++, producerEpoch: 0, baseSequence: 0 })
      expect(await site.produce(topic, records)).toMatchObject({ errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED })
    }
  },
  {
    name: 'takes a transactional batch without a producer id for a plain one',
    async run(site) {
      const topic = await site.topic()
      const records = batch({ isTransactional: true })
      expect(await site.produce(topic, records, { transactionalId: 'x' })).toMatchObject({ errorCode: NONE })
      expect(await site.fetch(topic, { isolationLevel: 1 })).toMatchObject({
        lastStableOffset: 1n,
        abortedTransactions: []
      })
    }
  }
]

const sequences: AnswerCase[] = [
  {
    name: 'answers a repetition of one of the last five batches with its offset',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      for (let i = 0; i < 6; i++)
        expect(await site.produce(topic, idempotent(id, 0, i))).toMatchObject({ errorCode: NONE })
      for (let i = 1; i < 6; i++) {
        expect(await site.produce(topic, idempotent(id, 0, i))).toMatchObject({
          errorCode: NONE,
          baseOffset: BigInt(i)
        })
      }
      expect(await site.produce(topic, idempotent(id, 0, 0))).toMatchObject({ errorCode: OUT_OF_ORDER_SEQUENCE_NUMBER })
      expect((await site.fetch(topic)).highWatermark).toBe(6n)
    }
  },
  {
    name: 'takes a batch of another length for no repetition',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      await site.produce(topic, idempotent(id, 0, 0, 3))
      expect(await site.produce(topic, idempotent(id, 0, 0, 2))).toMatchObject({
        errorCode: OUT_OF_ORDER_SEQUENCE_NUMBER
      })
      expect(await site.produce(topic, idempotent(id, 0, 0, 3))).toMatchObject({ errorCode: NONE, baseOffset: 0n })
    }
  },
  {
    name: 'refuses a gap',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      await site.produce(topic, idempotent(id, 0, 0, 2))
      const gap = { errorCode: OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1n, logStartOffset: 0n, errorMessage: null }
      expect(await site.produce(topic, idempotent(id, 0, 3))).toMatchObject(gap)
      expect(await site.produce(topic, idempotent(id, 0, 2))).toMatchObject({ errorCode: NONE, baseOffset: 2n })
    }
  },
  {
    name: 'refuses an old epoch, and wants a new one to begin at 0',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      await site.produce(topic, idempotent(id, 4, 0))
      expect(await site.produce(topic, idempotent(id, 3, 0))).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH })
      expect(await site.produce(topic, idempotent(id, 5, 1))).toMatchObject({ errorCode: OUT_OF_ORDER_SEQUENCE_NUMBER })
      expect(await site.produce(topic, idempotent(id, 5, 0))).toMatchObject({ errorCode: NONE })
      expect(await site.produce(topic, idempotent(id, 4, 1))).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH })
    }
  },
  {
    name: 'lets a producer that it does not know begin anywhere',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      expect(await site.produce(topic, idempotent(id, 7, 42))).toMatchObject({ errorCode: NONE })
      expect(await site.produce(topic, idempotent(id, 7, 43))).toMatchObject({ errorCode: NONE })
    }
  },
  {
    name: 'goes on at 0 after the last sequence',
    async run(site) {
      const topic = await site.topic()
      const id = producerIds++
      expect(await site.produce(topic, idempotent(id, 0, 2_147_483_646, 2))).toMatchObject({ errorCode: NONE })
      expect(await site.produce(topic, idempotent(id, 0, 0))).toMatchObject({ errorCode: NONE })
      const other = producerIds++
      expect(await site.produce(topic, idempotent(other, 0, 2_147_483_646, 4))).toMatchObject({ errorCode: NONE })
      expect(await site.produce(topic, idempotent(other, 0, 2))).toMatchObject({ errorCode: NONE, baseOffset: 7n })
      expect(await site.produce(topic, idempotent(other, 0, 2_147_483_646, 4))).toMatchObject({ baseOffset: 3n })
    }
  },
  {
    name: 'wants a sequence of a producer with an id',
    async run(site) {
      const topic = await site.topic()
      const records = batch({ producerId: producerIds++, producerEpoch: 0 })
      expect(await site.produce(topic, records)).toMatchObject({ errorCode: INVALID_RECORD })
    }
  },
  {
    name: 'remembers producers, and tells of them',
    async run(site) {
      const topic = await site.topic()
      const producerId = producerIds++
      await site.produce(topic, idempotent(producerId, 3, 0, 5))
      const request = { topics: [{ name: topic.name, partitionIndexes: [0, 1] }] }
      const { topics } = await site.wire.request('DescribeProducers', 0, request)
      expect(topics[0]!.partitions).toMatchObject([
        {
          errorCode: NONE,
          activeProducers: [
            { producerId, producerEpoch: 3, lastSequence: 4, coordinatorEpoch: -1, currentTxnStartOffset: -1n }
          ]
        },
        { errorCode: UNKNOWN_TOPIC_OR_PARTITION }
      ])
    }
  }
]

export const produceAnswers: readonly AnswerCase[] = [...batches, ...sequences]
