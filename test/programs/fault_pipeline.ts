// The pipeline that the fault proofs kill: it reads a topic, folds each record into a state that belongs to its
// partition, and writes the state after each record to every output. Settings come as one JSON argument, events go out
// as JSON lines. SIGTERM takes a last checkpoint and ends.
import { Kafka } from 'kafka-once'
import type { ConsumedBatch, Logger } from 'kafka-once'
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
import { fold, formatFolded, nothingFolded } from '../faults/fold.ts'
import type { Folded } from '../faults/fold.ts'
import type { PipelineSettings, ToldVerdict } from '../faults/orders.ts'
import { Faults, tell } from './fault_runtime.ts'

interface Line {
  readonly partition: number
  readonly text: string
}

class LineSchema implements DeserializationSchema<Line>, SerializationSchema<Line> {
  deserialize(batch: ConsumedBatch, i: number): Line {
    return { partition: batch.partition, text: Buffer.from(batch.valueAt(i) ?? []).toString() }
  }

  serialize({ text }: Line): Uint8Array {
    return Buffer.from(text)
  }

  partition({ partition }: Line): number {
    return partition
  }
}

type FoldedState = { readonly partition: number; readonly count: number; readonly hash: number }

/**
 * Every subtask keeps what it knows of every partition, since after a change of parallelism any of them may go on with
 * it: of two states of one partition the one with more records is later. The total is a share each, which add up.
 */
class Folding implements CheckpointedFunction, CheckpointListener {
  private readonly subtaskIndex: number
  private readonly byPartition = new Map<number, Folded>()
  private readonly countsOf = new Map<number, Readonly<Record<string, number>>>()
  private total = 0
  private partitions: ListState<FoldedState> | undefined
  private totals: ListState<number> | undefined

  constructor(subtaskIndex: number) {
    this.subtaskIndex = subtaskIndex
  }

  map({ partition, text }: Line): Line {
    const folded = fold(this.byPartition.get(partition) ?? nothingFolded, text)
    this.byPartition.set(partition, folded)
    this.total++
    return { partition, text: formatFolded(folded) }
  }

  initializeState(context: FunctionInitializationContext): void {
    this.partitions = context.getUnionListState<FoldedState>('partitions')
    this.totals = context.getListState<number>('totals')
    for (const { partition, count, hash } of this.partitions.get()) {
      if (count > (this.byPartition.get(partition)?.count ?? 0)) this.byPartition.set(partition, { count, hash })
    }
    this.total = this.totals.get().reduce((sum, one) => sum + one, 0)
  }

  snapshotState({ checkpointId }: FunctionSnapshotContext): void {
    this.partitions?.update(Array.from(this.byPartition, ([partition, folded]) => ({ partition, ...folded })))
    this.totals?.update([this.total])
    this.countsOf.set(
      checkpointId,
      Object.fromEntries(Array.from(this.byPartition, ([partition, { count }]) => [partition, count]))
    )
  }

  notifyCheckpointComplete(checkpointId: number): void {
    const counts = this.countsOf.get(checkpointId)
    for (const id of this.countsOf.keys()) if (id <= checkpointId) this.countsOf.delete(id)
    if (counts !== undefined) tell({ event: 'counts', subtaskIndex: this.subtaskIndex, counts })
  }
}

const quiet = (): void => undefined
const logger: Logger = {
  debug: quiet,
  info: quiet,
  warn: (message) => tell({ event: 'log', level: 'warn', message }),
  error: (message) => tell({ event: 'log', level: 'error', message })
}

const settings: PipelineSettings = JSON.parse(process.argv[2] ?? '{}')
const faults = new Faults(settings.order, settings.traces === true)
const kafka = new Kafka({ brokers: settings.brokers.split(','), logger, runtime: faults.runtime })

try {
  const job = await startJob()
  report(job)
  const stop = (): void => void job.stop().catch(quiet)
  process.once('SIGTERM', stop)
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
  const { parallelism, intervalMs, timeoutMs, concurrentMax, folder, lock, input, outputs, jobName } = settings
  const { onLostTransaction = 'stop' } = settings
  const environment = new StreamExecutionEnvironment({
    parallelism,
    onLostTransaction,
    logger,
    runtime: faults.runtime,
    restart: { attemptsMax: 3, delayMs: 100 }
  })
  const storage = fileCheckpointStorage(folder, { lock })
  environment.enableCheckpointing(intervalMs, { storage, timeoutMs, concurrentMax })
  const schema = new LineSchema()
  const folded = environment
    .addSource(new KafkaSource({ kafka, topics: [input], startupMode: 'EARLIEST', schema }), { name: 'input' })
    .map(
      perSubtask(({ subtaskIndex }) => new Folding(subtaskIndex)),
      { name: 'folding' }
    )
  const { prefix: transactionalIdPrefix, transactionTimeoutMs, lingerMs } = settings
  for (const topic of outputs) {
    const sink = { kafka, topic, schema, transactionalIdPrefix, transactionTimeoutMs, producer: { lingerMs } }
    folded.addSink(new KafkaSink(sink), { name: `output-${topic}` })
  }
  return environment.executeAsync(jobName)
}

function report(job: JobHandle): void {
  job.on('started', ({ incarnation, restoredCheckpointId }) => {
    faults.recovered()
    tell({ event: 'started', incarnation: incarnation ?? -1, restoredCheckpointId: restoredCheckpointId ?? null })
  })
  job.on('checkpoint', ({ checkpointId, pending }) => tell({ event: 'checkpoint', checkpointId, pending }))
  job.on('transactionLost', ({ loss, restoredCheckpointId }) => {
    const { checkpointId } = loss
    tell({ event: 'transactionLost', checkpointId, restoredCheckpointId: restoredCheckpointId ?? null })
  })
  job.on('restarting', ({ error }) => tell({ event: 'restarting', message: String(error) }))
  job.on('subtask', ({ event }) => {
    if (event.kind !== 'transactionVerdict') return
    const { kind: _kind, ...verdict } = event
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the participant reports under this kind
    tell({ event: 'verdict', ...(verdict as unknown as ToldVerdict) })
  })
}
