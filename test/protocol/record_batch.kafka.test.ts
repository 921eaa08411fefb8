// A real broker takes the batches that are written here and gives them back as they were.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  decodeResponse,
  decompressBatch,
  encodeRequest,
  FrameSplitter,
  RecordBatchBuilder,
  splitRecordBatches,
  zeroUuid
} from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf, RecordHeader, ResponseOf } from 'kafka-once/protocol'
import { deferred, nodeRuntime } from 'kafka-once/runtime'
import type { Deferred, Socket } from 'kafka-once/runtime'
import { describeKafka } from '../broker/real_kafka.ts'
import { gunzip, gzip } from './record_vectors.ts'

const runtime = nodeRuntime()
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const topic = `record-batch-${runtime.nowMs()}`
const tools = { gzip, zstd: runtime.zstd, optionalPackage: (name: string) => runtime.optionalPackage?.(name) }
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const headers: readonly RecordHeader[] = [
  ['null', null],
  ['grüße', text('1')]
]

/** One connection with one request at a time. */
class Line {
  private socket: Socket | undefined
  private readonly frames = new FrameSplitter()
  private readonly waiting: Deferred<Uint8Array>[] = []
  private correlationId = 0

  async open(bootstrap: string): Promise<void> {
    const [host = '', port] = bootstrap.split(',')[0]!.split(':')
    this.socket = await runtime.connect(
      { host, port: Number(port), timeoutMs: 10_000 },
      {
        onData: (bytes) => {
          this.frames.push(bytes, (frame) => this.waiting.shift()?.resolve(frame))
        },
        onClose: () => {
          for (const { reject } of this.waiting) reject(new Error('the broker closed the connection'))
        },
        onDrain: () => {}
      }
    )
  }

  async ask<N extends ApiName>(api: N, version: number, body: EncodableRequestOf<N>): Promise<ResponseOf<N>> {
    const correlationId = this.correlationId++
    const request = encodeRequest({ api, version, correlationId, clientId: 'record-batch-test', body })
    const answer = deferred<Uint8Array>()
    this.waiting.push(answer)
    this.socket?.write(request)
    return decodeResponse(api, version, await answer.promise).body
  }

  close(): void {
    this.socket?.destroy()
  }
}

function recordsOf(compression: string, count: number): RecordBatchBuilder {
  const builder = new RecordBatchBuilder()
  for (let i = 0; i < count; i++) {
    const key = i % 5 === 0 ? null : text(`key ${i}`)
    const value = i % 7 === 0 ? null : text(`${compression} value value value ${i}`)
    builder.append(key, value, i % 3 === 0 ? headers : [], runtime.nowMs() - i)
  }
  return builder
}

describeKafka('a real broker', ({ bootstrap }) => {
  const line = new Line()
  beforeAll(() => line.open(bootstrap))
  afterAll(() => line.close())

  async function produce(records: Uint8Array): Promise<number> {
    const partitionData = [{ index: 0, records }]
    const body = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData }] }
    const answer = await line.ask('Produce', 9, body)
    return answer.responses[0]!.partitionResponses[0]!.errorCode
  }

  test('takes our batches and gives them back', async () => {
    const created = { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await line.ask('CreateTopics', 5, { topics: [created], timeoutMs: 10_000 })
    for (const compression of compressions) {
      const batch = await recordsOf(compression, 500).finish({ compression, ...tools })
      let errorCode = await produce(batch)
      for (let round = 0; errorCode !== 0 && round < 50; round++) {
        await runtime.sleep(100)
        errorCode = await produce(batch)
      }
      expect(errorCode).toBe(0)
    }

    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 10_000_000 }]
    const fetch = { maxWaitMs: 500, minBytes: 1, maxBytes: 10_000_000, sessionEpoch: -1, forgottenTopicsData: [] }
    const answer = await line.ask('Fetch', 12, { ...fetch, topics: [{ topic, topicId: zeroUuid, partitions }] })
    let found = 0
    for (const batch of splitRecordBatches(answer.responses[0]!.partitions[0]!.records)) {
      expect(batch.compression).toBe(compressions[found / 500])
      await decompressBatch(batch, { gunzip })
      for (const record of batch.records()) {
        expect(record.offset).toBe(BigInt(found))
        const i = found % 500
        expect(record.key).toEqual(i % 5 === 0 ? null : text(`key ${i}`))
        expect(record.value).toEqual(i % 7 === 0 ? null : text(`${batch.compression} value value value ${i}`))
        expect(record.headers).toEqual(i % 3 === 0 ? headers : [])
        found++
      }
    }
    expect(found).toBe(2_500)
    await line.ask('DeleteTopics', 5, { topicNames: [topic], timeoutMs: 10_000 })
  })
})
