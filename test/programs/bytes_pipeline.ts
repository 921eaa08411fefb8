// The pipeline whose output is compared byte for byte with what it should be: it changes every part of every record in a
// known way and keeps records in their partitions. Settings, events and faults as in fault_pipeline.
import { Kafka } from 'kafka-once'
import type { ConsumedBatch } from 'kafka-once'
import {
  fileCheckpointStorage,
  KafkaSink,
  KafkaSource,
  perSubtask,
  StreamExecutionEnvironment
} from 'kafka-once/exactlyonce'
import type {
  CheckpointedFunction,
  CheckpointListener,
  DeserializationSchema,
  FunctionInitializationContext,
  FunctionSnapshotContext,
  JobHandle,
  ListState,
  SerializationSchema
} from 'kafka-once/exactlyonce'
import type { PipelineSettings } from '../faults/orders.ts'
import { transformed } from '../proofs/corpus.ts'
import type { Content, Header } from '../proofs/corpus.ts'
import { Faults, tell } from './fault_runtime.ts'

interface Placed extends Content {
  readonly partition: number
}

class ContentSchema implements DeserializationSchema<Placed>, SerializationSchema<Placed> {
  deserialize(batch: ConsumedBatch, i: number): Placed {
    const { partition } = batch
    const [key, value, headers] = [batch.keyAt(i), batch.valueAt(i), batch.headersAt(i)]
    return { partition, key, value, headers, timestamp: batch.timestampAt(i) }
  }

  serialize({ value }: Placed): Uint8Array | null {
    return value
  }

  key({ key }: Placed): Uint8Array | null {
    return key
  }

  headers({ headers }: Placed): readonly Header[] {
    return headers
  }

  timestamp({ timestamp }: Placed): number {
    return timestamp
  }

  partition({ partition }: Placed): number {
    return partition
  }
}

type Count = { readonly partition: number; readonly count: number }

/** Transforms, and counts the records of each partition for those who wait for the last one. */
class Transforming implements CheckpointedFunction, CheckpointListener {
  private readonly subtaskIndex: number
  private readonly counts = new Map<number, number>()
  private readonly countsOf = new Map<number, Readonly<Record<string, number>>>()
  private state: ListState<Count> | undefined

  constructor(subtaskIndex: number) {
    this.subtaskIndex = subtaskIndex
  }

  map({ partition, ...content }: Placed): Placed {
    this.counts.set(partition, (this.counts.get(partition) ?? 0) + 1)
    return { partition, ...transformed(content) }
  }

  initializeState(context: FunctionInitializationContext): void {
    this.state = context.getUnionListState<Count>('counts')
    for (const { partition, count } of this.state.get()) {
      this.counts.set(partition, Math.max(count, this.counts.get(partition) ?? 0))
    }
  }

  snapshotState({ checkpointId }: FunctionSnapshotContext): void {
    this.state?.update(Array.from(this.counts, ([partition, count]) => ({ partition, count })))
    this.countsOf.set(checkpointId, Object.fromEntries(this.counts))
  }

  notifyCheckpointComplete(checkpointId: number): void {
    const counts = this.countsOf.get(checkpointId)
    for (const id of this.countsOf.keys()) if (id <= checkpointId) this.countsOf.delete(id)
    if (counts !== undefined) tell({ event: 'counts', subtaskIndex: this.subtaskIndex, counts })
  }
}

const quiet = (): void => undefined
const settings: PipelineSettings = JSON.parse(process.argv[2] ?? '{}')
const faults = new Faults(settings.order, settings.traces === true)
const kafka = new Kafka({ brokers: settings.brokers.split(','), runtime: faults.runtime })

try {
  const job = await startJob()
  job.on('started', ({ incarnation, restoredCheckpointId }) => {
    faults.recovered()
    tell({ event: 'started', incarnation: incarnation ?? -1, restoredCheckpointId: restoredCheckpointId ?? null })
  })
  job.on('checkpoint', ({ checkpointId, pending }) => tell({ event: 'checkpoint', checkpointId, pending }))
  job.on('restarting', ({ error }) => tell({ event: 'restarting', message: String(error) }))
  process.once('SIGTERM', () => void job.stop().catch(quiet))
  const { outcome } = await job.done
  tell({ event: 'ended', outcome })
} catch (error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  tell({ event: 'failed', name, code, message })
  process.exitCode = 1
} finally {
  await kafka.close()
}

function startJob(): Promise<JobHandle> {
  const { parallelism, intervalMs, timeoutMs, concurrentMax, folder, input, outputs, jobName } = settings
  const { prefix: transactionalIdPrefix, transactionTimeoutMs, lingerMs } = settings
  const environment = new StreamExecutionEnvironment({ parallelism, runtime: faults.runtime })
  environment.enableCheckpointing(intervalMs, { storage: fileCheckpointStorage(folder), timeoutMs, concurrentMax })
  const schema = new ContentSchema()
  const stream = environment
    .addSource(new KafkaSource({ kafka, topics: [input], startupMode: 'EARLIEST', schema }), { name: 'input' })
    .map(
      perSubtask(({ subtaskIndex }) => new Transforming(subtaskIndex)),
      { name: 'transforming' }
    )
  for (const topic of outputs) {
    const producer = { lingerMs, compression: 'snappy' as const }
    const sink = { kafka, topic, schema, transactionalIdPrefix, transactionTimeoutMs, producer }
    stream.addSink(new KafkaSink(sink), { name: `output-${topic}` })
  }
  return environment.executeAsync(jobName)
}
