// Owns the step from gathered records to the bytes that go over the wire, and the way back when a broker found a batch
// too large and it must go out in two halves. Compression may work off the thread, so both can take time.
import { decompressBatch, ProtocolError, RecordBatch, RecordBatchBuilder } from '../../protocol/index.ts'
import type { CompressionName, RecordView } from '../../protocol/index.ts'
import type { Runtime } from '../../runtime/index.ts'
import { compressionTools } from '../compression_tools.ts'
import { assert, KafkaError } from '../errors.ts'
import { ProducerBatch } from './batch.ts'
import { nextSequence } from './partition_queue.ts'
import type { PartitionQueue } from './partition_queue.ts'

interface BytesOptions {
  readonly compression: CompressionName
}

/** Finishes a batch that has its sequence; undefined where that is done at once. */
export function finishBatch(
  batch: ProducerBatch,
  isTransactional: boolean,
  options: BytesOptions,
  runtime: Runtime
): Promise<void> | undefined {
  const { builder, queue } = batch
  assert(builder !== undefined && queue.identity !== undefined, 'a batch is finished once, under an identity')
  const { producerId, producerEpoch } = queue.identity
  assert(producerId >= 0n, 'a batch needs a producer id before it is sent')
  assert(batch.baseSequence >= 0, 'a batch needs its sequence before it is sent')
  batch.plainBytes = builder.sizeInBytes
  const { compression } = options
  const state = { producerId, producerEpoch, baseSequence: batch.baseSequence, isTransactional }
  batch.builder = undefined
  if (compression === 'none') {
    batch.bytes = builder.finishPlain(state)
    return undefined
  }
  try {
    const finished = builder.finish({ ...state, ...compressionTools(runtime), compression })
    if (finished instanceof Promise) return finished.then((bytes) => void (batch.bytes = bytes))
    batch.bytes = finished
    return undefined
  } catch (error) {
    // A codec may refuse at once; whoever waits for a batch hears of it in one way.
    return Promise.reject(error)
  }
}

/** Why a batch could not be made, as those who wait for it are told. */
export function unfinishedError(queue: PartitionQueue, cause: unknown): KafkaError {
  const what = `A batch for partition ${queue.partition} of topic ${queue.topic} could not be compressed`
  if (!(cause instanceof ProtocolError)) return new KafkaError('INVALID_STATE', `${what}.`, { cause, abortable: true })
  const code = cause.code === 'UNSUPPORTED_COMPRESSION' ? 'INVALID_OPTION' : 'INVALID_STATE'
  const nextStep = 'Do that, or choose another compression for the producer.'
  return new KafkaError(code, `${what}: ${cause.message}.`, { cause, abortable: true, nextStep })
}

/** Two batches with the records of one, under the same sequence numbers. */
export async function splitBatch(
  batch: ProducerBatch,
  isTransactional: boolean,
  options: BytesOptions,
  runtime: Runtime
): Promise<readonly [ProducerBatch, ProducerBatch]> {
  assert(batch.bytes !== undefined && batch.recordCount > 1, 'only a finished batch of several records can be split')
  const parsed = RecordBatch.parse(batch.bytes)
  const decompressing = decompressBatch(parsed, {
    ...compressionTools(runtime),
    decompressedBytesMax: batch.plainBytes
  })
  if (decompressing !== undefined) await decompressing
  const records = parsed.records()
  const middle = batch.recordCount >> 1
  const first = copyRecords(batch, records, 0, middle)
  const second = copyRecords(batch, records, middle, records.count)
  first.baseSequence = batch.baseSequence
  second.baseSequence = nextSequence(batch.baseSequence, middle)
  await finishBatch(first, isTransactional, options, runtime)
  await finishBatch(second, isTransactional, options, runtime)
  return [first, second]
}

function copyRecords(batch: ProducerBatch, records: RecordView, from: number, to: number): ProducerBatch {
  const builder = new RecordBatchBuilder({ batchBytesMax: batch.plainBytes })
  for (let i = from; i < to; i++) builder.appendRaw(records, i)
  const half = new ProducerBatch(batch.queue, batch.number, batch.createdAtMs, builder)
  half.recordCount = to - from
  half.attempts = batch.attempts
  half.isUrgent = batch.isUrgent
  half.outcomeUnknown = batch.outcomeUnknown
  return half
}
