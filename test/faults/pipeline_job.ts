// The job that is killed, in a process of its own by the fault proofs and in a simulated one by the simulation: it reads a
// topic, folds each record into a state that belongs to its partition, and writes the state after each record to every
// output. What it has to tell goes to `tell`.
import type { ConsumedBatch, Kafka, Logger } from 'kafka-once'
import { KafkaSink, KafkaSource, perSubtask, StreamExecutionEnvironment } from 'kafka-once/exactlyonce'
import type {
  CheckpointedFunction,
  CheckpointListener,
  CheckpointStorage,
  DeserializationSchema,
  FunctionInitializationContext,
  FunctionSnapshotContext,
  JobHandle,
  ListState,
  SerializationSchema
} from 'kafka-once/exactlyonce'
import type { Runtime } from 'kafka-once/runtime'
import { fold, formatFolded, nothingFolded } from './fold.ts'
import type { Folded } from './fold.ts'
import type { PipelineEvent, PipelineSettings, ToldVerdict } from './orders.ts'

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

type Tell = (event: PipelineEvent) => void

/**
 * Every subtask keeps what it knows of every partition, since after a change of parallelism any of them may go on with
 * it: of two states of one partition the one with more records is later. The total is a share each, which add up.
 */
class Folding implements CheckpointedFunction, CheckpointListener {
  private readonly subtaskIndex: number
  private readonly tell: Tell
  private readonly byPartition = new Map<number, Folded>()
  private readonly countsOf = new Map<number, Readonly<Record<string, number>>>()
  private total = 0
  private partitions: ListState<FoldedState> | undefined
  private totals: ListState<number> | undefined

  constructor(subtaskIndex: number, tell: Tell) {
    this.subtaskIndex = subtaskIndex
    this.tell = tell
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
    if (counts !== undefined) this.tell({ event: 'counts', subtaskIndex: this.subtaskIndex, counts })
  }
}

/** What a pipeline runs on. */
export interface PipelineSurroundings {
  readonly kafka: Kafka
  readonly runtime: Runtime
  readonly storage: CheckpointStorage
  readonly tell: Tell
  /** Records begin to flow. */
  readonly onRecovered?: () => void
}

/** Warnings and errors are told, the rest is nobody's business. */
export function tellingLogger(tell: Tell): Logger {
  return {
    debug: quiet,
    info: quiet,
    warn: (message) => tell({ event: 'log', level: 'warn', message }),
    error: (message) => tell({ event: 'log', level: 'error', message })
  }
}

const quiet = (): void => undefined

/** Starts the job; what happens to it is told from now on. */
export async function startPipeline(
  settings: PipelineSettings,
  surroundings: PipelineSurroundings
): Promise<JobHandle> {
  const { parallelism, intervalMs, timeoutMs, concurrentMax, input, outputs, jobName } = settings
  const { onLostTransaction = 'stop', restartAttemptsMax = 3 } = settings
  const { kafka, runtime, storage, tell } = surroundings
  const environment = new StreamExecutionEnvironment({
    parallelism,
    onLostTransaction,
    logger: tellingLogger(tell),
    runtime,
    restart: { attemptsMax: restartAttemptsMax, delayMs: 100 }
  })
  environment.enableCheckpointing(intervalMs, { storage, timeoutMs, concurrentMax })
  const schema = new LineSchema()
  const discovery =
    settings.discoveryIntervalMs === undefined ? {} : { discoveryIntervalMs: settings.discoveryIntervalMs }
  const group = settings.groupId === undefined ? {} : { groupId: settings.groupId }
  const source = new KafkaSource({ kafka, topics: [input], startupMode: 'EARLIEST', schema, ...discovery, ...group })
  const folded = environment.addSource(source, { name: 'input' }).map(
    perSubtask(({ subtaskIndex }) => new Folding(subtaskIndex, tell)),
    { name: 'folding' }
  )
  const { prefix: transactionalIdPrefix, transactionTimeoutMs, lingerMs } = settings
  for (const topic of outputs) {
    const sink = { kafka, topic, schema, transactionalIdPrefix, transactionTimeoutMs, producer: { lingerMs } }
    folded.addSink(new KafkaSink(sink), { name: `output-${topic}` })
  }
  const job = await environment.executeAsync(jobName)
  report(job, surroundings)
  return job
}

function report(job: JobHandle, { tell, onRecovered }: PipelineSurroundings): void {
  job.on('started', ({ incarnation, restoredCheckpointId }) => {
    onRecovered?.()
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

/** How a job that did not end well says so. */
export function failureOf(error: unknown): PipelineEvent {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return { event: 'failed', name, code, message }
}
